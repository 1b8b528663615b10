from __future__ import annotations

import datetime as dt
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import deltalake
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake.exceptions import DeltaError

import atio_core as atio
from atio_core.errors import (
    AlreadyExistsError,
    InvalidInputError,
    NotPreservableError,
    TableNotFoundError,
    TagNotFoundError,
    VersionExpiredError,
)
from atio_core.mirrors.delta_log import DeltaLog
from atio_core.mirrors.delta_state import Step
from atio_core.table import Table
from tests.atio_core.mirrors.engines import CARRIED, NESTED, rows


def by_deltalake(path: str, version: int | None = None) -> list[dict[str, Any]]:
    """Return what deltalake reads."""
    return rows(pa.table(deltalake.DeltaTable(path, version=version).to_pyarrow_table()))


def by_query(path: str, where: str = "true", by: str = "id") -> list[dict[str, Any]]:
    """Return what deltalake's engine finds; it skips files by their bounds."""
    builder = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(path))
    return rows(pa.table(builder.execute(f"select * from t where {where}").read_all()), by)


def by_polars(path: str) -> list[dict[str, Any]]:
    """Return what polars reads."""
    return rows(pl.scan_delta(path).collect().to_arrow())


def test_every_value_is_what_other_engines_read(tmp_path: Path) -> None:
    """Of each type that can be carried, deltalake, its query engine and polars read just the values that are there."""
    table = Table(tmp_path)
    both = pa.table([*CARRIED.columns, *NESTED.columns], names=[*CARRIED.column_names, *NESTED.column_names])
    table.append(both)
    table.append(both.slice(0, 1).set_column(0, "id", pa.array([4], pa.int64())))
    assert (
        str(table.to_delta())
        == f"{tmp_path} shows now version 2 of {tmp_path} to readers of Delta, in 2 files"
    )
    expected = rows(table.read(output_as="arrow"))
    for read in (by_deltalake, by_query, by_polars):
        assert read(table.path) == expected, read.__name__
    if deltalake.__version__ == "1.0.0":  # whose engine fails to estimate how many of such numbers match
        return
    # Each bound holds for the rows that it is to leave out.
    for where in (
        "id = 4", "int64 > 0", "string > 'zz'", "date < '1000-01-01'", "uint32 > 4000000000", "float64 < 0",
        "naive = timestamp '2026-02-03T04:05:06.789012'", "float32 = 0",
        "utc >= timestamp '2026-02-03T04:05:06.789012Z'",
    ):  # fmt: skip
        found = {row["id"] for row in by_query(table.path, where)}
        counted = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(table.path))
        plain = counted.execute(f"select id from (select *, random() as r from t) where r >= 0 and ({where})")
        assert found == set(pa.table(plain.read_all())["id"].to_pylist()), where


FILTERED: dict[str, pa.Array] = {
    "decimals": pa.array([Decimal("1.10"), Decimal("-0.01"), Decimal("99999999.99")], pa.decimal128(10, 2)),
    "long decimals": pa.array([Decimal("9" * 37 + ".9"), Decimal("0.1")], pa.decimal128(38, 1)),
    "truth": pa.array([True, False]),
    "infinity": pa.array([1.5, float("inf"), float("-inf")]),
    "a character of the last plane": pa.array(["a", "zz\U0010ffff"]),
    "text that no bound is above": pa.array(["a", "\U0010ffff" * 40]),
    "times in a dictionary": pa.array([0, 2**40], pa.timestamp("us")).dictionary_encode(),
    "bytes": pa.array([b"", b"\xff"]),
}


