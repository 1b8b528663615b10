import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from atio_core.errors import StorageError
from atio_core.storage import durable
from atio_core.storage.files import open_files
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import replacement
from tests.support.os_calls import Call, watched
from tests.support.replacing import bits, replace


def test_the_content_is_replaced(old: Path) -> None:
    """After publishing, the file holds the new content, and nothing else lies in its folder."""
    new = replace(old, b"brand new")
    assert old.read_bytes() == b"brand new"
    assert new.size() == 9
    assert list(old.parent.iterdir()) == [old]


def test_a_file_is_made(tmp_path: Path) -> None:
    """A file that isn't there yet is made."""
    replace(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"new"


def test_until_published_the_old_content_stands(old: Path) -> None:
    """Whoever reads before the replacement reads the old content, whole."""
    with replacement(plan_publication(old)) as new:
        new.file.write(b"new")
        assert old.read_bytes() == b"old"
        new.sync()
        assert old.read_bytes() == b"old"
        new.publish()
        assert old.read_bytes() == b"new"


@pytest.mark.parametrize("exists", [True, False])
def test_the_temporary_file_lies_beside_and_is_ours_alone(tmp_path: Path, *, exists: bool) -> None:
    """It is in the target's own folder and hidden; what will replace a file can be read by nobody else until then."""
    path = tmp_path / "prices.csv"
    if exists:
        path.write_bytes(b"old")
        path.chmod(0o666)
    with replacement(plan_publication(path)):
        (temporary,) = set(tmp_path.iterdir()) - {path}
        assert bits(temporary) == 0o600 or not exists
        assert temporary.name.startswith(".prices.csv.")
        assert temporary.name.endswith(".atio-tmp")


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(1)], ids=type)
@pytest.mark.parametrize("synced", [False, True])
def test_any_error_leaves_the_old_file_alone(old: Path, error: BaseException, *, synced: bool) -> None:
    """Whatever ends the block, Ctrl-C included, the old file stands and the temporary file is gone."""
    with pytest.raises(type(error)), replacement(plan_publication(old)) as new:  # noqa: PT012 - the block is what is tested
        new.file.write(b"half of the n")
        if synced:
            new.sync()
        raise error
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_a_block_without_publish_changes_nothing(old: Path) -> None:
    """Only `publish` changes the file."""
    with replacement(plan_publication(old)) as new:
        new.file.write(b"new")
        new.sync()
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_the_writer_may_close_the_file(old: Path) -> None:
    """Some libraries close the file that they are given; that loses nothing."""
    with replacement(plan_publication(old)) as new:
        new.file.write(b"new")
        new.file.close()
        assert new.size() == 3
        new.sync()
        new.publish()
    assert old.read_bytes() == b"new"


def test_the_writer_may_use_the_descriptor(old: Path) -> None:
    """C libraries write to a copy of the descriptor."""
    with replacement(plan_publication(old)) as new:
        copy = os.dup(new.file.fileno())
        os.write(copy, b"new")
        os.close(copy)
        new.sync()
        new.publish()
    assert old.read_bytes() == b"new"


def test_other_names_keep_the_old_content(old: Path) -> None:
    """A hard link to the old file goes on showing the old content."""
    other = old.with_name("other.csv")
    other.hardlink_to(old)
    replace(old)
    assert (old.read_bytes(), other.read_bytes()) == (b"new", b"old")


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let one of the durable calls fail as a broken disk does."""

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    return lambda name: monkeypatch.setattr(durable, name, broken)


@pytest.mark.parametrize("call", ["sync_file", "replace"])
def test_a_failing_disk_leaves_the_old_file_alone(old: Path, fail: Callable[[str], None], call: str) -> None:
    """If the bytes can't be synced, or the file not be replaced, the old one stands, and the error says so."""
    fail(call)
    with pytest.raises(StorageError, match="stands unchanged") as caught:
        replace(old)
    assert not caught.value.unknown
    assert caught.value.errno == errno.EIO
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_a_folder_that_cannot_be_synced(old: Path, fail: Callable[[str], None]) -> None:
    """If the name can't be synced, the new content is there, and the error says that it may not stay."""
    fail("sync_folder")
    with pytest.raises(StorageError, match="has its new content") as caught:
        replace(old)
    assert caught.value.unknown
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


def calls_of(folder: Path, *, durably: bool) -> list[str]:
    """The names of the system calls of a replacement that sync or publish."""
    calls: list[str] = []
    with watched(folder, lambda call: (calls.append(call.name), call.run())[1]):
        replace(folder / "prices.csv", durable=durably)
    return [name for name in calls if name in {"fsync", "replace"}]


def test_the_order_of_syncs(old: Path) -> None:
    """The bytes are synced before the name is given, the name after."""
    assert calls_of(old.parent, durably=True) == ["fsync", "replace", "fsync"]


def test_nothing_is_synced_if_not_asked_for(old: Path) -> None:
    """A replacement that needn't be durable waits for no disk."""
    assert calls_of(old.parent, durably=False) == ["replace"]


def test_a_file_whose_bits_change_meanwhile(old: Path) -> None:
    """Who protects the file while its new content is written finds it protected."""
    with replacement(plan_publication(old)) as new:
        new.file.write(b"new")
        old.chmod(0o600)
        new.sync()
        new.publish()
    assert bits(old) == 0o600


def test_nobody_can_open_what_replaces_a_secret(old: Path) -> None:
    """From its first moment on, what will replace a file that is ours alone is ours alone."""
    old.chmod(0o600)
    seen: list[int] = []

    def look(call: Call) -> object:
        result = call.run()
        seen.extend(bits(path) for path in old.parent.iterdir())
        return result

    before = os.umask(0)
    try:
        with watched(old.parent, look):
            replace(old)
    finally:
        os.umask(before)
    assert set(seen) == {0o600}


