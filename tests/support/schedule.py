"""Every order of the storage calls of a few actors, over a store in memory.

An actor is a function that takes a store. It is run again and again, each time with one answer more: at the first call
that has no answer yet it is stopped, and that call is its next step. So an actor's state is the list of answers that it
has seen, no threads are needed, and a state of the whole is small: what is stored, and what each actor has seen. Two
orders that lead to the same state are followed once, so that a search through all of them ends.

A step is one call: `read`, `put`, `put_if_absent`, `size`, the deletion of one name, or a look into one folder (a
listing is one look per folder, at different times; where names lie side by side, that of the log is one call). Beside
the steps of the actors a search can try, within limits:

- faults of `put_if_absent`: it takes effect or not or later, and the answer is lost or says "taken";
- deaths: an actor stops for good.

An actor is paused while others go on in some of the orders. To let others do much in one step, it calls `at_once`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest import mock

from atio_core.errors import AlreadyExistsError, AtioError, NotFoundError, StorageError
from atio_core.storage.base import Listed, ObjectWriter
from atio_core.storage.io_stats import IoCounter


@dataclass(frozen=True, slots=True)
class Call:
    """A storage call that an actor makes."""

    verb: str
    name: str
    data: bytes = b""
    act: Callable[[Direct], Any] | None = None

    def __str__(self) -> str:
        """The call without its data."""
        return f"{self.verb} {self.name}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error; made anew for each time that it is given."""

    kind: type[AtioError]
    name: str
    unknown: bool = False

    def error(self) -> AtioError:
        """Return the error."""
        facts: dict[str, Any] = {"unknown": True} if self.unknown else {}
        return self.kind(f"{self.kind.__name__}: {self.name}", path=self.name, **facts)


class Verbs:
    """An `ObjectStore` whose calls all go through `ask`, each folder of a listing by itself."""

    location = "memory://schedule"
    is_flat = False
    """Whether names lie side by side; then a listing is one call, too."""

    def ask(self, call: Call) -> Any:
        """Answer a call. Override this."""
        raise NotImplementedError

    def read(self, name: str) -> bytes:
        """See `ObjectStore`."""
        return self.ask(Call("read", name))

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """See `ObjectStore`."""
        part = self.read(name)[start : start + into.nbytes]
        into.cast("B")[: len(part)] = part
        return len(part)

    def size(self, name: str) -> int:
        """See `ObjectStore`."""
        return self.ask(Call("size", name))

    def put(self, name: str, data: bytes) -> None:
        """See `ObjectStore`."""
        self.ask(Call("put", name, data))

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """See `ObjectStore`."""
        self.ask(Call("put_if_absent", name, data))

    def make_durable(self, name: str) -> None:
        """See `ObjectStore`. Nothing gets lost here."""

    def open_write(self, name: str) -> ObjectWriter:
        """See `ObjectStore`."""
        return _Writer(self, name)

    def look(self, folder: str) -> list[str]:
        """See `ObjectStore`."""
        return list(self.ask(Call("look", folder)))

    @property
    def io(self) -> IoCounter:
        """See `ObjectStore`. Nobody counts."""
        return IoCounter()

    @property
    def flat(self) -> Verbs | None:
        """See `ObjectStore`."""
        return self if self.is_flat else None

    @property
    def turns(self) -> None:
        """None: the order of calls is decided elsewhere."""
        return None

    def listed(self, prefix: str) -> Iterator[Listed]:
        """See `FlatListing`. A page has all."""
        yield from (Listed(name, mark) for name, mark in self.ask(Call("listed", prefix)))

    def read_listed(self, one: Listed) -> bytes:
        """See `FlatListing`."""
        data = self.ask(Call("read", one.name))
        if _mark(data) != one.mark:
            raise NotFoundError(f"{one.name} is another by now", path=one.name)
        return data

    def prune(self, folder: str) -> None:
        """See `ObjectStore`. Here folders are nothing of their own."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `ObjectStore`."""
        for name in self.look(prefix):
            if name.endswith("/"):
                yield from self.list(name)
            else:
                yield name

    def delete(self, names: Iterable[str]) -> list[str]:
        """See `ObjectStore`."""
        for name in names:
            self.ask(Call("delete", name))
        return []

    def at_once(self, act: Callable[[Direct], Any]) -> Any:
        """Do something with the store that nothing comes between, as one step; return what it returns (hashable)."""
        return self.ask(Call("at once", getattr(act, "__name__", "act"), act=act))


