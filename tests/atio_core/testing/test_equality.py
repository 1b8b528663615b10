from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.errors import InvalidInputError
from atio_core.storage.memory import MemoryStore
from atio_core.testing import assert_frames_equal, assert_snapshots_equal
from tests.support.frames import NASTY

P = pd.DataFrame
A = pa.table
NAN, OTHER_NAN = np.array([0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0001], "u8").view("f8")
DIFFERENT: dict[str, tuple[Any, Any, str]] = {
    "library": (P({"a": [1]}), pl.DataFrame({"a": [1]}), "class: "),
    "value": (P({"a": [1, 2]}), P({"a": [1, 3]}), "column 'a', row 1: .*2.*, and .*3"),
    "zero": (P({"a": [0.0]}), P({"a": [-0.0]}), "column 'a', row 0: .*0.0.*, and .*-0.0"),
    "NaN": (P({"a": [NAN]}), P({"a": [OTHER_NAN]}), "column 'a', row 0: .*nan.*, and .*nan"),
    "dtype": (P({"a": [1]}), P({"a": [1.0]}), "dtype of column 'a': .*int64.*, and .*float64"),
    "rows": (P({"a": [1]}), P({"a": [1, 2]}), "number of rows: 1, and 2"),
    "columns": (P({"a": [1]}), P({"a": [1], "b": [1]}), "number of columns: 1, and 2"),
    "label": (P({1: [1]}), P({"1": [1]}), "dtype of labels: .*int64.*, and "),
    "index": (P({"a": [1]}), P({"a": [1]}, index=[0]), "class of the index"),
    "bounds": (P({"a": [1]}), P({"a": [1]}, index=range(5, 6)), "bounds of the index"),
    "name": (P({"a": [1]}), P({"a": [1]}).rename_axis("i"), "names of the index"),
    "frequency": (
        P({"a": [1, 2]}, index=pd.date_range("2020", periods=2)),
        P({"a": [1, 2]}, index=pd.DatetimeIndex(["2020-01-01", "2020-01-02"])),
        "frequency of the index",
    ),
    "level": (
        P({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)])),
        P({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 3)])),
        "level 1 of the index, row 0",
    ),
    "categories": (
        P({"a": pd.Categorical(["x"], ["x", "y"])}),
        P({"a": pd.Categorical(["x"], ["y", "x"])}),
        "categories of column 'a'",
    ),
    "order": (
        P({"a": pd.Categorical(["x"], ["x"])}),
        P({"a": pd.Categorical(["x"], ["x"], ordered=True)}),
        "dtype of column 'a'",
    ),
    "object": (P({"a": [[1, 2]]}), P({"a": [(1, 2)]}), "column 'a', row 0"),
    "missing": (
        P({"a": [None]}, dtype=object),
        P({"a": [NAN]}, dtype=object),
        "column 'a', row 0: None, and .*nan",
    ),
    "Arrow dtype": (
        P({"a": pd.array([1, None], "int64[pyarrow]")}),
        P({"a": pd.array([1, 2], "int64[pyarrow]")}),
        "column 'a', row 1: None, and 2",
    ),
    "attrs": (P({"a": [1]}), P({"a": [1]}), "attrs"),
    "flags": (P({"a": [1]}).set_flags(allows_duplicate_labels=False), P({"a": [1]}), "flags"),
    "polars value": (
        pl.DataFrame({"a": [1, None]}),
        pl.DataFrame({"a": [1, 2]}),
        "column 'a', row 1: None, and 2",
    ),
    "polars zero": (pl.DataFrame({"a": [[0.0]]}), pl.DataFrame({"a": [[-0.0]]}), "column 'a', row 0"),
    "polars type": (
        pl.DataFrame({"a": [1]}),
        pl.DataFrame({"a": [1]}, {"a": pl.Int32}),
        "type of column 'a': Int64, and Int32",
    ),
    "polars columns": (pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]}), "columns"),
    "polars nanosecond": (
        pl.DataFrame({"a": pl.Series([1], dtype=pl.Duration("ns"))}),
        pl.DataFrame({"a": pl.Series([2], dtype=pl.Duration("ns"))}),
        "column 'a': the values differ in what Python's own can't hold",
    ),
    "polars object": (
        pl.DataFrame({"a": pl.Series([{1}], dtype=pl.Object)}),
        pl.DataFrame({"a": pl.Series([{2}], dtype=pl.Object)}),
        "column 'a', row 0: .1., and .2.",
    ),
    "Arrow value": (A({"a": ["x"]}), A({"a": ["y"]}), "column 'a', row 0: 'x', and 'y'"),
    "Arrow type": (A({"a": pa.array([1], "int8")}), A({"a": [1]}), "column 'a': .*int8.*, and .*int64"),
    "Arrow far time": (
        A({"a": pa.array([2**62], pa.timestamp("s"))}),
        A({"a": pa.array([2**62 + 1], pa.timestamp("s"))}),
        "column 'a': the values differ in what Python's own can't hold",
    ),
    "Arrow nulls allowed": (
        A({"a": [1]}),
        A({"a": [1]}).cast(pa.schema([pa.field("a", pa.int64(), nullable=False)])),
        "column 'a'",
    ),
    "Arrow metadata": (A({"a": [1]}), A({"a": [1]}).replace_schema_metadata({"k": "v"}), "metadata"),
    "Arrow columns": (A({"a": [1]}), A({"b": [1]}), "columns"),
}
DIFFERENT["attrs"][0].attrs["unit"] = "m"


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_first_difference_is_told(name: str) -> None:
    """Whatever a program could see differs, and the message says where, and what stands there on both sides."""
    left, right, message = DIFFERENT[name]
    with pytest.raises(AssertionError, match=f"^{message}"):
        assert_frames_equal(left, right)
    with pytest.raises(AssertionError):
        assert_frames_equal(right, left)


