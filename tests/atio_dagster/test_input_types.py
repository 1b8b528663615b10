"""What an input's annotation asks for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import atio_core as atio
from atio_dagster.input_types import InputType, input_type_from


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (None, InputType(None)),
        (type(None), InputType(None)),
        (Any, InputType(None)),
        (pd.DataFrame, InputType("pandas")),
        (type("Mine", (pd.DataFrame,), {}), InputType("pandas")),
        (pl.LazyFrame, InputType("polars-lazy")),
        (pa.RecordBatchReader, InputType("arrow-reader")),
        (pl.DataFrame | None, InputType("polars")),
        (dict, InputType(None, "dict")),
        (dict[str, pa.Table], InputType("arrow", "dict")),
        (dict[str, pl.DataFrame] | None, InputType("polars", "dict")),
        (dict[str, Any], InputType(None, "dict")),
        (Path, InputType("path")),
        (np.ndarray, InputType("numpy")),
        (list[pd.DataFrame], InputType("pandas", "list")),
        (list, InputType("object", "list")),
        (list[dict[str, int]], InputType("object", "list")),
        (Sequence[pl.LazyFrame] | None, InputType("polars-lazy", "list")),
        (tuple[int, ...], InputType("object")),
        (str, InputType("object")),
        (ds.Dataset, InputType("dataset")),
        (duckdb.DuckDBPyRelation, InputType("duckdb")),
        (atio.Snapshot, InputType("snapshot")),
        (dict[str, int], InputType("object", "dict")),
    ],
)
def test_annotations(annotation: Any, wanted: InputType) -> None:
    """An annotation says which frame is loaded, or an object or a path; and whether partitions come by key."""
    assert input_type_from(annotation) == wanted
