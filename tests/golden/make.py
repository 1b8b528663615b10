"""Writes the golden table: `python -m tests.golden.make <name>`, once for each name, by the release that comes then.

A golden table is never made anew: every later release must read what this one wrote. What a later release can do
beside, gets a table of another name, made by another function here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pyarrow as pa

import atio_core as atio
from atio_core.log.limits import Limits

HOME = Path(__file__).parent / "tables"
LIMITS = Limits(recent=4, inline_files=2, fanout=2, manifest_files=8)
"""Small, so that manifests and lists of keys come about; a reader depends on none of them."""


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


MADE: dict[str, Callable[[Path], None]] = {"frames": frames, "partitions": partitions}


def described(table: atio.Table) -> dict[str, Any]:
    """What each version of a table holds, as JSON has it."""
    return {str(snapshot.version): _described(snapshot) for snapshot in reversed(table.history())}


def _described(snapshot: atio.Snapshot) -> dict[str, Any]:
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
    told = json.dumps(described(atio.Table(path)), indent=1, ensure_ascii=False)
    path.with_suffix(".json").write_text(told + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