def test_a_file_that_vanishes_meanwhile(old: Path) -> None:
    """A target that is deleted while the new content is written is made again, with its bits."""
    old.chmod(0o640)
    with replacement(plan_publication(old)) as new:
        new.file.write(b"new")
        old.unlink()
        new.sync()
        new.publish()
    assert (old.read_bytes(), bits(old)) == (b"new", 0o640)


def test_a_folder_that_takes_the_name_meanwhile(old: Path) -> None:
    """A folder is never replaced by a file."""
    with pytest.raises(StorageError, match="stands unchanged"), replacement(plan_publication(old)) as new:  # noqa: PT012
        old.unlink()
        old.mkdir()
        new.sync()
        new.publish()
    assert [path.is_dir() for path in old.parent.iterdir()] == [True]


def test_two_at_once(old: Path) -> None:
    """Of two replacements at once, the later one stands, whole."""
    with replacement(plan_publication(old)) as first, replacement(plan_publication(old)) as second:
        first.file.write(b"first")
        second.file.write(b"second")
        for new in (second, first):
            new.sync()
            new.publish()
    assert old.read_bytes() == b"first"
    assert list(old.parent.iterdir()) == [old]


def test_a_temporary_file_that_cannot_be_removed_is_named(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Litter that stays is told with the error that caused it, never instead of it."""

    def broken(path: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    with pytest.raises(RuntimeError, match="boom") as caught, replacement(plan_publication(old)):  # noqa: PT012
        monkeypatch.setattr(os, "unlink", broken)
        raise RuntimeError("boom")
    monkeypatch.undo()
    (litter,) = set(old.parent.iterdir()) - {old}
    assert repr(str(litter)) in caught.value.__notes__[0]


def test_a_lost_answer_of_a_network_drive(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drive that renamed, and was asked again, finds nothing to rename: the new content is there, so all is well."""
    real = durable.replace

    def twice(temporary: str, target: str) -> None:
        real(temporary, target)
        real(temporary, target)

    monkeypatch.setattr(durable, "replace", twice)
    assert replace(old).published
    assert old.read_bytes() == b"new"


def test_what_was_replaced_is_replaced_whatever_was_answered(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drive that renamed, and lost its answer, reports an error: the new content is there, so all is well."""
    real = durable.replace

    def did_it(temporary: str, target: str) -> None:
        real(temporary, target)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(durable, "replace", did_it)
    assert replace(old).published
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


def test_an_error_behind_the_one_step_is_unknown(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some drives tell only at the end that they couldn't hold the bytes: the new file is there all the same."""
    real = os.close

    def full(fd: int) -> None:
        real(fd)
        if old.read_bytes() == b"new":
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "close", full)
    with pytest.raises(StorageError, match="has its new content, but") as caught:
        replace(old)
    assert caught.value.unknown
    assert old.read_bytes() == b"new"


def test_a_temporary_file_that_somebody_removed(old: Path) -> None:
    """If the new content is gone before it is published, that is an error, and the old one stands."""
    with pytest.raises(StorageError, match="stands unchanged"), replacement(plan_publication(old)) as new:  # noqa: PT012
        new.sync()
        Path(new.temporary).unlink()
        new.publish()
    assert not new.published
    assert old.read_bytes() == b"old"


def test_a_file_that_cannot_be_opened_for_the_writer(old: Path) -> None:
    """If the writer's file can't be made, nothing stays open, and nothing is left."""

    def refuse(path: str, fd: int) -> object:
        opened.append(fd)
        raise MemoryError

    opened: list[int] = []
    with pytest.raises(MemoryError), replacement(plan_publication(old), refuse):
        pytest.fail("the block ran")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("durably", [True, False])
def test_the_disk_begins_early(old: Path, monkeypatch: pytest.MonkeyPatch, *, durably: bool) -> None:
    """What is to be synced is on its way to the disk while more of it is made."""
    begun: list[tuple[int, int]] = []
    monkeypatch.setattr(open_files, "_AHEAD_BYTES", 1_000_000)
    monkeypatch.setattr(durable, "start_writing", lambda _fd, start, count: begun.append((start, count)))
    with replacement(plan_publication(old, durable=durably)) as new:
        for size in (999_999, 1, 10, 3_000_000, 5):
            new.file.write(bytes(size))
            new.file.flush()
        new.sync()
        new.publish()
    assert begun == ([(0, 1_000_000), (1_000_000, 3_000_010)] if durably else [])
    assert old.read_bytes() == bytes(4_000_015)


def test_a_program_may_make_the_file_anew(old: Path) -> None:
    """A program that is given the path may put another file there: that gets the rights, is synced and published."""
    old.chmod(0o640)
    synced: list[str] = []

    def note(call: Call) -> object:
        if call.name == "fsync":
            synced.append((old.parent / call.paths[0]).read_text() if call.paths[0] != "." else ".")
        return call.run()

    def opening(_path: str, fd: int) -> BinaryIO:
        return open(fd, "wb", closefd=False)

    with watched(old.parent, note), replacement(plan_publication(old), opening) as new:
        other = old.with_name("other")
        other.write_bytes(b"by another")
        other.rename(new.temporary)
        assert new.digest("sha256").endswith(hashlib.sha256(b"by another").hexdigest())
        new.sync()
        replace(old.with_name("third"))
        new.publish()
    assert (old.read_bytes(), bits(old), new.size()) == (b"by another", 0o640, 10)
    assert synced[0] == "by another"
    assert sorted(path.name for path in old.parent.iterdir()) == ["prices.csv", "third"]
