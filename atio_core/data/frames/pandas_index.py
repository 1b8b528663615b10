"""pandas dtypes and indexes as JSON and back.

A dtype is its name where that says all ("int64", "Int64", "datetime64[us]", "bool"), else an object with one key:
`{"string": [storage, "nan" or "NA"]}`, `{"datetime": [unit, zone]}`, `{"period": freq}`,
`{"interval": [dtype, closed]}`, `{"arrow": type}`, `{"category": {"dtype", "values", "ordered"}}`, and "object".

An index that belongs to the schema (column labels, categories) is told by its kind and its values: the kind is
`{"range": [start, stop, step]}`, `{"dtype", "freq"}` or `{"levels": [dtype, ...]}`, with `name` or `names`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, cast

import pyarrow as pa

from atio_core.data.frames.gapped_levels import gapped_levels
from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import (
    NUMPY_NUMBERS,
    Json,
    UnknownValueError,
    from_json,
    label_key,
    to_json,
    zone_from_json,
    zone_to_json,
)

COMPLEX = frozenset(["complex64", "complex128"])
TIMES = frozenset(
    f"{kind}[{unit}]" for kind in ("datetime64", "timedelta64") for unit in ("s", "ms", "us", "ns")
)
MASKED = frozenset(
    [
        "boolean",
        *(f"{sign}{bits}" for sign in ("Int", "UInt") for bits in (8, 16, 32, 64)),
        "Float32",
        "Float64",
    ]
)


def arrow_time(dtype: str) -> pa.DataType:
    """Return the Arrow type of datetime64 and timedelta64 values.

    Example:
        >>> arrow_time("timedelta64[ms]")
        DurationType(duration[ms])
    """
    kind, unit = dtype.removesuffix("]").split("[")
    return pa.timestamp(unit) if kind == "datetime64" else pa.duration(unit)


class UnknownDtypeError(TypeError):
    """A pandas dtype that atio doesn't know; the message names it."""


def describe_dtype(dtype: Any) -> Json:
    """Return a pandas dtype as JSON.

    Raises:
        UnknownDtypeError: It is none of pandas' own, or one that can't be kept.

    Example:
        >>> import pandas as pd
        >>> describe_dtype(pd.Series(["a"], dtype="string[python]").dtype)
        {'string': ['python', 'NA']}
    """
    import numpy as np
    import pandas as pd

    if isinstance(dtype, np.dtype):
        return _describe_numpy(cast("np.dtype[Any]", dtype))
    if not type(dtype).__module__.startswith("pandas"):
        raise UnknownDtypeError(str(dtype))
    match type(dtype).__name__:
        case "StringDtype":
            return {"string": [dtype.storage, "NA" if dtype.na_value is pd.NA else "nan"]}
        case "DatetimeTZDtype":
            return {"datetime": [dtype.unit, _zone_name(dtype)]}
        case "CategoricalDtype":
            return _describe_category(dtype)
        case "PeriodDtype":
            return {"period": str(dtype).removeprefix("period[").removesuffix("]")}
        case "IntervalDtype":
            return {"interval": [describe_dtype(dtype.subtype), dtype.closed]}
        case "ArrowDtype":
            return {"arrow": arrow_types.describe(dtype.pyarrow_dtype)}
        case _:
            if str(dtype) not in MASKED:
                raise UnknownDtypeError(str(dtype))
            return str(dtype)


def _describe_numpy(dtype: Any) -> Json:
    name: str = dtype.name
    if name == "object" or (dtype.isnative and (name in NUMPY_NUMBERS or name in COMPLEX or name in TIMES)):
        return name
    raise UnknownDtypeError(dtype.str if not dtype.isnative else name)


def _zone_name(dtype: Any) -> str:
    zone = dtype.tz
    if zone is dt.UTC:
        return "UTC"
    name: object = getattr(zone, "zone", None)
    if isinstance(name, str):
        return name  # pytz, the default of pandas 2
    if getattr(zone, "_minutes", None) is not None:
        zone = dt.timezone(zone.utcoffset(None))  # pytz's fixed offsets
    return cast("str", zone_to_json(zone))


def _describe_category(dtype: Any) -> Json:
    if dtype.categories is None:
        raise UnknownDtypeError("category without categories")
    kind, values = describe_index(dtype.categories)
    return {"category": {"kind": kind, "values": values, "ordered": bool(dtype.ordered)}}


def build_dtype(described: Json) -> Any:
    """Return the dtype that `describe_dtype` gave this JSON for."""
    import numpy as np
    import pandas as pd

    if isinstance(described, str):
        return pd.api.types.pandas_dtype(described) if described in MASKED else np.dtype(described)
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "string":
            return pd.StringDtype(content[0], na_value=pd.NA if content[1] == "NA" else np.nan)
        case "datetime":
            unit, zone = content
            return pd.DatetimeTZDtype(unit, zone_from_json(zone) if zone[0] in "+-" else zone)
        case "category":
            categories = build_index(content["kind"], content["values"])
            return pd.CategoricalDtype(categories, ordered=content["ordered"])
        case "period":
            return pd.PeriodDtype(content)
        case "interval":
            return pd.IntervalDtype(build_dtype(content[0]), content[1])
        case "arrow":
            return pd.ArrowDtype(arrow_types.build(content))
        case _:
            return np.dtype("object")  # {"object": ...}: how its values are stored


