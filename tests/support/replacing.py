"""Replace a file the short way, and look at who may do what with it."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from atio_core.storage.target import Replacement, find_target, replacement

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


def replace(path: object, data: bytes = b"new", *, durably: bool = True) -> Replacement:
    """Replace a file, the short way."""
    with replacement(find_target(path)) as new:
        new.file.write(data)
        new.sync(durably=durably)
        new.publish(durably=durably)
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
