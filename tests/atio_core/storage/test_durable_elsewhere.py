"""The calls of Windows and macOS: what is chosen there, tried with stand-ins. None of this ran on those systems."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atio_core.storage import durable
from atio_core.storage.durable import publish_new, replace, sync_file, sync_folder
from tests.support.os_calls import watched


@pytest.fixture
def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that has no hard links."""

    def link(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(os, "link", link)


def names_in(folder: Path) -> list[str]:
    """The sorted names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def syncs(folder: Path, work: Callable[[], object]) -> int:
    """How often something below a folder is synced by `fsync`."""
    found: list[str] = []
    with watched(folder, lambda call: (found.append(call.name), call.run())[1]):
        work()
    return found.count("fsync")


class Windows:
    """A `kernel32` that moves as it is told, after some failures."""

    def __init__(self, failures: int = 0, error: int = 32) -> None:
        self.left = failures
        self.error = error
        self.flags: list[int] = []

    def MoveFileExW(self, source: ctypes.c_wchar_p, target: ctypes.c_wchar_p, flags: int) -> bool:  # noqa: N802 - its name
        """Move a file."""
        assert source.value is not None
        assert target.value is not None
        self.flags.append(flags)
        self.left -= 1
        if self.left >= 0 or (not flags & 1 and Path(target.value).exists()):
            return False
        Path(source.value).replace(target.value)
        return True


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> Callable[[Windows], None]:
    """Puts us on Windows."""
    errors = {
        32: PermissionError(errno.EACCES, "used by another process"),
        183: FileExistsError(errno.EEXIST, ""),
    }

    def put(windows: Windows) -> None:
        monkeypatch.setattr(sys, "platform", "win32")
        monkeypatch.setattr(durable, "WINDOWS", True)
        monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: windows, raising=False)  # noqa: ARG005 - it is called so
        monkeypatch.setattr(ctypes, "get_last_error", lambda: windows.error, raising=False)
        monkeypatch.setattr(ctypes, "WinError", errors.__getitem__, raising=False)

    return put


@pytest.mark.parametrize("failures", [2, 1000])
def test_replace_waits_for_readers_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_windows: Callable[[Windows], None], failures: int
) -> None:
    """There, a reader's open file bars the replacement: it is tried again, though not for ever."""
    pauses = [0.0]
    windows = Windows(failures)
    on_windows(windows)
    monkeypatch.setattr(durable.time, "sleep", pauses.append)
    (tmp_path / "tmp").write_bytes(b"1")
    (tmp_path / "final").write_bytes(b"0")
    if failures == 2:
        replace(tmp_path / "tmp", tmp_path / "final")
        assert (tmp_path / "final").read_bytes() == b"1"
    else:
        with pytest.raises(PermissionError):
            replace(tmp_path / "tmp", tmp_path / "final")
        assert 1 < sum(pauses) < 10
        assert (tmp_path / "final").read_bytes() == b"0"
    assert set(windows.flags) == {1 | 8}, "replacing, and through to the disk"


@pytest.mark.usefixtures("without_links")
def test_a_new_name_on_windows(tmp_path: Path, on_windows: Callable[[Windows], None]) -> None:
    """There, a move refuses a taken name unless told otherwise, and goes through to the disk: folders aren't synced."""
    windows = Windows(error=183)
    on_windows(windows)
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(name.encode())
    publish_new(tmp_path / "one", tmp_path / "final")
    with pytest.raises(FileExistsError):
        publish_new(tmp_path / "two", tmp_path / "final")
    assert names_in(tmp_path) == ["final", "two"]
    assert set(windows.flags) == {8}
    assert syncs(tmp_path, lambda: sync_folder(tmp_path)) == 0


class MacOS:
    """What macOS' own calls are asked for."""

    F_FULLFSYNC = 51

    def __init__(self, refusal: int = 0) -> None:
        self.refusal = refusal
        self.asked: list[object] = []

    def fcntl(self, fd: int, what: int) -> None:
        """Sync through the drive's cache."""
        self.asked.append(what)
        if self.refusal:
            raise OSError(self.refusal, os.strerror(self.refusal))

    def renamex_np(self, source: bytes, target: bytes, flags: int) -> int:
        """Rename."""
        self.asked.append(flags)
        Path(os.fsdecode(source)).rename(os.fsdecode(target))
        return 0


@pytest.mark.parametrize(
    ("refusal", "synced"), [(0, 0), (errno.ENOTSUP, 1), (errno.EINVAL, 1), (errno.EIO, None)]
)
def test_macos_syncs_through_the_drive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int, synced: int | None
) -> None:
    """There, fsync leaves bytes in the drive's cache: another call is made, and fsync only where a drive lacks that."""
    macos = MacOS(refusal)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(durable, "fcntl", macos, raising=False)
    with (tmp_path / "a").open("wb") as file:
        if synced is None:
            with pytest.raises(OSError, match="error"):
                sync_file(file.fileno())
        else:
            assert syncs(tmp_path, lambda: sync_file(file.fileno())) == synced
    assert macos.asked == [51]


@pytest.mark.usefixtures("without_links")
def test_macos_renames_without_replacing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, the call that refuses a taken name is another one."""
    macos = MacOS()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(durable, "libc", lambda: macos)
    (tmp_path / "tmp").write_bytes(b"1")
    publish_new(tmp_path / "tmp", tmp_path / "final")
    assert names_in(tmp_path) == ["final"]
    assert macos.asked == [4]
