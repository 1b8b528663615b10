# pyright: reportCallIssue=false, reportArgumentType=false, reportUnknownLambdaType=false
# ^ pandas' stubs know its usual arguments only
from __future__ import annotations

import pickle
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.errors import DuplicateKeyError, InvalidInputError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL


def part(*ids: int, n: int = 0, day: str = "x") -> pd.DataFrame:
    """Some rows."""
    rows = pd.DataFrame({"id": list(ids), "n": [n] * len(ids), "day": [day] * len(ids)})
    return rows.astype({"id": "int64", "n": "int64", "day": "str"})


def table(*ids: int, store: MemoryStore | None = None, **options: Any) -> Table:
    """A new table with a key, and a row in a file of its own for each id."""
    made = Table(store=store or MemoryStore("t"), limits=SMALL)
    made.append(part(), key=["id"], **options)
    for number in ids:
        made.append(part(number))
    return made


def ids(of: Table) -> list[int]:
    """The ids in a table."""
    return of.read()["id"].tolist()


CHANGES: dict[str, Callable[[Table], Any]] = {
    "append": lambda t: t.append(part(7, 2)),
    "append within": lambda t: t.append(part(7, 7)),
    "append of another library": lambda t: t.append(pl.from_pandas(part(2))),
    "append with a column more": lambda t: t.append(part(2).assign(more=1.5), schema_mode="add"),
    "append of a stream": lambda t: t.append(part(number) for number in (7, 8, 7)),
    "overwrite": lambda t: t.overwrite(part(7, 7)),
    "overwrite of rows that match": lambda t: t.overwrite(part(7, 2), where=[("id", "==", 1)]),
    "overwrite of partitions": lambda t: t.overwrite_partitions(part(7, 7)),
    "update": lambda t: t.update([("id", "==", 1)], {"id": 2}),
    "update of all": lambda t: t.update([], {"id": 7}),
    "upsert by another key": lambda t: t.upsert(part(2, n=5), key=["n"]),
    "upsert within": lambda t: t.upsert(part(7, 7)),
    "staged": lambda t: t.commit([t.stage(part(7)), t.stage(part(7))]),
    "staged within": lambda t: t.stage(part(7, 7)),
    "staged, in the table": lambda t: t.commit([t.stage(part(2))]),
    "staged overwrites": lambda t: t.commit([t.stage(part(7), "overwrite"), t.stage(part(7), "overwrite")]),
    "kept": lambda t: t.stage(part(2), keep=True).publish(),
    "kept, looked at": lambda t: t.stage(part(2), keep=True).read(),
}


@pytest.mark.parametrize("change", list(CHANGES))
def test_no_change_doubles_a_key(change: str) -> None:
    """Whatever changes rows is refused if two would have one key: nothing is committed, and no file stays."""
    store = MemoryStore("t")
    made = table(1, 2, 3, store=store, partition_by=["day"])
    with pytest.raises(DuplicateKeyError, match=r"\bt\b.*such as \d.*'id'") as caught:
        CHANGES[change](made)
    facts = caught.value.facts
    assert (facts["columns"], caught.value.table) == (("id",), made.path)
    assert facts["keys"][0] in {(2,), (7,)}
    assert ids(made) == [1, 2, 3]
    assert pickle.loads(pickle.dumps(caught.value)).facts == facts
    if not change.startswith(("staged", "kept")) or change == "staged within":
        assert set(store.list("data/")) == {file.path for file in made.snapshot().data_files()}


def test_changes_that_hold_it_are_made() -> None:
    """What doubles no key goes through: updates, upserts, deletes, moves of rows, streams, kept stages."""
    made = table(1, 2, 3)
    made.upsert(part(2, 4, n=1))
    made.update([("id", "==", 1)], {"id": 9})
    made.update([], {"n": 5})
    made.delete([("id", "==", 2)])
    made.append(part(number) for number in (1, 2))
    made.compact()
    made.overwrite(part(3, 30), where=[("id", "==", 3)])
    made.stage(part(40), keep=True).publish()
    made.commit([made.stage(part(41)), made.stage(part(42))])
    assert sorted(ids(made)) == [1, 2, 3, 4, 9, 30, 40, 41, 42]
    made.overwrite(part(1, 2))
    assert (made.snapshot().key, ids(made)) == (("id",), [1, 2])


