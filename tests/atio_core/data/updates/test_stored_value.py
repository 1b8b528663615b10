# pyright: reportCallIssue=false, reportArgumentType=false
# ^ pandas' stubs know its usual arguments only

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import assert_frames_equal
from tests.support.releases import TAKES_UUIDS

UTC = dt.UTC
TIME = dt.datetime(2021, 1, 1)  # noqa: DTZ001 - for columns without a zone


def column(library: str, values: Any, dtype: Any = None) -> Any:
    """Return a frame of one column `x`, and a column `row` that numbers the rows."""
    if library == "pandas":
        return pd.DataFrame({"row": range(len(values)), "x": pd.Series(values, dtype=dtype)})
    if library == "polars":
        return pl.DataFrame({"row": range(len(values)), "x": pl.Series(values, dtype=dtype)})
    return pa.table({"row": list(range(len(values))), "x": pa.array(values, dtype)})


def set_second(library: str, frame: Any, value: Any) -> Any:
    """Return what an update of the second row leaves in the column, as a frame of the same library."""
    table = Table(store=MemoryStore())
    table.append(frame)
    table.update([("row", "==", 1)], {"x": value})
    return table.read(output_as=library)


HELD: dict[str, tuple[str, Any, Any, list[Any]]] = {
    "int": ("pandas", [1, 2, 3], "int64", [5, -(2**63), np.int8(4), np.uint64(7)]),
    "uint8": ("arrow", [1, 2, 3], pa.uint8(), [0, 255]),
    "masked int": ("pandas", [1, None, 3], "Int64", [5, None, pd.NA]),
    "float": ("pandas", [1.0, 2.0, 3.0], "float64", [0.1, 5, math.inf, math.nan, -0.0]),
    "float32": ("polars", [1.0, 2.0, None], pl.Float32, [0.5, np.float32(0.1), None, math.nan]),
    "float16": ("arrow", [1.0, 2.0, None], pa.float16(), [0.5, None]),
    "text": ("pandas", ["a", "b", None], "str", ["c", "", None, math.nan]),
    "python text": ("pandas", ["a", "b", None], "string[python]", ["c", pd.NA]),
    "category": ("pandas", ["a", "b", None], pd.CategoricalDtype(["a", "b", "c"]), ["c", None]),
    "category of numbers": ("pandas", [1, 2, None], pd.CategoricalDtype([1, 2, 3]), [3]),
    "enum": ("polars", ["a", "b", None], pl.Enum(["a", "b", "c"]), ["c", None]),
    "categorical": ("polars", ["a", "b", None], pl.Categorical(), ["new", None]),
    "dictionary": ("arrow", ["a", "b", None], pa.dictionary(pa.int8(), pa.string()), ["new", None]),
    "bool": ("arrow", [True, False, None], pa.bool_(), [True, None]),
    "bytes": ("polars", [b"a", b"b", None], pl.Binary, [b"", b"c"]),
    "decimal": ("arrow", [Decimal("1.50"), None, None], pa.decimal128(5, 2), [Decimal("2.5"), 3, Decimal(0)]),
    "date": ("polars", [dt.date(2020, 1, 1)] * 3, pl.Date, [dt.date(1, 1, 1), None]),
    "datetime": (
        "pandas",
        [TIME] * 3,
        "datetime64[us]",
        [TIME.replace(microsecond=5), pd.Timestamp(TIME), pd.NaT],
    ),
    "seconds": ("pandas", [TIME] * 3, "datetime64[s]", [TIME.replace(second=1), pd.NaT]),
    "arrow seconds": ("arrow", [TIME] * 3, pa.timestamp("s"), [TIME.replace(second=1)]),
    "zone": ("polars", [TIME] * 3, pl.Datetime("us", "Asia/Seoul"), [TIME.replace(tzinfo=UTC)]),
    "time": ("arrow", [dt.time(1)] * 3, pa.time32("s"), [dt.time(2, 3, 4)]),
    "duration": ("polars", [dt.timedelta(1)] * 3, pl.Duration("ms"), [dt.timedelta(milliseconds=7)]),
    "period": ("pandas", pd.period_range("2020", periods=3, freq="M"), None, [pd.Period("2021-05", "M")]),
    "objects": ("pandas", [{"k": 1}, [2], None], object, [{"k": [3]}, "text", 5, None]),
    "dates as objects": ("pandas", [dt.date(2020, 1, 1)] * 2 + [None], object, [dt.date(2021, 1, 1), None]),
    "uuids": ("pandas", [uuid.UUID(int=1)] * 3, object, [uuid.UUID(int=2)]),
    "arrow uuids": ("arrow", [uuid.UUID(int=1)] * 3, pa.uuid(), [uuid.UUID(int=2)] * TAKES_UUIDS),
    "list": ("polars", [[1], [], None], pl.List(pl.Int64), [[5, None], [], None]),
    "struct": ("arrow", [{"q": 1}, None, None], pa.struct([("q", pa.int64())]), [{"q": 5}, None]),
    "wide": ("polars", [1, 2, None], pl.Int128, [2**100]),
}


