import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from atio_core.errors import StorageError
from atio_core.storage import durable, locks
from atio_core.storage.files import previous
from tests.support.interrupts import interrupted_anywhere
from tests.support.os_calls import Call, watched
from tests.support.replacing import bits, replace


@pytest.fixture
def refuse_links(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes hard links away."""

    def link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    return lambda: monkeypatch.setattr(os, "link", link)


@pytest.fixture(params=["links", "no links"])
def with_or_without_links(request: pytest.FixtureRequest, refuse_links: Callable[[], None]) -> None:
    """A file system that has links, or has none."""
    if request.param != "links":
        refuse_links()


def contents(folder: Path) -> dict[str, bytes]:
    """What all files in a folder hold, hidden ones too."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.usefixtures("with_or_without_links")
class TestKeep:
    """The old file is there afterwards, under another name."""

    def test_one(self, old: Path) -> None:
        """The file before is kept, and replaced with the next write; nothing else is left."""
        new = replace(old, b"second", keep_previous=True)
        assert new.previous == f"{old}.previous"
        assert contents(old.parent) == {"prices.csv": b"second", "prices.csv.previous": b"old"}
        replace(old, b"third", keep_previous=True)
        assert contents(old.parent) == {"prices.csv": b"third", "prices.csv.previous": b"second"}

    def test_under_a_path(self, old: Path) -> None:
        """The path may be anywhere in the same file system."""
        (old.parent / "old").mkdir()
        new = replace(old, b"second", keep_previous=old.parent / "old" / "kept")
        assert new.previous == str(old.parent / "old" / "kept")
        replace(old, b"third", keep_previous=old.parent / "old" / "kept")
        assert contents(old.parent / "old") == {"kept": b"second"}
        assert sorted(path.name for path in old.parent.iterdir()) == ["old", "prices.csv"]

    def test_generations(self, old: Path) -> None:
        """Numbers grow, the newest has the highest, and no more are kept than asked for."""
        for number in range(1, 5):
            new = replace(old, b"%d" % number, keep_previous=3)
            assert new.previous == f"{old}.previous.{number}"
        assert contents(old.parent) == {
            "prices.csv": b"4",
            "prices.csv.previous.2": b"1",
            "prices.csv.previous.3": b"2",
            "prices.csv.previous.4": b"3",
        }
        replace(old, b"5", keep_previous=1)
        assert contents(old.parent) == {"prices.csv": b"5", "prices.csv.previous.5": b"4"}

    def test_numbers_with_more_digits_are_newer(self, old: Path) -> None:
        """Ten comes after nine; names that only look alike are nobody's generations."""
        others = {"9": b"i", "10": b"x", "010": b"", "1.csv": b"", "": b"", "-1": b""}
        for number, data in others.items():
            Path(f"{old}.previous.{number}").write_bytes(data)
        assert replace(old, b"new", keep_previous=2).previous == f"{old}.previous.11"
        kept = {
            name.removeprefix("prices.csv.previous."): data for name, data in contents(old.parent).items()
        }
        del others["9"], kept["prices.csv"]
        assert kept == {**others, "11": b"old"}

    def test_nothing_is_kept_of_a_new_file(self, tmp_path: Path) -> None:
        """Where there was no file, nothing is kept."""
        assert replace(tmp_path / "a", b"new", keep_previous=True).previous is None
        assert replace(tmp_path / "b", b"new", keep_previous=3).previous is None
        assert contents(tmp_path) == {"a": b"new", "b": b"new"}

    def test_rights_and_times_are_kept(self, old: Path) -> None:
        """What is kept is the old file as it was."""
        old.chmod(0o640)
        os.utime(old, ns=(10**18, 10**18))
        replace(old, keep_previous=True)
        kept = Path(f"{old}.previous")
        assert (bits(kept), kept.stat().st_mtime_ns) == (0o640, 10**18)
        assert bits(old) == 0o640

    @pytest.mark.parametrize("keep", [True, 2])
    def test_no_disk_is_waited_for_unless_asked_for(self, old: Path, keep: object) -> None:
        """A write that needn't be durable doesn't wait for the kept file either."""
        calls: list[str] = []
        with watched(old.parent, lambda call: (calls.append(call.name), call.run())[1]):
            replace(old, keep_previous=keep, durable=False)
        assert "fsync" not in calls

    @pytest.mark.parametrize("keep", [True, 2])
    def test_a_failure_puts_everything_back(
        self, old: Path, monkeypatch: pytest.MonkeyPatch, keep: object
    ) -> None:
        """If the file can't be replaced after all, it isn't kept either, and what was kept before is back."""
        replace(old, b"second", keep_previous=keep)
        before = contents(old.parent)
        real = durable.replace

        def broken(temporary: str, target: str) -> None:
            if target == str(old):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(temporary, target)

        monkeypatch.setattr(durable, "replace", broken)
        linked = os.link.__module__ == "posix"
        with pytest.raises(StorageError, match="stands unchanged"):
            replace(old, b"third", keep_previous=keep)
        monkeypatch.setattr(durable, "replace", real)
        kept = next(name for name in before if "previous" in name)
        assert contents(old.parent) == before if linked or keep == 2 else {**before, kept: b"second"}

    @pytest.mark.parametrize("keep", [True, 2])
    def test_one_that_is_kept_already(self, old: Path, keep: object) -> None:
        """A write after one that was killed when the old file had both names goes on from there."""
        replace(old, b"second", keep_previous=keep)
        kept = next(path for path in old.parent.iterdir() if "previous" in path.name)
        if keep is True:
            kept.unlink()
        else:
            kept = Path(f"{old}.previous.2")
        if os.link.__module__ == "posix":
            kept.hardlink_to(old)
        else:
            kept.write_bytes(b"second")
        assert replace(old, b"third", keep_previous=keep).previous == str(kept)
        assert list(contents(old.parent).values()) == (
            [b"third", b"old", b"second"] if keep == 2 else [b"third", b"second"]
        )


def test_a_failure_after_a_kill_leaves_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that has both names already keeps them, if it can't be replaced; no third one is left."""

    def broken(*_: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    Path(f"{old}.previous").hardlink_to(old)
    monkeypatch.setattr(durable, "replace", broken)
    with pytest.raises(StorageError):
        replace(old, keep_previous=True)
    assert contents(old.parent) == {"prices.csv": b"old", "prices.csv.previous": b"old"}
    assert old.samefile(f"{old}.previous")


def test_by_a_link(old: Path) -> None:
    """Where the file system has hard links, the kept file is the old one itself."""
    number = old.stat().st_ino
    replace(old, keep_previous=True)
    assert Path(f"{old}.previous").stat().st_ino == number


def test_numbers_where_no_call_refuses_a_taken_name(
    old: Path, refuse_links: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Generations are kept, too, where the file system has neither links nor a rename that refuses to replace."""
    refuse_links()
    monkeypatch.setattr(durable, "libc", object)
    for number in range(1, 4):
        assert replace(old, b"%d" % number, keep_previous=2).previous == f"{old}.previous.{number}"
    assert contents(old.parent) == {
        "prices.csv": b"3",
        "prices.csv.previous.2": b"1",
        "prices.csv.previous.3": b"2",
    }


def test_the_target_is_never_missing(old: Path) -> None:
    """At each call of the system, the file is there, whole."""
    seen: list[bytes] = []

    def look(call: Call) -> object:
        seen.append(old.read_bytes())
        result = call.run()
        seen.append(old.read_bytes())
        return result

    with watched(old.parent, look):
        replace(old, keep_previous=True)
        replace(old, keep_previous=3)
    assert set(seen) == {b"old", b"new"}


def test_what_is_kept_lies_where_the_link_leads(old: Path) -> None:
    """Written through a link, the real file is kept, beside itself."""
    (old.parent / "links").mkdir()
    (old.parent / "links/a.csv").symlink_to("../prices.csv")
    found = replace(old.parent / "links/a.csv", keep_previous=True).previous
    assert found is not None
    assert Path(found).samefile(f"{old}.previous")
    assert list((old.parent / "links").iterdir()) == [old.parent / "links/a.csv"]


def test_ctrl_c_after_the_replacement_keeps_what_was_replaced(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C right after the new file took the name undoes nothing: the old content must not be lost."""
    real = durable.replace

    def interrupted(temporary: str, target: str) -> None:
        real(temporary, target)
        if target == str(old):
            raise KeyboardInterrupt

    Path(f"{old}.previous").write_bytes(b"older")
    monkeypatch.setattr(durable, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace(old, keep_previous=True)
    assert (old.read_bytes(), Path(f"{old}.previous").read_bytes()) == (b"new", b"old")


def test_an_interrupt_anywhere_lets_the_next_writer_in(old: Path) -> None:
    """Ctrl-C at any line leaves the old content or the new one, and no lock for which the next write would wait."""

    def begin() -> Callable[[], object]:
        old.write_bytes(b"old")
        return lambda: replace(old, keep_previous=True)

    folder = os.open(old.parent, os.O_RDONLY)
    seen: set[bytes] = set()
    for _ in interrupted_anywhere(begin, previous):
        seen.add(old.read_bytes())
        assert locks.take(folder)
        locks.release(folder)
    os.close(folder)
    assert seen == {b"old", b"new"}


def test_a_full_disk_while_it_is_copied(
    old: Path, refuse_links: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there is no room for a copy, nothing changes."""

    def full(fd: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    refuse_links()
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match=r"stands unchanged\. Free some space"):
        replace(old, keep_previous=True)
    assert contents(old.parent) == {"prices.csv": b"old"}


def test_large_files_are_copied_whole(
    old: Path, refuse_links: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy is made piece by piece, each as far as the system takes it."""
    monkeypatch.setattr(previous, "_PIECE_BYTES", 100)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:7]))
    refuse_links()
    data = os.urandom(1000)
    old.write_bytes(data)
    replace(old, keep_previous=True)
    assert Path(f"{old}.previous").read_bytes() == data


@pytest.mark.parametrize("keep", [True, 2])
def test_a_file_that_vanishes_meanwhile(old: Path, keep: object) -> None:
    """A file that somebody removes just before it would be kept can't be; the new one is written all the same."""

    def remove(call: Call) -> object:
        if call.name == "link":
            old.unlink(missing_ok=True)
        return call.run()

    with watched(old.parent, remove):
        assert replace(old, keep_previous=keep).previous is None
    assert contents(old.parent) == {"prices.csv": b"new"}


@pytest.mark.parametrize("keep", [True, 1000])
def test_writers_take_turns(old: Path, keep: object) -> None:
    """Whatever several writers replace, each keeps what it replaced; nothing is left of their temporary files."""
    writers, rounds = 4, 10
    start = threading.Barrier(writers)

    def write(writer: int) -> None:
        start.wait()
        for turn in range(rounds):
            replace(old, b"%d.%d" % (writer, turn), keep_previous=keep)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = contents(old.parent)
    if keep is True:
        assert set(found) == {"prices.csv", "prices.csv.previous"}
    else:
        wanted = {b"old"} | {b"%d.%d" % (writer, turn) for writer in range(writers) for turn in range(rounds)}
        assert sorted(found.values()) == sorted(wanted)
