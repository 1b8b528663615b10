import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from atio_core.data.schema.cells import json_cells, json_rows, text_cells
from tests.support.frames import sliced_entries

AT = dt.datetime(2026, 1, 31, 12, 30, 0, 123456, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        (pa.array([True, None]), [True, None]),
        (pa.array([2**63 - 1, -1]), [2**63 - 1, -1]),
        (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
        (pa.array([0.1, math.nan, math.inf, -math.inf, None]), [0.1, "NaN", "Infinity", "-Infinity", None]),
        (pa.array([Decimal("1E+3"), Decimal("0.10")], pa.decimal128(9, 2)), ["1000.00", "0.10"]),
        (pa.array([dt.date(2026, 1, 31)]), ["2026-01-31"]),
        (pa.array([dt.time(1, 2, 3, 4)]), ["01:02:03.000004"]),
        (pa.array([AT], pa.timestamp("us")), ["2026-01-31 12:30:00.123456"]),
        (pa.array([1], pa.timestamp("ns")), ["1970-01-01 00:00:00.000000001"]),
        (pa.array([AT], pa.timestamp("us", "UTC")), ["2026-01-31 12:30:00.123456Z"]),
        (pa.array([-1_500, 2_000], pa.duration("ms")), ["-1.5 s", "2 s"]),
        (pa.array([1], pa.duration("ns")), ["0.000000001 s"]),
        (pa.array([b"\0\xff", None]), ["AP8=", None]),
        (pa.array(["a", "b", None]).dictionary_encode(), ["a", "b", None]),
        (pa.array([[0.5, math.nan], None, []]), [[0.5, "NaN"], None, []]),
        (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), [[1, 2], None]),
        (pa.array([[1], None, [2, 3]], pa.list_view(pa.int8())), [[1], None, [2, 3]]),
        (pa.array([AT], pa.timestamp("us", "America/New_York")), ["2026-01-31 07:30:00.123456-0500"]),
        (pa.array([{"a": b"x", "b": None}, None]), [{"a": "eA==", "b": None}, None]),
        (
            pa.array([[("k", Decimal(1))], None, []], pa.map_(pa.string(), pa.decimal128(3, 1))),
            [[["k", "1.0"]], None, []],
        ),
        (pa.array([None, None]), [None, None]),
    ],
    ids=str,
)
def test_a_value_comes_exactly(column: Any, cells: list[Any]) -> None:
    """What JSON has comes as it is; all else comes as text that says it exactly, within lists and structs too."""
    assert json_cells(column) == cells
    assert json_cells(column.slice(1)) == cells[1:]


def test_maps_are_shown_from_where_their_entries_begin() -> None:
    """The entries of maps may be a slice: what lies before it isn't shown."""
    maps = pa.array([[(1, "a")], [(2, "b"), (3, "c")]], pa.map_(pa.int8(), pa.string()))
    assert json_cells(sliced_entries(maps)) == json_cells(maps) == [[[1, "a"]], [[2, "b"], [3, "c"]]]


@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "+02:00"])
def test_a_zone_in_small_letters_is_the_same(zone: str) -> None:
    """What Python takes for a time zone, and Arrow's own database doesn't, is shown as under its right name."""
    cells = json_cells(pa.array([AT], pa.timestamp("us", zone)))
    assert json_cells(pa.array([AT], pa.timestamp("us", zone.lower()))) == cells


def test_a_cell_of_text_is_the_value() -> None:
    """Texts come without quotes, numbers as JSON spells them, a list as JSON, a null as none."""
    assert text_cells(pa.array(["a", None])) == ["a", None]
    assert text_cells(pa.array([[1.5], None])) == ["[1.5]", None]


def test_a_row_is_an_object() -> None:
    """Rows have their values by the names of the columns."""
    batch = pa.RecordBatch.from_pydict({"a": [1, 2], "b": ["x", None]})
    assert list(json_rows(batch)) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
