"""Histories of a table at random, each from a seed: who takes part, what they do, and what they may come to.

`python -m tests.support.histories 4711` runs the history of seed 4711 again and tells each step.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, cast
from unittest import mock

from atio_core.changes.restore import Restore
from atio_core.changes.several import Several
from atio_core.changes.tag import RemoveTag, SetTag
from atio_core.log.lookup import VersionSelector, find, history
from atio_core.model.entry import DAY_US
from tests.support.chain import Chain, Link
from tests.support.commits import SMALL, Writer, needed, verify
from tests.support.races import LATER_US, read_entry, table
from tests.support.schedule import Direct, Randomness
from tests.support.stages import StageJudge
from tests.support.world import MINUTE_US, Party, Weather, World, promised

SIZES = (0, 1, 2, 2, 3, 3, 6, 7, 7, 15)
WEATHERS = (
    Weather(),
    Weather(sleep=0.03),
    Weather(sleep=0.15),
    Weather(sleep=0.1, wrong_clocks=True),
    Weather(fault=0.03),
    Weather(fault=0.01, sleep=0.04),
    Weather(fault=0.01, sleep=0.03, death=0.01, wrong_clocks=True),
)
GRACES_US = (0, 0, MINUTE_US, None)
LASTING_US = (None, None, None, MINUTE_US, 60 * MINUTE_US)
RULES = (
    {"keep_hourly": 1},
    {"keep_daily": 2},
    {"keep_last": 1, "keep_weekly": 1},
    {"keep_for": timedelta(minutes=1)},
)
"""What is kept by the calendar."""


@dataclass(slots=True)
class _OnTime(Writer):
    """A writer whose clock is its party's."""

    def clock(self) -> int:
        return cast("Party", self.store).clock()