@pytest.mark.parametrize("what", FILTERED)
def test_filters_of_readers_lose_no_row(what: str, tmp_path: Path) -> None:
    """A file that has no bounds of a column, or none of that column, is passed over by no reader's filter."""
    column, table = FILTERED[what], Table(tmp_path)
    table.append(pa.table({"id": [0], "x": column[:1]}))
    table.to_delta()
    for number in range(len(column)):
        part = column.slice(number, 1)
        table.append(pa.table({"id": [number + 1], "x": part, "later": [1]}), schema_mode="add")
    table.append(pa.table({"id": [-1], "x": pa.nulls(1, column.type), "later": [1]}))
    table.to_delta()
    assert table.to_delta().unchanged
    dataset = deltalake.DeltaTable(tmp_path).to_pyarrow_dataset()
    lazy, plain = pl.scan_delta(str(tmp_path)), table.read(output_as="arrow")
    known = {id_: value.as_py() for id_, value in zip(plain["id"].to_pylist(), plain["x"], strict=True)}
    for value in column.unique():
        scalar = value.cast(value.type.value_type) if pa.types.is_dictionary(value.type) else value
        for where, own in (
            (pc.field("x") == scalar, pl.col("x") == scalar.as_py()),
            (pc.field("x") != scalar, None),
        ):
            equal = own is not None
            expected = {id_ for id_, x in known.items() if x is not None and (x == scalar.as_py()) == equal}
            assert {*dataset.to_table(filter=where)["id"].to_pylist()} == expected, where
            assert own is None or {*lazy.filter(own).collect()["id"]} == expected, own
    for name, ids in (("x", {-1}), ("later", {0})):
        assert {*dataset.to_table(filter=pc.field(name).is_null())["id"].to_pylist()} == ids
        assert {*lazy.filter(pl.col(name).is_null()).collect()["id"]} == ids


def test_filters_of_readers_know_structs(tmp_path: Path) -> None:
    """Nulls of structs are found, of which a file has no bounds beside those of others."""
    table = Table(tmp_path)
    for number, value in enumerate([{"a": 1}, {"a": None}, None]):
        table.append(pa.table({"id": [number], "s": pa.array([value], pa.struct({"a": pa.int64()}))}))
    table.to_delta()
    dataset = deltalake.DeltaTable(tmp_path).to_pyarrow_dataset()
    assert dataset.to_table(filter=pc.field("s").is_null())["id"].to_pylist() == [2]
    assert dataset.to_table(filter=pc.field("s", "a") == 1)["id"].to_pylist() == [0]
    assert dataset.to_table(filter=pc.field("id") == 1)["s"].to_pylist() == [{"a": None}]