def _mark(data: bytes) -> str:
    """As many stores have it: what is stored again has the mark that it had."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


class _Writer:
    def __init__(self, store: Verbs, name: str) -> None:
        self._store, self._name, self._data = store, name, bytearray()

    def write(self, data: memoryview | bytes) -> int:
        self._data += data
        return len(data)

    def close(self) -> None:
        self._store.put(self._name, bytes(self._data))

    def abort(self) -> None:
        self._data.clear()


class Direct(Verbs):
    """A store over a dict, without any scheduling.

    Args:
        objects: The names and their bytes. A name that ends with `/` is an empty folder.
        folders_stay: Folders outlive what lies in them, as on a disk.
    """

    def __init__(self, objects: dict[str, bytes], *, folders_stay: bool = False) -> None:
        self.objects = objects
        self.folders_stay = folders_stay

    def ask(self, call: Call) -> Any:
        """Answer at once; an error is raised."""
        answer = self.answer(call)
        if isinstance(answer, Refusal):
            raise answer.error()
        return answer

    def answer(self, call: Call) -> Any:
        """Do what a call asks for; an error is returned."""
        name = call.name
        match call.verb:
            case "read" | "size":
                found = self.objects.get(name)
                if found is None:
                    return Refusal(NotFoundError, name)
                return found if call.verb == "read" else len(found)
            case "put" | "put_if_absent":
                if name in self.objects:
                    return Refusal(AlreadyExistsError, name)
                self.objects[name] = call.data
                if self.folders_stay:
                    self.objects |= dict.fromkeys(_folders(name), b"")
                return None
            case "delete":
                self.objects.pop(name, None)
                return None
            case "look":
                rests = (one[len(name) :].partition("/") for one in self.objects if one.startswith(name))
                return tuple(sorted({name + first + slash for first, slash, _ in rests if first}))
            case "listed":
                below = (one for one in self.objects.items() if one[0].startswith(name) and one[0][-1] != "/")
                return tuple(sorted((one, _mark(data)) for one, data in below))
            case _:
                assert call.act is not None
                return call.act(self)


def _folders(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[: count + 1]) + "/" for count in range(len(parts))]


class _Stopped(BaseException):
    """The actor made a call that has no answer yet."""


class _Scripted(Verbs):
    """A store that knows the answers to the first calls, and stops the actor at the next one."""

    def __init__(self, answers: tuple[Any, ...]) -> None:
        self._answers = iter(answers)
        self.next: Call | None = None

    def ask(self, call: Call) -> Any:
        if self.next is None:
            for answer in self._answers:
                if isinstance(answer, Refusal):
                    raise answer.error()
                return answer
            self.next = call
        raise _Stopped


Actor = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an actor came to: a value, an error, or a death."""

    value: Any = None
    error: BaseException | None = None
    died: bool = False

    @property
    def ok(self) -> bool:
        """Whether it returned."""
        return self.error is None and not self.died


@dataclass(frozen=True, slots=True)
class Moment:
    """A state that a search reached.

    Attributes:
        objects: What is stored.
        outcomes: What the actors that are through came to.
        over: Nobody has anything left to do.
    """

    objects: dict[str, bytes]
    outcomes: dict[str, Outcome]
    over: bool


@dataclass(frozen=True, slots=True)
class _State:
    stored: int  # numbers of what was seen before: of stores, and of lists of answers
    seen: tuple[int, ...]
    late: frozenset[tuple[str, bytes]]  # creates that may still take effect
    faults: int
    deaths: int


_DEAD = -1
_LOST = ((StorageError, True), (AlreadyExistsError, False))


