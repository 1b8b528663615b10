"""Parties that work on one table at once. A seed decides the order of their storage calls, and what goes wrong.

Each party has a thread, but one runs at a time: at each storage call it waits until it is let on. So a history is a
list of calls that follows from the seed alone, and comes out the same whenever it is run again.

- A call takes effect at one moment; a listing is a look into one folder after another, at different moments. Where the
  seed is negative, names lie side by side, and the log is listed by one call.
- Time passes with each call. Each party has a clock of its own, which may be wrong and be set meanwhile.
- A party may sleep for hours at any call, or die there.
- A call of a flaky party may fail: refused; or its answer is lost, and it took effect, or does so later, or never; or
  it takes effect twice, the second time much later; of a create it may also be said, wrongly, that the name was taken.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from atio_core.errors import AlreadyExistsError, AtioError, StorageError
from tests.support.schedule import Call, Direct, Randomness, Refusal, Verbs

MINUTE_US = 60_000_000
_AT_A_TIME = ((1, 1, 1, 2), (1, 1, 1, 2, 3, 5, 8, 20))
_ARRIVALS = (0.02, 0.4)
_SPANS_US = (MINUTE_US, 50 * MINUTE_US, 3 * 60 * MINUTE_US, 26 * 60 * MINUTE_US)
_SKEWS_US = (0, 0, 0, -MINUTE_US, MINUTE_US, -2 * 60 * MINUTE_US, 2 * 60 * MINUTE_US, -(10**12), 10**12)
_TIRING = {"put_if_absent": 4.0, "read": 2.0}
"""At calls of these verbs parties fall asleep more often: there, much can come between."""
_CHANGING = ("put", "put_if_absent", "delete")


@dataclass(frozen=True, slots=True)
class Weather:
    """What may go wrong in a history: the chance of it at each turn or call of a party that it can happen to."""

    fault: float = 0
    sleep: float = 0
    death: float = 0
    wrong_clocks: bool = False


def _refused(call: Call) -> AtioError:
    return StorageError(f"the store refused: {call}", path=call.name)


def _lost(call: Call) -> AtioError:
    return StorageError(f"the answer got lost: {call}", path=call.name, unknown=True)


def _taken(call: Call) -> AtioError:
    return AlreadyExistsError(f"{call.name} is taken, says the store", path=call.name)


@dataclass(frozen=True, slots=True)
class Fault:
    """What may become of a call.

    Attributes:
        name: What the history calls it.
        now: It takes effect.
        later: It takes effect (again) when nobody waits for it any more.
        error: What its caller is told instead of the answer.
    """

    name: str
    now: bool = False
    later: bool = False
    error: Callable[[Call], AtioError] | None = None

    def __str__(self) -> str:
        """Its name."""
        return self.name


FINE = Fault("", now=True)
_REFUSED = [Fault("refused", error=_refused)]
_LOST = [
    Fault("done, answer lost", now=True, error=_lost),
    Fault("not done, answer lost", error=_lost),
    Fault("done later, answer lost", later=True, error=_lost),
    Fault("done, and again later", now=True, later=True),
]
_CALLED_TAKEN = [
    Fault("done, called taken", now=True, error=_taken),
    Fault("not done, called taken", error=_taken),
    Fault("done later, called taken", later=True, error=_taken),
]
FAULTS = {
    "read": _REFUSED,
    "put": [*_REFUSED, *_LOST],
    "delete": [*_REFUSED, *_LOST],
    "put_if_absent": [*_REFUSED, *_LOST, *_CALLED_TAKEN, *_LOST, *_CALLED_TAKEN],
}
"""By verb; all that only look fail as a read does."""


class Over(BaseException):
    """Ends a party wherever it is; nothing in the code under test may handle it."""


class BrokenPromiseError(AssertionError):
    """Something isn't as promised."""


def promised(holds: object, broken: str) -> None:
    """Raise `BrokenPromiseError`, which says what is broken, unless a promise holds."""
    if not holds:
        raise BrokenPromiseError(broken)


@dataclass(slots=True)
class Step:
    """What happened at one moment of a history."""

    who: str
    what: object
    how: str = ""

    def __str__(self) -> str:
        """One line."""
        return f"{self.who}: {self.what}{self.how and f' ({self.how})'}"


class Party(Verbs):
    """One party, and the store as it sees it.

    Attributes:
        name: Its name.
        steady: Nothing goes wrong for it, and it doesn't sleep.
        waits_for: The verb of the call that it makes next.
        troubled: A call of it has failed, so that it may not know what became of its commit.
        may_write: Whether what it does now may change anything.
    """

    def __init__(self, world: World, name: str, act: Callable[[Party], object], *, steady: bool) -> None:
        self.name, self.steady, self.troubled, self.may_write = name, steady, False, True
        self.wakes_us, self.skew_us, self.waits_for = 0, 0, ""
        self.done = self._dying = False
        self._world, self._act, self._left = world, act, 0
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def clock(self) -> int:
        """Tell the time as this party's clock does."""
        told_us = self._world.now_us + self.skew_us
        self._world.told_us = max(self._world.told_us, told_us)
        return told_us

    def go_on(self, calls: int) -> None:
        """Let it make so many calls; return when it waits for the next one, or is through."""
        self._left = calls
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._go.release()
        self._back.acquire()

    def die(self) -> None:
        """End it where it is."""
        self._dying = True
        if self._thread.ident is None:
            self.done = True
        elif not self.done:
            self.go_on(0)

    def ask(self, call: Call) -> Any:
        """Wait for the next turn, then make a call."""
        if self._left == 0 and not self._dying:
            self.waits_for = call.verb
            self._back.release()
            self._go.acquire()
        if self._dying:
            raise Over
        self._left -= 1
        return self._world.answer(self, call)

    def _run(self) -> None:
        try:
            self._act(self)
        except Over:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by the world, in the thread of the test
            self._world.fail(error)
        self.done = True
        self._back.release()