class Worker(StageJudge):
    """One party: it does this and that with a table.

    Args:
        party: Its turn, its clock, its view of the store.
        chain: The true history.
        choices: Decides what it does.
    """

    def __init__(self, party: Party, chain: Chain, choices: random.Random) -> None:
        super().__init__(party, chain, choices, _OnTime(party, limits=chain.limits))

    def append(self) -> None:
        """Append a new word."""
        self._write("append")

    def overwrite(self) -> None:
        """Overwrite all by a new word."""
        self._write("overwrite")

    def append_once(self) -> None:
        """Append with a key that others use too, until it is known to be done."""
        self._write("append", idempotency_key=self.choices.choice("kl"))

    def append_expecting(self) -> None:
        """Append if a version is the latest: the one that is now, or the one before."""
        now = self.chain.link(self.chain.tip).entry.data.version if self.chain.tip else 0
        self._write("append", expected_version=max(0, now - self.choices.choice((0, 0, 1))))

    def delete(self) -> None:
        """Delete a word that may be there."""
        word = self._any_word()
        self.commit("delete", lambda at: self.writer.rewriting(at.base, "delete", word), word=word)

    def update(self) -> None:
        """Put a new word in the place of one that may be there."""
        self._rewrite("update", self._any_word(), self.new_word())

    def compact(self) -> None:
        """Write a file anew: the rows stay."""
        word = self._any_word()
        self._rewrite("compact", word, word)

    def transact(self) -> None:
        """Append two new words, each by a change of its own, as one version."""
        words = [self.new_word(), self.new_word()]

        def change(writing: Any) -> Several:
            early = writing.base.horizon_us
            files = [self.writer.file(word, not_before_us=early) for word in words]
            return Several(tuple(self.writer.appending(file) for file in files))

        self.commit("transaction", change, word=words[0], instead=words[1])

    def _rewrite(self, kind: str, word: str, other: str) -> None:
        def change(writing: Any) -> Any:
            found = self.writer.rewriting(writing.base, kind, word)
            if not found.replaced:
                return found
            file = self.writer.file(other, not_before_us=writing.base.horizon_us)
            return replace(found, replaced=dict.fromkeys(found.replaced, (file,)))

        self.commit(kind, change, word=word, instead=other)

    def _any_word(self) -> str:
        words = self.chain.link(self.chain.tip).words if self.chain.tip else ()
        return self.choices.choice(words or ("none",))

    def restore(self) -> None:
        """Restore a version."""
        number = self._any_version()

        def change(_: Any) -> Restore:
            return Restore(self.log, find(self.log, VersionSelector(number=number)).entry.data.version)

        self.commit("restore", change, version=self.data_version(number))

    def tag(self) -> None:
        """Name a version, for good or for a while."""
        name, force = self.choices.choice("tuv"), self.choices.random() < 0.5
        lasting_us = self.choices.choice(LASTING_US)
        until_us = None if lasting_us is None else self.party.clock() + lasting_us
        number = self.data_version(self._any_version())
        change = SetTag(self.log, name, number, force=force, until_us=until_us)
        self.commit("tag", lambda _: change, version=change.version, tag=name, until_us=until_us)

    def untag(self) -> None:
        """Take a name away."""
        change = RemoveTag(self.log, self.choices.choice("tuv"))
        self.commit("untag", lambda _: change, tag=change.name)

    def expire(self) -> None:
        """Let versions go; now and then only look what would."""
        keep, grace_us = self.choices.choice((1, 1, 2, 3)), self.choices.choice(GRACES_US)
        dry_run = self.choices.random() < 0.1
        rules: dict[str, Any] = {"keep_last": keep}
        if self.choices.random() < 0.2:
            rules = {"keep_last": None, **self.choices.choice(RULES)}
        report = self.look(
            lambda: self.writer.expire(**rules, grace_us=grace_us, dry_run=dry_run), may_write=not dry_run
        )
        if report is not None and report.version is not None:
            operation = self.chain.link(report.version).entry.operation
            promised(operation == "expire", f"version {report.version} is no expiry")

    def read(self) -> None:
        """Read a version, named in any way."""
        wanted = self.choices.choice(
            (
                VersionSelector(),
                VersionSelector(),
                VersionSelector(number=self._any_version()),
                VersionSelector(number=-2),
                VersionSelector(tag="t"),
            )
        )
        read = self.look(
            lambda: self.handle.read(wanted, lambda found: read_entry(self.writer, found.entry)),
            wanted=wanted,
        )
        if read is not None:
            self.check_read(read, wanted)

    def list_versions(self) -> None:
        """List the history."""
        found = self.look(lambda: history(self.log))
        if found is not None:
            versions = [one.entry.data.version for one in reversed(found)]
            right = [self.versions(latest) for latest in self.seen()]
            promised(versions in right, f"{versions} were listed, and there were {right}")

    def list_tags(self) -> None:
        """List the tags."""
        found = self.look(self.log.tags)
        if found is not None:
            right = [latest.tags for latest in self.seen() if latest]
            promised(found in right, f"{found} were listed as tags, and there were {right}")

    def _write(self, kind: str, **options: Any) -> None:
        word = self.new_word()
        making = self.writer.appending if kind == "append" else self.writer.overwriting

        def change(writing: Any) -> Any:
            return making(self.writer.file(word, not_before_us=writing.base.horizon_us))

        for _ in range(3 if "idempotency_key" in options else 1):
            if self.commit(kind, change, word=word, **options):
                break

    def _any_version(self) -> int:
        """One of the newest, most of the time."""
        return max(1, self.chain.tip - self.choices.choice((0, 0, 0, 1, 1, 2, 3, 5, 8)))