class Search:
    """Goes through every order of the steps of some actors.

    Args:
        actors: By name. They must do the same whenever they get the same answers.
        start: What is stored at first.
        check: Called at every state; raises if something is wrong there.
        flaky: The actors whose creates can fail.
        faults: How many of these fail at most.
        deaths: How many actors die at most.
        folders_stay: As for `Direct`.
        is_flat: Names lie side by side, as in a bucket: the log is listed by one call.

    Example:
        >>> def add(store):
        ...     store.put_if_absent("a", b"1")
        >>> def check(moment):
        ...     assert len(moment.objects) <= 1
        >>> Search({"one": add, "two": add}, start={}, check=check).run()
        5
    """

    def __init__(
        self,
        actors: Mapping[str, Actor],
        *,
        start: Mapping[str, bytes],
        check: Callable[[Moment], None],
        flaky: Iterable[str] = (),
        faults: int = 0,
        deaths: int = 0,
        folders_stay: bool = False,
        is_flat: bool = False,
    ) -> None:
        self._names = list(actors)
        self._actors = list(actors.values())
        self._check = check
        self._flaky = {self._names.index(name) for name in flaky}
        self._folders_stay = folders_stay
        self._is_flat = is_flat
        self._stores: list[dict[str, bytes]] = []
        self._numbers: dict[Any, int] = {}
        self._answers: list[tuple[Any, ...]] = [()]
        self._next: dict[tuple[int, int], Call | Outcome] = {}
        self._came_from: dict[_State, tuple[_State, str] | None] = {}
        self._checked: set[Any] = set()
        self._ends: dict[tuple[int, str], int] = {}
        self._random = Randomness()
        first = _State(self._store_number(dict(start)), (0,) * len(actors), frozenset(), faults, deaths)
        self._first = first

    def run(self) -> int:
        """Go through all states; return how many there are. A failed check tells the way to it."""
        with mock.patch("os.urandom", self._random):
            stack = [self._first]
            self._came_from[self._first] = None
            while stack:
                state = stack.pop()
                steps = list(self._steps(state))
                self._look_at(state, over=not steps)
                for label, after in steps:
                    if after not in self._came_from:
                        self._came_from[after] = (state, label)
                        stack.append(after)
        return len(self._came_from)

    def _steps(self, state: _State) -> Iterator[tuple[str, _State]]:
        for actor, seen in enumerate(state.seen):
            call = self._next_call(actor, seen)
            if isinstance(call, Outcome):
                continue
            yield f"{self._names[actor]}: {call}", self._step(state, actor, call)
            if call.verb == "put_if_absent" and state.faults and actor in self._flaky:
                yield from self._faults(state, actor, call)
            if state.deaths:
                after = self._with(state, actor, _DEAD, deaths=state.deaths - 1)
                yield f"{self._names[actor]} dies before: {call}", after
        for name, data in state.late:
            stored, _ = self._done(state.stored, Call("put_if_absent", name, data))
            yield (
                f"late: put_if_absent {name}",
                _replaced(state, stored=stored, late=state.late - {(name, data)}),
            )

    def _step(self, state: _State, actor: int, call: Call) -> _State:
        self._random.restart(f"{self._names[actor]} at once {state.seen[actor]}")
        stored, answer = self._done(state.stored, call)
        return self._with(state, actor, self._told(actor, state.seen[actor], answer), stored=stored)

    def _faults(self, state: _State, actor: int, call: Call) -> Iterator[tuple[str, _State]]:
        done, _ = self._done(state.stored, call)
        late = state.late | {(call.name, call.data)}
        for kind, unknown in _LOST:
            seen = self._told(actor, state.seen[actor], Refusal(kind, call.name, unknown))
            told = f"{self._names[actor]} is told {kind.__name__}: {call}"
            faults = state.faults - 1
            yield f"{told} (not done)", self._with(state, actor, seen, faults=faults)
            yield f"{told} (to be done later)", self._with(state, actor, seen, faults=faults, late=late)
            yield f"{told} (done)", self._with(state, actor, seen, faults=faults, stored=done)

    def _with(self, state: _State, actor: int, seen: int, **others: Any) -> _State:
        return _replaced(state, seen=(*state.seen[:actor], seen, *state.seen[actor + 1 :]), **others)

    def _done(self, stored: int, call: Call) -> tuple[int, Any]:
        if call.verb in ("read", "size", "look", "listed"):
            return stored, Direct(self._stores[stored]).answer(call)
        objects = dict(self._stores[stored])
        answer = Direct(objects, folders_stay=self._folders_stay).answer(call)
        return self._store_number(objects), answer

    def _next_call(self, actor: int, seen: int) -> Call | Outcome:
        """Run an actor over the answers that it has seen; it always does the same, so once is enough."""
        if seen == _DEAD:
            return Outcome(died=True)
        found = self._next.get((actor, seen))
        if found is None:
            store = _Scripted(self._answers[seen])
            store.is_flat = self._is_flat
            self._random.restart(self._names[actor])
            try:
                found = Outcome(self._actors[actor](store))
            except _Stopped:
                assert store.next is not None
                found = store.next
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what the actor came to
                found = Outcome(error=error)
            self._next[actor, seen] = found
        return found

    def _store_number(self, objects: dict[str, bytes]) -> int:
        key = frozenset(objects.items())
        number = self._numbers.setdefault(key, len(self._stores))
        if number == len(self._stores):
            self._stores.append(objects)
        return number

    def _told(self, actor: int, seen: int, answer: Any) -> int:
        """Number what an actor has seen. Of one that is through, only what it came to counts."""
        number = self._numbers.setdefault(("told", seen, answer), len(self._answers))
        if number == len(self._answers):
            self._answers.append((*self._answers[seen], answer))
        call = self._next_call(actor, number)
        return number if isinstance(call, Call) else self._ends.setdefault((actor, repr(call)), number)

    def _look_at(self, state: _State, *, over: bool) -> None:
        told = [self._next_call(actor, seen) for actor, seen in enumerate(state.seen)]
        through = {name: one for name, one in zip(self._names, told, strict=True) if isinstance(one, Outcome)}
        key = (state.stored, tuple((name, id(one)) for name, one in through.items()), over)
        if key in self._checked:
            return
        self._checked.add(key)
        self._random.restart("check")
        try:
            self._check(Moment(dict(self._stores[state.stored]), through, over))
        except BaseException as error:
            error.add_note("\n".join(["after these steps:", *self._way_to(state)]))
            raise

    def _way_to(self, state: _State) -> list[str]:
        steps: list[str] = []
        while (before := self._came_from[state]) is not None:
            state, label = before
            steps.append(f"  {label}")
        return steps[::-1]


def _replaced(state: _State, **changes: Any) -> _State:
    fields = {name: getattr(state, name) for name in _State.__slots__}
    return _State(**(fields | changes))


class Randomness:
    """Random bytes that depend on a seed and on how often some were asked for since; takes `os.urandom`'s place."""

    def __init__(self) -> None:
        self.restart("")

    def restart(self, seed: str) -> None:
        """Begin the bytes of a seed."""
        self._seed, self._count = seed, 0

    def __call__(self, length: int) -> bytes:
        """Return the next bytes."""
        self._count += 1
        return hashlib.blake2b(f"{self._seed} {self._count}".encode(), digest_size=length).digest()
