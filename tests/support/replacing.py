"""Replace a file the short way, and look at what became of it and who may do what with it."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import Replacement, replacement

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def replace(path: object, data: bytes = b"new", **options: Any) -> Replacement:
    """Replace a file, the short way."""
    with replacement(plan_publication(path, **options)) as new:
        new.file.write(data)
        new.sync()
        new.publish()
    return new


def bits(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def as_nobody() -> Generator[Path]:
    """Be a user without rights, with a folder of that user's own; as a plain user, be oneself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        os.chown(folder, NOBODY, NOBODY)
        groups = os.getgroups()
        os.setgroups([])
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)


def assert_untouched(old: Path) -> None:
    """Demand that the old file stands, alone."""
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]
