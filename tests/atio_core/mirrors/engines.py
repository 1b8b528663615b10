"""Tables of every type that a mirror can carry, and what engines read of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa

WHEN = dt.datetime(2026, 2, 3, 4, 5, 6, 789_012)  # noqa: DTZ001 - without a zone, as the column
UTC = WHEN.replace(tzinfo=dt.UTC)
EARLY = dt.datetime(1, 1, 1)  # noqa: DTZ001 - likewise

CARRIED = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int64()),
        "bool": [True, False, None],
        "int8": pa.array([-128, 127, None], pa.int8()),
        "int16": pa.array([-(2**15), 2**15 - 1, None], pa.int16()),
        "int32": pa.array([-(2**31), 2**31 - 1, None], pa.int32()),
        "int64": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
        "uint8": pa.array([0, 255, None], pa.uint8()),
        "uint16": pa.array([0, 2**16 - 1, None], pa.uint16()),
        "uint32": pa.array([0, 2**32 - 1, None], pa.uint32()),
        "float32": pa.array([1.5, -0.0, None], pa.float32()),
        "float64": pa.array([0.1 + 0.2, float("-inf"), None], pa.float64()),
        "string": ["", "ä\U0001f600" * 40, None],
        "large": pa.array(["a", "", None], pa.large_string()),
        "category": pa.array(["x", "y", None]).dictionary_encode(),
        "binary": [b"", b"\x00\xff", None],
        "date": [dt.date(1, 1, 1), dt.date(9999, 12, 31), None],
        "naive": pa.array([WHEN, EARLY, None], pa.timestamp("us")),
        "naive_ms": pa.array([WHEN.replace(microsecond=789_000), EARLY, None], pa.timestamp("ms")),
        "utc": pa.array([UTC, UTC, None], pa.timestamp("us", "UTC")),
        "decimal": pa.array([Decimal("-1.25"), Decimal("99999999.99"), None], pa.decimal128(10, 2)),
        "wide": pa.array([Decimal(10**37), Decimal(-(10**37)), None], pa.decimal128(38, 0)),
        "Odd name; (x)=": ["p", "q", None],
    }
)
NESTED = pa.table(
    {
        "list": pa.array([[1, None], [], None], pa.list_(pa.int32())),
        "struct": pa.array(
            [{"x": 1, "y": "a"}, {"x": None, "y": ""}, None], pa.struct({"x": pa.int64(), "y": pa.string()})
        ),
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        "deep": pa.array(
            [[{"z": [WHEN]}], [None], None], pa.list_(pa.struct({"z": pa.list_(pa.timestamp("us"))}))
        ),
    }
)
if (
    pl.__version__ < "2"
):  # which has no maps, and refuses milliseconds where a table's metadata says microseconds
    CARRIED, NESTED = CARRIED.drop_columns(["naive_ms"]), NESTED.drop_columns(["map"])


def rows(table: Any, by: str = "id") -> list[dict[str, Any]]:
    """Return a table's rows as Python has them, in an order of their own: a mirror keeps none."""
    return sorted(table.to_pylist(), key=lambda row: row[by])
