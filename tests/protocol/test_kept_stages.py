"""All orders of the storage calls of those who keep, publish and drop a stage, and of expiries beside them.

A stage that is known and not settled can be published, as long as the horizon hasn't passed its time: at every state
its files are there. It is published or dropped, never both, and once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from atio_core.errors import (
    AtioError,
    CommitConflictError,
    CommitUnknownError,
    StagedFilesExpiredError,
    StageNotFoundError,
    StorageError,
)
from atio_core.format.kept_json import KeptRecord
from atio_core.log.commit import version_of
from atio_core.log.kept import keep, kept_stages, stage_key
from atio_core.model.ids import uuid7
from atio_core.testing import Fault, FaultyStore, refusal
from tests.support.commits import SMALL, START_US, Writer, refused, verify
from tests.support.races import HOUR_US, LATER_US, appends, checks, expires, old, overwrites, table
from tests.support.schedule import Actor, Direct, Moment, Search

FAR_US = LATER_US + 1000 * HOUR_US
TEN_MINUTES_US = 10 * 60_000_000
SOON_US = LATER_US + 30 * 60_000_000
"""Half an hour from when the actors are at work."""


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lost a race tries again at once: others go on in all orders anyhow."""
    monkeypatch.setattr("time.sleep", lambda _: None)


def keeps(word: str, until_us: int = FAR_US) -> Actor:
    """An actor that keeps an overwrite by a word; it comes to the stage's id."""

    def keep(store: Any) -> str:
        writer = Writer(store, LATER_US)
        base = writer.log.find_latest()
        file = writer.file(word, not_before_us=base.horizon_us if base else 0)
        return writer.keep(writer.overwriting(file), until_us)

    return keep


def publishes(stage_id: str) -> Actor:
    """An actor that publishes a stage; it comes to the version, and whether that was there before."""

    def publish(store: Any) -> tuple[int, bool]:
        snapshot = Writer(store, LATER_US).table.publish(stage_id)
        return snapshot.version, snapshot.repeated

    return publish


def publishes_all(store: Any) -> tuple[int, ...]:
    """An actor that publishes each stage that it finds; it comes to their versions."""
    found = Writer(store, LATER_US).table
    return tuple(stage.publish().version for stage in found.staged())


def drops(stage_id: str) -> Actor:
    """An actor that drops a stage."""

    def drop(store: Any) -> str:
        Writer(store, LATER_US).table.drop_staged(stage_id)
        return "dropped"

    return drop


def keeps_old(word: str) -> Actor:
    """A keeper that had read the latest before the horizon was moved past its files."""

    def keep(store: Any) -> str:
        writer = Writer(store, LATER_US)
        return writer.keep(writer.overwriting(writer.file(word)), FAR_US)

    return keep


def at_once(*acts: Actor) -> Actor:
    """An actor that does several things, each of them in one step."""

    def step(act: Actor) -> Callable[[Direct], None]:
        def go_on(store: Direct) -> None:
            refused(lambda: act(store), AtioError)

        return go_on

    def do(store: Any) -> None:
        for act in acts:
            store.at_once(step(act))

    return do


def with_stage(
    size: int, *, until_us: int = FAR_US, append: bool = False, folders_stay: bool = False
) -> tuple[dict[str, bytes], str]:
    """Return a table of so many versions that keeps a stage of the word `new`, and the stage's id."""
    objects = table(size, folders_stay=folders_stay)
    writer = Writer(Direct(objects, folders_stay=folders_stay), LATER_US)
    file = writer.file("new")
    stage_id = writer.keep(writer.appending(file) if append else writer.overwriting(file), until_us)
    return objects, stage_id


def holding(
    words: Mapping[str, str],
    *errors: type[AtioError],
    also: Callable[[Moment, dict[int, list[str]]], None] | None = None,
) -> Callable[[Moment], None]:
    """Return a check of what must hold at every state: that of `races.checks`, and what is known can be published."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        writer = Writer(Direct(moment.objects))
        latest = writer.log.find_latest()
        for record in kept_stages(writer.log):
            horizon_us = latest.horizon_us if latest else 0
            settled = latest and version_of(writer.log, latest, stage_key(record.staged.id))
            if not settled and record.until_us >= horizon_us:
                assert {file.path for file in record.files.files} <= moment.objects.keys()
        if also is not None:
            also(moment, rows)

    return checks(words, expected=expected, errors=errors)


def once_in(rows: dict[int, list[str]], word: str) -> bool:
    """Say whether a word is in a version; it is never in one twice."""
    assert all(found.count(word) <= 1 for found in rows.values())
    return any(word in found for found in rows.values())


@pytest.mark.parametrize("until_us", [FAR_US, SOON_US], ids=["far", "soon"])
@pytest.mark.parametrize("size", [2, 3])
def test_a_keeper_and_an_expiry(size: int, until_us: int) -> None:
    """An expiry takes the files of a change before it is kept, and then it isn't kept; or it spares them."""
    actors = {"kim": keeps("new", until_us), "eve": expires(HOUR_US, grace_us=0)}
    Search(actors, start=table(size), check=holding({}, StagedFilesExpiredError)).run()