ACTS = (
    Worker.append,
    Worker.append,
    Worker.append_once,
    Worker.append_expecting,
    Worker.overwrite,
    Worker.delete,
    Worker.update,
    Worker.compact,
    Worker.transact,
    Worker.restore,
    Worker.tag,
    Worker.untag,
    Worker.expire,
    Worker.expire,
    Worker.read,
    Worker.read,
    Worker.list_versions,
    Worker.list_tags,
)
STAGING = (
    Worker.keep,
    Worker.keep,
    Worker.publish,
    Worker.publish,
    Worker.drop,
    Worker.append,
    Worker.overwrite,
    Worker.expire,
)
STAGING_SHARE = 0.2
"""Of the histories in this share stages are kept, published and dropped: of others they would take the room."""


def play(seed: int) -> World:
    """Run the history of a seed.

    Raises:
        AssertionError: Something isn't as promised; or any error that nobody may come to. A note tells the steps.
    """
    choices = random.Random(f"{seed}")  # noqa: S311 - repeatable, not secret
    objects, links = _beginning(choices.choice(SIZES))
    chain = Chain(dict(objects), SMALL, list(links))
    world = World(seed, chain.objects, choices.choice(WEATHERS), chain.watch, LATER_US)
    chain.told = lambda: world.told_us
    staging = choices.random() < STAGING_SHARE
    kinds = STAGING if staging else choices.sample(ACTS, choices.randint(2, 6))
    for name in ("ann", "bob", "cid", "dan")[: choices.randint(1, 4)]:
        acts = choices.choices(kinds, k=choices.randint(1, 2))
        _take_part(world, name, chain, [Worker.keep, *acts] if staging else acts)
    for name in ("eve", "fay")[: choices.choice((0, 1, 1, 2))]:
        commits = choices.choices((Worker.append, Worker.append, Worker.overwrite), k=choices.randint(0, 6))
        rest = choices.choice(((), (), (Worker.expire,), (Worker.append, Worker.expire)))
        _take_part(world, name, chain, [*commits, Worker.expire, *rest], steady=True)
    try:
        world.run()
        check_end(world, chain)
    except BaseException as error:
        steps = "\n".join(f"  {step}" for step in world.steps)
        error.add_note(
            f"seed {seed}, {world.weather}:\n{steps}\nagain: python -m tests.support.histories {seed}"
        )
        raise
    return world


def _take_part(
    world: World, name: str, chain: Chain, acts: list[Callable[[Worker], None]], *, steady: bool = False
) -> None:
    choices = random.Random(f"{world.seed} {name}")  # noqa: S311 - repeatable, not secret

    def act(party: Party) -> None:
        worker = Worker(party, chain, choices)
        for one in acts:
            one(worker)

    world.add(name, act, steady=steady)


@cache
def _beginning(size: int) -> tuple[dict[str, bytes], tuple[Link, ...]]:
    randomness = Randomness()
    randomness.restart(f"a table of {size}")
    with mock.patch("os.urandom", randomness):
        objects = table(size)
    return objects, tuple(Chain(objects, SMALL).links)


def check_end(world: World, chain: Chain) -> None:
    """See that the table is whole, takes the next commit at once, and that an expiry leaves only what is needed."""
    store = Direct({name: data for name, data in chain.objects.items() if not name.endswith("/")})
    rows = verify(store)
    words = list(chain.link(chain.tip).words) if chain.tip else []
    promised((rows[max(rows)] if rows else []) == words, f"the table holds {rows}, and should hold {words}")
    writer = Writer(store, world.now_us + 20 * DAY_US)
    writer.append("next")
    promised(writer.words() == [*words, "next"], f"after the next append the table holds {writer.words()}")
    promised(not writer.pauses, "the next append lost a race against nobody")
    writer.expire(1, grace_us=0)
    latest, names = writer.log.latest(), writer.log.sequence.names
    left = store.objects.keys() - needed(store)
    newest = {name for name in left if names.bucket(names.parse(name) or 0) == names.bucket(latest.version)}
    promised(left == newest, f"left for good: {left - newest}")


if __name__ == "__main__":
    for step in play(int(sys.argv[1])).steps:
        sys.stdout.write(f"{step}\n")
