"""A file system without hard links, a real one: files are written, kept and refused there as on any other."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import atio_core as atio
from atio_core.errors import UnsupportedStoreError
from tests.crash.test_full_disk import can_mount
from tests.support.crowd import run_together
from tests.support.writers import frame

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_BYTES = 64 << 20
KINDS = {
    "vfat": ("mkfs.vfat", ["mount", "-t", "vfat"]),
    "exfat": ("mkfs.exfat", ["mount", "-t", "exfat"]),
    "exfat in user space": ("mkfs.exfat", ["mount.exfat-fuse"]),
}
"""How such a disk is made, and mounted."""


def on_disk(kind: str, folder: Path, act: Callable[[Path], object]) -> str:
    """Act on a new disk, which only this process sees; returns why that can't be, if so."""
    make, mount = KINDS[kind]
    if shutil.which(make) is None or shutil.which(mount[0]) is None:
        return f"{make} or {mount[0]} isn't installed"
    image, disk = folder / "image", folder / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(_BYTES)
    assert ctypes.CDLL(None).unshare(_NEW_MOUNTS) == 0
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run([make, image], check=True, capture_output=True)
    loop = subprocess.run(["losetup", "-f", "--show", image], check=True, capture_output=True, text=True)
    device = loop.stdout.strip()
    try:
        mounted = subprocess.run([*mount, device, disk], check=False, capture_output=True)
        if mounted.returncode != 0:
            return f"this system mounts no {kind}"
        try:
            act(disk)
        finally:
            subprocess.run(["umount", disk], check=True)
    finally:
        subprocess.run(["losetup", "-d", device], check=True)
    return ""


def put(path: Path, text: str, **options: object) -> None:
    """Write a short text to a file."""
    with atio.open_atomic(path, **options) as file:  # pyright: ignore[reportCallIssue, reportArgumentType]
        file.write(text.encode())


def contents(folder: Path) -> dict[str, str]:
    """What lies in a folder, hidden files too."""
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def write_all_ways(disk: Path) -> None:
    """Do there what a user does."""
    (disk / "file").touch()
    with pytest.raises(PermissionError):
        (disk / "link").hardlink_to(disk / "file")
    root = disk / "files"
    for text in "12":
        put(root / "é 🐼", text, mkdir=True)
    for text in "345":
        put(root / "é 🐼", text, keep_previous=True)
    assert contents(root) == {"é 🐼": "5", "é 🐼.previous": "4"}
    for text in "6789":
        put(root / "é 🐼", text, keep_previous=2)
    assert contents(root) == {
        "é 🐼": "9",
        "é 🐼.previous": "4",
        "é 🐼.previous.3": "7",
        "é 🐼.previous.4": "8",
    }
    put(root / ("n" * 250), "long")
    result = atio.write(frame("polars"), disk / "prices.csv", digest="sha256", keep_previous=True)
    assert result.bytes == (disk / "prices.csv").stat().st_size
    be_the_first(disk / "first")
    assert not [path for path in disk.rglob(".*") if path.is_file()], "litter is left"


def be_the_first(path: Path) -> None:
    """A new file is made once, or nothing is written at all where the system can't promise that."""
    try:
        put(path, "1", if_exists="fail")
    except UnsupportedStoreError:
        assert not os.path.lexists(path)
        return
    with pytest.raises(atio.AlreadyExistsError):
        put(path, "2", if_exists="fail")
    put(path, "3", if_exists="skip")
    assert path.read_text() == "1"


@pytest.mark.skipif(not can_mount(), reason="only root can mount a file system")
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_without_hard_links(tmp_path: Path, kind: str) -> None:
    """Whatever can be done without hard links is done, and the rest is refused before anything is written."""
    (missing,) = run_together([partial(on_disk, kind, tmp_path, write_all_ways)])
    if missing:
        pytest.skip(missing)
