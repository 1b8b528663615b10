"""Stages that are kept under an id: read before they are published, published or dropped, and cleaned up after."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from atio_core.errors import (
    CommitConflictError,
    DamagedError,
    InvalidInputError,
    StagedFilesExpiredError,
    StageNotFoundError,
    StorageError,
    TableNotFoundError,
    VersionExpiredError,
)
from atio_core.log.limits import Limits
from atio_core.model.entry import DAY_US, HOUR_US
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import Fault, FaultyStore, lost_answer, refusal
from atio_core.times import time_of
from tests.support.commits import SMALL, START_US

DAY = timedelta(days=1)


class Clock:
    """A clock that stands still until it is moved."""

    now_us = START_US

    def __call__(self) -> int:
        """Tell the time."""
        return self.now_us


def rows(*values: int) -> pa.Table:
    """Rows of one column."""
    return pa.table({"a": pa.array(values, pa.int64())})


def values(source: Any) -> list[int]:
    """The rows of a table, a stage or a snapshot."""
    return source.read(output_as="arrow")["a"].to_pylist()


@pytest.fixture
def store() -> MemoryStore:
    """Where the table lies."""
    return MemoryStore()


@pytest.fixture
def clock() -> Clock:
    """What the table's clock shows."""
    return Clock()


@pytest.fixture
def table(store: MemoryStore, clock: Clock) -> Table:
    """A table of one version."""
    made = Table(store=store, clock=clock)
    made.append(rows(0))
    return made


def test_a_stage_is_read_before_it_is_published(table: Table) -> None:
    """Nobody sees a kept stage but by its id, as the version that it would become; published, it is that version."""
    stage = table.stage(rows(1, 2, 3), keep=True)
    assert values(table) == [0]
    found = table.staged(stage.id)
    assert values(found) == [0, 1, 2, 3]
    snapshot = found.snapshot()
    assert (snapshot.version, snapshot.operation, snapshot.rows, snapshot.added.rows) == (2, "append", 4, 3)
    assert len(table.history()) == 1
    published = table.publish(stage.id, message="checked", properties={"by": "me"})
    assert (published.version, published.message, published.properties) == (2, "checked", {"by": "me"})
    assert (values(table), published.content, published.added) == (
        [0, 1, 2, 3],
        snapshot.content,
        snapshot.added,
    )


def test_a_stage_can_not_be_leased(table: Table) -> None:
    """It isn't a version yet; the one that gets its number may be another's."""
    stage = table.stage(rows(1), keep=True)
    with pytest.raises(InvalidInputError, match="isn't a version yet"):
        stage.snapshot().lease(DAY)


def test_a_stage_is_read_like_any_version(store: MemoryStore) -> None:
    """Columns, filters, partitions, limits, batches and lazy frames do what they do of a snapshot."""
    table = Table(store=store, limits=SMALL)
    for name in "vwxyz":
        table.overwrite_partitions({name: pa.table({"a": [ord(name)], "b": [name]})}, partition_by=["p"])
    days = {"x": pa.table({"a": [1, 2], "b": ["one", "two"]}), "q": pa.table({"a": [3], "b": ["three"]})}
    stage = table.stage(days, "overwrite_partitions", partition_by=["p"], keep=True)
    before = set(store.list())
    assert table.staged()[0].snapshot().entry.manifests
    assert stage.read(columns=["b"], filter=[("a", "<", 3)])["b"].tolist() == ["one", "two"]
    assert stage.read("arrow", partitions=["q", "y"])["a"].to_pylist() == [ord("y"), 3]
    assert stage.read("polars", limit=1).height == 1
    assert stage.read("lazy").collect().height == 7
    assert sum(batch.num_rows for batch in stage.scan(batch_rows=1, filter=[("a", ">", 0)])) == 7
    assert sorted(stage.snapshot().partitions()) == [("q",), ("v",), ("w",), ("x",), ("y",), ("z",)]
    assert repr(stage.snapshot()).endswith("staged: overwrite_partitions, 7 rows>")
    assert set(store.list()) == before