REFUSED: dict[str, pa.Array] = {
    "nanoseconds": pa.array([1], pa.timestamp("ns")),
    "zone": pa.array([1], pa.timestamp("us", "Europe/Berlin")),
    "duration": pa.array([1], pa.duration("us")),
    "time": pa.array([1], pa.time64("us")),
    "uint64": pa.array([1], pa.uint64()),
    "float16": pa.array([1.0], pa.float16()),
    "null": pa.nulls(1),
    "decimal256": pa.array([Decimal(1)], pa.decimal256(50, 0)),
    "list of nanoseconds": pa.array([[1]], pa.list_(pa.timestamp("ns"))),
    "list of fixed size": pa.array([[1]], pa.list_(pa.int64(), 1)),
    "struct that folds": pa.array([{"x": 1, "X": 2}]),
    "far milliseconds": pa.array([2**62], pa.timestamp("ms")),
    "far category": pa.array([-(2**62)], pa.timestamp("ms")).dictionary_encode(),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_carried_is_refused(what: str, tmp_path: Path) -> None:
    """A column that Delta's readers couldn't read exactly is named, and nothing is written."""
    table = Table(tmp_path)
    table.append(pa.table({"fine": [1], "odd": REFUSED[what]}))
    with pytest.raises(
        NotPreservableError, match=r"column 'odd' of version 1 .* Nothing was written"
    ) as caught:
        table.to_delta()
    assert caught.value.facts["column"] == "odd"
    assert (table.tags(), (tmp_path / "_delta_log").exists()) == ({}, False)


PANDAS = {
    "Python objects": [{"a": 1}],
    "periods": pd.period_range("2026-01", periods=1, freq="M"),
    "complex numbers": [1j],
    "categories of mixed values": pd.Categorical(["a"], categories=["a", 1]),
}


@pytest.mark.parametrize("what", PANDAS)
def test_what_stands_for_other_values_is_refused(what: str, tmp_path: Path) -> None:
    """What only pandas and atio know how to read isn't shown to others as something else."""
    table = Table(tmp_path)
    table.append(pd.DataFrame({"odd": PANDAS[what]}))
    with pytest.raises(NotPreservableError, match=f"column 'odd' .* holds {what}"):
        table.to_delta()


def test_a_column_with_other_files_under_its_name_is_refused(tmp_path: Path) -> None:
    """Delta goes by names: a renamed column, one dropped and added again, one of another type, and names alike."""
    table = Table(tmp_path)
    table.append(pa.table({"a": pa.array([1], pa.int32()), "b": ["x"]}))
    table.rename_column("b", "c")
    with pytest.raises(NotPreservableError, match=r"column 'c' .* renamed or added have 'b'"):
        table.to_delta()
    table.drop_column("c")
    table.append(pa.table({"a": pa.array([2], pa.int32()), "b": ["y"]}), schema_mode="add")
    with pytest.raises(NotPreservableError, match=r"column 'b' .* 'another column'"):
        table.to_delta()
    table.drop_column("b")
    assert table.to_delta().files == 2
    table.append(pa.table({"a": pa.array([2**40], pa.int64())}), schema_mode="widen")
    with pytest.raises(NotPreservableError, match=r"column 'a' .* is int64, and int32 in files from before"):
        table.to_delta()
    table.overwrite(pa.table({"a": [1], "A": [2]}))
    with pytest.raises(NotPreservableError, match=r"column 'A' .* differs from 'a' in upper and lower case"):
        table.to_delta()
    table.overwrite({"an": "object"})
    with pytest.raises(InvalidInputError, match="holds an object"):
        table.to_delta()
    table.drop()
    with pytest.raises(TableNotFoundError):
        table.to_delta()


def test_it_is_brought_up_to_date(tmp_path: Path) -> None:
    """Deletes, updates, new and dropped columns, another partitioning: each call makes one more version of Delta's."""
    table = Table(tmp_path)
    day = dt.date(2026, 1, 1)
    table.append(
        pa.table({"id": [1, 2], "day": [day, None], "odd": ["a b%/", "é"]}), partition_by=["day", "odd"]
    )
    numbers: list[tuple[int, ...]] = [table.to_delta().versions]
    changes = [
        lambda: table.append(
            pa.table({"id": [3], "day": [day], "odd": [""], "new": [1.5]}), schema_mode="add"
        ),
        lambda: table.delete([("id", "==", 1)]),
        lambda: table.update([("id", "==", 3)], {"new": 2.5}),
        lambda: table.drop_column("new"),
        lambda: table.overwrite(pa.table({"id": [9]}), partition_by=[]),
    ]
    for number, change in enumerate(changes, start=1):
        change()
        shown = table.to_delta()
        numbers.append(shown.versions)
        assert by_deltalake(table.path) == by_polars(table.path) == rows(table.read(output_as="arrow")), (
            number
        )
        assert deltalake.DeltaTable(table.path).version() == number
        assert table.to_delta().unchanged
    assert len(numbers) == len(changes) + 1
    old = table.to_delta(1)
    assert (old.versions, old.files, len(by_deltalake(table.path))) == ((1,), 2, 2)
    assert set(table.tags().values()) == {1}


def test_what_it_shows_stays_until_it_shows_something_else(tmp_path: Path) -> None:
    """Neither a compaction nor an expiry takes the files that a mirror names; behind a newer mirror they go."""
    table = Table(tmp_path)
    for number in range(3):
        table.append(pa.table({"id": [number]}))
    table.to_delta()
    expected = by_deltalake(table.path)
    table.compact()
    latest = table.append(pa.table({"id": [9]})).version
    for _ in range(2):
        report = table.expire(keep_last=1)
        assert [line.version for line in report.kept] == [3, latest]
        assert by_deltalake(table.path) == expected
        assert table.verify().ok
    table.to_delta()
    assert [table.snapshot(name).version for name in table.tags()] == [latest]
    table.expire(keep_last=1)
    assert [one.version for one in table.history()] == [latest]
    assert by_deltalake(table.path) == rows(table.read(output_as="arrow"))
    table.untag(next(iter(table.tags())))
    assert not table.to_delta().unchanged  # what isn't kept any more is kept again
    assert len(table.tags()) == 1


def test_a_mirror_with_its_history(tmp_path: Path) -> None:
    """Each retained version is one of Delta's, and stays; what came since is added; without a history, one stays."""
    table = Table(tmp_path)
    for number in range(3):
        table.append(pa.table({"id": [number]}))
    assert table.to_delta(history=True).versions == (1, 2, 3)
    versions = (1, 2, 3, table.delete([("id", "==", 0)]).version)
    assert table.to_delta(history=True).versions == versions
    assert table.to_delta(history=True).unchanged
    table.expire(keep_last=1)
    for number, version in enumerate(versions):
        assert by_deltalake(table.path, version=number) == rows(table.read(version, output_as="arrow"))
    assert table.to_delta().versions == versions[-1:]
    assert table.to_delta(history=True).versions == versions
    with pytest.raises(InvalidInputError, match="leave version out"):
        table.to_delta(2, history=True)


def test_many_mirror_at_once(tmp_path: Path) -> None:
    """Whoever mirrors beside others shows a version, and in the end the latest is shown and kept, and no other."""

    def work(number: int) -> None:
        table = Table(tmp_path)
        for turn in range(5):
            table.append(pa.table({"id": [10 * number + turn]}))
            table.to_delta()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    table = Table(tmp_path)
    table.to_delta()
    table.to_delta()  # what died or was late is tidied up by whoever comes next
    assert len(table.tags()) == 1
    table.expire(keep_last=1)
    assert by_deltalake(table.path) == rows(table.read(output_as="arrow"))
    assert len(by_deltalake(table.path)) == 20


def test_its_log_stays_short(tmp_path: Path) -> None:
    """Behind ten versions there is a checkpoint; what is older goes, but for what a kept version needs."""
    table = Table(tmp_path)
    numbers = 34
    for number in range(numbers):
        frame = pa.table({"id": [number], "day": pa.array([number], pa.date32())})
        table.overwrite_partitions({f"p{number % 3}": frame}, partition_by=["part"])
        table.to_delta()
    names = sorted(path.name for path in (tmp_path / "_delta_log").iterdir())
    assert [int(name[:20]) for name in names] == [20, 20, *range(21, 30), 30, 30, 31, 32, 33]
    expected = [
        {"id": n, "day": dt.date(1970, 1, 1 + n) if n < 31 else dt.date(1970, 2, n - 30)}
        for n in (31, 32, 33)
    ]
    found = [{"id": row["id"], "day": row["day"]} for row in by_deltalake(table.path)]
    assert (found, by_polars(table.path)) == (expected, by_deltalake(table.path))
    assert (deltalake.DeltaTable(table.path).version(), by_query(table.path, "id = 32")[0]["part"]) == (
        33,
        "p2",
    )
    assert table.to_delta().unchanged
    assert len(table.to_delta(history=True).versions) == 14
    for number in range(20):
        table.update([("id", "==", 33)], {"day": dt.date(2000, 1, 1 + number)})
        table.to_delta(history=True)
    shown = dict(enumerate(table.to_delta(history=True).versions, start=20))
    assert max(shown) == deltalake.DeltaTable(table.path).version() == 53
    for number, version in shown.items():
        expected = rows(table.read(version, output_as="arrow"))
        assert [{"id": row["id"], "day": row["day"]} for row in by_deltalake(table.path, number)] == expected
    newest = max((tmp_path / "_delta_log").glob("*.checkpoint.parquet"))
    for damaged in (b"", b"PAR1"):
        newest.write_bytes(damaged)
        with pytest.raises(AlreadyExistsError, match="isn't what mirroring wrote"):
            table.to_delta()


def test_external_partition_values_are_carried(tmp_path: Path) -> None:
    """They are columns to Delta, if folders' names say them as they are; else the field is refused."""
    table = Table(tmp_path / "a")
    frames = {("é b/%", 1): pa.table({"id": [1]}), ("x", 2): pa.table({"id": [2]})}
    table.overwrite_partitions(frames, partition_by=["who", "n"])
    table.to_delta()
    expected = [{"id": 1, "who": "é b/%", "n": 1}, {"id": 2, "who": "x", "n": 2}]
    assert by_deltalake(table.path) == by_polars(table.path) == by_query(table.path) == expected
    for number, value in enumerate(
        (None, "", "x" * 101, 1.5, True, 2**63, -(2**63) - 1, "__HIVE_DEFAULT_PARTITION__")
    ):
        odd = Table(tmp_path / f"odd {number}")
        odd.overwrite_partitions({value: pa.table({"id": [1]})}, partition_by=["who"])
        with pytest.raises(NotPreservableError, match=r"'who' .* external partition field"):
            odd.to_delta()
    table.overwrite_partitions({("x", 2): pa.table({"id": [2], "N": [1]})}, partition_by=["who", "n"])
    with pytest.raises(NotPreservableError):
        table.to_delta()


@pytest.mark.parametrize("fields", [("a b",), ("é",), ("p.q",), ("p", "P")])
def test_external_fields_that_readers_miss_are_refused(tmp_path: Path, fields: tuple[str, ...]) -> None:
    """A field is refused if folders have its name with escapes, which some keep, or if Delta takes it for another."""
    table = Table(tmp_path)
    table.overwrite_partitions({tuple("x" for _ in fields): pa.table({"id": [1]})}, partition_by=fields)
    with pytest.raises(NotPreservableError, match=f"{fields[-1]!r} .* partition field"):
        table.to_delta()


def test_nobody_writes_by_delta(tmp_path: Path) -> None:
    """Who writes or cleans by Delta is refused; another's log is left alone, and so is one of which a part is gone."""
    table = Table(tmp_path)
    table.append(pa.table({"id": [1]}))
    table.append(pa.table({"id": [2]}))
    table.to_delta(1)
    for write in (
        lambda: deltalake.write_deltalake(tmp_path, pa.table({"id": [3]}), mode="append"),
        lambda: deltalake.DeltaTable(tmp_path).delete("id = 1"),
        lambda: deltalake.DeltaTable(tmp_path).vacuum(
            0, dry_run=False, enforce_retention_duration=False, full=True
        ),
    ):
        with pytest.raises(Exception, match="atioMirror"):
            write()
    assert table.verify().ok
    first = tmp_path / "_delta_log/00000000000000000000.json"
    lines = first.read_text().splitlines()
    for damaged in (
        "",
        "no",
        "[]\n",
        json.dumps({"commitInfo": {}}),
        lines[0].replace('"table": "', '"table": "0'),
    ):
        first.write_text(damaged)
        with pytest.raises(AlreadyExistsError, match="isn't what mirroring wrote"):
            table.to_delta()
        assert first.read_text() == damaged
    shutil.rmtree(tmp_path / "_delta_log")
    assert table.to_delta().files == 2


def test_erasing_takes_the_mirror_away(tmp_path: Path) -> None:
    """Nothing of a person's stays in a mirror's bounds; its tag has to be named as any other."""
    table = Table(tmp_path)
    first = table.append(pa.table({"name": ["Kim-Ab", "Lee"]}))
    for number in range(11):  # so that there is a checkpoint
        table.to_delta(table.append(pa.table({"name": [f"{number}"]})).version)
    table.to_delta(first.version)
    where = [("name", "==", "Kim-Ab")]
    with pytest.raises(InvalidInputError, match="the tag 'mirror/delta/1'"):
        table.erase(where)
    assert list((tmp_path / "_delta_log").glob("*.parquet"))
    report = table.erase(where, tags=["mirror/delta/1"], dry_run=True)
    assert report.notes == ("the mirror for Delta goes: make it anew with to_delta",)
    assert table.erase(where, tags="all").notes == report.notes
    assert not any("Kim-Ab" in path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file())
    with pytest.raises(DeltaError):
        deltalake.DeltaTable(table.path)
    for number in range(13):
        assert len(by_query(table.path, "name = 'Lee'", by="name")) == 1 if number else table.to_delta()
        table.append(pa.table({"name": [f"{number}"]}))
        table.to_delta(history=True)
    assert (
        by_polars_names(table.path)
        == by_names(table.path)
        == sorted(table.read(output_as="arrow")["name"].to_pylist())
    )


def by_names(path: str) -> list[str]:
    """Return the names that deltalake reads."""
    return sorted(pa.table(deltalake.DeltaTable(path).to_pyarrow_table())["name"].to_pylist())


def by_polars_names(path: str) -> list[str]:
    """Return the names that polars reads."""
    return sorted(pl.scan_delta(path).collect()["name"].to_list())


def test_erasing_takes_damaged_files_of_a_mirror_away(tmp_path: Path) -> None:
    """What nobody can read tells of rows all the same; another's log stays."""
    table = Table(tmp_path)
    table.append(pa.table({"name": ["Kim-Ab", "Lee"]}))
    for number in range(11):  # so that there is a checkpoint
        table.to_delta(table.append(pa.table({"name": [f"{number}"]})).version)
    checkpoint = next((tmp_path / "_delta_log").glob("*.parquet"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    table.erase([("name", "==", "Kim-Ab")], tags="all")
    assert not any("Kim-Ab" in path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file())
    shutil.rmtree(tmp_path / "_delta_log")
    deltalake.write_deltalake(tmp_path / "other", pa.table({"name": ["Lee"]}))
    shutil.move(tmp_path / "other/_delta_log", tmp_path / "_delta_log")
    assert table.erase([("name", "==", "Lee")]).notes == ()
    assert [path.name for path in (tmp_path / "_delta_log").glob("*.json")] == ["0" * 20 + ".json"]


@pytest.mark.parametrize("before", [0, 1, 2])
def test_an_erasing_beside_a_slow_mirroring(
    before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a mirror had shown, what is erased just before it shows that is never told of by a file of it."""
    table, append = Table(tmp_path), DeltaLog.append
    for name in ["Ann", "Ben"][:before]:
        table.append(pa.table({"name": [name]}))
        table.to_delta()
    table.append(pa.table({"name": ["Eve Adams", "Zoe"]}))
    erase = [lambda: table.erase([("name", "==", "Eve Adams")], tags="all")]
    written: list[str] = []

    def slow(of: DeltaLog, step: Step) -> bool:
        while erase:
            erase.pop()()
        done = append(of, step)
        written.extend(path.read_text("latin-1") for path in tmp_path.glob("_delta_log/*"))
        return done

    monkeypatch.setattr(DeltaLog, "append", slow)
    assert table.to_delta().versions == (table.snapshot().version,)
    assert not any("Eve Adams" in text for text in written)
    assert by_names(table.path) == by_polars_names(table.path) == [*["Ann", "Ben"][:before], "Zoe"]


def test_a_version_that_goes_while_it_is_mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If an expiry takes what is being shown, the latest is shown behind it; a version by number is refused."""
    table, append = Table(tmp_path), DeltaLog.append
    table.append(pa.table({"id": [1]}))
    goes = [True]

    def slow(of: DeltaLog, step: Step) -> bool:
        while goes:
            goes.pop()
            table.overwrite(pa.table({"id": [2]}))
            for name in table.tags():
                table.untag(name)
            table.expire(keep_last=1)
        return append(of, step)

    monkeypatch.setattr(DeltaLog, "append", slow)
    assert len(table.to_delta().versions) == len(table.tags()) == 1
    assert by_deltalake(table.path) == by_polars(table.path) == [{"id": 2}]
    assert table.to_delta().unchanged
    table.append(pa.table({"id": [3]}))
    goes.append(True)
    with pytest.raises(VersionExpiredError):
        table.to_delta(table.snapshot().version)


def test_the_rest_of_a_table_takes_no_notice(tmp_path: Path) -> None:
    """Copies, exports and repairs leave a mirror out, and a store counts one table."""
    store = atio.Store(tmp_path)
    table = store.table("raw/t")
    table.append(pa.table({"id": [1]}))
    table.to_delta()
    assert (store.tables(), table.verify().ok, len(table.du().versions)) == (["raw/t"], True, 1)
    assert table.repair(dry_run=False).version is None
    exported = Table(tmp_path / "copy")
    table.export(exported.path)
    table.export(tmp_path / "some", versions="latest")
    assert not list(tmp_path.glob("*/_delta_log"))
    assert (Table(tmp_path / "some").tags(), exported.to_delta().files) == ({}, 1)
    assert by_deltalake(exported.path) == by_deltalake(table.path)
    table.expire(keep_last=1)
    assert by_deltalake(table.path) == [{"id": 1}]


def test_the_tags_of_mirrors_are_their_own(tmp_path: Path) -> None:
    """Nobody else can have a tag that begins so; it can be taken away."""
    table = Table(tmp_path)
    table.append(pa.table({"id": [1]}))
    with pytest.raises(InvalidInputError, match="mirrors have such tags"):
        table.tag("mirror/delta/1")
    with pytest.raises(TagNotFoundError):
        table.untag("mirror/delta/1")
