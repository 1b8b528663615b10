import ctypes
import errno
import fcntl
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from atio_core.storage import durable, locks

EXT4, NFS, FUSE, SMB2, NINE_P = 0xEF53, 0x6969, 0x65735546, 0xFE534D42, 0x01021997


class System:
    """A C library whose `statfs` answers with given bytes."""

    def __init__(self, name: str, answer: bytes, result: int = 0) -> None:
        def statfs(folder: bytes, into: Any) -> int:
            assert folder == b"/data"
            ctypes.memmove(into, answer, len(answer))
            return result

        setattr(self, name, statfs)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts us on another system."""

    def put(platform: str, system: object) -> bool:
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(durable, "libc", lambda: system)
        locks._statfs_call.cache_clear()  # noqa: SLF001 - another system is put in its place
        found = locks.reach_everybody("/data")
        locks._statfs_call.cache_clear()  # noqa: SLF001 - likewise
        return found

    return put


def word(number: int, size: int = ctypes.sizeof(ctypes.c_long)) -> bytes:
    """A number as the system has it in memory."""
    return number.to_bytes(size, sys.byteorder)


@pytest.mark.parametrize(
    ("kind", "everybody"),
    [
        (EXT4, True),
        (0x01021994, True),
        (0x794C7630, True),
        (NFS, False),
        (FUSE, False),
        (SMB2, False),
        (NINE_P, False),
    ],
    ids=hex,
)
def test_linux_knows_what_is_its_own(on: Any, kind: int, *, everybody: bool) -> None:
    """Locks on a disk or in memory are seen by all; on a network drive, or where it isn't known, they may not be."""
    assert on("linux", System("statfs", word(kind))) is everybody


def test_linux_may_refuse_to_tell(on: Any) -> None:
    """Where the system doesn't say, locks prove nothing."""
    assert not on("linux", System("statfs", word(EXT4), result=-1))
    assert not on("linux", object())


@pytest.mark.parametrize("name", ["statfs$INODE64", "statfs"])
@pytest.mark.parametrize(("flags", "everybody"), [(0x1000, True), (0x5001000, True), (0x4000, False)])
def test_macos_says_what_is_local(on: Any, name: str, flags: int, *, everybody: bool) -> None:
    """A flag tells local file systems on macOS."""
    assert on("darwin", System(name, b"\xff" * 64 + word(flags, 4))) is everybody


@pytest.mark.parametrize("platform", ["win32", "freebsd14"])
def test_other_systems_prove_nothing(on: Any, platform: str) -> None:
    """Where we don't know how to ask, nobody is taken for dead."""
    assert not on(platform, System("statfs", word(EXT4)))


def test_this_machine() -> None:
    """The real call tells memory and disks from what is neither."""
    assert not locks.reach_everybody("/proc")
    assert not locks.reach_everybody("/nowhere at all")


def test_one_has_a_lock(tmp_path: Path) -> None:
    """A file that is locked can't be locked by another, until it is released."""
    (tmp_path / "a").touch()
    one, other = (os.open(tmp_path / "a", os.O_RDONLY) for _ in range(2))
    assert locks.take(one)
    assert not locks.take(other)
    locks.release(one)
    assert locks.take(other)
    locks.release(other)
    assert locks.wait(one)
    os.close(one)
    os.close(other)


def test_a_system_without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no locks, none is had, and none is waited for; another error passes."""
    numbers = [errno.ENOLCK]

    def refuse(fd: int, how: int) -> None:
        raise OSError(numbers[0], "no")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert not locks.take(0)
    assert not locks.wait(0)
    numbers[0] = errno.EBADF
    with pytest.raises(OSError, match="no"):
        locks.wait(0)
