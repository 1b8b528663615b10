"""Odd places for a table, and odd things that happen to it while it is open."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Generator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from atio_core.errors import AtioError, InvalidInputError, StorageError, TableNotFoundError
from atio_core.store import Store
from atio_core.table import Table
from atio_core.write import write
from tests.crash.scenarios import append_third
from tests.crash.tables import LIMITS, append_rows, appended, folder, frame, table
from tests.crash.test_full_disk import needs_mount, on_small_disk
from tests.support.crowd import run_together
from tests.support.looking import contents, entries, named_files, other_files

SECOND = 1_000_000
NOBODY = 65534
ODD_NAMES = [
    "a b",
    " leading and trailing ",
    "Größe 表 🦀",
    "quote ' and \" and `",
    "new\nline",
    "tab\tand\rreturn",
    "per%20cent %",
    "star*?[a]{b}",
    "$HOME ; rm -rf & |",
    "#hash?query=1",
    "back\\slash",
    "-dash",
    "~tilde",
    "colon:",
    "data",
    "_atio",
    "x" * 255,
    "ü" * 127,
    os.fsdecode(b"not \xff Unicode"),
]


def use(path: Path) -> None:
    """Make versions, read them, expire all but one, and go on."""
    there = Table(path, limits=LIMITS)
    for number in range(1, 6):
        there.append(frame(number), idempotency_key=str(number))
    assert contents(there) == appended(5)
    assert list(there.read()["a"]) == list(there.read(output_as="polars")["a"]) == [1, 2, 3, 4, 5]
    there.expire(keep_last=1, grace=timedelta(0))
    assert named_files(path) == other_files(path)


# Where a table lies


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_any_name_of_a_folder_will_do(name: str, disk: Path) -> None:
    """A table works in a folder of any name, given as a path or as text."""
    use(disk / name)
    assert Table(f"{disk}/{name}", limits=LIMITS).snapshot().rows == 5
    assert [path.name for path in disk.iterdir()] == [name]


@pytest.mark.parametrize("length", [1000, 3500])
def test_a_long_path_will_do(length: int, disk: Path) -> None:
    """A table works at a path as long as the system takes."""
    path = disk
    while len(str(path)) < length:
        path /= "deep" * 20
    use(path)


def test_a_path_that_is_too_long_is_refused(disk: Path) -> None:
    """Where the system takes no path as long, the error says so, and nothing is made."""
    with pytest.raises(AtioError, match=r"[Ff]ile name too long"):
        Table(disk / ("x" * 256)).append(frame(1))
    assert list(disk.iterdir()) == []


def test_a_linked_folder_is_the_table(disk: Path) -> None:
    """By a link or by its own name, it is one table; the link stays a link."""
    (disk / "real").mkdir()
    (disk / "link").symlink_to(disk / "real", target_is_directory=True)
    Table(disk / "link").append(frame(1))
    Table(disk / "real").append(frame(2))
    use_link = Table(disk / "link")
    use_link.append(frame(3))
    assert contents(use_link) == contents(Table(disk / "real")) == appended(3)
    use_link.expire(keep_last=1, grace=timedelta(0))
    assert contents(Table(disk / "real")) == {3: [1, 2, 3]}
    assert (disk / "link").is_symlink()


def test_a_link_to_nothing_is_no_place(disk: Path) -> None:
    """A link that leads nowhere is refused, not replaced."""
    (disk / "link").symlink_to(disk / "missing")
    with pytest.raises(AtioError, match="link"):
        Table(disk / "link").append(frame(1))
    assert (disk / "link").is_symlink()


@pytest.mark.parametrize("name", ["_atio", "_atio/log"])
def test_a_log_that_was_moved_behind_a_link_is_not_written(name: str, disk: Path) -> None:
    """What no reader would find isn't written; once the folder itself is there again, all goes on."""
    path, moved = disk / "table" / name, disk / "moved"
    there = Table(disk / "table")
    there.append(frame(1))
    path.rename(moved)
    path.symlink_to(moved, target_is_directory=True)
    before = sorted(disk.rglob("*.*"))
    for handle in (there, Table(disk / "table")):
        with pytest.raises(StorageError, match=f"{name}' is a link to a folder"):
            handle.append(frame(2))
    assert sorted(disk.rglob("*.*")) == before
    path.unlink()
    moved.rename(path)
    there.append(frame(2))
    assert contents(Table(disk / "table")) == appended(2)