@pytest.mark.parametrize("make", NASTY.values(), ids=NASTY)
def test_what_is_made_the_same_way_is_equal(make: Callable[[], Any]) -> None:
    """A frame equals another that was made alike, however nasty: NaNs, odd labels, far times, nested values."""
    assert_frames_equal(make(), make())


def test_chunks_play_no_part() -> None:
    """Arrow's chunks aren't seen by who reads values; record batches are compared as tables are."""
    assert_frames_equal(A({"a": pa.chunked_array([[1], [2, 3]])}), A({"a": [1, 2, 3]}))
    assert_frames_equal(pa.record_batch({"a": [1]}), pa.record_batch({"a": [1]}))


def test_what_is_no_frame_is_refused() -> None:
    """Anything else than a frame has comparisons of its own."""
    with pytest.raises(InvalidInputError, match="list is no frame"):
        assert_frames_equal([1], [1])


def test_versions_are_equal_however_they_came_about() -> None:
    """Two versions with the same rows are equal, whatever the commits and files; one more row is told."""
    one, two = atio.Table("memory://equality-one"), atio.Table("memory://equality-two")
    for number in (1, 2):
        one.append(P({"a": [number]}))
    two.overwrite(P({"a": [1, 2]}))
    for library in ("arrow", "pandas", "polars"):
        assert_snapshots_equal(one.snapshot(), two.snapshot(), read_as=library)
    two.append(P({"a": [3]}))
    with pytest.raises(AssertionError, match=r"^number of rows: 2, and 3"):
        assert_snapshots_equal(one.snapshot(), two.snapshot())
    assert_snapshots_equal(one.snapshot(), two.snapshot(1))


@pytest.mark.parametrize(
    ("one", "two", "told"),
    [
        ({"a": 1}, {"a": 1.0}, "the json: "),
        (np.zeros(2), -np.zeros(2), "the array: "),
        ("x", b"x", "kind: 'text', and 'bytes'"),
        (P({"a": [1]}), {"a": 1}, "kind: 'table', and 'json'"),
    ],
    ids=["json", "array", "kind", "rows"],
)
def test_objects_are_compared_as_values(one: Any, two: Any, told: str) -> None:
    """To the bit and to the type, as rows are."""
    left, right = atio.Table(store=MemoryStore()), atio.Table(store=MemoryStore())
    left.overwrite(one)
    right.overwrite(one)
    assert_snapshots_equal(left.snapshot(), right.snapshot())
    right.overwrite(two)
    with pytest.raises(AssertionError, match=f"^{told}"):
        assert_snapshots_equal(left.snapshot(), right.snapshot())


def test_folders_are_compared_file_by_file(tmp_path: Path) -> None:
    """Names, bytes, who may run them, and folders that hold nothing."""
    folder, tables = tmp_path / "model", [atio.Table(store=MemoryStore()) for _ in range(2)]
    folder.mkdir()
    (folder / "a").write_text("x")
    for table in tables:
        table.overwrite(folder)
    left, right = tables
    assert_snapshots_equal(left.snapshot(), right.snapshot())
    changes: list[tuple[Callable[[], object], str]] = [
        (lambda: (folder / "a").chmod(0o755), "other files may be run"),
        (lambda: (folder / "a").write_text("y"), "file 'a': other bytes"),
        (lambda: (folder / "b").write_text("y"), "names of the files: "),
    ]
    for change, told in changes:
        change()
        with pytest.raises(AssertionError, match=f"^{told}"):
            assert_snapshots_equal(left.snapshot(), right.overwrite(folder))
