from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from atio_core.errors import InvalidInputError, StorageError
from atio_core.storage.files.source_files import SourceFile, SourceFolder, look_at

ELSEWHERE = "memory://elsewhere"


def file_at(path: Path) -> SourceFile:
    """A file that was looked at."""
    found = look_at(path, table=ELSEWHERE)
    assert isinstance(found, SourceFile)
    return found


def folder_at(path: Path) -> SourceFolder:
    """A folder that was looked at."""
    found = look_at(path, table=ELSEWHERE)
    assert isinstance(found, SourceFolder)
    return found


def content(file: SourceFile) -> bytes:
    """What a file hands on."""
    parts: list[bytes] = []
    file.read(lambda part: parts.append(bytes(part)))
    return b"".join(parts)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    """All bytes are handed on, in steps of a bounded size."""
    data = os.urandom(3_000_001)
    (tmp_path / "a.bin").write_bytes(data)
    file = file_at(tmp_path / "a.bin")
    sizes: list[int] = []
    file.read(lambda part: sizes.append(len(part)))
    assert (file.name, file.size, file.executable) == ("a.bin", 3_000_001, False)
    assert content(file) == data
    assert max(sizes) == 1 << 20


def test_a_folder_is_all_that_is_in_it(tmp_path: Path) -> None:
    """Files at any depth, hidden ones too, in the order of their names; the bit that lets them run; empty folders."""
    for name in ("b/c", "b/.hidden", "a", "d\n ä"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "e" / "f").mkdir(parents=True)
    (tmp_path / "a").chmod(0o755)
    folder = folder_at(tmp_path)
    assert [file.name for file in folder.files] == ["a", "b/.hidden", "b/c", "d\n ä"]
    assert [file.executable for file in folder.files] == [True, False, False, False]
    assert [content(file).decode() for file in folder.files] == [file.name for file in folder.files]
    assert folder.empty == ("e/f",)
    folder.require_unchanged()


def test_the_path_may_be_a_link(tmp_path: Path) -> None:
    """A link that the caller names himself is followed; a file keeps the link's name."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").touch()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").symlink_to("real/a")
    assert [file.name for file in folder_at(tmp_path / "link").files] == ["a"]
    assert file_at(tmp_path / "file").name == "file"


def make_fifo(path: Path) -> None:
    """A FIFO, which nobody writes to."""
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.fspath(path))


def make_odd_name(path: Path) -> None:
    """A name that is no Unicode."""
    Path(os.fsdecode(os.fsencode(path) + b"\xff")).touch()


def make_odd_folder(path: Path) -> None:
    """A folder with such a name, that holds nothing."""
    Path(os.fsdecode(os.fsencode(path) + b"\xff")).mkdir()


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a link": (lambda path: path.symlink_to("/etc/passwd"), "is a symbolic link"),
    "a link to nothing": (lambda path: path.symlink_to("nothing"), "is a symbolic link"),
    "a link to a folder": (lambda path: path.symlink_to("."), "is a symbolic link"),
    "a FIFO": (make_fifo, "neither a file nor a folder"),
    "a socket": (make_socket, "neither a file nor a folder"),
    "an odd name": (make_odd_name, "is no Unicode"),
    "an odd folder": (make_odd_folder, "is no Unicode"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_be_kept_is_refused(name: str, tmp_path: Path) -> None:
    """A folder that holds it, however deep, is refused, and the message says where it is."""
    make, why = REFUSED[name]
    (tmp_path / "deep").mkdir()
    make(tmp_path / "deep" / "it")
    with pytest.raises(InvalidInputError, match=why) as caught:
        look_at(tmp_path, table=ELSEWHERE)
    assert "deep/it" in str(caught.value)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is refused, and so is one that can't be one."""
    with pytest.raises(InvalidInputError, match="there is no file or folder"):
        look_at(tmp_path / "a", table=ELSEWHERE)
    with pytest.raises(InvalidInputError, match=r"can't be read: .*embedded null"):
        look_at(tmp_path / "a\0", table=ELSEWHERE)
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(InvalidInputError, match="can't be read"):
        look_at(tmp_path / "circle", table=ELSEWHERE)