@pytest.mark.parametrize("size", [2])
def test_a_keeper_and_two_expiries(size: int) -> None:
    """The same beside two of them, one at its own pace, the other coming between anywhere."""
    actors = {
        "kim": keeps("new"),
        "eve": expires(HOUR_US, grace_us=0),
        "eva": at_once(expires(2 * HOUR_US, keep_last=2, grace_us=0)),
    }
    Search(actors, start=table(size), check=holding({}, StagedFilesExpiredError)).run()


@pytest.mark.parametrize("size", [0, 2])
def test_a_keeper_a_publisher_and_an_expiry(size: int) -> None:
    """Whatever a publisher finds, it can publish; what it published is whole."""
    actors = {"kim": keeps("new"), "pat": publishes_all}
    if size:
        actors["eve"] = expires(HOUR_US, grace_us=0)

    def published(moment: Moment, rows: dict[int, list[str]]) -> None:
        done = moment.outcomes.get("pat")
        if done is not None:
            assert done.ok
            assert once_in(rows, "new") == bool(done.value)

    Search(actors, start=table(size), check=holding({}, StagedFilesExpiredError, also=published)).run()


@pytest.mark.parametrize("size", [2, 3, 6, 7])
def test_a_publisher_and_a_dropper(size: int) -> None:
    """One of both wins, and each is told which: what was dropped is in no version, what was published stays."""
    start, stage_id = with_stage(size)

    def one_wins(moment: Moment, rows: dict[int, list[str]]) -> None:
        done, dropped = moment.outcomes.get("pat"), moment.outcomes.get("dan")
        if moment.over:
            assert done is not None
            assert dropped is not None
            assert done.ok != dropped.ok
            assert once_in(rows, "new") == done.ok

    actors = {"pat": publishes(stage_id), "dan": drops(stage_id)}
    refusals = (CommitConflictError, StageNotFoundError)
    Search(actors, start=start, check=holding({}, *refusals, also=one_wins)).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_two_publishers(size: int) -> None:
    """A stage that two publish is one version, and both are told which."""
    start, stage_id = with_stage(size)

    def once(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            assert sorted(done.value for done in moment.outcomes.values()) == [
                (size + 1, False),
                (size + 1, True),
            ]
            assert once_in(rows, "new")

    actors = {"pat": publishes(stage_id), "pam": publishes(stage_id)}
    Search(actors, start=start, check=holding({}, also=once)).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_two_droppers(size: int) -> None:
    """A stage that two drop is dropped once, and both are content."""
    start, stage_id = with_stage(size)

    def gone(moment: Moment, rows: dict[int, list[str]]) -> None:
        assert not once_in(rows, "new")
        if moment.over:
            assert len(rows) == size + 1

    Search({"dan": drops(stage_id), "dot": drops(stage_id)}, start=start, check=holding({}, also=gone)).run()


@pytest.mark.parametrize("until_us", [FAR_US, SOON_US], ids=["far", "soon"])
@pytest.mark.parametrize("size", [2, 3, 6])
def test_a_publisher_and_an_expiry(size: int, until_us: int) -> None:
    """An expiry takes a stage whose time has passed before it is published, or not at all."""
    start, stage_id = with_stage(size, until_us=until_us)

    def told(moment: Moment, rows: dict[int, list[str]]) -> None:
        done = moment.outcomes.get("pat")
        if done is not None:
            assert once_in(rows, "new") == done.ok
            assert done.ok or until_us == SOON_US

    actors = {"pat": publishes(stage_id), "eve": expires(HOUR_US, grace_us=0)}
    refusals = (StagedFilesExpiredError, StageNotFoundError)
    Search(actors, start=start, check=holding({}, *refusals, also=told)).run()


@pytest.mark.parametrize("size", [2, 3])
def test_an_expiry_that_is_overtaken(size: int) -> None:
    """An expiry that lists records when a later one may have taken some leaves the leftovers to that one.

    Others keep a file that it has planned to take, publish it, and expire the stage with its record.
    """
    start = table(size)
    writer = Writer(Direct(start), LATER_US)
    staged = writer.staged(writer.overwriting(writer.file("new")))

    def keep_it(store: Any) -> None:
        keep(Writer(store, LATER_US).log, KeptRecord(staged, SOON_US))

    later = expires(HOUR_US, keep_last=9, grace_us=0)
    actors = {
        "eve": expires(TEN_MINUTES_US, keep_last=9, grace_us=0),
        "others": at_once(keep_it, publishes(str(staged.id)), later),
    }
    Search(actors, start=start, check=holding({})).run()


@pytest.mark.parametrize("size", [2, 3])
def test_an_expiry_that_is_overtaken_while_it_finishes_another(size: int) -> None:
    """Likewise one that has read what is retained, and then finds a file without a record behind the horizon."""
    start, stage_id = with_stage(size, until_us=SOON_US)
    writer = Writer(Direct(start), LATER_US + TEN_MINUTES_US)
    writer.store.put(f"data/{uuid7(lambda: START_US)}.parquet", b"left")
    assert writer.expire(9, grace_us=0).version == size + 1
    later = expires(HOUR_US, keep_last=9, grace_us=0)
    actors = {
        "eve": expires(TEN_MINUTES_US + 1000, keep_last=9, grace_us=0),
        "others": at_once(publishes(stage_id), later),
    }
    Search(actors, start=start, check=holding({})).run()


@pytest.mark.parametrize("size", [2])
def test_a_publisher_a_dropper_and_an_expiry(size: int) -> None:
    """However an expiry comes between, one of both wins, or neither once the time has passed."""
    start, stage_id = with_stage(size, until_us=SOON_US)

    def at_most_one(moment: Moment, rows: dict[int, list[str]]) -> None:
        oks = [done.ok for name, done in moment.outcomes.items() if name != "eve"]
        assert sum(oks) <= 1
        if moment.over and moment.outcomes["dan"].ok:
            assert not once_in(rows, "new")

    actors = {
        "pat": publishes(stage_id),
        "dan": drops(stage_id),
        "eve": expires(HOUR_US, grace_us=0),
    }
    refusals = (CommitConflictError, StagedFilesExpiredError, StageNotFoundError)
    Search(actors, start=start, check=holding({}, *refusals, also=at_most_one)).run()


@pytest.mark.parametrize("size", [2, 3])
def test_a_publisher_and_an_append(size: int) -> None:
    """An append that was checked is published right behind its base, or not at all."""
    start, stage_id = with_stage(size, append=True)

    def right_behind(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            latest = rows[max(rows)]
            assert latest in ([*old(size), "a"], [*old(size), "new", "a"])
            assert ("new" in latest) == moment.outcomes["pat"].ok

    actors = {"pat": publishes(stage_id), "ann": appends("a")}
    check = holding({"ann": "a"}, CommitConflictError, also=right_behind)
    Search(actors, start=start, check=check).run()


@pytest.mark.parametrize("size", [2, 3])
def test_a_publisher_and_an_overwrite(size: int) -> None:
    """A stage that replaces all rows is published whatever came in between."""
    start, stage_id = with_stage(size)

    def both(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            assert moment.outcomes["pat"].ok
            assert rows[max(rows)] in (["new"], ["a"])
            assert once_in(rows, "new")

    actors = {"pat": publishes(stage_id), "ann": overwrites("a")}
    Search(actors, start=start, check=holding({}, also=both)).run()


@pytest.mark.parametrize("size", [0, 2, 3])
def test_a_keeper_dies(size: int) -> None:
    """A keeper that dies leaves a stage that can be published, or none; nothing is in anybody's way."""
    actors = {"kim": keeps("new"), "pat": publishes_all}
    Search(actors, start=table(size), check=holding({}), deaths=1).run()


@pytest.mark.parametrize("until_us", [FAR_US, SOON_US], ids=["far", "soon"])
def test_an_expiry_dies(until_us: int) -> None:
    """What a dead expiry left, another finishes, and takes nothing that can be published meanwhile."""
    start, stage_id = with_stage(3, until_us=until_us)
    actors = {
        "eve": expires(HOUR_US, grace_us=0),
        "others": at_once(expires(HOUR_US + 1, keep_last=2, grace_us=0), publishes(stage_id)),
    }
    refusals = (StagedFilesExpiredError, StageNotFoundError)
    Search(actors, start=start, check=holding({}, *refusals), deaths=1).run()


@pytest.mark.parametrize("size", [2, 3])
def test_an_expiry_that_finishes_another_beside_a_keeper(size: int) -> None:
    """What is kept while an expiry finishes a dead one's work is spared, or not kept."""
    start = table(size)
    store = Direct(start)
    writer = Writer(store, LATER_US + HOUR_US)
    store.objects |= {f"data/{uuid7(lambda: START_US)}.parquet": b"left"}
    dying = Writer(FaultyStore(store, Fault("delete", error=refusal)), LATER_US + HOUR_US)
    with pytest.raises(StorageError):
        dying.expire(grace_us=0)
    assert writer.log.latest().horizon_us > LATER_US
    actors = {"kim": keeps_old("new"), "eve": expires(HOUR_US + 1, grace_us=0)}
    Search(actors, start=start, check=holding({}, StagedFilesExpiredError)).run()


@pytest.mark.parametrize("faults", [1, 2])
def test_answers_to_a_keeper_get_lost(faults: int) -> None:
    """Whatever a keeper is told of its records, a stage that is known has its files, and can be published."""
    actors = {"kim": keeps("new"), "pat": publishes_all}
    check = holding({}, StorageError, StagedFilesExpiredError)
    Search(actors, start=table(2), check=check, flaky=["kim"], faults=faults).run()


@pytest.mark.parametrize("faults", [1, 2])
def test_answers_to_publisher_and_dropper_get_lost(faults: int) -> None:
    """Of a publisher and a dropper at most one is told that it was done, and it was."""
    start, stage_id = with_stage(2)

    def told(moment: Moment, rows: dict[int, list[str]]) -> None:
        done, dropped = moment.outcomes.get("pat"), moment.outcomes.get("dan")
        if done is not None and done.ok:
            assert once_in(rows, "new")
        if dropped is not None and dropped.ok:
            assert not once_in(rows, "new")

    actors = {"pat": publishes(stage_id), "dan": drops(stage_id)}
    refusals = (CommitConflictError, CommitUnknownError, StageNotFoundError)
    check = holding({}, *refusals, also=told)
    Search(actors, start=start, check=check, flaky=["pat", "dan"], faults=faults).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_commit_of_descriptors_and_an_expiry(size: int) -> None:
    """Files that descriptors name are taken before their commit, which then says so, or never."""
    start = table(size)
    writer = Writer(Direct(start), LATER_US)
    staged = writer.staged(writer.appending(writer.file("new")))

    def commit(store: Any) -> int:
        return Writer(store, LATER_US).table.commit([staged]).version

    def told(moment: Moment, rows: dict[int, list[str]]) -> None:
        done = moment.outcomes.get("pat")
        if done is not None:
            assert once_in(rows, "new") == done.ok

    actors = {"pat": commit, "eve": expires(HOUR_US, grace_us=0)}
    check = holding({}, StagedFilesExpiredError, also=told)
    Search(actors, start=start, check=check).run()


@pytest.mark.parametrize("faults", [0, 1])
@pytest.mark.parametrize("size", [0, 2, 3])
def test_two_drivers(size: int, faults: int) -> None:
    """Two drivers that commit the same descriptors, and one that commits more of them, add each once."""
    start = table(size)
    writer = Writer(Direct(start), LATER_US)
    one, two = (writer.staged(writer.appending(writer.file(word))) for word in ("new", "more"))

    def commit(staged: list[Any], store: Any) -> int:
        return Writer(store, LATER_US).table.commit(staged).version

    def once(moment: Moment, rows: dict[int, list[str]]) -> None:
        once_in(rows, "new")
        once_in(rows, "more")
        if moment.over and all(done.ok for done in moment.outcomes.values()):
            assert sorted(rows[max(rows)][len(old(size)) :]) == ["more", "new"]

    actors = {"pat": partial(commit, [one]), "pam": partial(commit, [two, one])}
    check = holding({}, CommitUnknownError, also=once)
    Search(actors, start=start, check=check, flaky=["pat"], faults=faults).run()
    assert verify(Direct(start), SMALL).keys() == set(range(1, size + 1))