@pytest.mark.parametrize("name", HELD)
def test_a_value_comes_back_as_if_it_had_been_written(name: str) -> None:
    """A row that is set to a value is one that was written with it."""
    library, values, dtype, held = HELD[name]
    for value in held:
        others = list(values)
        others[1] = value
        expected = column(library, others, dtype if dtype is not None else values.dtype)
        assert_frames_equal(expected, set_second(library, column(library, values, dtype), value))


REFUSED: dict[str, tuple[str, Any, Any, list[Any]]] = {
    "int": ("pandas", [1, 2], "int64", [1.0, 1.5, "1", True, None, 2**63, Decimal(1)]),
    "int8": ("arrow", [1, 2], pa.int8(), [128, -129]),
    "float32": ("polars", [1.0, 2.0], pl.Float32, [0.1, 1e300, 2**24 + 1, "1"]),
    "float": ("pandas", [1.0, 2.0], "float64", [2**53 + 1, None, pd.NA, Decimal("0.1")]),
    "text": ("polars", ["a", "b"], pl.String, [1, math.nan, b"a"]),
    "category": ("pandas", ["a", "b"], "category", ["c", 1]),
    "enum": ("polars", ["a", "b"], pl.Enum(["a", "b"]), ["c"]),
    "bool": ("arrow", [True, False], pa.bool_(), [1, 0, "true"]),
    "decimal": ("arrow", [Decimal("1.50"), None], pa.decimal128(5, 2), [Decimal("0.001"), 1000, 0.5]),
    "date": ("polars", [dt.date(2020, 1, 1)] * 2, pl.Date, [TIME, "2020-01-01"]),
    "datetime": (
        "pandas",
        [TIME] * 2,
        "datetime64[us]",
        ["2020", dt.date(2020, 1, 1), TIME.replace(tzinfo=UTC)],
    ),
    "seconds": ("pandas", [TIME] * 2, "datetime64[s]", [TIME.replace(microsecond=1000)]),
    "arrow seconds": ("arrow", [TIME] * 2, pa.timestamp("s"), [TIME.replace(microsecond=1000)]),
    "period": ("pandas", pd.period_range("2020", periods=2, freq="M"), None, [pd.Period("2020", "Y"), 5]),
    "list": ("polars", [[1], []], pl.List(pl.Int64), [["x"], [1.5], 1]),
    "objects": ("pandas", [dt.date(2020, 1, 1)] * 2, object, [TIME, "x"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_column_does_not_hold_exactly_is_refused(name: str) -> None:
    """Nothing is rounded, cut or converted: the message names the column and its type, and nothing is written."""
    library, values, dtype, refused = REFUSED[name]
    table = Table(store=MemoryStore())
    table.append(column(library, values, dtype))
    for value in refused:
        with pytest.raises(InvalidInputError, match=r"column 'x' of type .* can't hold .* exactly; give "):
            table.update([("row", "==", 1)], {"x": value})
    assert table.snapshot().version == 1
