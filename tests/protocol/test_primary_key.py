"""All orders of the storage calls of writers that bring the same keys: no version ever has one twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from atio_core.errors import AtioError, CommitUnknownError, DuplicateKeyError
from atio_core.table import Table
from tests.support.commits import SMALL
from tests.support.races import LATER_US
from tests.support.rules import Rule
from tests.support.schedule import Actor, Direct, Moment, Search

HELD_AFTER_A_LOST_RACE = Rule(
    "After a lost race a commit looks at the keys that others have brought",
    "changes.keyed:Keyed._newer",
    "return newer",
    "return ()",
)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lost a race tries again at once: others go on in all orders anyhow."""
    monkeypatch.setattr("time.sleep", lambda _: None)


def table(store: Any) -> Table:
    """The table, as an actor has it."""
    return Table(store=store, limits=SMALL, clock=lambda: LATER_US)


def rows(*ids: int) -> pa.Table:
    """Some rows."""
    return pa.table({"id": pa.array(ids, pa.int64()), "n": pa.array([0] * len(ids), pa.int64())})


def start(*ids: int, key: bool = True) -> dict[str, bytes]:
    """The objects of a table with a row in a file of its own for each id."""
    store = Direct({})
    for number in ids:
        table(store).append(rows(number))
    if key:
        table(store).set_key(["id"])
    return store.objects


def does(change: Callable[[Table], Any]) -> Actor:
    """An actor that makes a change; it comes to the version."""

    def act(store: Any) -> int:
        return change(table(store)).version

    return act


def appends(*ids: int) -> Actor:
    """An actor that appends rows."""
    return does(lambda t: t.append(rows(*ids)))


def holds(
    check: Callable[[list[int], dict[str, bool]], bool], *errors: type[AtioError]
) -> Callable[[Moment], None]:
    """Return a check: no version with a key has one twice; and in the end the ids are as expected.

    Args:
        check: Is given the ids, and for each actor whether it was acknowledged.
        errors: What actors may come to, beside a doubled key.
    """

    def look(moment: Moment) -> None:
        for outcome in moment.outcomes.values():
            if outcome.error is not None and not isinstance(outcome.error, (DuplicateKeyError, *errors)):
                raise outcome.error
        found = table(Direct(dict(moment.objects)))
        for snapshot in found.history():
            ids = snapshot.read("arrow")["id"].to_pylist()
            assert not snapshot.key or len(ids) == len(set(ids)), f"version {snapshot.version} has {ids}"
        if moment.over:
            ids = sorted(found.read(output_as="arrow")["id"].to_pylist())
            assert check(ids, {name: outcome.ok for name, outcome in moment.outcomes.items()}), ids

    return look


def test_two_appends_of_one_key() -> None:
    """Of two appends that bring one key exactly one is there in the end, and the other was refused."""

    def one_of_both(ids: list[int], done: dict[str, bool]) -> bool:
        return ids == ([1, 5, 6] if done["ann"] else [1, 5, 7]) and done["ann"] != done["bob"]

    actors = {"ann": appends(5, 6), "bob": appends(5, 7)}
    Search(actors, start=start(1), check=holds(one_of_both)).run()


def test_an_answer_that_gets_lost() -> None:
    """Nobody takes the rows of an own commit whose answer was lost for another's."""

    def one_at_most(ids: list[int], done: dict[str, bool]) -> bool:
        return ids in ([1, 5], [1, 5, 6], [1, 6]) and (not done["bob"] or 6 in ids)

    actors = {"ann": appends(5), "bob": appends(6)}
    check = holds(one_at_most, CommitUnknownError)
    Search(actors, start=start(1), check=check, flaky=["ann"], faults=1).run()


def test_an_append_beside_an_update_to_its_key() -> None:
    """An update that sets a key, and an append that brings it: one of them is refused."""

    def one_of_both(ids: list[int], done: dict[str, bool]) -> bool:
        return ids == ([1, 2, 5] if done["ann"] else [2, 5]) and done["ann"] != done["bob"]

    actors = {"ann": appends(5), "bob": does(lambda t: t.update([("id", "==", 1)], {"id": 5}))}
    Search(actors, start=start(1, 2), check=holds(one_of_both)).run()


def test_a_key_is_declared_beside_an_append() -> None:
    """Either the declaration finds the doubled row, or the append finds the key."""

    def one_of_both(ids: list[int], done: dict[str, bool]) -> bool:
        return ids == ([1, 1] if done["ann"] else [1]) and done["ann"] != done["bob"]

    actors = {"ann": appends(1), "bob": does(lambda t: t.set_key(["id"]))}
    Search(actors, start=start(1, key=False), check=holds(one_of_both)).run()


def test_it_bites() -> None:
    """Without the look at what others have brought meanwhile, the search finds a doubled key."""
    actors = {"ann": appends(5), "bob": appends(5)}
    with HELD_AFTER_A_LOST_RACE.off(), pytest.raises(AssertionError, match="version 4 has"):
        Search(actors, start=start(1), check=holds(lambda _ids, _done: True)).run()