def test_a_wide_stage_is_read(table: Table) -> None:
    """A schema that will lie in a file of its own is read before that file is there."""
    stage = table.stage(pa.table({f"c{number}": [number] for number in range(300)}), "overwrite", keep=True)
    assert stage.read("arrow", columns=["c7"])["c7"].to_pylist() == [7]
    stage.publish()
    assert table.read(output_as="arrow", columns=["c7"])["c7"].to_pylist() == [7]


def test_any_process_finds_a_stage(tmp_path: Path) -> None:
    """The id is all that is needed, and the list of stages shows it, oldest first."""
    first = Table(tmp_path / "table").stage(pd.DataFrame({"a": [1]}), "overwrite", keep=True)
    second = Table(tmp_path / "table").stage(pd.DataFrame({"a": [2]}), "overwrite", keep=True)
    other = Table(tmp_path / "table")
    assert [one.id for one in other.staged()] == [first.id, second.id]
    found = other.staged(uuid.UUID(second.id))
    assert (found.operation, found.rows, found.base_version, found.table) == ("overwrite", 1, 0, other.path)
    assert repr(found).startswith(f"<KeptStage {second.id} of {other.path}: overwrite, 1 rows, until ")
    assert found.publish().version == 1
    assert [one.id for one in other.staged()] == [first.id]
    assert values(other) == [2]


def test_publishing_twice_is_once(table: Table, clock: Clock) -> None:
    """A step that publishes and is retried gets the same version, also when the stage and the version are gone."""
    stage = table.stage(rows(1), "overwrite", keep=True)
    assert (table.publish(stage.id).version, stage.publish().repeated) == (2, True)
    table.overwrite(rows(5))
    clock.now_us += 20 * DAY_US
    table.expire(keep_last=1)
    assert list(table.snapshot()._log.store.list("_atio/staged/")) == []  # noqa: SLF001 - no snapshot shows them
    again = Table(store=table.snapshot()._log.store).publish(stage.id)  # noqa: SLF001 - another handle of the same
    assert (again.version, again.repeated) == (2, True)
    assert values(table) == [5]


def test_a_dropped_stage_is_never_published(table: Table, clock: Clock) -> None:
    """Dropping makes no data version, happens once, and is final; the table remembers which of both it was."""
    stage = table.stage(rows(1), keep=True)
    stage.drop()
    table.drop_staged(stage.id)
    assert (len(table.history()), table.staged()) == (1, [])
    for number in range(3):
        with pytest.raises(CommitConflictError, match="was dropped"):
            table.publish(stage.id)
        with pytest.raises(StageNotFoundError, match="was dropped"):
            table.staged(stage.id)
        with pytest.raises(StageNotFoundError, match="was dropped"):
            stage.read()
        table.tag(f"tag {number}")  # so that the entry of the drop is no longer the newest of its version
        clock.now_us += 9 * DAY_US
        table.expire(keep_last=1)
    assert values(table) == [0]


@pytest.mark.parametrize(
    "name",
    [lambda stage: stage, lambda stage: stage.id, lambda stage: uuid.UUID(stage.id)],
    ids=["itself", "its id", "its UUID"],
)
def test_a_stage_is_settled_by_its_id_or_by_itself(table: Table, name: Callable[[Any], Any]) -> None:
    """`publish` and `drop` of the table take what `stage` gave; a drop that names a stage leaves the table alone."""
    stage, other = table.stage(rows(1), keep=True), table.stage(rows(2), keep=True)
    assert table.staged(name(stage)).id == stage.id
    assert table.drop(name(stage)) is None
    assert [kept.id for kept in table.staged()] == [other.id]
    table.publish(name(other))
    assert values(table) == [0, 2]


def test_a_drop_of_a_stage_that_is_none_drops_nothing(table: Table) -> None:
    """Whoever has lost the id doesn't lose the table, and options of a table's drop are none of a stage's."""
    for lost in (None, "", "a"):
        with pytest.raises(InvalidInputError, match="stage_id must be the id of a kept stage"):
            table.drop(lost)  # pyright: ignore[reportArgumentType, reportCallIssue]
    stage = table.stage(rows(1), keep=True)
    with pytest.raises(InvalidInputError, match="takes no message; nothing was changed"):
        table.drop(stage.id, message="not a word")  # pyright: ignore[reportCallIssue]
    assert (values(table), len(table.staged())) == ([0], 1)


