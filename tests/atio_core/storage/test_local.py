from __future__ import annotations

import errno
import multiprocessing
import os
import pickle
import stat
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from atio_core.errors import AlreadyExistsError, StorageError
from atio_core.storage import local
from atio_core.storage.local import LocalStore
from tests.atio_core.storage.contract import FolderwiseListing, StoreContract
from tests.atio_core.storage.local_stores import WAYS, files_below, open_store, refuse_link, store_by
from tests.support.crash import has_strace, kill_at_every_call, strace_at_every_call
from tests.support.os_calls import Call, synced_by, watched
from tests.support.power import PowerRecorder, PowerState

ROUNDS = 40
ROUNDS = 40


class TestLocalStore(StoreContract, FolderwiseListing):
    """A store on a disk keeps the contract."""

    @pytest.fixture(params=["links", "no links"])
    def store(
        self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> LocalStore:
        """An empty store, on a disk with links or without."""
        if request.param == "no links":
            monkeypatch.setattr(os, "link", refuse_link)
        return open_store(tmp_path / "table")


# Where objects lie


@pytest.mark.parametrize("way", WAYS)
def test_no_way_touches_another_object(tmp_path: Path, way: str) -> None:
    """A name that turns out to be taken, though nobody should have it, is refused, and that object stays."""
    store = open_store(tmp_path)
    store.put("data/a", b"theirs")
    with pytest.raises(AlreadyExistsError, match="data/a"):
        store_by(way, store, "data/a", b"mine")
    assert store.read("data/a") == b"theirs"


def test_an_object_is_a_file(tmp_path: Path) -> None:
    """A name is a path below the root, and nothing else is left there."""
    store = open_store(tmp_path / "table")
    for way in WAYS:
        store_by(way, store, f"data/k=v/{way}", b"1")
    assert files_below(tmp_path / "table") == [f"data/k=v/{way}" for way in sorted(WAYS)]


def test_the_root_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative root is meant from the working directory at the start."""
    monkeypatch.chdir(tmp_path)
    store = LocalStore("table", temporary="tmp")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.put("a", b"1")
    assert store.location == str(tmp_path / "table")
    assert files_below(tmp_path) == ["table/a"]


@pytest.mark.parametrize("way", WAYS)
def test_files_have_the_mode_that_the_user_wants(tmp_path: Path, way: str) -> None:
    """The umask decides who may read, as for any file."""
    before = os.umask(0o027)
    try:
        store_by(way, open_store(tmp_path), "a", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_store_can_be_sent_to_another_process(tmp_path: Path) -> None:
    """A pickled store is the same place."""
    store = open_store(tmp_path)
    store.put("a", b"1")
    copy = pickle.loads(pickle.dumps(store))
    assert copy.read("a") == b"1"
    copy.put("b", b"2")
    assert list(store.list()) == ["a", "b"]


def test_folders_that_vanish_are_made_again(tmp_path: Path) -> None:
    """A store that knows its folders still works when somebody has removed them."""
    store = open_store(tmp_path / "table")
    for number in range(3):
        for way in WAYS:
            store_by(way, store, f"log/{way}{number}", b"1")
        (tmp_path / "table").rename(tmp_path / str(number))
    assert all(len(files_below(tmp_path / str(number))) == 3 for number in range(3))


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    """A listing stays within the root, so that cleaning does; a link to a file is a file."""
    outside = open_store(tmp_path / "outside")
    outside.put("folder/secret", b"1")
    store = open_store(tmp_path / "table")
    store.put("data/a", b"1")
    (tmp_path / "table" / "data" / "folder").symlink_to(tmp_path / "outside" / "folder")
    (tmp_path / "table" / "data" / "loop").symlink_to(tmp_path / "table")
    (tmp_path / "table" / "data" / "dangling").symlink_to("nothing")
    (tmp_path / "table" / "data" / "file").symlink_to(tmp_path / "outside" / "folder" / "secret")
    assert list(store.list()) == ["data/a", "data/file"]
    assert list(store.list("data/folder/")) == []
    assert list(store.list("data/loop/data/")) == []


def test_what_others_put_under_no_name_is_not_listed(tmp_path: Path) -> None:
    """A file or a folder whose name no object can have is passed over, so that all that is listed can be asked for."""
    store = open_store(tmp_path)
    store.put("data/a", b"1")
    (tmp_path / "data" / "back\\slash").write_bytes(b"2")
    (tmp_path / "dev-disk-by\\x2dlabel").mkdir()
    (tmp_path / "dev-disk-by\\x2dlabel" / "b").write_bytes(b"3")
    assert list(store.list()) == ["data/a"]
    assert store.look("") == ["data/"]


def test_a_linked_root_is_followed(tmp_path: Path) -> None:
    """The root itself may be a link: where it leads is where the table lies."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    store = open_store(tmp_path / "link")
    store.put("data/a", b"1")
    assert list(store.list()) == ["data/a"]
    assert files_below(tmp_path / "real") == ["data/a"]


def test_a_folder_that_goes_while_it_is_listed_is_passed_over(tmp_path: Path) -> None:
    """A listing goes on with the next folder."""
    store = open_store(tmp_path)
    for name in ("a/1", "b/1", "c/1"):
        store.put(name, b"")
    listing = store.list()
    assert next(listing) == "a/1"
    (tmp_path / "b" / "1").unlink()
    (tmp_path / "b").rmdir()
    assert list(listing) == ["c/1"]


# Several processes


def race(
    root: Path, kind: str, number: int, start: Barrier, results: SimpleQueue[tuple[int, list[int]]]
) -> None:
    """Create the same objects as the other processes do, and tell which ones were won."""
    if kind == "no links":
        os.link = refuse_link
    store = open_store(root)
    won: list[int] = []
    for turn in range(ROUNDS):
        start.wait(60)
        try:
            store.put_if_absent(f"log/{turn}", b"%d" % number * 5000)
            won.append(turn)
        except AlreadyExistsError:
            continue
    results.put((number, won))


@pytest.mark.parametrize("kind", ["links", "no links"])
def test_one_of_many_processes_wins(tmp_path: Path, kind: str) -> None:
    """Of eight processes that create an object at once, one succeeds, each time, and the content is its."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imports once, not eight times
    results, start = context.SimpleQueue(), context.Barrier(8)
    processes = [context.Process(target=race, args=(tmp_path, kind, n, start, results)) for n in range(8)]
    for process in processes:
        process.start()
    won = dict(results.get() for process in processes if process.join() is None)
    assert sorted(turn for turns in won.values() for turn in turns) == list(range(ROUNDS))
    store = open_store(tmp_path)
    for number, turns in won.items():
        assert all(store.read(f"log/{turn}") == b"%d" % number * 5000 for turn in turns)
    assert list(store.list("_atio/")) == []


# Power cuts


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder above the table."""
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


def survivors(states: list[PowerState], name: str) -> set[bytes | None]:
    """What an object may be after a power cut; None if it is missing."""
    return {state.files.get(f"table/{name}") for state in states}


@pytest.mark.parametrize("kind", ["links", "no links"])
def test_a_created_object_is_whole_or_missing(disk: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """At no moment does a power cut leave a part of it; once the call has returned, it is there."""
    if kind == "no links":
        monkeypatch.setattr(os, "link", refuse_link)
    with PowerRecorder(disk) as recorder:
        open_store(disk / "table").put_if_absent("log/0/1", b"whole")
        recorder.mark("created")
    states = list(recorder.states())
    assert survivors(states, "log/0/1") == {None, b"whole"}
    assert survivors([state for state in states if "created" in state.marks], "log/0/1") == {b"whole"}


@pytest.mark.parametrize("way", WAYS)
def test_a_stored_object_survives(disk: Path, way: str) -> None:
    """Once any of the calls has returned, the object is there, whole, with all its folders."""
    store = open_store(disk / "table")
    with PowerRecorder(disk) as recorder:
        for name in ("a/b/1", "a/b/2", "a/c/3"):
            store_by(way, store, name, b"whole")
            recorder.mark(name)
    for state in recorder.states():
        for name in state.marks:
            assert state.files.get(f"table/{name}") == b"whole", state


def test_a_folder_of_a_dead_writer_survives(disk: Path) -> None:
    """A folder that somebody made and never synced is as good as a new one."""
    with PowerRecorder(disk) as recorder:
        (disk / "table" / "log" / "5").mkdir(parents=True)
        (disk / "table" / "_atio" / "tmp").mkdir(parents=True)
        open_store(disk / "table").put_if_absent("log/5/1", b"whole")
        recorder.mark("created")
    states = [state for state in recorder.states() if "created" in state.marks]
    assert survivors(states, "log/5/1") == {b"whole"}


def dead_writers_object(path: Path) -> None:
    """Leave an object whose writer died before it synced the name, in folders whose names aren't synced either."""
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(b"1")
        file.flush()
        os.fsync(file.fileno())


@pytest.mark.parametrize("folder", ["log/5", "log/6", "other"])
def test_no_object_survives_without_the_one_before(disk: Path, folder: str) -> None:
    """An object created after another, whose maker died before it synced the name, brings it along."""
    store = open_store(disk / "table")
    store.put("data", b"")
    with PowerRecorder(disk) as recorder:
        dead_writers_object(disk / "table" / "log" / "5" / "1")
        store.put_if_absent(f"{folder}/2", b"2", after="log/5/1")
    states = list(recorder.states())
    assert survivors(states, f"{folder}/2") == {None, b"2"}
    assert all("table/log/5/1" in state.files for state in states if f"table/{folder}/2" in state.files)


def test_a_dead_writers_object_can_be_made_durable(disk: Path) -> None:
    """After `make_durable`, an object survives with all its folders, whoever made it."""
    with PowerRecorder(disk) as recorder:
        dead_writers_object(disk / "table" / "log" / "5" / "1")
        open_store(disk / "table").make_durable("log/5/1")
        recorder.mark("durable")
    states = [state for state in recorder.states() if "durable" in state.marks]
    assert survivors(states, "log/5/1") == {b"1"}


# Kills


def create(root: Path) -> None:
    """What is killed below: a first object, one after it, and a longer one."""
    store = open_store(root / "table")
    store.put_if_absent("log/1", b"whole")
    store.put_if_absent("log/2", b"whole", after="log/1")
    store_by("open_write", store, "data/3", b"whole" * 10)


class Killed:
    """Folders in which `create` is killed."""

    def __init__(self, parent: Path) -> None:
        """Start with none."""
        self.parent = parent

    def new(self) -> Path:
        """The next one."""
        root = self.parent / str(len(list(self.parent.iterdir())))
        root.mkdir()
        return root

    def check(self, root: Path) -> None:
        """Objects are whole, none is there without the one before it, and all goes on at once."""
        store = open_store(root / "table")
        names = list(store.list("log/"))
        assert names == ["log/1", "log/2"][: len(names)]
        assert all(store.read(name) == b"whole" for name in names)
        for name in ["log/1", "log/2"][len(names) :]:
            store.put_if_absent(name, b"whole")
        assert len(list(store.list("_atio/tmp/"))) <= 1


def test_a_kill_leaves_all_or_nothing(tmp_path: Path) -> None:
    """A process killed at any of its calls leaves whole objects, and nothing in the way of the next process."""
    killed = Killed(tmp_path)
    assert kill_at_every_call(create, setup=killed.new, check=killed.check) > 40


@pytest.mark.skipif(not has_strace(), reason="strace isn't installed, or may not trace")
def test_a_kill_from_outside_leaves_all_or_nothing(tmp_path: Path) -> None:
    """The same, killed by strace."""
    killed = Killed(tmp_path)
    kills = strace_at_every_call(create, setup=killed.new, check=killed.check, calls="link,fsync", stride=6)
    assert kills > 3


# Cost


def test_creating_costs_six_calls(tmp_path: Path) -> None:
    """In a known folder, an object costs a file written and synced, a link, one sync of the folder and an unlink."""
    store = open_store(tmp_path)
    store.put_if_absent("log/1", b"1")
    calls: list[str] = []

    def around(call: Call) -> object:
        calls.append(call.name)
        return call.run()

    with watched(tmp_path, around):
        store.put_if_absent("log/2", b"2")
    assert calls == ["open", "write", "fsync", "link", "fsync", "unlink"]


def test_what_one_handle_has_synced_no_other_syncs(tmp_path: Path) -> None:
    """Folders are made durable once in a process, whatever handles it opens: later only an object's own is synced."""
    open_store(tmp_path / "table").put("data/a", b"1")
    assert synced_by(lambda: open_store(tmp_path / "table").put("data/b", b"1"))[1:] == [
        str(tmp_path / "table/data")
    ]


def calls_of_creating_after(root: Path, store: LocalStore) -> list[str]:
    """The calls of creating an object after another."""
    calls: list[str] = []

    def around(call: Call) -> object:
        calls.append(call.name)
        return call.run()

    with watched(root, around):
        store.put_if_absent("log/2", b"2", after="log/1")
    return calls


def test_an_object_is_complete_before_the_one_before_it_is_synced(tmp_path: Path) -> None:
    """Creating after one whose maker died syncs its name last before the link, when the journal has mostly taken it."""
    store = open_store(tmp_path)
    store.put_if_absent("log/1", b"1")
    os.link(tmp_path / "log" / "1", tmp_path / "_atio" / "tmp" / "left")  # as a maker does that dies unsynced
    assert calls_of_creating_after(tmp_path, store) == [
        *("open", "write", "fsync"),
        *("fsync", "link", "fsync", "unlink"),
    ]


def test_a_name_that_its_maker_has_synced_is_not_synced_again(tmp_path: Path) -> None:
    """Creating after one whose maker has come to take its temporary name away costs nothing more."""
    open_store(tmp_path).put_if_absent("log/1", b"1")
    store = open_store(tmp_path)
    store.put_if_absent("log/0", b"0")
    assert calls_of_creating_after(tmp_path, store) == ["open", "write", "fsync", "link", "fsync", "unlink"]


@pytest.mark.parametrize("names", [1, 2])
def test_where_a_second_name_does_not_show_every_name_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: int
) -> None:
    """Where files can't be seen to have two names (or have but one), what comes before is synced by each writer."""
    if names == 1:
        monkeypatch.setattr(os, "link", refuse_link)
    else:
        real = os.lstat
        monkeypatch.setattr(os, "lstat", lambda path: os.stat_result((*real(path)[:3], 1, *real(path)[4:10])))
    store = open_store(tmp_path)
    store.put_if_absent("log/1", b"1")
    assert calls_of_creating_after(tmp_path, store).count("fsync") == 3


def test_a_name_that_could_not_be_synced_keeps_its_temporary_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk refuses to sync a new name, the next writer takes it for one that isn't durable."""
    store = open_store(tmp_path)
    store.put_if_absent("log/0", b"0")
    with monkeypatch.context() as patch:
        patch.setattr(local, "sync_folder", refuse_sync)
        with pytest.raises(StorageError) as caught:
            store.put_if_absent("log/1", b"1")
    assert caught.value.unknown
    assert calls_of_creating_after(tmp_path, store).count("fsync") == 3


def refuse_sync(folder: str) -> None:
    """A disk that fails."""
    raise OSError(errno.EIO, os.strerror(errno.EIO), folder)


def test_a_race_that_is_lost_already_costs_no_wait(tmp_path: Path) -> None:
    """Of many writers of one name, those that come too late write and sync nothing."""
    store = open_store(tmp_path)
    store.put_if_absent("log/1", b"1")
    calls: list[str] = []

    def around(call: Call) -> object:
        calls.append(call.name)
        return call.run()

    with watched(tmp_path, around), pytest.raises(AlreadyExistsError):
        store.put_if_absent("log/1", b"2", after="log/0")
    assert calls == []


def test_the_first_name_costs_the_folders_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking the first name of a listing looks into no folder behind it."""
    store = open_store(tmp_path)
    for number in range(20):
        store.put(f"log/{number:02}/1", b"")
    looked: list[str] = []
    real = os.scandir
    monkeypatch.setattr(local.os, "scandir", lambda path: looked.append(path) or real(path))
    assert next(store.list("log/")) == "log/00/1"
    assert looked == [f"{tmp_path}/log/", f"{tmp_path}/log/00/"]
