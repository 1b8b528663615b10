"""Writers on one system go one after the other: tests of `atio_core.storage.turns`."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from atio_core.storage import locks, turns
from atio_core.storage.local import LocalStore
from atio_core.storage.turns import Turns, turns_in
from tests.support.turn_holder import turn_held_elsewhere

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no such locks here")


@pytest.fixture
def own(tmp_path: Path) -> Turns:
    """The turns of a folder, as a process sees them that is new to it."""
    if not locks.reach_everybody(str(tmp_path)):
        pytest.skip("locks don't reach everybody here")
    return Turns(str(tmp_path))


def in_thread(act: object) -> object:
    """What a function returns in another thread."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(act()))  # type: ignore[operator]
    thread.start()
    thread.join()
    return found[0]


def test_a_turn_is_one_threads(tmp_path: Path, own: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has it has it; another thread gets it once it is passed on."""
    monkeypatch.setattr(turns, "_SHUNNED_SECONDS", (0.0, 0.0))
    own = Turns(str(tmp_path))
    assert own.take()
    assert own.take()
    assert not in_thread(own.take)
    own.pass_on()
    assert in_thread(lambda: own.take() and own.pass_on() is None)
    assert own.take()
    own.pass_on()


def test_only_the_holder_passes_a_turn_on(own: Turns) -> None:
    """What other threads do meanwhile ends nobody's turn."""
    assert own.take()
    in_thread(own.pass_on)
    assert not in_thread(own.take)
    own.pass_on()


def test_a_turn_is_one_processs(own: Turns, tmp_path: Path) -> None:
    """While another process has it and nothing moves, it isn't ours; the wait has an end."""
    with turn_held_elsewhere(tmp_path):
        assert not own.take()
        assert own.are_wanted


def test_a_killed_holders_turn_is_free(own: Turns, tmp_path: Path) -> None:
    """P5: at once."""
    with turn_held_elsewhere(tmp_path):
        pass
    assert own.take()
    own.pass_on()


def test_who_waited_in_vain_does_without_turns_for_a_while(own: Turns, tmp_path: Path) -> None:
    """A stopped holder costs one short wait, not one for each commit."""
    with turn_held_elsewhere(tmp_path):
        assert not own.take()
    assert not own.take()


def test_nobody_gives_up_while_others_come_and_go(
    own: Turns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as files come and go the turn will come; but nobody waits for ever."""
    monkeypatch.setattr(turns, "_LONGEST_WAIT_SECONDS", 0.2)
    waits: list[float] = []

    def come(seconds: float) -> bool:
        waits.append(seconds)
        os.utime(tmp_path, ns=(len(waits), len(waits)))
        return len(waits) == 3

    monkeypatch.setattr(Turns, "_after_processes", lambda _, __, seconds: come(seconds))
    with turn_held_elsewhere(tmp_path):
        assert own.take()
    assert len(waits) == 3


def test_an_interrupted_wait_leaves_nothing(
    own: Turns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is interrupted while it waits has no turn, and hinders no other thread."""

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    open_files = len([*Path("/dev/fd").iterdir()])
    monkeypatch.setattr(Turns, "_after_processes", interrupted)
    with turn_held_elsewhere(tmp_path), pytest.raises(KeyboardInterrupt):
        own.take()
    assert len([*Path("/dev/fd").iterdir()]) == open_files
    assert own.take()
    own.pass_on()


def test_turns_are_wanted_for_a_while(own: Turns) -> None:
    """Once somebody was met; who is alone for some turns in a row takes none any more."""
    assert not own.are_wanted
    own.want()
    taken = 0
    while own.are_wanted:
        assert own.take()
        own.pass_on()
        taken += 1
    assert taken == 16


def test_there_are_no_turns_where_locks_prove_nothing(own: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network drive nobody waits for others whom he can't see."""
    monkeypatch.setattr(locks, "reach_everybody", lambda _: False)
    assert not own.take()


def test_there_are_no_turns_in_a_folder_that_is_not_there(own: Turns, tmp_path: Path) -> None:
    """The first commit of a table has nothing to lock."""
    assert not turns_in(str(tmp_path / "nowhere")).take()
    assert own.take()
    own.pass_on()


FORKS = """
import os, sys
from atio_core.storage.turns import turns_in

turns = turns_in(sys.argv[1])
assert turns.take()
child = os.fork()
if child == 0:
    os._exit(turns.is_mine or turns_in(sys.argv[1]).take())
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert turns.is_mine
"""


def test_a_forked_process_holds_nothing(own: Turns, tmp_path: Path) -> None:
    """A turn is the process's that took it, and it waits for it as any other."""
    subprocess.run([sys.executable, "-c", FORKS, str(tmp_path)], check=True)
    assert own.take()
    own.pass_on()


def test_all_stores_of_a_folder_share_its_turns(tmp_path: Path) -> None:
    """Also one that was sent here by another process."""
    store = LocalStore(tmp_path, temporary="tmp")
    assert LocalStore(tmp_path, temporary="tmp").turns is store.turns
    assert pickle.loads(pickle.dumps(store)).turns is store.turns


def test_a_create_passes_the_turn_on(tmp_path: Path) -> None:
    """As soon as the object is there; not if the name was taken."""
    store = LocalStore(tmp_path, temporary="tmp")
    store.put_if_absent("a", b"1")
    if not store.turns.take():
        pytest.skip("locks don't reach everybody here")
    with pytest.raises(FileExistsError):
        store.put_if_absent("a", b"2")
    assert store.turns.is_mine
    store.put_if_absent("b", b"1")
    assert not store.turns.is_mine
