"""Writes the golden table: `python -m tests.golden.make <name>`, once for each name, by the release that comes then.

A golden table is never made anew: every later release must read what this one wrote. What a later release can do
beside, gets a table of another name, made by another function here.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import atio_core as atio
from atio_core.log.limits import Limits

HOME = Path(__file__).parent / "tables"
LIMITS = Limits(recent=4, inline_files=2, fanout=2, manifest_files=8)
"""Small, so that manifests and lists of keys come about; a reader depends on none of them."""

FOR_AGES = datetime(9000, 1, 1, tzinfo=UTC)


def nasty() -> pd.DataFrame:
    """One column of each kind that pandas has, with an index and attributes."""
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("b", 3)], names=["letter", None])
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 3], "Int16"),
            "float": [0.5, float("nan"), -0.0],
            "text": pd.array(["x", None, "ü"], "string[pyarrow]"),
            "category": pd.Categorical(["lo", "hi", "lo"], ["lo", "hi"], ordered=True),
            "time": pd.date_range("2024-03-30", periods=3, tz="Europe/Berlin").as_unit("us"),
            "span": pd.to_timedelta([1, 2, 3], unit="h").as_unit("ms"),
            "list": pd.Series([[1], [], None], dtype=pd.ArrowDtype(pa.list_(pa.int32()))).array,
            7: [True, False, True],
        },
        index=index,
    )
    frame.attrs["source"] = "golden"
    return frame


def plain(number: int) -> pl.DataFrame:
    """A few rows of polars."""
    return pl.DataFrame(
        {
            "number": [number, number + 1],
            "price": [Decimal(f"{number}.50"), None],
            "day": [date(2024, 1, number), None],
            "at": [time(1, 2, 3), None],
            "bytes": [b"\x00\xff", None],
            "deep": [{"x": [1.5, None], "y": "z"}, None],
        },
        schema_overrides={"price": pl.Decimal(10, 2), "number": pl.Int32},
    )


def frames(path: Path) -> None:
    """Kinds of columns, appends into manifests, tags, restores, keys, a delete, an expiry."""
    table = atio.Table(path, limits=LIMITS)
    table.overwrite(nasty(), message="one of each kind", properties={"run": "1", "ü": ""})
    table.tag("kinds")
    table.overwrite(plain(1), idempotency_key="first")
    for number in range(2, 9):
        table.append(plain(number), idempotency_key=f"key {number}")
    table.restore(1)
    table.overwrite(pa.table({"x": pa.array([], pa.float32())}))
    table.restore(9)
    table.delete([("number", ">", 7)])
    table.append(plain(9))
    table.tag("last")
    table.expire(keep_last=5, grace=timedelta(0))
    table.append(plain(10), message="after an expiry")


def partitions(path: Path) -> None:
    """Values of several types, odd characters and null; one partition replaced, one emptied."""
    table = atio.Table(path, limits=LIMITS)
    cities = ("Zürich/=", "", None, 1.5, True)
    both = {(day, city): pa.table({"n": [day]}) for day in (1, 2) for city in cities}
    table.overwrite_partitions(both, partition_by=["day", "city"])
    one = (1, "")
    table.overwrite_partitions({one: pa.table({"n": [10, 11]})}, partition_by=["day", "city"])
    table.overwrite_partitions({one: pa.table({"n": pa.array([], "int64")})}, partition_by=["day", "city"])


def array() -> np.ndarray[Any, Any]:
    """One with fields, one of them of the other byte order."""
    fields = np.dtype([("id", "<i4"), ("at", ">f8", (2,)), ("name", "<U3")])
    return np.array([(1, (0.5, np.nan), "ä"), (2, (-0.0, np.inf), "")], fields)


VALUES: tuple[Any, ...] = ({"ä": [1, None, 0.1, 2**70], "": {}}, "text\r\nü", b"\x00\xff")


def folder(path: Path) -> Path:
    """Files of equal and of no bytes, one that may be run, odd names, and a folder that holds nothing."""
    (path / "deep" / "nothing").mkdir(parents=True)
    for name, data in {
        "run.sh": b"#!",
        "ü ?.txt": b"same",
        "deep/same": b"same",
        "deep/no bytes": b"",
    }.items():
        (path / name).write_bytes(data)
        (path / name).chmod(0o755 if name == "run.sh" else 0o644)
    return path


def objects(path: Path) -> None:
    """One of each kind, shared files, rows in between."""
    table = atio.Table(path, limits=LIMITS)
    table.overwrite(array(), message="an array")
    for value in VALUES:
        table.overwrite(value)
    table.overwrite({1, 2}, format="pickle")
    table.overwrite(plain(1))
    with tempfile.TemporaryDirectory() as made:
        table.overwrite(folder(Path(made) / "folder"))
        table.overwrite(Path(made) / "folder")
        table.overwrite(Path(made) / "folder" / "run.sh")


def moments(path: Path) -> None:
    """Partitions by dates and times, nulls among them; one replaced."""
    table = atio.Table(path, limits=LIMITS)
    rows = pa.table(
        {
            "day": pa.array([date(1969, 12, 31), date(2024, 2, 29), date(2024, 2, 29), None]),
            "at": pa.array([datetime(1969, 12, 31, 23, 59, 59, 1), datetime(2024, 2, 29), None, None]),  # noqa: DTZ001
            "n": [1, 2, 3, 4],
        }
    )
    table.append(rows, partition_by=["day", "at"])
    table.overwrite_partitions(
        rows.slice(1, 1).set_column(2, "n", pa.array([20])), partition_by=["day", "at"]
    )


def keyed(path: Path) -> None:
    """A primary key, rows sorted by two columns; appended, updated, upserted, compacted."""
    table = atio.Table(path, limits=LIMITS)
    for number in range(3):
        rows = pd.DataFrame({"id": [3 * number + 2, 3 * number, 3 * number + 1], "price": [0.5, None, -0.0]})
        rows["name"] = pd.array(["b", "a", None], "string[pyarrow]")
        table.append(rows, key=["id"] if not number else None, sort_by=["name", "id"] if not number else None)
    table.upsert(
        pd.DataFrame({"id": [4, 9], "price": [4.5, 9.5], "name": pd.array(["c", "d"], "string[pyarrow]")})
    )
    table.update([("id", "==", 0)], {"name": "z"})
    table.rename_column("price", "cost")
    table.compact()


def kept(path: Path) -> None:
    """Tags with and without an end, a lease of a reader that died, a policy, and stages: kept, published, dropped."""
    table = atio.Table(path, limits=LIMITS)
    for number in range(1, 6):
        table.append(plain(number))
    table.tag("for good", 1)
    table.tag("for ages", 2, until=FOR_AGES)
    lease = table.snapshot(3).lease(timedelta(days=365 * 6000))
    lease.name = "lease/machine/1/0123456789ab"
    lease.renew()
    table.set_retention(atio.Retention(keep_for=timedelta(days=30), keep_last=2, keep_daily=7))
    for number, settle in ((6, table.publish), (7, table.drop_staged)):
        settle(table.stage(plain(number), keep=True, until=FOR_AGES).id)
    for number, mode in ((8, "append"), (9, "overwrite")):
        table.stage(plain(number), mode, keep=True, until=FOR_AGES)


def tagged(path: Path) -> None:
    """More tags than an entry holds: most lie in a list; one was moved since, and one taken away."""
    table = atio.Table(path, limits=Limits(inline_tags=2))
    for number in range(1, 4):
        table.append(plain(number))
        for name in ("ü", "audit", "long " * 20 + "name"):
            table.tag(f"{name} {number}", until=FOR_AGES if name == "audit" else None)
    table.tag("ü 1", 5, force=True)
    table.untag("ü 2")


def store(path: Path) -> None:
    """Two tables, releases of which one was dropped and one has its name anew, and a policy."""
    made = atio.Store(path)
    for name in ("orders", "raw/customers"):
        for number in range(1, 4):
            made.table(name).append(plain(number))
    made.create_release("first", {"orders": 1, "raw/customers": 2}, message="by two teams")
    made.create_release("second", ["orders"])
    made.drop_release("second")
    made.create_release("second", ["orders", "raw/customers"])
    made.set_retention(atio.Retention(keep_last=1))
    made.expire_all(grace=timedelta(0))


MADE: dict[str, Callable[[Path], None]] = {
    "frames": frames,
    "partitions": partitions,
    "objects": objects,
    "moments": moments,
    "keyed": keyed,
    "kept": kept,
    "tagged": tagged,
    "store": store,
}


def described_at(path: Path) -> dict[str, Any]:
    """What lies in a folder, as JSON has it: a store's releases and tables, or a table's versions."""
    if not (path / "_atio" / "releases").exists():
        return described(atio.Table(path))
    opened = atio.Store(path)
    return {
        "policy": repr(opened.retention()),
        "releases": [[one.number, one.name, one.message, dict(one.tables)] for one in opened.releases()],
        "tables": {name: described(opened.table(name)) for name in opened.tables()},
    }


def described(table: atio.Table) -> dict[str, Any]:
    """What each version of a table holds, as JSON has it."""
    return {str(snapshot.version): _described(snapshot) for snapshot in reversed(table.history())}


def _described(snapshot: atio.Snapshot) -> dict[str, Any]:
    if snapshot.kind != "table":
        return _described_object(snapshot)
    rows = snapshot.read("arrow")
    return {
        "operation": snapshot.operation,
        "time": snapshot.time.isoformat(),
        "message": snapshot.message,
        "properties": snapshot.properties,
        "tags": list(snapshot.tags),
        "content": snapshot.content,
        "partitions": [repr(values) for values in snapshot.partitions()],
        "columns": [[field.name, str(field.type), field.nullable] for field in rows.schema],
        "rows": [[_told(value) for value in row.values()] for row in rows.to_pylist()],
    }


def _described_object(snapshot: atio.Snapshot) -> dict[str, Any]:
    value = (
        {name: snapshot.open(name).read() for name in snapshot.names}
        if snapshot.kind == "folder"
        else snapshot.read()
    )
    if isinstance(value, np.ndarray):
        value = (value.dtype.descr, value.shape, value.tobytes().hex())
    return {
        "kind": snapshot.kind,
        "time": snapshot.time.isoformat(),
        "message": snapshot.message,
        "tags": list(snapshot.tags),
        "content": snapshot.content,
        "value": repr(value),
    }


def _told(value: Any) -> str:
    """Tell a value; older releases of pyarrow have zones of pytz, which look different."""
    zoned = isinstance(value, datetime) and value.tzinfo is not None
    return repr(value.replace(tzinfo=ZoneInfo(str(value.tzinfo))) if zoned else value)


def main(name: str) -> None:
    """Make a golden table that isn't there yet."""
    path = HOME / name
    if path.exists():
        sys.exit(f"{path} is there, and is never made anew: add a function with another name")
    MADE[name](path)
    told = json.dumps(described_at(path), indent=1, ensure_ascii=False)
    path.with_suffix(".json").write_text(told + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
