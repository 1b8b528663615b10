"""What becomes of pandas' dtypes in Parquet and Feather."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from atio_core.data.losses.loss import Loss, refuse

_MASKED_FLOATS = ("Float32", "Float64")
_MASKED = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "boolean")
_EXACT = 2**53


def of_index_level(where: str, level: Any) -> Iterator[Loss]:
    """Yield what comes back otherwise only because it is an index.

    Args:
        where: For messages.
        level: A flat `pandas.Index`.
    """
    name = level.dtype.name
    if name in {*_MASKED, *_MASKED_FLOATS}:
        if level.hasnans and name not in _MASKED_FLOATS:
            refuse(where, f"{name} with gaps comes back as floats or objects", "Use df.reset_index()")
        yield Loss(where, f"{name} comes back as {name.lower()}")
    elif name == "halffloat[pyarrow]":
        refuse(where, "pandas has no index of 16-bit floats to read it back", "Use df.reset_index()")
    elif name.endswith("[pyarrow]") or name == "string":
        yield Loss(where, f"{level.dtype} comes back as NumPy's or Python's")


def of_values(where: str, code: str, values: Any, to: str) -> Iterator[Loss]:
    """Yield what of a column or level comes back in another form.

    Args:
        where: For messages.
        code: How a user would spell it.
        values: A series or index, not of objects.
        to: "parquet" or "feather".

    Raises:
        NotPreservableError: It would come back changed, or not at all.
    """
    import numpy as np
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, np.dtype):
        yield from _of_numpy(where, code, values.dtype, to)
    elif isinstance(dtype, pd.CategoricalDtype):
        yield from _of_categories(where, code, values.array, to)
    elif isinstance(dtype, pd.ArrowDtype):
        yield from _of_arrow(where, code, dtype.pyarrow_dtype)
    else:
        yield from _of_extension(where, code, values, values.dtype, to)


def _of_extension(where: str, code: str, values: Any, dtype: Any, to: str) -> Iterator[Loss]:
    import numpy as np
    import pandas as pd

    if isinstance(dtype, pd.DatetimeTZDtype):
        if to == "parquet" and dtype.unit == "s":
            yield Loss(where, "seconds come back as milliseconds")
    elif isinstance(dtype, pd.StringDtype):
        if dtype.storage != "pyarrow":
            yield Loss(where, "text in Python's memory comes back in Arrow's")
    elif isinstance(dtype, pd.IntervalDtype):
        if not isinstance(dtype.subtype, np.dtype) or dtype.subtype.kind not in "if":
            yield Loss(where, f"the ends of {dtype} may come back in another unit or zone")
    elif dtype.name in _MASKED_FLOATS:
        if np.isnan(values.to_numpy(dtype=dtype.numpy_dtype, na_value=0)).any():
            refuse(where, "NaN comes back as NA", f"Make them one: {code}.fillna(pandas.NA), or use float64")
    elif dtype.name not in _MASKED and not isinstance(dtype, pd.PeriodDtype):
        refuse(where, f"{dtype} has no place in {to}", f"Convert it, for example: {code}.astype(…)")


def _of_numpy(where: str, code: str, dtype: Any, to: str) -> Iterator[Loss]:
    if dtype.kind in "Mm" and dtype.name.endswith("[s]") and to == "parquet" and dtype.kind == "M":
        yield Loss(where, "seconds come back as milliseconds")
    elif dtype.kind not in "biufMm" or dtype.itemsize > 8:  # noqa: PLR2004 - bytes of the largest that Arrow has
        refuse(where, f"{dtype} has no place in {to}", f"Split or convert it: {code}.astype(…)")


def _of_categories(where: str, code: str, array: Any, to: str) -> Iterator[Loss]:
    categories = array.categories
    kind = str(categories.dtype)
    if to == "parquet" and not (array.codes >= 0).any():
        yield Loss(where, "categories that no row has are kept only beside some that one has")
    elif kind == "str" and categories.dtype.storage == "pyarrow" and categories.name is None:
        return
    gaps = bool((array.codes < 0).any())
    texts = kind in {"str", "string"} or (
        kind == "object" and all(type(value) is str for value in categories)
    )
    numbers = getattr(categories.dtype, "kind", "O") in "iufb" and kind.islower()
    zoned = kind.startswith("datetime64") and "," in kind
    convert = f"Convert it: {code}.astype({code}.cat.categories.dtype)"
    if kind.startswith("datetime64") and not (zoned and to == "feather"):
        yield Loss(where, f"categories of {kind} come back as values or in another zone or unit")
    elif texts:
        yield Loss(where, f"categories of {kind} come back as str")
    elif numbers and not (gaps and kind in {"int64", "uint64"} and _over(categories)):
        yield Loss(where, f"categories of {kind} come back as plain values, or another kind of categories")
    elif not len(categories) and not kind.startswith(("period", "interval")):  # pandas can't read those back
        yield Loss(where, "without categories, it may come back as missing values")
    else:
        refuse(where, f"categories of {kind} don't come back as they were", convert)


def _over(categories: Any) -> bool:
    return len(categories) > 0 and (max(categories) > _EXACT or min(categories) < -_EXACT)


def _of_arrow(where: str, code: str, kind: Any) -> Iterator[Loss]:
    import pyarrow as pa

    types = pa.types
    if types.is_nested(kind) and not types.is_dictionary(kind):
        advice = "Write an Arrow table instead: pyarrow.Table.from_pandas(df)"
        refuse(where, f"pandas can't read a column of {kind} back", advice)
    plain = (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_large_string(kind)
    )
    timed = (
        types.is_date32(kind) or types.is_timestamp(kind) or types.is_duration(kind) or types.is_time(kind)
    )
    if plain or timed or types.is_binary(kind):
        return
    if (
        types.is_string(kind)
        or types.is_decimal(kind)
        or types.is_large_binary(kind)
        or types.is_date64(kind)
    ):
        yield Loss(where, f"{kind} of Arrow comes back as another dtype with the same values")
        return
    refuse(where, f"{kind} of Arrow isn't known to come back", f"Convert it: {code}.astype(…)")
