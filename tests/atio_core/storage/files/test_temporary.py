from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from atio_core.storage import locks
from atio_core.storage.files import temporary
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import replacement
from tests.support.os_calls import Call, watched
from tests.support.replacing import as_nobody, needs_root, replace

PROJECT = Path(__file__).parents[3]
DEAD = (".prices.csv.0123456789abcdef.atio-tmp", ".prices.csv.0123456789abcdef.atio-previous")
NOT_OURS = (
    ".prices.csv.0123456789abcdef.atio-unlocked",
    ".prices.csv.0123456789ABCDEF.atio-tmp",
    ".prices.csv.0123456789abcde.atio-tmp",
    "prices.csv.0123456789abcdef.atio-tmp",
    ".prices.csv.0123456789abcdef.atio-tmp.csv",
    ".prices.csv.0123456789abcdef.tmp",
    ".atio-tmp",
)


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders are looked into by every write."""
    monkeypatch.setattr(temporary, "_REST", 0)


@pytest.fixture
def on_a_network_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks prove nothing."""
    monkeypatch.setattr(locks, "reach_everybody", lambda _: False)
    monkeypatch.setattr(temporary, "_told", set())


def names(folder: Path) -> list[str]:
    """The sorted names in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", DEAD)
def test_litter_of_the_dead_is_removed(tmp_path: Path, name: str) -> None:
    """The next write to a folder removes what a killed one left, whatever file that was for."""
    (tmp_path / name.replace("prices.csv", "other\n")).write_bytes(b"half")
    (tmp_path / name).write_bytes(b"half")
    replace(tmp_path / "new.csv")
    assert names(tmp_path) == ["new.csv"]


@pytest.mark.parametrize("name", NOT_OURS)
def test_other_files_stay(tmp_path: Path, name: str) -> None:
    """A file whose name only resembles ours is left alone."""
    (tmp_path / name).write_bytes(b"mine")
    replace(tmp_path / "new.csv")
    assert names(tmp_path) == sorted([name, "new.csv"])


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    """Folders, links, FIFOs and sockets under such a name are left alone, and nobody waits for them."""
    (tmp_path / DEAD[0]).mkdir()
    (tmp_path / DEAD[1]).mkdir()
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / DEAD[0].replace("prices", "link")).symlink_to("victim")
    os.mkfifo(tmp_path / DEAD[0].replace("prices", "fifo"))
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(tmp_path):
        listening.bind(DEAD[0].replace("prices", "socket"))
    before = names(tmp_path)
    replace(tmp_path / "victim")
    assert names(tmp_path) == before


@pytest.mark.parametrize("name", DEAD)
def test_a_second_name_of_a_file_costs_it_nothing(tmp_path: Path, name: str) -> None:
    """Litter may be a second name of the target, or of the file before it: only the name goes."""
    (tmp_path / "prices.csv").write_bytes(b"old")
    (tmp_path / name).hardlink_to(tmp_path / "prices.csv")
    replace(tmp_path / "other.csv")
    assert names(tmp_path) == ["other.csv", "prices.csv"]
    assert (tmp_path / "prices.csv").read_bytes() == b"old"


@needs_root
def test_files_of_others_stay() -> None:
    """What may not be opened or removed is left alone, and no reason to fail."""
    with as_nobody() as folder:
        (folder / "shared").mkdir()
        os.seteuid(0)
        (folder / "shared" / DEAD[0]).write_bytes(b"root's")
        (folder / "shared" / DEAD[0]).chmod(0o600)
        (folder / "shared" / DEAD[1]).write_bytes(b"root's")
        (folder / "shared").chmod(0o1777)
        os.chown(folder / "shared", 0, 0)
        os.seteuid(65534)
        replace(folder / "shared" / "a")
        assert names(folder / "shared") == [*sorted(DEAD), "a"]
        os.seteuid(0)
        (folder / "shared").chmod(0o777)
        os.chown(folder / "shared", 65534, 65534)
        os.seteuid(65534)


def test_threads_spare_each_other(tmp_path: Path) -> None:
    """What is being written by this process is never removed by it."""
    with replacement(plan_publication(tmp_path / "a")) as new:
        for number in range(3):
            replace(tmp_path / str(number))
        new.file.write(b"whole")
        new.sync()
        new.publish()
    assert names(tmp_path) == ["0", "1", "2", "a"]


WRITER = """
import sys
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import replacement
with replacement(plan_publication(sys.argv[1])) as new:
    new.file.write(b"half")
    new.file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def writer(path: Path) -> Generator[subprocess.Popen[str]]:
    """Another process in the middle of a write."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stdout.readline() == "writing\n"
        yield started


def test_other_processes_are_spared_until_they_are_dead(tmp_path: Path) -> None:
    """A file that another process writes stays as long as that lives, stopped or not, and goes once it was killed."""
    with writer(tmp_path / "a") as other:
        (live,) = names(tmp_path)
        os.kill(other.pid, signal.SIGSTOP)
        replace(tmp_path / "b")
        assert names(tmp_path) == [live, "b"]
        other.kill()
        other.wait()
        replace(tmp_path / "b")
        assert names(tmp_path) == ["b"]


FORKS = """
import fcntl, os, sys
from atio_core.errors import StorageError
from atio_core.storage import durable
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import replacement

