"""The world of a simulation: who is let on, what fails and how, and that nothing that goes wrong is missed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from atio_core.errors import AlreadyExistsError, StorageError
from tests.support.schedule import Call, Direct
from tests.support.world import FAULTS, BrokenPromiseError, Fault, Party, Weather, World

NOW_US = 1_700_000_000_000_000


def world(
    seed: int,
    *acts: Callable[[Party], object],
    weather: Weather | None = None,
    watch: Callable[[Call], None] | None = None,
) -> World:
    """A world whose parties do this, each by its own."""
    made = World(seed, {}, weather or Weather(), watch or (lambda _: None), NOW_US)
    for number, act in enumerate(acts):
        made.add(f"party {number}", act)
    return made


def three_puts(party: Party) -> None:
    """Put three objects."""
    for number in range(3):
        party.put(f"{party.name} {number}", b"")


def test_calls_mix_as_the_seed_says() -> None:
    """Two parties' calls come in many orders; one seed always gives the same one."""

    def order(seed: int) -> tuple[str, ...]:
        made = world(seed, three_puts, three_puts)
        made.run()
        assert len(made.objects) == 6
        return tuple(step.who for step in made.steps)

    orders = [order(seed) for seed in range(50)]
    assert len(set(orders)) > 10
    assert orders == [order(seed) for seed in range(50)]


@pytest.mark.parametrize(
    ("verb", "fault"),
    [(verb, fault) for verb, faults in FAULTS.items() for fault in dict.fromkeys(faults)],
    ids=str,
)
def test_what_a_fault_does(verb: str, fault: Fault) -> None:
    """A call that fails takes effect at once, later, both, or never; its caller is told what the fault says."""
    made = world(0, three_puts)
    made.objects["old"] = b"1"
    call = Call(verb, "new" if verb.startswith("put") else "old", b"2")
    before, after = dict(made.objects), dict(made.objects)
    Direct(after).answer(call)
    told = None
    try:
        made.answer_with(fault, made.parties[0], call)
    except (StorageError, AlreadyExistsError) as error:
        told = error
    assert made.objects == (after if fault.now else before)
    assert made.late == [call] * fault.later
    if made.late:
        made.arrive()
        assert made.objects == after
    assert type(told) is type(fault.error(call) if fault.error else None)
    if isinstance(told, StorageError):
        assert told.unknown == ("answer lost" in fault.name)


def test_a_sleeper_wakes_up_when_all_others_are_through() -> None:
    """Time goes on by itself where nobody is awake."""
    made = world(3, three_puts, three_puts, weather=Weather(sleep=0.5))
    made.run()
    assert any("sleeps" in str(step) for step in made.steps)
    assert len(made.objects) == 6
    assert made.now_us > NOW_US + 60_000_000


def test_the_dead_do_nothing_more() -> None:
    """A party that dies makes no further call, though its code would handle any error."""

    def stubborn(party: Party) -> None:
        try:
            three_puts(party)
        finally:
            party.put("last words", b"")

    made = world(0, stubborn, weather=Weather(death=1))
    made.run()
    assert made.objects == {}


def test_what_the_watch_sees_ends_the_history() -> None:
    """What the watch raises comes out, though the party's code would swallow it."""

    def watch(call: Call) -> None:
        raise BrokenPromiseError(call.name)

    def careless(party: Party) -> None:
        with contextlib.suppress(Exception):
            three_puts(party)

    with pytest.raises(BrokenPromiseError, match="party 0 0"):
        world(0, careless, watch=watch).run()


def test_an_error_of_a_party_comes_out() -> None:
    """An error that a party doesn't handle ends the history."""

    def fails(party: Party) -> None:
        raise ZeroDivisionError(party.name)

    with pytest.raises(ZeroDivisionError):
        world(0, three_puts, fails).run()


def test_who_only_looks_changes_nothing() -> None:
    """A party that says that it only looks, and changes something, is caught."""

    def sly(party: Party) -> None:
        party.may_write = False
        party.put("a", b"")

    with pytest.raises(BrokenPromiseError, match="only wants to look"):
        world(0, sly).run()