@dataclass(slots=True)
class World:
    """A store, its parties, and the time.

    Args:
        seed: Decides all that isn't said.
        objects: What is stored at first.
        weather: What may go wrong.
        watch: Told of each call that has changed something; raises if that must not be.
        now_us: The time at first.
        told_us: The latest time that a clock has told.
    """

    seed: int
    objects: dict[str, bytes]
    weather: Weather
    watch: Callable[[Call], None]
    now_us: int
    parties: list[Party] = field(default_factory=list[Party])
    steps: list[Step] = field(default_factory=list[Step])
    late: list[Call] = field(default_factory=list[Call])
    random: random.Random = field(init=False)
    store: Direct = field(init=False)
    failure: BaseException | None = None
    told_us: int = 0
    _at_a_time: tuple[int, ...] = field(init=False)
    _arrival: float = field(init=False)

    def __post_init__(self) -> None:
        """Prepare what follows from the seed."""
        self.random = random.Random(self.seed)  # noqa: S311 - repeatable, not secret
        self._at_a_time = self.random.choice(_AT_A_TIME)
        self._arrival = self.random.choice(_ARRIVALS)
        self.store = Direct(self.objects, folders_stay=self.random.random() < 0.5)

    def add(self, name: str, act: Callable[[Party], object], *, steady: bool = False) -> None:
        """Let a party take part."""
        party = Party(self, name, act, steady=steady)
        party.is_flat = self.seed < 0
        if self.weather.wrong_clocks:
            party.skew_us = self.random.choice(_SKEWS_US)
        self.parties.append(party)

    def run(self) -> None:
        """Let all parties work until they are through or dead, and all calls on their way have arrived.

        Raises:
            BrokenPromiseError: Something isn't as promised; or whatever else a party came to that it must not.
        """
        randomness = Randomness()
        randomness.restart(str(self.seed))
        with mock.patch("os.urandom", randomness), mock.patch("time.sleep"):
            try:
                while self.failure is None and (party := self._next()) is not None:
                    self._turn(party)
                while self.failure is None and self.late:
                    self.arrive()
            finally:
                for party in self.parties:
                    party.die()
        if self.failure is not None:
            raise self.failure

    def fail(self, error: BaseException) -> None:
        """End the history: something is wrong."""
        self.failure = self.failure or error

    def _next(self) -> Party | None:
        working = [party for party in self.parties if not party.done]
        if not working:
            return None
        self.now_us = max(self.now_us, min(party.wakes_us for party in working))
        return self.random.choice([party for party in working if party.wakes_us <= self.now_us])

    def _turn(self, party: Party) -> None:
        chance, weather = self.random.random, self.weather
        if self.late and chance() < self._arrival:
            self.arrive()
        if weather.wrong_clocks and chance() < 0.01:
            party.skew_us = self.random.choice(_SKEWS_US)
        if not party.steady and chance() < weather.death:
            self.steps.append(Step(party.name, "dies"))
            party.die()
        elif not party.steady and chance() < weather.sleep * _TIRING.get(party.waits_for, 0.5):
            span_us = self.random.choice(_SPANS_US)
            party.wakes_us = (self.now_us // span_us + 1) * span_us  # so that often several wake up at once
            self.steps.append(Step(party.name, f"sleeps for up to {span_us // MINUTE_US} minutes"))
        else:
            party.go_on(self.random.choice(self._at_a_time))

    def answer(self, party: Party, call: Call) -> Any:
        """Answer a call."""
        self.now_us += self.random.randrange(1, 5_000)
        if not party.may_write and call.verb in _CHANGING:
            self.fail(BrokenPromiseError(f"{party.name} only wants to look, but: {call}"))
            raise Over
        fault = FINE
        faults = FAULTS.get(call.verb, FAULTS["read"])
        if not party.steady and self.random.random() < self.weather.fault * len(faults):
            party.troubled = True
            fault = self.random.choice(faults)
        return self.answer_with(fault, party, call)

    def answer_with(self, fault: Fault, party: Party, call: Call) -> Any:
        """Answer a call as a fault has it."""
        step = Step(party.name, call, fault.name)
        self.steps.append(step)
        answer = self._take_effect(call) if fault.now else None
        if fault.later:
            self.late.append(call)
        if fault.error is not None:
            raise fault.error(call)
        if isinstance(answer, Refusal):
            step.how += answer.kind.__name__
            raise answer.error()
        return answer

    def arrive(self) -> None:
        """Let a call that is on its way take effect."""
        call = self.late.pop(self.random.randrange(len(self.late)))
        self.steps.append(Step("late", call))
        with suppress(Over):
            self._take_effect(call)

    def _take_effect(self, call: Call) -> Any:
        changes = call.verb == "delete" or (call.verb in _CHANGING and call.name not in self.objects)
        answer = self.store.answer(call)
        if changes:
            try:
                self.watch(call)
            except BaseException as error:
                self.fail(error)
                raise Over from error
        return answer