case, path = sys.argv[1:]
reader, keeper = os.pipe()
replace = durable.replace

def live_on():  # with all that was inherited
    if os.fork() == 0:
        os.close(keeper)
        os.read(reader, 1)
        os._exit(0)

def replace_in_two(*names):
    live_on()
    replace(*names)

with replacement(plan_publication(path, keep_previous=True)) as new:
    new.file.write(b"whole")
    new.sync()
    if case in ("leaves", "publishes"):
        child = os.fork()
        if child == 0 and case == "leaves":
            sys.exit(7)
        if child == 0:
            try:
                new.publish()
            except StorageError as error:
                os._exit(7 if "forked" in str(error) else 1)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    elif case == "lives on":
        live_on()
    else:
        durable.replace = replace_in_two
    new.publish()
for locked in (path, path + ".previous", os.path.dirname(path)):
    fcntl.flock(os.open(locked, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
os.close(keeper)
"""


@pytest.mark.parametrize("case", ["leaves", "publishes", "lives on", "lives on from the middle"])
def test_a_child_process_does_no_harm(tmp_path: Path, case: str) -> None:
    """A fork within the block can't publish, removes nothing when it ends, and keeps no lock when it lives on."""
    (tmp_path / "a").write_bytes(b"old")
    command = [sys.executable, "-W", "ignore", "-c", FORKS, case, str(tmp_path / "a")]
    subprocess.run(command, cwd=PROJECT, check=True)
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert names(tmp_path) == ["a", "a.previous"]


def test_a_name_taken_by_who_cleans_is_given_up(tmp_path: Path) -> None:
    """Between its making and its locking a file looks dead: its writer sees that it is gone, and makes another."""
    made: list[str] = []

    def remove(call: Call) -> object:
        result = call.run()
        if call.name == "open" and len(made) < 2:
            made.append(call.paths[0])
            (tmp_path / call.paths[0]).unlink()
        return result

    with watched(tmp_path, remove), replacement(plan_publication(tmp_path / "a")) as new:
        assert len(made) == 2
        assert names(tmp_path) == [Path(new.temporary).name]
        assert new.temporary.endswith(".atio-tmp")


def test_a_lock_held_by_who_cleans_is_not_waited_for(tmp_path: Path) -> None:
    """If somebody else has locked the new file first, another one is made."""
    holding: list[int] = []

    def lock(call: Call) -> object:
        result = call.run()
        if call.name == "open" and not holding:
            holding.append(os.open(tmp_path / call.paths[0], os.O_RDONLY))
            fcntl.flock(holding[0], fcntl.LOCK_EX)
        return result

    with watched(tmp_path, lock):
        replace(tmp_path / "a")
    os.close(holding[0])
    assert names(tmp_path) == ["a"]


def test_a_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files can't be locked, they are written all the same, under names that nobody removes."""

    def refuse(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / DEAD[0]).write_bytes(b"who knows")
    with replacement(plan_publication(tmp_path / "a", keep_previous=True)) as new:
        assert new.temporary.endswith(".atio-unlocked")
        new.sync()
        new.publish()
    replace(tmp_path / "a", keep_previous=True)
    replace(tmp_path / "a", keep_previous=2)
    assert names(tmp_path) == [DEAD[0], "a", "a.previous", "a.previous.1"]


@pytest.mark.usefixtures("on_a_network_drive")
def test_nobody_is_taken_for_dead_on_a_network_drive(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a lock may not be seen by all, nothing is removed, our own names say so, and the log does, once."""
    (tmp_path / DEAD[0]).write_bytes(b"another machine's")
    (tmp_path / DEAD[1]).write_bytes(b"another machine's")
    with caplog.at_level(logging.WARNING, "atio"), replacement(plan_publication(tmp_path / "a")) as new:
        assert new.temporary.endswith(".atio-unlocked")
        replace(tmp_path / "b", keep_previous=True)
        replace(tmp_path / "b", keep_previous=True)
        new.sync()
        new.publish()
    assert names(tmp_path) == [*sorted(DEAD), "a", "b", "b.previous"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "atio-unlocked" in caplog.text


def test_a_name_that_leads_elsewhere_by_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cleans removes just what it has locked: a name may lead to another file by the time the lock is had."""
    path = tmp_path / DEAD[0]
    real = locks.take

    def swap(fd: int) -> bool:
        path.unlink()
        path.write_bytes(b"another")
        return real(fd)

    path.write_bytes(b"dead")
    monkeypatch.setattr(locks, "take", swap)
    temporary.clean(str(tmp_path))
    assert path.read_bytes() == b"another"


def test_many_clean_at_once(tmp_path: Path) -> None:
    """Threads that clean and write together remove all that is dead, and nothing else."""
    for number in range(200):
        (tmp_path / f".dead.{number:016x}.atio-tmp").write_bytes(b"half")
    start = threading.Barrier(4)
    failed: list[BaseException] = []

    def write(number: int) -> None:
        start.wait()
        try:
            for turn in range(25):
                replace(tmp_path / f"{number}.{turn}")
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert names(tmp_path) == sorted(f"{number}.{turn}" for number in range(4) for turn in range(25))


def test_a_folder_is_looked_into_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a look that took a while, many writes look no more; then one does again."""
    looks: list[str] = []
    now = [1000.0]
    listed = os.listdir

    def look(folder: str) -> list[str]:
        looks.append(folder)
        now[0] += 0.01
        return listed(folder)

    monkeypatch.setattr(temporary, "_REST", 50)
    monkeypatch.setattr(temporary, "_looked", {})
    monkeypatch.setattr(os, "listdir", look)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "thread_time", lambda: now[0])
    for _ in range(100):
        assert temporary.clean(str(tmp_path))  # and what it found of locks is remembered
    assert looks == [str(tmp_path)]
    now[0] += 0.6
    temporary.clean(str(tmp_path))
    assert len(looks) == 2


def test_few_folders_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that writes to any number of folders doesn't grow."""
    known: dict[str, tuple[float, bool]] = {}
    monkeypatch.setattr(temporary, "_looked", known)
    monkeypatch.setattr(temporary, "_MOST_FOLDERS", 3)
    for number in range(10):
        (tmp_path / str(number)).mkdir()
        temporary.clean(str(tmp_path / str(number)))
        assert len(known) <= 3


@pytest.mark.parametrize("length", [1, 30, 64, 100, 255])
def test_a_temporary_name_is_no_longer_than_the_target_s(length: int) -> None:
    """File systems that take only shorter names take our names as well, if they take the target's."""
    name = temporary.name_beside("/data/" + "x" * length, temporary.PREVIOUS)
    assert temporary.is_ours(Path(name).name)
    assert len(Path(name).name) <= max(length, 64)
    assert name.startswith("/data/.x")


def test_our_own_names_are_no_targets(tmp_path: Path) -> None:
    """A file that the next write would take for litter isn't written."""
    with pytest.raises(ValueError, match="belong to temporary files"):
        plan_publication(tmp_path / DEAD[0])


@pytest.mark.parametrize("locks_prove", [True, False])
def test_a_file_that_can_not_be_looked_at_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, locks_prove: bool
) -> None:
    """Whoever can't be told the new file's facts leaves no descriptor open."""

    def broken(fd: int) -> None:
        opened.append(fd)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    opened: list[int] = []
    made = temporary.Temporary(str(tmp_path / "a"))
    monkeypatch.setattr(os, "fstat", broken)
    with pytest.raises(OSError, match="Input/output"):
        made.open(0o600, locks_prove=locks_prove)
    monkeypatch.undo()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    made.take_away()
    assert list(tmp_path.iterdir()) == []
