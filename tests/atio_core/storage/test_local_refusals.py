"""What a store on a disk does when the system refuses."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from atio_core.errors import AlreadyExistsError, NotFoundError, StorageError, UnsupportedStoreError
from tests.atio_core.storage.local_stores import WAYS, files_below, open_store, refuse_link, store_by
from tests.support.os_calls import Call, watched


@pytest.fixture
def fail(tmp_path: Path) -> Generator[Callable[[str, int | BaseException, str], None]]:
    """Makes a system call fail below the test's folder, or at one path there."""
    chosen: dict[str, tuple[BaseException, str]] = {}

    def around(call: Call) -> object:
        error, path = chosen.get(call.name, (None, ""))
        if error is not None and path in ("", call.paths[-1]):
            raise error
        return call.run()

    def choose(function: str, error: int | BaseException, path: str = "") -> None:
        chosen[function] = (OSError(error, os.strerror(error)) if isinstance(error, int) else error, path)

    with watched(tmp_path, around):
        yield choose


@pytest.mark.parametrize("function", ["open", "write", "fsync", "link"])
@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission"),
        (errno.EIO, "check it"),
        (errno.ENOTRECOVERABLE, "Could not write"),
    ],
)
def test_a_failure_before_the_name_is_taken_leaves_nothing(
    tmp_path: Path, fail: Callable[..., None], function: str, number: int, advice: str
) -> None:
    """Whatever fails until then, no object and no temporary file is there, and the error says what to do."""
    store = open_store(tmp_path / "table")
    store.put_if_absent("log/1", b"1")
    fail(function, number)
    with pytest.raises(StorageError, match=advice) as caught:
        store.put_if_absent("log/2", b"2")
    # Of a name that was asked for, nobody knows what comes where no answer came.
    assert caught.value.unknown == (function == "link" and number == errno.EIO)
    assert str(tmp_path / "table" / "log" / "2") in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    assert files_below(tmp_path) == ["table/log/1"]


def test_a_failure_after_the_name_is_taken_says_that_it_may_be_there(
    tmp_path: Path, fail: Callable[..., None]
) -> None:
    """If the name alone can't be made durable, the object is there, and nobody can say whether it stays.

    Its temporary name stays, too: so that who comes next sees that it has to be synced.
    """
    store = open_store(tmp_path / "table")
    store.put_if_absent("log/1", b"1")
    fail("fsync", errno.EIO, "table/log")
    with pytest.raises(StorageError, match="may have taken effect") as caught:
        store.put_if_absent("log/2", b"2")
    assert caught.value.unknown
    assert caught.value.facts["landed"]
    temporary, *rest = files_below(tmp_path)
    assert temporary.startswith("table/_atio/tmp/")
    assert rest == ["table/log/1", "table/log/2"]


def test_what_comes_before_is_durable_first(tmp_path: Path, fail: Callable[..., None]) -> None:
    """If the object named by `after` can't be made durable, the new one doesn't appear."""
    store = open_store(tmp_path / "table")
    store.put_if_absent("log/1", b"1")
    fail("fsync", errno.EIO, "table/log")
    with pytest.raises(StorageError, match="may have taken effect"):
        store.put_if_absent("log/2", b"2")
    there = files_below(tmp_path)
    with pytest.raises(StorageError) as caught:
        store.put_if_absent("log2/3", b"3", after="log/2")
    assert not caught.value.unknown
    assert files_below(tmp_path) == there