def test_a_published_stage_can_not_be_dropped(table: Table) -> None:
    """Whoever drops it is told the version that it has become."""
    stage = table.stage(rows(1), keep=True)
    stage.publish()
    with pytest.raises(CommitConflictError, match="published as version 2") as caught:
        stage.drop()
    assert caught.value.version == 2
    with pytest.raises(StageNotFoundError, match="published as version 2") as missing:
        table.staged(stage.id)
    assert missing.value.version == 2
    assert values(table) == [0, 1]


def test_an_append_is_published_on_what_was_checked(table: Table) -> None:
    """If another data version came in between, reading and publishing are refused: the checks must run again."""
    stage = table.stage(rows(1), keep=True)
    table.tag("kept")
    table.expire(keep_last=1)
    assert values(stage) == [0, 1]
    table.append(rows(9))
    for act in (stage.read, stage.publish):
        with pytest.raises(CommitConflictError, match="expected version 1"):
            act()
    assert [one.id for one in table.staged()] == [stage.id]
    assert values(table) == [0, 9]


def test_an_overwrite_is_published_whatever_came_in_between(table: Table) -> None:
    """It replaces what is there by then; who wants it otherwise says which version is expected."""
    stage = table.stage(rows(1), "overwrite", keep=True)
    table.overwrite(pa.table({"b": ["x"]}))
    assert values(stage) == [1]
    with pytest.raises(CommitConflictError):
        stage.publish(expected_version=1)
    assert stage.publish(expected_version=2).version == 3
    assert values(table) == [1]


def test_a_stage_is_kept_until_its_time_has_passed(table: Table, store: MemoryStore, clock: Clock) -> None:
    """Expiries spare it, with or without grace, for as long as was said; then they take all of it."""
    until = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=START_US + 2 * DAY_US)
    stage = table.stage(rows(1), keep=True, until=until)
    assert stage.until == until
    clock.now_us += 2 * DAY_US
    report = table.expire(keep_last=1, grace=timedelta(0))
    assert (report.files_removed, len(report.waiting)) == (0, 3)
    assert values(stage) == [0, 1]
    clock.now_us += HOUR_US
    assert len(table.expire(keep_last=1, grace=timedelta(0), dry_run=True).leftovers) == 3
    assert len(table.expire(keep_last=1, grace=timedelta(0)).leftovers) == 3
    assert list(store.list("_atio/staged/")) == []
    assert len(list(store.list("data/"))) == 1
    assert table.staged() == []
    for act in (lambda: table.publish(stage.id), lambda: table.staged(stage.id), stage.drop):
        with pytest.raises(StageNotFoundError, match="is not there"):
            act()
    with pytest.raises(StageNotFoundError, match="was kept until"):
        stage.read()


def test_the_log_decides_when_the_time_has_passed(table: Table, clock: Clock) -> None:
    """As long as no expiry has said so, a stage can be published after its time."""
    stage = table.stage(rows(1), keep=True, keep_for=timedelta(hours=2))
    assert stage.until - timedelta(hours=2) == datetime.fromtimestamp(START_US / 1e6, UTC)
    clock.now_us += 20 * DAY_US
    table.publish(stage.id)
    assert values(table) == [0, 1]


@pytest.mark.parametrize("keep_for", [None, timedelta(hours=2)], ids=str)
def test_a_stage_counts_from_a_horizon_that_lies_ahead(
    table: Table, store: MemoryStore, clock: Clock, keep_for: timedelta | None
) -> None:
    """After an expiry by a clock far ahead, stages are still kept for as long as was said, by that clock, too."""
    ahead = Clock()
    ahead.now_us += 400 * DAY_US
    wrong = Table(store=store, clock=ahead)
    wrong.overwrite(rows(1))
    wrong.expire(keep_last=1, grace=timedelta(0))
    stage = table.stage(rows(2), keep=True, keep_for=keep_for)
    assert stage.until == time_of(ahead.now_us) + (keep_for or 7 * DAY)
    assert values(table.staged(stage.id)) == [1, 2]
    ahead.now_us += HOUR_US
    wrong.expire(keep_last=1, grace=timedelta(0))
    table.publish(stage.id)
    assert values(table) == [1, 2]


