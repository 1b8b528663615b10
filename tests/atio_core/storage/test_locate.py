from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from atio_core.arguments import shown
from atio_core.errors import InvalidInputError, StorageError
from atio_core.storage.local import LocalStore
from atio_core.storage.locate import locate
from atio_core.storage.memory import MemoryStore


def location(path: Any) -> str:
    """Where a path leads."""
    return locate(path, temporary="tmp").location


def test_a_path_is_a_folder(tmp_path: Path) -> None:
    """Text, bytes and path objects name the same folder, there or not; a slash at the end says nothing."""
    for path in (tmp_path / "t", str(tmp_path / "t"), os.fsencode(tmp_path / "t"), f"{tmp_path}/t/"):
        assert isinstance(locate(path, temporary="tmp"), LocalStore)
        assert location(path) == str(tmp_path / "t")
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What doesn't begin with a slash lies below the working directory, odd names included."""
    monkeypatch.chdir(tmp_path)
    for path in ("t", "./t", "a/../t"):
        assert location(path) == str(tmp_path / "t")
    for path in ("./~", "./s3:/b", "a:b", "100%41", "c:", "x:/y"):
        assert location(path) == str(tmp_path / path)


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` leads to the user's home; that of a user who isn't known is refused, not made here."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert location("~/t") == str(tmp_path / "t")
    assert location(Path("~") / "t") == str(tmp_path / "t")
    with pytest.raises(InvalidInputError, match=r"write './~nobody-of-that-name/t'"):
        location("~nobody-of-that-name/t")


@pytest.mark.parametrize("prefix", ["file://", "file://localhost", "FILE://", "file:"])
def test_a_file_url_is_a_folder(tmp_path: Path, prefix: str) -> None:
    """`file:` URLs lead to an absolute path, with percent signs decoded."""
    assert location(f"{prefix}{tmp_path}/a%20b%2Fc/~") == f"{tmp_path}/a b/c/~"


@pytest.mark.parametrize("url", ["file://server/share", "file://relative", "file://"])
def test_a_file_url_of_another_machine_is_refused(url: str) -> None:
    """There is no way to a host, nor to a relative path."""
    with pytest.raises(InvalidInputError, match="three slashes"):
        location(url)


def test_a_memory_is_one_per_name() -> None:
    """The same name is the same store within the process, another name another store."""
    store = locate("memory://test/locate", temporary="tmp")
    assert isinstance(store, MemoryStore)
    assert store is locate("memory://test/locate/", temporary="tmp")
    assert store is not locate("memory://test/other", temporary="tmp")
    assert store.location == "memory://test/locate"


@pytest.mark.parametrize(
    "path",
    [
        "ftp://bucket/table",
        Path("ftp://bucket/table"),
        "https://example.org/t",
        "abfs+x://b",
        "memory:/x",
    ],
)
def test_other_urls_are_refused(path: Any) -> None:
    """A URL that no store is for isn't taken for a folder, not even if it went through a path object."""
    with pytest.raises(
        InvalidInputError,
        match=r"no store is known for .*Use a folder's path, a 'file:///…' URL, a bucket's \('s3://…'",
    ):
        location(path)


@pytest.mark.parametrize("url", ["simplecache::s3://bucket/t", "filecache::file:///t", "a::b::s3:/bucket"])
def test_a_chain_of_urls_is_refused(url: str) -> None:
    """A cache of fsspec's would stand in front; it is no folder of an odd name either."""
    with pytest.raises(InvalidInputError, match="nothing can lie between"):
        location(url)


@pytest.mark.parametrize("path", ["https://me:hidden@host/t?sig=hidden", Path("https://me:hidden@host/t")])
def test_what_is_refused_is_told_without_secrets(path: Any) -> None:
    """Neither a password nor a signature gets into the message, or into what comes with it."""
    with pytest.raises(InvalidInputError, match="host/t") as caught:
        location(path)
    assert "hidden" not in repr((str(caught.value), caught.value.facts))


REASONS = {
    "": "empty",
    "  ": "empty",
    b"": "empty",
    "a\0b": "NUL",
    "memory:///": "name",
    5: "int",
    10**5000: "a number of 16610 bits",
    None: "NoneType",
    os.sep: "root",
    "file:///": "root",
}


@pytest.mark.parametrize("path", REASONS, ids=shown)
def test_what_is_no_place_is_refused(path: Any) -> None:
    """What can't be a table's place is refused, with the reason."""
    with pytest.raises(InvalidInputError, match=REASONS[path]):
        location(path)


def test_a_file_is_refused(tmp_path: Path) -> None:
    """A table is a folder; a file, or a link that leads nowhere, is not taken for a missing one."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "dangling"):
        with pytest.raises(InvalidInputError, match="a table is a folder"):
            location(tmp_path / name)
    assert location(tmp_path / "link") == str(tmp_path / "link")


def test_the_caller_says_where_temporary_files_go(tmp_path: Path) -> None:
    """The store puts them there."""
    locate(tmp_path, temporary="x/y").put_if_absent("a", b"")
    assert (tmp_path / "x" / "y").is_dir()


def test_what_can_not_be_looked_at_is_no_file(tmp_path: Path) -> None:
    """A link that leads round in circles, as a mount that is away, is told by the first call: it is no file."""
    (tmp_path / "link").symlink_to(tmp_path / "link")
    store = locate(tmp_path / "link", temporary="tmp")
    with pytest.raises(StorageError, match="link"):
        store.read("a")