@pytest.mark.parametrize("way", ["put", "open_write"])
@pytest.mark.parametrize("failure", ["write data/a", "fsync data/a", "fsync data"])
def test_a_failed_writer_leaves_nothing(
    tmp_path: Path, fail: Callable[..., None], way: str, failure: str
) -> None:
    """When writing or syncing fails, and the writer is aborted, nothing is there."""
    store = open_store(tmp_path)
    store.put("data/b", b"")
    function, path = failure.split()
    fail(function, errno.ENOSPC, path)
    with pytest.raises(StorageError, match="free some space") as caught:
        store_by(way, store, "data/a", b"1")
    assert caught.value.unknown == (path == "data")
    assert files_below(tmp_path) == ["data/b"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("function", ["write", "fsync"])
def test_an_interrupt_leaves_nothing(
    tmp_path: Path, fail: Callable[..., None], way: str, function: str
) -> None:
    """Ctrl-C passes through as what it is, and what was begun is removed."""
    store = open_store(tmp_path / "table")
    store.put("data/b", b"")
    fail(function, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        store_by(way, store, "data/a", b"1")
    assert files_below(tmp_path) == ["table/data/b"]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes only some of the bytes at a time gets them all."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
    store = open_store(tmp_path)
    data = bytes(range(100))
    for way in WAYS:
        store_by(way, store, way, data)
        assert store.read(way) == data


def test_a_disk_without_links_and_renames_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, nothing is created, and the error is of its own kind."""
    monkeypatch.setattr(os, "link", refuse_link)
    monkeypatch.setattr("atio_core.storage.durable.libc", object)
    with pytest.raises(UnsupportedStoreError):
        open_store(tmp_path).put_if_absent("a", b"1")
    assert files_below(tmp_path) == []


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """Every call says that there is a file in the way, be it the root or above it; none takes the table for missing."""
    (tmp_path / "file").write_bytes(b"precious")
    store = open_store(tmp_path / "file")
    for call in (
        lambda: store.read("a"),
        lambda: store.size("a"),
        lambda: list(store.list()),
        lambda: store.put("a", b""),
        lambda: store.put_if_absent("a", b""),
        lambda: store.open_write("a"),
        lambda: open_store(tmp_path / "file" / "table").put("a", b""),
    ):
        with pytest.raises(StorageError, match="a file where a folder is needed"):
            call()
    assert (tmp_path / "file").read_bytes() == b"precious"


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    """An object can't lie below another one, and that isn't taken for a taken name."""
    store = open_store(tmp_path)
    store.put("data/a", b"1")
    for way in WAYS:
        with pytest.raises(StorageError, match="a file where a folder is needed") as caught:
            store_by(way, store, "data/a/b", b"2")
        assert not isinstance(caught.value, AlreadyExistsError)


def test_a_folder_is_not_deleted(tmp_path: Path) -> None:
    """Deleting what is a folder is an error; its objects stay."""
    store = open_store(tmp_path)
    store.put("data/a", b"1")
    with pytest.raises(StorageError, match="folder where a file is expected"):
        store.delete(["data"])
    assert list(store.list()) == ["data/a"]


def test_many_files_are_deleted_several_at_a_time(tmp_path: Path) -> None:
    """Of hundreds all go, those that have gone already don't matter, and one that can't be deleted is told."""
    store = open_store(tmp_path)
    names = [f"data/{number}" for number in range(300)]
    for name in [*names[:200], "data/250/a", "data/kept"]:
        store.put(name, b"1")
    assert store.delete(name for name in names[:250]) == []
    assert list(store.list()) == ["data/250/a", "data/kept"]
    with pytest.raises(StorageError, match="folder where a file is expected"):
        store.delete(names)
    assert list(store.list()) == ["data/250/a", "data/kept"]


def test_files_that_are_open_on_windows_remain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[..., None]
) -> None:
    """There, they can't be deleted: they are told, and the others go."""
    store = open_store(tmp_path)
    for name in "abc":
        store.put(name, b"")
    monkeypatch.setattr("atio_core.storage.local._OPEN_FILES_STAY", True)
    fail("unlink", PermissionError(errno.EACCES, "used by another process"), "b")
    assert store.delete("abc") == ["b"]
    assert list(store.list()) == ["b"]


@pytest.mark.parametrize("name", ["a" * 300, "/".join(["a" * 200] * 30)], ids=["name", "path"])
def test_too_long_a_name_is_told(tmp_path: Path, name: str) -> None:
    """The error says so, and what to do."""
    store = open_store(tmp_path)
    for way in WAYS:
        with pytest.raises(StorageError, match="longer than the system takes"):
            store_by(way, store, name, b"")
    with pytest.raises(StorageError, match="longer than the system takes"):
        store.read(name)


def test_what_may_not_be_read_is_told(users_folder: Path) -> None:
    """A lack of permission is never taken for a lack of objects."""
    store = open_store(users_folder / "table")
    store.put("data/a", b"1")
    (users_folder / "table" / "data").chmod(0)
    for call in (
        lambda: store.read("data/a"),
        lambda: store.size("data/a"),
        lambda: list(store.list()),
        lambda: store.delete(["data/a"]),
        lambda: store.put("data/b", b""),
        lambda: store.put_if_absent("data/b", b""),
    ):
        with pytest.raises(StorageError, match="lacks the permission") as caught:
            call()
        assert not caught.value.unknown
    (users_folder / "table" / "data").chmod(0o700)
    assert store.read("data/a") == b"1"


def test_what_is_missing_names_the_object(tmp_path: Path) -> None:
    """The error carries the name as the store knows it, and the message the folder."""
    with pytest.raises(NotFoundError) as caught:
        open_store(tmp_path).read("a")
    assert str(caught.value) == f"There is no object 'a' in {str(tmp_path)!r}."