def level_values(index: Any) -> list[Any]:
    """Return the values of each level of a MultiIndex, under the level's name; of another index, itself."""
    if not hasattr(index, "levels"):
        return [index]
    # By name a number would mean another level's name.
    unnamed = index.set_names([None] * index.nlevels)
    return [unnamed.get_level_values(i).rename(name) for i, name in enumerate(index.names)]


def has_freq(index: Any) -> bool:
    """Say whether an index has a frequency that its values and its dtype don't tell."""
    import pandas as pd

    return isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) and index.freq is not None


def with_level_freq(index: Any, level: int, freq: str) -> Any:
    """Return a MultiIndex with a frequency given to the values of one level, if they follow each other in it."""
    values = index.levels[level]
    try:
        values.freq = freq
    except ValueError:
        return index
    return index.set_levels(values, level=level)


def describe_freq(freq: Any) -> str:
    """Return the text of an index's frequency.

    Raises:
        UnknownValueError: The text wouldn't lead back to it.
    """
    from pandas.tseries.frequencies import to_offset

    text: str = freq.freqstr
    try:
        same = to_offset(text) == freq
    except ValueError:
        same = False
    if not same:
        raise UnknownValueError(f"frequency {freq!r}")
    return text


def describe_index(index: Any) -> tuple[Json, list[Json]]:
    """Return the kind and the values of an index that belongs to the schema.

    Raises:
        UnknownValueError: A value or a name can't be kept.
        UnknownDtypeError: So can't the dtype.
    """
    kind, values = _describe_index(index)
    if kind == {"dtype": {"string": ["pyarrow", "nan"]}}:
        return kind, values  # the usual kind needs no second look
    try:
        same = _is_same(index, build_index(kind, values))
    except (pa.ArrowException, NotImplementedError, OverflowError, TypeError, ValueError) as error:
        raise UnknownValueError(f"{type(index).__name__} of dtype {index.dtype}") from error
    if not same:
        raise UnknownValueError(f"{type(index).__name__} of dtype {index.dtype}")
    return kind, values


def _is_same(index: Any, built: Any) -> bool:
    ours, theirs = level_values(index), level_values(built)
    return (
        type(built) is type(index)
        and [level.dtype for level in theirs] == [level.dtype for level in ours]
        and not (hasattr(index, "levels") and gapped_levels(index))
        and list(map(label_key, built.names)) == list(map(label_key, index.names))
        and built.equals(index)
        and list(map(label_types, built)) == list(map(label_types, index))
    )


def label_types(label: object) -> object:
    """Return the type of a label; of a tuple, those of its parts."""
    return (
        tuple(type(part) for part in cast("tuple[object, ...]", label))
        if isinstance(label, tuple)
        else type(label)
    )


def _describe_index(index: Any) -> tuple[Json, list[Json]]:
    import pandas as pd

    kind: dict[str, Json] = {}
    if type(index) is pd.MultiIndex:
        levels = level_values(index)
        kind["levels"] = [describe_dtype(level.dtype) for level in levels]
        stored: list[Any] = list(index.levels)
        freqs = {str(i): describe_freq(level.freq) for i, level in enumerate(stored) if has_freq(level)}
        if freqs:
            kind["freqs"] = freqs
        if any(name is not None for name in index.names):
            kind["names"] = [to_json(name) for name in index.names]
        return kind, [to_json(tuple(label)) for label in zip(*levels, strict=True)]
    if type(index) is pd.RangeIndex:
        kind["range"] = [index.start, index.stop, index.step]
    else:
        kind["dtype"] = describe_dtype(index.dtype)
        if has_freq(index):
            kind["freq"] = describe_freq(index.freq)
    if index.name is not None:
        kind["name"] = to_json(index.name)
    return kind, [to_json(label) for label in index]


def build_index(kind: dict[str, Json], values: Sequence[Json]) -> Any:
    """Return the index that `describe_index` gave this kind and these values for."""
    import pandas as pd

    labels = [from_json(value) for value in values]
    if "levels" in kind:
        dtypes = [build_dtype(level) for level in kind["levels"]]
        names = [from_json(name) for name in kind.get("names", [None] * len(dtypes))]
        columns = list(zip(*labels, strict=True)) or [()] * len(dtypes)
        levels = [_plain_index(list(column), dtype) for column, dtype in zip(columns, dtypes, strict=True)]
        index = pd.MultiIndex.from_arrays(levels, names=names)
        for position, freq in kind.get("freqs", {}).items():
            index = with_level_freq(index, int(position), freq)
        return index
    name = from_json(kind.get("name"))
    if "range" in kind:
        return pd.RangeIndex(*kind["range"], name=name)
    index: Any = _plain_index(labels, build_dtype(kind["dtype"])).rename(name)
    if "freq" in kind:
        index.freq = kind["freq"]
    return index


def _plain_index(labels: list[Any], dtype: Any) -> Any:
    import numpy as np
    import pandas as pd

    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return pd.Index(labels, dtype=object, tupleize_cols=False)
    return pd.Index(cast("Any", pd).array(labels, dtype=dtype))