def test_a_transaction_holds_it_at_its_end() -> None:
    """Between the changes of a transaction a key may come twice; at the end it may not."""
    made = table(1, 2)
    with made.transaction() as changes:
        changes.append(part(2, n=1))
        changes.delete([("n", "==", 0)])
    assert ids(made) == [2]
    for doubled in ([part(7), part(7)], [part(8), part(2)]):
        with pytest.raises(DuplicateKeyError):
            append_together(made, doubled)
    with made.transaction() as changes:
        changes.set_key([])
        changes.append(part(2))
        changes.overwrite(part(5, 6), key=["id"])
    assert (ids(made), made.snapshot().key) == ([5, 6], ("id",))
    with pytest.raises(DuplicateKeyError):
        append_without_key(made, part(5))
    made.set_key([])
    with made.transaction() as changes:
        changes.set_key(["id"])
        changes.overwrite(part(7))
    assert (ids(made), made.snapshot().key) == ([7], ("id",))
    assert made.snapshot().entry.writer_features == ("primary_key",)


def append_together(to: Table, parts: list[pd.DataFrame]) -> None:
    """Append several parts as one version."""
    with to.transaction() as changes:
        for one in parts:
            changes.append(one)


def append_without_key(to: Table, rows: pd.DataFrame) -> None:
    """Append while there is no key, and declare it again, as one version."""
    with to.transaction() as changes:
        changes.set_key([])
        changes.append(rows)
        changes.set_key(["id"])


def test_of_several_columns_and_over_all_partitions() -> None:
    """A key of several columns is their values together; it is that of the whole table, whatever the partitions."""
    made = Table(store=MemoryStore("t"), limits=SMALL)
    made.append(part(1, day="x"), key=["day", "id"], partition_by=["day"])
    made.append(part(1, day="y"))
    with pytest.raises(DuplicateKeyError, match=r"such as \('y', 1\) \(of 'day', 'id'\)"):
        made.append(part(1, 2, day="y"))
    assert (made.snapshot().key, made.snapshot().not_null) == (("day", "id"), ("id", "day"))
    outer = Table(store=MemoryStore("t"), limits=SMALL)
    outer.append(part(1), key=["id"], partition_by=["batch"], partition={"batch": 1})
    with pytest.raises(DuplicateKeyError):
        outer.append(part(1), partition={"batch": 2})
    with pytest.raises(DuplicateKeyError):
        outer.overwrite_partitions({2: part(1)}, partition_by=["batch"])
    assert outer.overwrite_partitions({1: part(1)}, partition_by=["batch"]).rows == 1