def test_a_relative_path_is_that_of_the_first_moment(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handle stays with its folder when the process goes to another one."""
    monkeypatch.chdir(disk)
    there = Table("table")
    (disk / "elsewhere").mkdir()
    monkeypatch.chdir(disk / "elsewhere")
    there.append(frame(1))
    assert (disk / "table").is_dir()
    assert list((disk / "elsewhere").iterdir()) == []


# Rights


def as_nobody(path: Path, act: Callable[[Path], None]) -> None:
    """Act without a superuser's rights."""
    if os.getuid() == 0:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        act(path)
    finally:
        os.seteuid(os.getuid())
        os.setegid(os.getgid())


def only_read(path: Path) -> None:
    """What has to work in a folder that may only be read, and what has to be refused."""
    there = Table(path, limits=LIMITS)
    assert contents(there) == appended(2)
    for change in (there.append, there.overwrite):
        with pytest.raises(StorageError, match="permission"):
            change(frame(3))
    with pytest.raises(StorageError, match="permission"):
        there.expire(keep_last=1, grace=timedelta(0))
    assert there.expire(keep_last=1, grace=timedelta(0), dry_run=True).removed
    assert contents(there) == appended(2)


@pytest.fixture
def seen_by_all() -> Generator[Path]:
    """A folder that everybody may enter; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="atio-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_without_the_right_to_write_can_be_read(seen_by_all: Path) -> None:
    """A table of somebody else can be read; a change is refused with a hint, and changes nothing."""
    path = seen_by_all / "table"
    for number in (1, 2):
        Table(path, limits=LIMITS).append(frame(number))
    before = other_files(path)
    for found in [path, *path.rglob("*")]:
        found.chmod(0o555 if found.is_dir() else 0o444)
    try:
        run_together([partial(as_nobody, path, only_read)])
    finally:
        for found in [path, *path.rglob("*")]:
            found.chmod(0o755 if found.is_dir() else 0o644)
    assert other_files(path) == before


def look_in_vain(path: Path) -> None:
    """A folder that may not be entered is no missing table."""
    with pytest.raises(StorageError, match="permission"):
        Table(path).snapshot()
    with pytest.raises(StorageError, match="permission"):
        Table(path).append(frame(1))


def test_a_folder_without_the_right_to_read_is_no_missing_table(seen_by_all: Path) -> None:
    """What may not be looked into is not taken for empty."""
    path = seen_by_all / "table"
    Table(path).append(frame(1))
    log = path / "_atio" / "log"
    log.chmod(0)
    try:
        run_together([partial(as_nobody, path, look_in_vain)])
    finally:
        log.chmod(0o755)
    assert Table(path).read(output_as="arrow").num_rows == 1


def look_after_the_rest(path: Path) -> None:
    """What has to work in a store beside a folder of somebody else's, and what not in one that is closed itself."""
    store = Store(path / "store")
    assert store.tables() == store.tables(dropped=True) == ["table"]
    assert store.verify().ok
    with pytest.raises(StorageError, match="permission"):
        Store(path / "store" / "lost+found").tables()


def test_a_closed_folder_keeps_no_store_from_its_tables(seen_by_all: Path) -> None:
    """A folder that this user may not look into, as the lost+found of a disk, is passed over in a store."""
    Table(seen_by_all / "store" / "table").append(frame(1))
    (seen_by_all / "store" / "lost+found").mkdir(mode=0o700)
    (seen_by_all / "store" / "lost+found").chmod(0)
    run_together([partial(as_nobody, seen_by_all, look_after_the_rest)])


def on_read_only_disk(disk: Path, act: Callable[[Path], object]) -> None:
    """Act on a file system that is mounted read-only, with a file and a table; only this process sees it."""
    on_small_disk(disk, lambda _: None)
    (disk / "file").write_bytes(b"old")
    append_rows(disk, 2)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    act(disk)


def only_look(disk: Path) -> None:
    """What has to work there, and what has to be refused for that reason."""
    before, there = sorted(disk.iterdir()), table(disk)
    assert contents(there) == appended(2)
    changes: list[Callable[[], object]] = [
        lambda: there.append(frame(3)),
        lambda: there.expire(keep_last=1),
        lambda: write(b"new", disk / "file", format="bytes"),
        lambda: write(b"new", disk / "new", format="bytes"),
        lambda: write(b"new", disk / "folder" / "new", format="bytes", mkdir=True),
    ]
    for change in changes:
        with pytest.raises(StorageError, match=r"file system is (mounted )?read-only") as caught:
            change()
        assert caught.value.errno == errno.EROFS
    assert sorted(disk.iterdir()) == before


@needs_mount
def test_a_read_only_disk_is_called_so(tmp_path: Path) -> None:
    """On a disk that is mounted read-only all can be read, and who writes is told that it is the disk's mount."""
    run_together([partial(on_read_only_disk, tmp_path / "disk", only_look)])


# What happens to a table while it is open


def test_a_moved_table_goes_on_at_its_new_place(disk: Path) -> None:
    """Nothing in a table depends on where it lies; a handle of the old place finds no table there."""
    old = Table(disk / "old", limits=LIMITS)
    for number in range(1, 6):
        old.append(frame(number))
    (disk / "old").rename(disk / "new")
    with pytest.raises(TableNotFoundError):
        old.read()
    new = Table(disk / "new", limits=LIMITS)
    assert contents(new) == appended(5)
    new.append(frame(6))
    new.expire(keep_last=2, grace=timedelta(0))
    assert contents(new) == {5: appended(5)[5], 6: appended(6)[6]}
    assert old.append(frame(1)).version == 1
    assert old.append(frame(2)).version == 2
    assert contents(old) == appended(2)


def test_a_table_made_anew_is_another(disk: Path) -> None:
    """A handle of a table that was removed and made anew goes on with the new one."""
    mine = Table(disk / "table", limits=LIMITS)
    for number in range(1, 6):
        mine.append(frame(number), idempotency_key=str(number))
    shutil.rmtree(disk / "table")
    other = Table(disk / "table", limits=LIMITS)
    for number in range(1, 6):
        other.append(frame(10 * number))
    assert mine.append(frame(60), idempotency_key="1").version == 6
    assert mine.read(output_as="arrow")["a"].to_pylist() == [10, 20, 30, 40, 50, 60]
    assert len({entry["table"] for entry in entries(disk / "table").values()}) == 1


def test_a_removed_table_is_made_anew(disk: Path) -> None:
    """A handle of a table that was removed makes a new one, with no trace of the old."""
    mine = Table(disk / "table", limits=LIMITS)
    for number in range(1, 6):
        mine.append(frame(number))
    shutil.rmtree(disk / "table")
    assert not mine.exists()
    with pytest.raises(TableNotFoundError):
        mine.expire(keep_last=1)
    assert mine.append(frame(7)).version == 1
    assert contents(mine) == {1: [7]}


def test_a_read_of_a_removed_table_says_so(disk: Path) -> None:
    """A snapshot whose table was removed can't be read, and says that."""
    there = Table(disk / "table")
    snapshot = there.append(frame(1))
    shutil.rmtree(disk / "table")
    with pytest.raises(AtioError, match="no table"):
        snapshot.read()


def test_a_copy_goes_its_own_way(disk: Path) -> None:
    """A copied table and its original don't know each other."""
    append_rows(disk, 2)
    shutil.copytree(folder(disk), folder(disk / "copy"))
    append_third(disk)
    table(disk / "copy").append(frame(30))
    table(disk / "copy").expire(keep_last=1, grace=timedelta(0))
    assert contents(table(disk)) == appended(3)
    assert contents(table(disk / "copy")) == {3: [1, 2, 30]}


# Handles


def test_two_handles_in_threads(disk: Path) -> None:
    """Threads of one process, with a handle each or one for all, lose nothing."""
    shared = Table(disk / "table", limits=LIMITS)
    own = Table(disk / "table", limits=LIMITS)
    errors: list[BaseException] = []

    def write(handle: Table, start: int) -> None:
        try:
            for number in range(start, start + 10):
                handle.append(frame(number))
                assert number in handle.read(output_as="arrow")["a"].to_pylist()
        except BaseException as error:  # noqa: BLE001 - it is told below
            errors.append(error)

    threads = [
        threading.Thread(target=write, args=(handle, start))
        for handle, start in ((shared, 0), (shared, 10), (shared, 20), (own, 30))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(own.read(output_as="arrow")["a"].to_pylist()) == list(range(40))


def append_after_fork(root: Path) -> list[int]:
    """Fork with an open handle; parent and child both append by it."""
    there = table(root)
    there.append(frame(1))
    child = os.fork()
    there.append(frame(2 if child else 3))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    there.append(frame(4))
    return there.read(output_as="arrow")["a"].to_pylist()


def test_a_handle_survives_a_fork(disk: Path) -> None:
    """A handle opened before a fork works on both sides."""
    [rows] = run_together([partial(append_after_fork, disk)])
    assert rows in ([1, 2, 3, 4], [1, 3, 2, 4])


def test_a_pickled_handle_is_a_handle(disk: Path) -> None:
    """A handle can be sent to another process, also after it was used."""
    there = table(disk)
    for _ in range(2):
        sent = pickle.loads(pickle.dumps(there))
        sent.append(frame(1))
        there.append(frame(2))
        assert sent.read(output_as="arrow") == there.read(output_as="arrow")
        assert sent.path == there.path
    snapshot = pickle.loads(pickle.dumps(there.snapshot()))
    assert snapshot.read("arrow")["a"].to_pylist() == [1, 2, 1, 2]


def test_a_handle_of_memory_can_not_be_sent() -> None:
    """A table in memory lives in one process: sending a copy of it elsewhere is refused."""
    there = Table("memory://surroundings")
    there.append(frame(1))
    with pytest.raises(InvalidInputError, match="lives in the memory of this process"):
        pickle.dumps(there)


# Clocks


@pytest.mark.parametrize("jump", [-10 * 365 * 86_400, -3600, -1, 0, 1, 3600, 10 * 365 * 86_400])
def test_a_clock_may_jump(jump: int, disk: Path) -> None:
    """Whatever a clock says: versions stay in order, times never go back, and no retained file is cleaned."""
    start = 1_800_000_000 * SECOND

    def clock() -> int:
        return start + (jump * SECOND if jumped else 0)

    jumped = False
    there = Table(disk / "table", limits=LIMITS, clock=clock)
    for number in range(1, 5):
        there.append(frame(number))
    there.expire(keep_last=3, grace=timedelta(0))  # version 5
    jumped = True
    for number in range(5, 9):
        there.append(frame(number))
    there.expire(keep_last=3, grace=timedelta(0))  # version 10
    assert contents(there) == {7: appended(6)[6], 8: appended(7)[7], 9: appended(8)[8]}
    jumped = False
    there.append(frame(9))
    there.expire(keep_last=2, grace=timedelta(0))
    assert contents(there) == {9: appended(8)[8], 11: appended(9)[9]}
    times = [snapshot.time for snapshot in reversed(there.history())]
    assert times == sorted(times)