def test_a_stage_whose_time_has_passed_is_not_published(
    table: Table, store: MemoryStore, clock: Clock
) -> None:
    """An expiry that died before it took the stage has ended it all the same."""
    stage = table.stage(rows(1), keep=True, keep_for=timedelta(hours=2))
    clock.now_us += DAY_US
    failing = Table(store=FaultyStore(store, Fault("delete", error=refusal)), clock=clock)
    with pytest.raises(StorageError):
        failing.expire(keep_last=1)
    assert table.staged() == []
    with pytest.raises(StagedFilesExpiredError, match="kept until a time"):
        table.publish(stage.id)
    with pytest.raises(StageNotFoundError, match="was kept until"):
        table.staged(stage.id)
    table.expire(keep_last=1)
    assert list(store.list("_atio/staged/")) == []


def test_published_files_stay_when_the_stage_goes(table: Table, clock: Clock) -> None:
    """What a version has needs no stage; what it no longer has waits for the stage's time."""
    stage = table.stage(rows(1), keep=True, keep_for=30 * DAY)
    table.publish(stage.id)
    clock.now_us += 10 * DAY_US
    table.overwrite(rows(2))
    table.expire(keep_last=1)
    table.restore(3)
    clock.now_us += 90 * DAY_US
    report = table.expire(keep_last=1)
    assert len(report.leftovers) == 3
    assert values(table) == [2]


def test_a_table_may_begin_with_a_kept_stage(store: MemoryStore, clock: Clock) -> None:
    """What is to be a table's first version is checked, then published or dropped, like any other."""
    table = Table(store=store, clock=clock)
    bad, good = table.stage(rows(-1), keep=True), table.stage(rows(1), keep=True)
    assert values(bad) == [-1]
    assert good.snapshot().version == 1
    bad.drop()
    bad.drop()
    assert not table.exists()
    for ask in (table.history, table.snapshot, table.read):
        with pytest.raises(TableNotFoundError):
            ask()
    with pytest.raises(CommitConflictError, match="was dropped"):
        bad.publish()
    assert [one.id for one in table.staged()] == [good.id]
    assert good.publish().version == 2
    assert (values(table), [snapshot.version for snapshot in table.history()]) == ([1], [2])
    clock.now_us += 30 * DAY_US
    table.expire(keep_last=1)
    assert (values(table), len(list(store.list("data/")))) == ([1], 1)


def test_a_stage_of_a_table_that_was_dropped(table: Table) -> None:
    """An append to a table that has ended is refused; an overwrite begins a new one."""
    append, overwrite = table.stage(rows(1), keep=True), table.stage(rows(2), "overwrite", keep=True)
    table.drop()
    with pytest.raises(CommitConflictError):
        append.publish()
    with pytest.raises(CommitConflictError, match="stage the data again"):
        table.commit([_descriptor(append)])
    assert not table.exists()
    overwrite.publish()
    assert values(table) == [2]


def _descriptor(stage: Any) -> Any:
    return stage._record.staged  # noqa: SLF001 - what nobody gets by other means


def test_a_lost_file_is_damage(table: Table, store: MemoryStore) -> None:
    """A stage that lacks a file isn't read half, nor published."""
    stage = table.stage(rows(1), "overwrite", keep=True)
    snapshot = stage.snapshot()
    store.delete([snapshot.data_files()[0].path])
    with pytest.raises(DamagedError, match="is missing"):
        snapshot.read()
    with pytest.raises(StagedFilesExpiredError, match="isn't there"):
        stage.publish()
    assert values(table) == [0]