@pytest.mark.parametrize("path", [".", "table", "table/data", "link/data", ".."])
def test_the_table_is_kept_out_of_itself(path: str, tmp_path: Path) -> None:
    """A folder that holds the table, or lies in it, is refused, whatever the way there."""
    (tmp_path / "table" / "data").mkdir(parents=True)
    (tmp_path / "link").symlink_to("table")
    with pytest.raises(InvalidInputError, match="lie in each other"):
        look_at(tmp_path / path, table=os.fspath(tmp_path / "table"))


def test_a_table_in_memory_lies_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that one works in is apart from a table that is no folder."""
    monkeypatch.chdir(tmp_path)
    assert look_at(Path(), table=ELSEWHERE) == SourceFolder(os.path.realpath(tmp_path), (), ())


class Odd:
    """A path that is none."""

    def __fspath__(self) -> str:
        return cast("str", 5)


def test_a_path_that_is_none_is_refused() -> None:
    """An object that says it is a path, and isn't, is refused."""
    with pytest.raises(InvalidInputError, match="is no path"):
        look_at(Odd(), table=ELSEWHERE)


def test_a_neighbour_of_the_table_is_apart(tmp_path: Path) -> None:
    """A name that begins with the table's isn't in it."""
    (tmp_path / "table").mkdir()
    (tmp_path / "table 2").mkdir()
    look_at(tmp_path / "table 2", table=os.fspath(tmp_path / "table"))


TOUCHES: dict[str, Callable[[Path], object]] = {
    "other bytes": lambda path: path.write_bytes(b"new"),
    "more bytes": lambda path: path.write_bytes(b"older"),
    "another file": lambda path: (
        path.with_name("other").write_bytes(b"old"),
        path.with_name("other").replace(path),
    ),
    "gone": lambda path: path.unlink(),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "other rights": lambda path: path.chmod(0o700),
}


@pytest.mark.parametrize("name", TOUCHES)
def test_a_file_that_was_touched_is_refused(name: str, tmp_path: Path) -> None:
    """What isn't as it was looked at isn't read, and nobody waits for a FIFO."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    os.utime(path, (1, 1))
    file = file_at(path)
    TOUCHES[name](path)
    with pytest.raises((InvalidInputError, StorageError), match=r"changed while it was read|can't be read"):
        content(file)


def test_a_file_that_is_touched_under_the_read_is_refused(tmp_path: Path) -> None:
    """A change between the first byte and the last is noticed at the end."""
    path = tmp_path / "a"
    path.write_bytes(bytes(2_000_000))
    os.utime(path, (1, 1))
    file = file_at(path)

    def write(part: memoryview) -> None:
        with path.open("r+b") as other:
            other.write(b"1")

    with pytest.raises(InvalidInputError, match="changed while it was read"):
        file.read(write)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file came": lambda path: (path / "new").touch(),
    "a file went": lambda path: (path / "a").unlink(),
    "a file was touched": lambda path: os.utime(path / "a"),
    "a file was renamed": lambda path: (path / "a").rename(path / "b"),
    "a folder came": lambda path: (path / "new").mkdir(),
    "a folder went": lambda path: (path / "empty").rmdir(),
    "all went": lambda path: path.rename(path.with_name("gone")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_folder_that_changes_is_refused(name: str, tmp_path: Path) -> None:
    """All of a folder is of one moment: whatever changes in it before the last file was read is noticed."""
    (tmp_path / "it" / "empty").mkdir(parents=True)
    (tmp_path / "it" / "a").touch()
    folder = folder_at(tmp_path / "it")
    folder.require_unchanged()
    CHANGES[name](tmp_path / "it")
    with pytest.raises(InvalidInputError, match="changed while it was read"):
        folder.require_unchanged()


def test_many_may_read_at_once(tmp_path: Path) -> None:
    """A file may be read in several threads."""
    (tmp_path / "a").write_bytes(b"1" * 100_000)
    file = file_at(tmp_path / "a")
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(content(file))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"1" * 100_000] * 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    """A file without rights is named, with what the system says."""
    (tmp_path / "a").touch(0)
    with pytest.raises(StorageError, match="Permission denied"):
        content(file_at(tmp_path / "a"))
