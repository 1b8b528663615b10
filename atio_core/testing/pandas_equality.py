"""pandas frames that are equal in all that can be seen."""

from __future__ import annotations

from typing import Any

from atio_core.testing.arrow_equality import assert_column_equal
from atio_core.testing.exact import same, same_values, told


def assert_pandas_equal(left: Any, right: Any) -> None:
    """Demand that two pandas frames have the same labels, index, dtypes, values, attributes and flags."""
    same("number of columns", left.shape[1], right.shape[1])
    same("number of rows", left.shape[0], right.shape[0])
    assert_index_equal("labels", left.columns, right.columns)
    assert_index_equal("index", left.index, right.index)
    for place, label in enumerate(left.columns):
        ours, theirs = left.iloc[:, place], right.iloc[:, place]
        _same_dtype(f"column {label!r}", ours.dtype, theirs.dtype)
        _same_column(f"column {label!r}", ours, theirs)
    same("attrs", left.attrs, right.attrs)
    same("flags", left.flags.allows_duplicate_labels, right.flags.allows_duplicate_labels)


def assert_index_equal(what: str, left: Any, right: Any) -> None:
    """Demand that two indexes have the same kind, names, frequency, bounds and values."""
    import pandas as pd

    same(f"class of the {what}", type(left), type(right))
    same(f"names of the {what}", list(left.names), list(right.names))
    same(f"frequency of the {what}", getattr(left, "freq", None), getattr(right, "freq", None))
    if isinstance(left, pd.RangeIndex):
        same(
            f"bounds of the {what}", (left.start, left.stop, left.step), (right.start, right.stop, right.step)
        )
    elif isinstance(left, pd.MultiIndex):
        for level in range(left.nlevels):
            _same_dtype(f"level {level} of the {what}", *(one.levels[level].dtype for one in (left, right)))
            values = [one.set_names([None] * one.nlevels).get_level_values(level) for one in (left, right)]
            _same_dtype(f"level {level} of the {what}", *(one.dtype for one in values))
            _same_column(f"level {level} of the {what}", *values)
    else:
        _same_dtype(what, left.dtype, right.dtype)
        _same_column(what, left, right)


def _same_dtype(where: str, left: Any, right: Any) -> None:
    import pandas as pd

    if type(left) is not type(right) or left != right:
        raise AssertionError(f"dtype of {where}: {told(left, right)}")
    if isinstance(left, pd.CategoricalDtype):
        same(f"order of the categories of {where}", left.ordered, right.ordered)
        assert_index_equal(f"categories of {where}", left.categories, right.categories)


def _same_column(where: str, left: Any, right: Any) -> None:
    """Compare two series or indexes of one dtype."""
    import numpy as np
    import pandas as pd

    dtype: Any = left.dtype
    if isinstance(dtype, pd.ArrowDtype):
        assert_column_equal(where, left.array.__arrow_array__(), right.array.__arrow_array__())
    elif isinstance(dtype, pd.CategoricalDtype):
        same_values(where, left.array.codes.tolist(), right.array.codes.tolist())
    elif isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        ours, theirs = left.to_numpy(), right.to_numpy()
        if ours.tobytes() != theirs.tobytes():
            same_values(where, ours.tolist(), theirs.tolist())
    else:
        same_values(where, [*left], [*right])
