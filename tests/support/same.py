"""What it means that a frame came back equal: the same in all that a user can see."""

# pyright: reportCallIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false
# ^ pandas' stubs know its usual arguments only

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa


def assert_same(expected: Any, actual: Any) -> None:
    """Demand that two frames are equal in all that can be seen: values to the bit and type, dtypes, labels, index."""
    assert type(actual) is type(expected)
    if isinstance(expected, pd.DataFrame):
        _assert_same_pandas(expected, actual)
    elif isinstance(expected, pl.DataFrame):
        assert actual.schema == expected.schema
        assert actual.shape == expected.shape
        assert actual.equals(expected, null_equal=True)
        assert bits_of(actual) == bits_of(expected)
    else:
        assert actual.schema.equals(expected.schema, check_metadata=True)
        assert actual.shape == expected.shape
        for ours, theirs in zip(expected.columns, actual.columns, strict=True):
            _assert_same_arrow(ours, theirs)


def bits_of(frame: pl.DataFrame) -> list[Any]:
    """Return the floats of a polars frame in a form that tells NaNs and zeros apart."""
    floats = [name for name, dtype in frame.schema.items() if dtype in (pl.Float32, pl.Float64)]
    return [[None if v is None else np.float64(v).tobytes() for v in frame[name]] for name in floats]


def _assert_same_arrow(expected: pa.ChunkedArray, actual: pa.ChunkedArray) -> None:
    try:
        assert _arrow_values(actual) == _arrow_values(expected)
    except OverflowError:  # Python's times don't reach as far as Arrow's
        assert _decoded(actual).equals(_decoded(expected))


def _decoded(values: pa.ChunkedArray) -> pa.Array:
    array = values.combine_chunks()
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _arrow_values(values: pa.ChunkedArray) -> list[str]:
    if isinstance(values.type, pa.BaseExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], values.type.storage_type)
    if pa.types.is_floating(values.type):
        return [repr(v) if v is None or v == v else v.hex() for v in values.to_pylist()]  # noqa: PLR0124
    return [repr(value) for value in values.to_pylist()]


def _assert_same_pandas(expected: pd.DataFrame, actual: pd.DataFrame) -> None:
    assert actual.shape == expected.shape
    assert_same_index(expected.columns, actual.columns)
    assert_same_index(expected.index, actual.index)
    for position in range(expected.shape[1]):
        ours, theirs = expected.iloc[:, position], actual.iloc[:, position]
        assert_same_dtype(ours.dtype, theirs.dtype)
        if isinstance(ours.dtype, pd.ArrowDtype):
            _assert_same_arrow(ours.array.__arrow_array__(), theirs.array.__arrow_array__())
        else:
            assert exact(theirs) == exact(ours), (expected.columns[position], ours.dtype)
    assert exact([actual.attrs]) == exact([expected.attrs])
    assert actual.flags.allows_duplicate_labels == expected.flags.allows_duplicate_labels
    if isinstance(
        expected.index, pd.MultiIndex
    ):  # what no row uses isn't kept, and changes what pandas infers
        expected = expected.set_axis(expected.index.remove_unused_levels())
    if not any(
        isinstance(dtype, pd.ArrowDtype) for dtype in expected.dtypes
    ):  # it can't compare all of these
        pd.testing.assert_frame_equal(
            actual, expected, check_exact=True, check_freq=True, check_column_type=True
        )


def assert_same_index(expected: pd.Index, actual: pd.Index) -> None:
    """Demand that two indexes are equal, with their kind, names, frequency and bounds."""
    assert type(actual) is type(expected)
    assert exact(list(actual.names)) == exact(list(expected.names))
    assert getattr(actual, "freq", None) == getattr(expected, "freq", None)
    if isinstance(expected, pd.MultiIndex):
        for level in range(expected.nlevels):
            ours, theirs = (
                i.set_names([None] * i.nlevels).get_level_values(level) for i in (expected, actual)
            )
            assert_same_dtype(ours.dtype, theirs.dtype)
            assert exact(theirs) == exact(ours)
    elif isinstance(expected, pd.RangeIndex):
        assert (actual.start, actual.stop, actual.step) == (expected.start, expected.stop, expected.step)
    else:
        assert_same_dtype(expected.dtype, actual.dtype)
        assert exact(actual) == exact(expected)


def assert_same_dtype(expected: Any, actual: Any) -> None:
    """Demand that two pandas dtypes are equal, with their categories in order."""
    assert type(actual) is type(expected)
    assert actual == expected
    if isinstance(expected, pd.CategoricalDtype):
        assert actual.ordered == expected.ordered
        assert_same_index(expected.categories, actual.categories)


def exact(values: Any) -> list[Any]:
    """Return values in a form whose equality means the same type and bits."""
    if isinstance(values, (pd.Series, pd.Index)):
        if values.dtype.kind == "f" and isinstance(values.dtype, np.dtype):
            return [value.tobytes() for value in values.to_numpy()]
        if isinstance(values.dtype, pd.CategoricalDtype):
            return list(values.array.codes)
    return [_exact_value(value) for value in values]


def _exact_value(value: Any) -> Any:
    kind = type(value)
    if isinstance(value, (float, np.floating)):
        return kind, np.float64(value).tobytes()
    if kind in (list, tuple):
        return kind, [_exact_value(item) for item in value]
    if kind is dict:
        return kind, [(_exact_value(key), _exact_value(item)) for key, item in value.items()]
    if kind is np.ndarray:
        return kind, value.dtype, value.shape, value.tobytes()
    if kind is Decimal:
        return kind, value.as_tuple()
    if kind in (dt.datetime, dt.time):
        return kind, value.replace(tzinfo=None, fold=0), value.fold, type(value.tzinfo), str(value.tzinfo)
    if kind is pd.Timestamp:
        return kind, value.unit, value.asm8.view("i8"), str(value.tzinfo)
    return kind, repr(value)
