"""What becomes of Python's objects in Parquet and Feather: pandas lets Arrow guess one type for the column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, cast

from atio_core.data.losses.loss import Loss, refuse

_KEPT = {"bytes", "date", "time", "decimal", "boolean", "empty"}
_AS_TEXT = "Convert it, for example to text: {0} = {0}.astype('str')"
_OTHER_DTYPE = {
    "string": "str",
    "floating": "float64",
    "datetime": "datetime64",
    "datetime64": "datetime64",
    "timedelta": "timedelta64",
    "timedelta64": "timedelta64",
}


def of_objects(where: str, code: str, array: Any) -> Iterator[Loss]:
    """Yield what of a column of objects comes back in another form.

    Args:
        where: For messages.
        code: How a user would spell it.
        array: A NumPy array of objects.

    Raises:
        NotPreservableError: Its values would come back changed.
    """
    from pandas import isna
    from pandas.api.types import infer_dtype

    kind = infer_dtype(array, skipna=True)
    gaps: Any = isna(array)  # pyright: ignore[reportUnknownVariableType] - pandas' stubs overload it on arrays of Any
    missing: set[Any] = {type(value) for value in array[gaps]}
    if missing - {type(None)} or (missing and kind in _OTHER_DTYPE):
        yield Loss(where, "what is missing comes back as None or as the dtype has it")
    if kind in _KEPT:
        yield from _of_subclasses(where, array)
    elif kind in _OTHER_DTYPE:
        if kind == "datetime":
            _require_one_zone(where, code, array[~gaps])
        yield Loss(where, f"objects come back as {_OTHER_DTYPE[kind]}")
    elif kind == "integer":
        if missing:
            advice = f"Convert it: {code} = {code}.astype('Int64')"
            refuse(where, "integers beside missing values come back as floats", advice)
        _as_read(where, code, array)
        yield Loss(where, "objects come back as int64")
    else:
        yield from _of_others(where, code, array)


def _of_subclasses(where: str, array: Any) -> Iterator[Loss]:
    """Values of other classes than Python's own, and times in zones, which Arrow takes for plain ones."""
    kinds: set[Any] = {type(value) for value in array}
    for kind in kinds:
        if kind.__module__ not in {"builtins", "datetime", "decimal"} and "pandas" not in kind.__module__:
            yield Loss(where, f"{kind.__module__}.{kind.__qualname__} comes back as Python's own type")
    if dt.time in kinds and any(type(value) is dt.time and value.tzinfo is not None for value in array):
        refuse(where, "times of day lose their zone", "Take it out: value.replace(tzinfo=None)")


def _require_one_zone(where: str, code: str, values: Any) -> None:
    zones = {str(getattr(value, "tzinfo", None)) for value in values}
    if len(zones) > 1:
        advice = f"Convert it: pandas.to_datetime({code}, utc=True)"
        refuse(where, "times of several zones come back in one", advice)


def _of_others(where: str, code: str, array: Any) -> Iterator[Loss]:
    """Lists, dicts, mixtures: converted as pandas will, and compared."""
    back = _as_read(where, code, array)
    containers: set[str] = set()
    for value, again in zip(array, back, strict=True):
        if not _is_same(value, again, containers):
            refuse(where, f"{value!r:.80} would come back as {again!r:.80}", _AS_TEXT.format(code))
    for name in sorted(containers):
        yield Loss(where, f"{name}s come back as arrays")


def _as_read(where: str, code: str, array: Any) -> list[Any]:
    """The values as pandas writes and reads them."""
    import pyarrow as pa

    from atio_core.data.schema import depth

    try:
        stored = pa.array(array, from_pandas=True)
        if (levels := depth.levels(stored.type)) > depth.MOST:
            many = f"readers take {depth.MOST} levels in each other, not {levels}"
            refuse(where, many, _AS_TEXT.format(code))
        return stored.to_pandas().tolist()
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        why = str(error).replace("\n", " ")
        refuse(where, f"these objects have no common type ({why})", _AS_TEXT.format(code))


def _is_same(value: Any, again: Any, containers: set[str]) -> bool:
    import numpy as np

    kind = cast("type[object]", type(value))
    if kind in {list, tuple, set, frozenset}:
        containers.add(kind.__name__)
        items = again.tolist() if isinstance(again, np.ndarray) else again
        return _all_same(list(value), items, containers)
    if kind is np.ndarray:
        found = np.asarray(again)
        alike = (value.dtype, value.shape) == (found.dtype, found.shape)
        return alike and _all_same(value.tolist(), found.tolist(), containers)
    if kind is dict:
        found = cast("dict[Any, Any]", again if type(again) is dict else {})
        alike = list(value) == list(found)
        return alike and _all_same(list(value.values()), list(found.values()), containers)
    if value is None or again is None:
        return value is again
    return kind is type(again) and bool(value == again or value != value)  # noqa: PLR0124 - NaN


def _all_same(values: list[Any], again: Any, containers: set[str]) -> bool:
    if not isinstance(again, list):
        return False
    others = cast("list[Any]", again)
    alike = len(others) == len(values)
    return alike and all(_is_same(*pair, containers) for pair in zip(values, others, strict=True))