def test_a_stage_that_expires_under_a_reader_says_so(table: Table, clock: Clock) -> None:
    """A reader of a stage whose time has passed is told; so is one whose base has been let go."""
    stage = table.stage(rows(1), "overwrite", keep=True, keep_for=timedelta(hours=2))
    snapshot = stage.snapshot()
    clock.now_us += DAY_US
    table.expire(keep_last=1)
    with pytest.raises(StagedFilesExpiredError, match="kept no longer"):
        snapshot.read()
    onto = table.stage(rows(1), keep=True, keep_for=300 * DAY).snapshot()
    table.overwrite(rows(7))
    table.expire(keep_last=1)
    with pytest.raises(VersionExpiredError):
        onto.read()


@pytest.mark.parametrize("path", ["json", "pending"])
def test_a_damaged_record_is_told(table: Table, store: MemoryStore, clock: Clock, path: str) -> None:
    """A record that can't be read hides no stage; an expiry goes by the other one, or removes nothing."""
    stage = table.stage(rows(1), keep=True)
    name, other = (
        f"_atio/staged/{stage.id}.{path}",
        f"_atio/staged/{stage.id}.{'pending' if path == 'json' else 'json'}",
    )
    data = store.read(name)
    store.delete([name])
    store.put(name, data[:-20] + b"?" + data[-19:])
    clock.now_us += DAY_US
    table.expire(keep_last=1)
    if path == "json":
        for ask in (table.staged, lambda: table.staged(stage.id), lambda: table.publish(stage.id)):
            with pytest.raises(DamagedError, match=r"record .* of a kept stage"):
                ask()
    else:
        assert values(stage) == [0, 1]
    store.delete([other])
    store.put(f"data/{uuid.UUID(int=7 << 76 | 0b10 << 62)}.parquet", b"left")
    with pytest.raises(DamagedError, match=r"record .* of a kept stage"):
        table.expire(keep_last=1)
    assert len(list(store.list("data/"))) == 3


def test_a_store_that_fails_keeps_nothing_or_says_that_it_may(table: Table, store: MemoryStore) -> None:
    """A stage that surely isn't kept leaves nothing; one that may be has its files."""
    there = set(store.list())
    for at in (1, 2):
        failing = Table(store=FaultyStore(store, Fault("put_if_absent", at=at, error=refusal)))
        with pytest.raises(StorageError):
            failing.stage(rows(1), keep=True)
        assert set(store.list()) == there
    lost = Fault("put_if_absent", at=2, times=99, after=True, error=lost_answer)
    blind = Fault("read", at=3, times=99, error=lost_answer)
    with pytest.raises(StorageError, match="may have been kept") as caught:
        Table(store=FaultyStore(store, lost, blind)).stage(rows(1), keep=True)
    assert caught.value.unknown
    (stage,) = table.staged()
    assert values(stage) == [0, 1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, StorageError])
def test_what_comes_before_a_stage_is_known_leaves_nothing(
    table: Table, store: MemoryStore, error: type[BaseException]
) -> None:
    """Whatever ends the call, at whichever call of the store, neither files nor a record stay that nobody knows of."""
    there, ended = set(store.list()), 0
    for verb in ("write", "close", "put_if_absent", "read", "list", "look"):
        for at in range(1, 20):
            if (verb, at) == ("put_if_absent", 2):  # by which it becomes known
                break
            fault = Fault(verb, at=at, after=True, error=lambda: error("ended"))
            try:
                Table(store=FaultyStore(store, fault)).stage(rows(1), keep=True)
            except error:
                assert set(store.list()) == there, (verb, at)
                ended += 1
            else:
                table.staged()[0].drop()
                there = set(store.list())
                break
    assert ended > 5