def test_declared_on_a_table_that_is_there() -> None:
    """`set_key` looks at all rows: doubled keys, nulls and what can't be a key are refused, and nothing changes."""
    made = Table(store=MemoryStore("t"), limits=SMALL)
    rows = pa.table({"id": [1, 2], "n": [0, 0], "x": [0.5, None], "l": [[1], [2]]})
    made.append(rows)
    made.append(rows.set_column(0, "id", pa.array([3, 4])))
    for labels, message in (
        (["n"], "such as 0"),
        (["x"], "no value in column 'x'"),
        (["l"], "can't be a key"),
        (["y"], "'y'"),
        (["id", "id"], "each once"),
        ("id", "key"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            made.set_key(labels)
    assert made.snapshot().version == 2
    assert made.set_key(["id"]).key == ("id",)
    assert made.set_key(["id"]).unchanged
    assert (made.snapshot().files, made.snapshot(2).key) == (2, ())
    made.append(rows.set_column(0, "id", pa.array([5, 6])))
    with pytest.raises(DuplicateKeyError, match="such as 0"):
        made.set_key(["n"])
    with pytest.raises(atio.TableNotFoundError):
        Table(store=MemoryStore("u")).set_key(["id"])


def test_it_goes_with_its_columns() -> None:
    """Renames, moves and wider types keep it, drops of its columns are refused, and a restore brings its own."""
    made = Table(store=MemoryStore("t"), limits=SMALL)
    small = pd.DataFrame({"id": pd.array([1], "int32"), "n": [0]})
    made.append(small, key=["id"])
    made.rename_column("id", "key")
    made.move_column("key", to=-1)
    made.append(pd.DataFrame({"key": [2**40], "n": [0]}), schema_mode="widen")
    for again in (1, 2**40):
        with pytest.raises(DuplicateKeyError):
            made.append(pd.DataFrame({"key": [again], "n": [0]}))
    with pytest.raises(InvalidInputError, match="can't be dropped: it is of the table's primary key"):
        made.drop_column("key")
    assert (made.snapshot().key, made.snapshot(1).key) == (("key",), ("id",))
    assert made.set_key([]).key == ()
    assert made.snapshot().not_null == ()
    assert made.snapshot().entry.writer_features == ()
    made.append(pd.DataFrame({"key": [1], "n": [0]}))
    assert made.restore(1).key == ("id",)
    with pytest.raises(DuplicateKeyError):
        made.append(small)
    assert made.restore(-2).key == ()


def test_an_overwrite_keeps_it_or_says_anew() -> None:
    """A full overwrite has the key that was there, if its data has the columns; else it has to say what comes."""
    made = table(1)
    assert made.overwrite(pd.DataFrame({"id": ["a"], "m": [1]})).key == ("id",)
    with pytest.raises(InvalidInputError, match=r"is \['id'\], and the data has no column 'id'"):
        made.overwrite(pd.DataFrame({"m": [1]}))
    assert made.overwrite(pd.DataFrame({"m": [1]}), key=["m"]).key == ("m",)
    with pytest.raises(DuplicateKeyError):
        made.overwrite(pd.DataFrame({"m": [1, 1]}), schema_mode="exact")
    with pytest.raises(InvalidInputError, match=r"is \['m'\], and not \['n'\]"):
        made.append(pd.DataFrame({"m": [2]}), key=["n"])
    made.append(pd.DataFrame({"m": [2]}), key=["m"])
    assert made.overwrite(pd.DataFrame({"m": [1, 1]}), key=[]).key == ()
    assert made.overwrite(pd.DataFrame({"m": [1]}), key=["m"]).key == ("m",)
    made.overwrite(b"an object")
    assert made.snapshot().entry.writer_features == ()
    assert made.overwrite(pd.DataFrame({"m": [1, 1]})).key == ()
    made.overwrite(pd.DataFrame({"m": [1]}), key=["m"])
    made.drop()
    assert made.append(pd.DataFrame({"m": [1, 1]})).key == ()


def test_it_takes_no_nulls(tmp_path: Path) -> None:
    """Columns of the key take no nulls, and no NaN, whoever writes; beside columns that take none by themselves."""
    made = Table(tmp_path)
    good = pl.DataFrame({"a": [0.5], "b": ["x"], "c": [1]})
    made.append(good, key=["a", "b"], not_null=["c"])
    assert made.snapshot().not_null == ("a", "b", "c")
    for bad in (
        good.with_columns(a=pl.lit(None, pl.Float64)),
        good.with_columns(a=pl.lit(float("nan"))),
        good.with_columns(b=pl.lit(None, pl.String)),
        good.select("b", "c"),
    ):
        for mode in ("exact", "add"):
            with pytest.raises(InvalidInputError):
                made.append(bad, schema_mode=mode)
    made.append(good.with_columns(a=1.5), not_null=["c"])
    with pytest.raises(InvalidInputError, match="leave not_null out"):
        made.append(good.with_columns(a=2.5), not_null=["b"])
    assert made.overwrite(good, key=[]).not_null == ("c",)


@pytest.mark.parametrize(
    ("t", "one", "same"),
    [
        (pa.float64(), 0.0, -0.0),
        (pa.decimal128(5, 2), Decimal("1.50"), Decimal("1.50")),
        (pa.timestamp("ms"), 1, 1),
        (pa.dictionary(pa.int32(), pa.string()), "a", "a"),
        (pa.binary(), b"a", b"a"),
        (pa.bool_(), True, True),
        (pa.string(), "a" * 60, "a" * 60),
        (pa.float16(), 1.5, 1.5),
        (pa.uint64(), 2**64 - 1, 2**64 - 1),
        (pa.date32(), 3, 3),
        (pa.decimal32(5, 2), Decimal("1.50"), Decimal("1.50")),
        (pa.decimal64(12, 2), Decimal("1.50"), Decimal("1.50")),
        (pa.timestamp("ns", "UTC"), 1, 1),
        (pa.timestamp("s"), 10**12, 10**12),
        (pa.duration("ns"), 1, 1),
        (pa.time64("ns"), 1, 1),
    ],
    ids=str,
)
def test_values_of_any_type(t: pa.DataType, one: Any, same: Any) -> None:
    """Values of all types that can be a key are compared as an upsert compares them."""
    made = Table(store=MemoryStore("t"), limits=SMALL)
    made.append(pa.table({"id": pa.array([one], t)}), key=["id"])
    with pytest.raises(DuplicateKeyError):
        made.append(pa.table({"id": pa.array([same], t)}))
    made.upsert(pa.table({"id": pa.array([same], t)}))
    assert made.snapshot().rows == 1


def test_where_it_can_not_be_said(tmp_path: Path) -> None:
    """Where no key can be said, or none is there to be used, that is refused, and nothing is written."""
    made = Table(tmp_path)
    for write in (
        lambda: made.append(part(1), key="id"),
        lambda: made.append(part(1), key=["y"]),
        lambda: made.append(part(1, 1), key=["id"]),
        lambda: made.append(pd.DataFrame([[1, 2]], columns=["a", "a"]), key=["a"]),
        lambda: made.overwrite(b"bytes", key=["a"]),
        lambda: made.upsert(part(1)),
        lambda: made.stage(part(1), key=["y"]),
    ):
        with pytest.raises(InvalidInputError):
            write()
    assert not made.exists()
    made.append(part(1))
    with pytest.raises(InvalidInputError, match="key can't be had with where"):
        made.overwrite(part(1), where=[("id", "==", 1)], key=["id"])
    with pytest.raises(InvalidInputError, match="has no primary key"):
        made.upsert(part(1))
    assert len(made.history()) == 1


@pytest.mark.parametrize(
    ("t", "count"),
    [(pa.timestamp("s"), 10**12), (pa.timestamp("ns"), 2**62 + 1), (pa.duration("s"), 2**50)],
    ids=str,
)
def test_a_time_that_python_does_not_have_is_told(t: pa.DataType, count: int) -> None:
    """The message tells a doubled key also where Python has no such value."""
    far = pa.table({"id": pa.array([count, 1], t)})
    made = Table(store=MemoryStore("t"), limits=SMALL)
    made.append(far, key=["id"])
    with pytest.raises(DuplicateKeyError, match=r"such as .*'id'"):
        made.append(far)


@pytest.mark.parametrize("dictionary", [False, True])
def test_a_time_of_day_is_told_to_the_nanosecond(*, dictionary: bool) -> None:
    """Python's times end at microseconds: two keys that differ below are told apart."""
    times = pa.array([43_200_000_000_001, 43_200_000_000_002], pa.time64("ns"))
    part = pa.table({"id": times.dictionary_encode() if dictionary else times})
    made = Table(store=MemoryStore("t"), limits=SMALL)
    made.append(part, key=["id"])
    with pytest.raises(
        DuplicateKeyError, match=r"such as '12:00:00.000000001', '12:00:00.000000002'"
    ) as caught:
        made.append(part)
    assert caught.value.facts["keys"] == (("12:00:00.000000001",), ("12:00:00.000000002",))
