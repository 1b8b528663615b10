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
from atio_dagster.wanted import Wanted, wanted_by


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (None, Wanted(None)),
        (type(None), Wanted(None)),
        (Any, Wanted(None)),
        (pd.DataFrame, Wanted("pandas")),
        (type("Mine", (pd.DataFrame,), {}), Wanted("pandas")),
        (pl.LazyFrame, Wanted("polars-lazy")),
        (pa.RecordBatchReader, Wanted("arrow-reader")),
        (pl.DataFrame | None, Wanted("polars")),
        (dict, Wanted(None, "dict")),
        (dict[str, pa.Table], Wanted("arrow", "dict")),
        (dict[str, pl.DataFrame] | None, Wanted("polars", "dict")),
        (dict[str, Any], Wanted(None, "dict")),
        (Path, Wanted("path")),
        (np.ndarray, Wanted("numpy")),
        (list[pd.DataFrame], Wanted("pandas", "list")),
        (list, Wanted("object", "list")),
        (list[dict[str, int]], Wanted("object", "list")),
        (Sequence[pl.LazyFrame] | None, Wanted("polars-lazy", "list")),
        (tuple[int, ...], Wanted("object")),
        (str, Wanted("object")),
        (ds.Dataset, Wanted("dataset")),
        (duckdb.DuckDBPyRelation, Wanted("duckdb")),
        (atio.Snapshot, Wanted("snapshot")),
        (dict[str, int], Wanted("object", "dict")),
    ],
)
def test_annotations(annotation: Any, wanted: Wanted) -> None:
    """An annotation says which frame is loaded, or an object or a path; and whether partitions come by key."""
    assert wanted_by(annotation) == wanted
