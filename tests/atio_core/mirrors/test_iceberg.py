from __future__ import annotations

import datetime as dt
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable

from atio_core.errors import (
    AlreadyExistsError,
    InvalidInputError,
    NotPreservableError,
    VersionExpiredError,
)
from atio_core.mirrors import iceberg, iceberg_files
from atio_core.mirrors.iceberg_state import IcebergFolder, IcebergState
from atio_core.table import Table
from tests.atio_core.mirrors.engines import CARRIED, EARLY, NESTED, WHEN, rows

CARRIED_HERE = pa.table(
    [
        *CARRIED.drop_columns(["uint32"]).columns,
        pa.array([dt.time(1, 2, 3, 4), dt.time(0), None], pa.time64("us")),
        pa.array([b"ab", b"cd", None], pa.binary(2)),
    ],
    names=[*CARRIED.drop_columns(["uint32"]).column_names, "time", "fixed"],
)
pytestmark = pytest.mark.filterwarnings("ignore:Iceberg scan planning with the polars_iceberg plugin")
logging.getLogger("pyiceberg").setLevel(logging.ERROR)  # it tells of each dictionary


def by_pyiceberg(location: str, snapshot: int | None = None, where: Any = None) -> list[dict[str, Any]]:
    """Return what pyiceberg reads; it skips files by their bounds."""
    chosen = {} if where is None else {"row_filter": where}
    return rows(StaticTable.from_metadata(location).scan(snapshot_id=snapshot, **chosen).to_arrow())


def by_polars(location: str) -> list[dict[str, Any]]:
    """Return what polars reads."""
    return rows(pl.scan_iceberg(location).collect().to_arrow())


def test_every_value_is_what_other_engines_read(tmp_path: Path) -> None:
    """Of each type that can be carried, pyiceberg and polars read just the values that are there; bounds hold."""
    table = Table(tmp_path / "a b")
    table.append(CARRIED_HERE)
    table.append(CARRIED_HERE.slice(0, 1).set_column(0, "id", pa.array([4], pa.int64())))
    made = table.to_iceberg()
    assert (made.kind, made.versions, made.files, made.unchanged) == ("iceberg", (2,), 2, False)
    expected = rows(table.read(output_as="arrow"))
    assert by_pyiceberg(made.location) == by_polars(made.location) == expected
    for where, keep in (
        ("id = 4", lambda row: row["id"] == 4),
        ("int64 > 0", lambda row: (row["int64"] or 0) > 0),
        ("string > 'zz'", lambda row: (row["string"] or "") > "zz"),
        ("date < '1000-01-01'", lambda row: row["date"] and row["date"].year < 1000),
        (f"naive = '{WHEN.isoformat()}'", lambda row: row["naive"] == WHEN),
        ("float32 >= 0.0", lambda row: row["float32"] is not None),
        (f"naive = '{EARLY.isoformat()}'", lambda row: row["naive"] == EARLY),
    ):
        assert by_pyiceberg(made.location, where=where) == [row for row in expected if keep(row)], where