def test_what_makes_no_sense_is_refused(table: Table, store: MemoryStore) -> None:
    """Times that can't be, ids that are none and options of others are refused before anything is written."""
    there = set(store.list())
    past = datetime(2020, 1, 1, tzinfo=UTC)
    bad: list[tuple[dict[str, Any], str]] = [
        ({"keep": "yes"}, "keep must be True or False"),
        ({"until": past}, "say keep=True"),
        ({"keep_for": DAY}, "say keep=True"),
        ({"keep": True, "until": past}, "until must be a time to come"),
        ({"keep": True, "until": datetime(2100, 1, 1)}, "time zone"),  # noqa: DTZ001 - that is the test
        ({"keep": True, "until": datetime(2100, 1, 1, tzinfo=UTC), "keep_for": DAY}, "give one of them"),
        ({"keep": True, "keep_for": -DAY}, "timedelta of zero or more"),
        ({"keep": True, "keep_for": timedelta.max}, "year 10000"),
        ({"keep": True, "idempotency_key": "k"}, "said of a commit"),
    ]
    for options, message in bad:
        with pytest.raises(InvalidInputError, match=message):
            table.stage(rows(1), **options)
    assert set(store.list()) == there
    stage = table.stage(rows(1), keep=True)
    for given in ("", "x", "../log", stage.id.upper(), stage.id + "\n", 7, str(uuid.uuid4()), b"x"):
        for act in (table.staged, table.publish, table.drop_staged):
            with pytest.raises(InvalidInputError, match="id of a kept stage"):
                act(given)  # pyright: ignore[reportArgumentType, reportCallIssue] - that is the test
    unknown = str(uuid.UUID(int=uuid.UUID(stage.id).int ^ 1))
    for act in (table.staged, table.publish, table.drop_staged):
        with pytest.raises(StageNotFoundError, match="is not there"):
            act(unknown)
    with pytest.raises(InvalidInputError, match="has no option idempotency_key"):
        table.publish(stage.id, idempotency_key="k")  # pyright: ignore[reportCallIssue] - that is the test
    with pytest.raises(InvalidInputError, match="can only follow version 1"):
        table.publish(stage.id, expected_version=7)
    with pytest.raises(InvalidInputError, match=r"publish it by Table\.publish"):
        table.commit([stage])  # pyright: ignore[reportArgumentType] - that is the test
    assert values(table) == [0]


def test_keys_of_a_stage_are_found_in_lists(store: MemoryStore, clock: Clock) -> None:
    """However many commits came since, a settled stage stays settled."""
    table = Table(store=store, limits=Limits(per_bucket=4, recent=2, fanout=2), clock=clock)
    table.append(rows(0))
    dropped = table.stage(rows(1), "overwrite", keep=True)
    published = table.stage(rows(2), "overwrite", keep=True)
    dropped.drop()
    version = published.publish().version
    for number in range(12):
        table.append(rows(number))
    table.expire(keep_last=1)
    assert (published.publish().version, published.publish().repeated) == (version, True)
    with pytest.raises(CommitConflictError, match="was dropped"):
        dropped.publish()
    with pytest.raises(CommitConflictError, match="published as version"):
        published.drop()
    assert table.staged() == []


def meets(act: Callable[[Table, str], object], table: Table, stage: str) -> object:
    """What comes of an act, or the error's class."""
    try:
        return act(table, stage)
    except StageNotFoundError as error:
        return type(error)


ASKED: dict[str, tuple[Callable[[Table, str], object], object]] = {
    "list": (lambda table, _: table.staged(), []),
    "find": (lambda table, stage: table.staged(stage), StageNotFoundError),
    "drop": (lambda table, stage: table.drop_staged(stage), None),
}


@pytest.mark.parametrize("name", list(ASKED))
def test_a_list_of_keys_that_expires_meanwhile_is_no_damage(name: str) -> None:
    """Who asks about a stage, and is overtaken by an expiry before the latest's lists are read, asks the next one."""
    act, expected = ASKED[name]
    store = MemoryStore()
    table = Table(store=store, limits=SMALL)
    table.append(rows(0))
    stage = table.stage(rows(1), keep=True).id
    table.drop_staged(stage)
    for number in range(2 * SMALL.recent):
        table.append(rows(number))

    def overtake() -> None:
        for number in range(4 * SMALL.recent):
            table.append(rows(number))
        table.expire(keep_last=1, grace=timedelta(0))

    at = 0
    while True:  # before each of the lists in turn
        at += 1
        late = Fault(
            "read", at=at, meanwhile=overtake, error=None, name=lambda one: one.startswith("_atio/keys/")
        )
        assert meets(act, Table(store=FaultyStore(store, late), limits=SMALL), stage) == expected
        if late.seen < at:
            break
    assert at > 1