REFUSED: dict[str, pa.Array] = {
    "nanoseconds": pa.array([1], pa.timestamp("ns")),
    "zone": pa.array([1], pa.timestamp("us", "Europe/Berlin")),
    "duration": pa.array([1], pa.duration("us")),
    "uint32": pa.array([1], pa.uint32()),
    "uint64": pa.array([1], pa.uint64()),
    "float16": pa.array([1.0], pa.float16()),
    "null": pa.nulls(1),
    "decimal256": pa.array([Decimal(1)], pa.decimal256(50, 0)),
    "decimal32": pa.array([Decimal(1)], pa.decimal32(5, 0)),
    "decimal64": pa.array([Decimal(1)], pa.decimal64(15, 0)),
    "far milliseconds": pa.array([2**62], pa.timestamp("ms")),
    "nulls in a list": pa.array([[None]], pa.list_(pa.null())),
    "nanoseconds in a struct": pa.array([{"x": 1}], pa.struct([("x", pa.timestamp("ns"))])),
    "milliseconds in a list": pa.array([[1]], pa.list_(pa.timestamp("ms"))),
    "lists of a fixed size": pa.array([[1, 2]], pa.list_(pa.int64(), 2)),
    "small keys of a map": pa.array([[(1, 2)]], pa.map_(pa.int8(), pa.int64())),
    "names that differ in case": pa.array([{"x": 1, "X": 2}]),
    "two ways with the same dots": pa.array([{"x.y": 1, "x": {"y": 2}}]),
    "too much inside": pa.array([{f"f{number}": number for number in range(1024)}]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_carried_is_refused(what: str, tmp_path: Path) -> None:
    """A column that Iceberg's readers couldn't read exactly is named, and nothing is written."""
    table = Table(tmp_path)
    table.append(pa.table({"fine": [1], "odd": REFUSED[what]}))
    with pytest.raises(NotPreservableError, match=r"column 'odd' of version 1 .* Nothing was written"):
        table.to_iceberg()
    assert (table.tags(), (tmp_path / "_iceberg").exists()) == ({}, False)


def test_nested_columns_are_what_other_engines_read(tmp_path: Path) -> None:
    """Values inside structs, lists and maps are found by ids of their own, and may have grown there."""
    table = Table(tmp_path)
    grows = pa.table({"grows": pa.array([[{"x": 1}], [], None], pa.list_(pa.struct([("x", pa.int32())])))})
    ids = pa.table({"id": [1, 2, 3]})
    table.append(
        pa.table([*ids, *NESTED, *grows], [*ids.schema.names, *NESTED.schema.names, *grows.schema.names])
    )
    table.rename_column("list", "renamed")
    table.drop_column("struct")
    wider = pa.array([[{"x": 2**40}]], pa.list_(pa.struct([("x", pa.int64())])))
    table.append(
        pa.table({"id": [4], "struct": pa.array([{"y": [1.5]}]), "grows": wider}), schema_mode="widen"
    )
    made = table.to_iceberg()
    expected = rows(table.read(output_as="arrow"))
    if pl.__version__ >= "2":
        assert by_polars(made.location) == expected
    lists = ("deep", "grows")  # of structs: pyiceberg takes one that is null for an empty one
    assert by_pyiceberg(made.location) == [
        row | {name: row[name] or [] for name in lists} for row in expected
    ]


def test_what_lies_inside_takes_ids_in_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that was made without goes on without, and is refused until its rows are written anew as a whole."""
    table = Table(tmp_path)
    rows_there = pa.table({"id": [1], "list": [[1]]})
    with monkeypatch.context() as before:
        before.setattr("atio_core.changes.schema.marked", lambda field: field)
        table.append(rows_there)
    table.append(rows_there)
    with pytest.raises(
        NotPreservableError, match=r"'list' .* have none there; overwrite the table with its own rows"
    ):
        table.to_iceberg()
    table.overwrite(table.read())
    assert by_pyiceberg(table.to_iceberg().location) == rows_there.to_pylist() * 2


def test_a_column_may_not_have_the_way_to_another(tmp_path: Path) -> None:
    """Readers who write a way with a dot would find two fields."""
    table = Table(tmp_path)
    table.append(pa.table({"a": pa.array([{"b": 1}]), "a.b": [2]}))
    with pytest.raises(NotPreservableError, match=r"column 'a\.b' .* 'a\.b' names another field too"):
        table.to_iceberg()


def test_columns_go_by_their_ids(tmp_path: Path) -> None:
    """A renamed column, one dropped and added again, one moved, and one that grew are what they are in the table."""
    table = Table(tmp_path)
    table.append(
        pa.table({"id": pa.array([1], pa.int32()), "b": ["x"], "day": [dt.date(2026, 1, 1)]}),
        partition_by=["day"],
    )
    table.rename_column("b", "c")
    day = {"day": [dt.date(2026, 1, 2)]}
    table.append(pa.table({"id": pa.array([2**40], pa.int64()), "c": ["y"], **day}), schema_mode="widen")
    table.drop_column("c")
    table.append(pa.table({"id": [3], "c": [1.5], **day}), schema_mode="add")
    table.move_column("c", to=0)
    table.delete([("id", "==", 3)])
    made = table.to_iceberg()
    expected = rows(table.read(output_as="arrow"))
    assert by_pyiceberg(made.location) == by_polars(made.location) == expected
    with pytest.raises(InvalidInputError, match="leave version out"):
        table.to_iceberg(1, history=True)
    odd = Table(tmp_path / "data/odd")
    odd.overwrite_partitions({"x": pa.table({"id": [1]})}, partition_by=["who"])
    with pytest.raises(NotPreservableError, match=r"'who' .* external partition field"):
        odd.to_iceberg()


def test_a_column_of_another_type_in_older_files_is_refused(tmp_path: Path) -> None:
    """Iceberg lets only some types grow into others."""
    table = Table(tmp_path)
    for digits in (5, 7):
        table.append(pa.table({"a": pa.array([1], pa.decimal128(digits, 2))}), schema_mode="widen")
    with pytest.raises(
        NotPreservableError, match=r"column 'a' .* it is decimal\(7, 2\), and decimal\(5, 2\) in files"
    ):
        table.to_iceberg()


def test_what_it_shows_stays_until_it_shows_something_else(tmp_path: Path) -> None:
    """Compactions and expiries leave it alone; each call makes one state, and keeps the one before, and no more."""
    table = Table(tmp_path)
    for number in range(3):
        table.append(pa.table({"id": [number]}))
    first = table.to_iceberg()
    expected = by_pyiceberg(first.location)
    table.compact()
    table.expire(keep_last=1)
    assert by_pyiceberg(first.location) == expected
    assert table.to_iceberg(3).files == 1
    latest = 0
    for number in range(3):
        latest = table.append(pa.table({"id": [number]})).version
        made = table.to_iceberg()
        assert (made.versions, table.to_iceberg().unchanged) == ((latest,), True)
        assert by_pyiceberg(made.location) == rows(table.read(output_as="arrow"))
    names = sorted(path.name for path in (tmp_path / "_iceberg/metadata").iterdir())
    assert (len(names), names[-2:]) == (6, ["v4.metadata.json", "v5.metadata.json"])
    assert [table.snapshot(name).version for name in table.tags()] == [latest]
    table.overwrite(pa.table({"id": pa.array([], pa.int64())}))
    assert by_pyiceberg(table.to_iceberg().location) == []
    assert table.verify().ok


def test_a_mirror_with_its_history(tmp_path: Path) -> None:
    """Each retained version is a snapshot, with the columns that it had, and stays; without a history one is there."""
    table = Table(tmp_path)
    table.append(pa.table({"id": [1]}))
    table.rename_column("id", "key")
    table.append(pa.table({"key": [2]}))
    made = table.to_iceberg(history=True)
    assert made.versions == (1, 2, 3)
    table.rename_column("key", "id")
    versions = table.to_iceberg(history=True).versions
    made = table.to_iceberg(history=True)
    assert (made.unchanged, versions) == (True, made.versions)
    table.expire(keep_last=1)
    static = StaticTable.from_metadata(made.location)
    told = json.loads(Path(made.location).read_text())["snapshots"]
    parents = [one["parent-snapshot-id"] for one in told if "parent-snapshot-id" in one]  # Java takes no null
    assert parents == [one["snapshot-id"] for one in told[:-1]]
    for snapshot, version in zip(static.metadata.snapshots, versions, strict=True):
        read = static.scan(snapshot_id=snapshot.snapshot_id).to_arrow().to_pylist()
        assert read == table.read(version, output_as="arrow").to_pylist()
    assert table.to_iceberg().versions == versions[-1:]


def test_a_catalogue_shows_it_too(tmp_path: Path, iceberg_catalog: Any) -> None:
    """It is registered once, and follows in one step; another table under its name is left alone."""
    table = Table(tmp_path / "t")
    table.append(pa.table({"id": [1]}))
    options = {"catalog": iceberg_catalog, "identifier": "n.t"}
    table.to_iceberg(**options)
    table.append(pa.table({"id": [2]}))
    table.rename_column("id", "key")
    assert table.to_iceberg(**options).versions == (table.snapshot().version,)
    assert rows(iceberg_catalog.load_table("n.t").scan().to_arrow(), by="key") == [{"key": 1}, {"key": 2}]
    table.append(pa.table({"key": [3]}))
    table.to_iceberg(history=True, **options)
    assert table.to_iceberg(history=True, **options).unchanged
    found = iceberg_catalog.load_table("n.t")
    assert (len(found.metadata.snapshots), found.scan().to_arrow().num_rows) == (4, 3)
    other = Table(tmp_path / "other")
    other.append(pa.table({"id": [1]}))
    with pytest.raises(AlreadyExistsError, match=r"n\.t is another table in that catalogue"):
        other.to_iceberg(**options)
    with pytest.raises(InvalidInputError, match="catalog and identifier belong together"):
        table.to_iceberg(catalog=iceberg_catalog)
    with pytest.raises(InvalidInputError, match="catalog must be a catalogue of pyiceberg's"):
        table.to_iceberg(catalog="c", identifier="n.t")


def test_what_lies_there_of_others_is_left_alone(tmp_path: Path) -> None:
    """A state that mirroring didn't write is refused, and not written over."""
    table = Table(tmp_path)
    table.append(pa.table({"id": [1]}))
    state = Path(table.to_iceberg().location)
    told = json.loads(state.read_text())
    for damaged in ("", "[]", json.dumps(told | {"table-uuid": "0"}), json.dumps(told | {"properties": {}})):
        state.write_text(damaged)
        with pytest.raises(AlreadyExistsError, match="isn't what mirroring wrote"):
            table.to_iceberg()
        assert state.read_text() == damaged


def test_erasing_takes_the_mirror_away(tmp_path: Path) -> None:
    """Nothing of a person's stays in a mirror's bounds."""
    table = Table(tmp_path)
    table.append(pa.table({"name": ["Kim-Ab", "Lee"]}))
    table.to_iceberg()
    report = table.erase([("name", "==", "Kim-Ab")], tags="all")
    assert report.notes == ("the mirror for Iceberg goes: make it anew with to_iceberg",)
    assert [
        path.name for path in (tmp_path / "_iceberg/metadata").iterdir() if b"snapshots" in path.read_bytes()
    ] == []
    assert not list((tmp_path / "_iceberg/metadata").glob("*.avro"))
    table.to_iceberg()
    table.append(pa.table({"name": ["Ann"]}))
    state = Path(table.to_iceberg().location)
    assert by_pyiceberg_names(str(state)) == ["Ann", "Lee"]
    state.write_bytes(state.read_bytes()[:-9])
    table.erase([("name", "==", "Ann")], tags="all")
    assert not list((tmp_path / "_iceberg/metadata").glob("*.avro"))
    assert by_pyiceberg_names(table.to_iceberg().location) == ["Lee"]


def test_a_catalogue_goes_on_after_an_erasing(tmp_path: Path, iceberg_catalog: Any) -> None:
    """It follows; and if what it names is gone, it is said what to do."""
    table = Table(tmp_path / "t")
    options = {"catalog": iceberg_catalog, "identifier": "n.t"}
    for number in (1, 2):
        table.append(pa.table({"id": [number]}))
        table.to_iceberg(**options)
    table.erase([("id", "==", 1)], tags="all")
    table.to_iceberg(**options)
    assert rows(iceberg_catalog.load_table("n.t").scan().to_arrow()) == [{"id": 2}]
    iceberg_catalog.drop_table("n.t")
    table.to_iceberg(**options)
    table.append(pa.table({"id": [3]}))
    table.erase([("id", "==", 2)], tags="all")
    with pytest.raises(AlreadyExistsError, match=r"n\.t .* metadata that is gone.*drop it there"):
        table.to_iceberg(**options)
    iceberg_catalog.drop_table("n.t")
    table.to_iceberg(**options)
    assert rows(iceberg_catalog.load_table("n.t").scan().to_arrow()) == [{"id": 3}]


@pytest.mark.parametrize("before", [0, 1, 2])
def test_an_erasing_beside_a_slow_mirroring(
    before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a mirror had shown, what is erased before it shows that is shown by no state, and no list is left."""
    table, append = Table(tmp_path), IcebergFolder.append
    for name in ["Ann", "Ben"][:before]:
        table.append(pa.table({"name": [name]}))
        table.to_iceberg()
    table.append(pa.table({"name": ["Eve Adams", "Zoe"]}))
    erase = [lambda: table.erase([("name", "==", "Eve Adams")], tags="all")]

    def slow(of: IcebergFolder, state: IcebergState) -> bool:
        while erase:
            erase.pop()()
        return append(of, state)

    monkeypatch.setattr(IcebergFolder, "append", slow)
    made = table.to_iceberg()
    assert made.versions == (table.snapshot().version,)
    assert by_pyiceberg_names(made.location) == [*["Ann", "Ben"][:before], "Zoe"]
    lists = {path.name for path in tmp_path.glob("_iceberg/metadata/*.avro")}
    assert {name for name in lists if name in Path(made.location).read_text()} == lists


def test_a_version_that_goes_while_it_is_mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another mirroring and an expiry take what is being shown, the latest is shown behind it."""
    table, append = Table(tmp_path), IcebergFolder.append
    table.append(pa.table({"id": [1]}))
    goes = [True]

    def slow(of: IcebergFolder, state: IcebergState) -> bool:
        while goes:
            goes.pop()
            table.overwrite(pa.table({"id": [2]}))
            for name in table.tags():
                table.untag(name)
            table.expire(keep_last=1)
        return append(of, state)

    monkeypatch.setattr(IcebergFolder, "append", slow)
    made = table.to_iceberg()
    assert (by_pyiceberg(made.location), len(table.tags())) == ([{"id": 2}], 1)
    table.append(pa.table({"id": [3]}))
    goes.append(True)
    with pytest.raises(VersionExpiredError):
        table.to_iceberg(table.snapshot().version)


def by_pyiceberg_names(location: str) -> list[str]:
    """Return the names that pyiceberg reads."""
    return sorted(StaticTable.from_metadata(location).scan().to_arrow()["name"].to_pylist())


def test_an_interrupt_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the first file is described isn't told as an error of pyiceberg's; the next call mirrors all."""

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    table = Table(tmp_path / "t")
    table.append(pa.table({"id": [1]}))
    with monkeypatch.context() as patched:
        patched.setattr(iceberg_files, "storage_type", interrupted)
        with pytest.raises(KeyboardInterrupt):
            table.to_iceberg()
    assert by_pyiceberg(table.to_iceberg().location) == [{"id": 1}]


def test_it_takes_a_place_and_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is refused, for nobody finds anything there; and so it is said what to install."""
    table = Table("memory://iceberg-test")
    table.append(pa.table({"id": [1]}))
    with pytest.raises(InvalidInputError, match="memory, where no reader"):
        table.to_iceberg()
    monkeypatch.setattr(iceberg, "find_spec", lambda _: None)
    here = Table(tmp_path)
    here.append(pa.table({"id": [1]}))
    with pytest.raises(InvalidInputError, match="pip install pyiceberg"):
        here.to_iceberg()
