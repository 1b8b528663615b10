"""A pandas frame as columns that Parquet keeps, exactly or not at all.

| dtype | stored as |
|---|---|
| NumPy numbers, bool | themselves, not nullable; NaN stays NaN, bit by bit |
| complex64, complex128 | fixed_size_list of 2 floats, not nullable |
| datetime64, timedelta64, with a zone or not | timestamp, duration; NaT is null; datetime64[s] in milliseconds |
| Int64, boolean, Float64, … | the number; NA is null, NaN stays NaN |
| str, string | large_string |
| category | dictionary of string if the categories are text; values if they are numbers or times; else the codes |
| period | its ordinal, int64 |
| interval | struct of left and right |
| Arrow dtypes | as `arrow_types.py` says |
| object | as `objects.py` says |

The index is stored as further columns, but for a range. A range's bounds belong to the piece, not to the table; so do
`attrs`, `flags`, the `freq` of the index, and which missing value an object column has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import pyarrow as pa

from atio_core.data.frames import objects
from atio_core.data.frames.gapped_levels import gapped_levels, masked_level
from atio_core.data.frames.objects import Encoded
from atio_core.data.frames.pandas_index import (
    COMPLEX,
    MASKED,
    TIMES,
    UnknownDtypeError,
    build_dtype,
    describe_dtype,
    describe_freq,
    describe_index,
    has_freq,
    level_values,
)
from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import (
    NUMPY_NUMBERS,
    Json,
    UnknownValueError,
    canonical_json,
    from_json,
    to_json,
)
from atio_core.data.schema.layout import Column, Layout, physical_names
from atio_core.data.schema.pieces import Piece, piece_of
from atio_core.errors import NotPreservableError


def to_piece(frame: Any) -> Piece:
    """Return a frame as a piece.

    Raises:
        NotPreservableError: Something in it couldn't come back equal.
    """
    _require_plain(frame)
    info = _info_of(frame)
    kind, labels = _describe_labels(frame.columns)
    sources = [*_columns(frame, labels), *_levels(frame.index)]
    names = physical_names([*frame.columns, *(from_json(source.label) for source in sources[len(labels) :])])
    encoded = [source.encoded() for source in sources]
    missing = {name: e.missing for name, e in zip(names, encoded, strict=True) if e.missing != objects.NONE}
    if missing:
        info["missing"] = missing
    columns = [Column(name, s.label, e.type) for name, s, e in zip(names, sources, encoded, strict=True)]
    layout = Layout(
        "pandas",
        tuple(columns[: len(labels)]),
        tuple(columns[len(labels) :]),
        labels=kind,
        index_name=None if len(sources) > len(labels) else _name_to_json(frame.index.name),
        multi=_is_multi(frame.index),
    )
    nullable = [not is_never_null(column.type) for column in columns]
    return piece_of(layout, [e.values for e in encoded], nullable, len(frame), info)


@dataclass(frozen=True, slots=True)
class _Source:
    """A column or index level to be stored: its label, its values, and how a user calls it."""

    label: Json
    array: Any
    where: str
    code: str

    def encoded(self) -> Encoded:
        try:
            return encode(self.array)
        except objects.UnknownObjectError as error:
            _refuse(self.where, error.what, error.advice.format(column=self.code), error)
        except (UnknownDtypeError, UnknownValueError, arrow_types.UnknownTypeError) as error:
            advice = f"convert it, for example to text: {self.code} = {self.code}.astype('str')"
            _refuse(self.where, f"has a dtype that can't be kept ({error})", advice, error)
        except (pa.ArrowInvalid, UnicodeEncodeError) as error:
            _refuse(
                self.where, f"holds a value that can't be stored ({error})", "take it out or change it", error
            )


def _refuse(where: str, what: str, advice: str, error: Exception | None = None) -> NoReturn:
    raise NotPreservableError(
        f"{where} {what}, so it wouldn't come back equal; {advice}. Nothing was written"
    ) from error


def _require_plain(frame: Any) -> None:
    import pandas as pd

    if type(frame) is not pd.DataFrame:
        name = f"{type(frame).__module__}.{type(frame).__qualname__}"
        _refuse(
            f"the frame is a {name}, which",
            "is more than a pandas frame",
            "write pandas.DataFrame(frame) instead",
        )


def _columns(frame: Any, labels: list[Json]) -> Iterator[_Source]:
    for label, (given, series) in zip(labels, frame.items(), strict=True):
        yield _Source(label, series.array, f"column {given!r}", f"df[{given!r}]")


def _levels(index: Any) -> Iterator[_Source]:
    import pandas as pd

    if type(index) is pd.RangeIndex:
        return
    if type(index) not in _index_types():
        _refuse("the index", f"is a {type(index).__qualname__}", "use df.reset_index()")
    gapped = gapped_levels(index) if _is_multi(index) else ()
    for place, level in enumerate(level_values(index)):
        where = f"index level {level.name!r}" if _is_multi(index) or level.name is not None else "the index"
        array = masked_level(index, place) if place in gapped else level.array
        if place not in gapped and _is_multi(index) and level.dtype != index.levels[place].dtype:
            told = f"is {index.levels[place].dtype}, and {level.dtype} where labels are missing"
            _refuse(where, told, "use df.reset_index()")
        yield _Source(_name_to_json(level.name), array, where, "df.index")


def _index_types() -> tuple[type, ...]:
    import pandas as pd

    plain = (pd.Index, pd.MultiIndex, pd.CategoricalIndex)
    return (*plain, pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex, pd.IntervalIndex)


def _name_to_json(name: object) -> Json:
    try:
        return to_json(name)
    except UnknownValueError as error:
        _refuse(
            "the index",
            f"has the name {name!r} of type {error}",
            "name it with text: df.index.name = '…'",
            error,
        )


def _describe_labels(columns: Any) -> tuple[Json, list[Json]]:
    try:
        return describe_index(columns)
    except (UnknownValueError, UnknownDtypeError, arrow_types.UnknownTypeError) as error:
        advice = "use text as labels: df.columns = df.columns.astype('str')"
        _refuse(
            "the index of the columns",
            f"has labels, a name or a dtype that can't be kept ({error})",
            advice,
            error,
        )


def _info_of(frame: Any) -> dict[str, Any]:
    """What belongs to this frame and not to its table."""
    import pandas as pd

    info: dict[str, Any] = {}
    index = frame.index
    if type(index) is pd.RangeIndex and (index.start, index.step, index.stop) != (0, 1, len(index)):
        info["range_index"] = {"start": index.start, "step": index.step, "stop": index.stop}
    info |= _freqs_of(index)
    if _is_multi(index) and (gapped := gapped_levels(index)):
        info["gapped_levels"] = gapped
    try:
        if frame.attrs:
            info["attrs"] = to_json(frame.attrs)
            json.dumps(info["attrs"], ensure_ascii=False).encode()  # as it is stored
    except UnknownValueError as error:
        _refuse("df.attrs", f"holds a value of type {error}", "keep plain Python values there", error)
    except UnicodeEncodeError as error:
        _refuse("df.attrs", f"holds text that can't be stored ({error})", "take it out or change it", error)
    if not frame.flags.allows_duplicate_labels:
        info["unique_labels"] = True
    return info


def _freqs_of(index: Any) -> dict[str, str]:
    """The frequencies of an index of times, or of its levels."""
    levels = (
        {f"freq_{i}": level for i, level in enumerate(index.levels)} if _is_multi(index) else {"freq": index}
    )
    freqs: dict[str, str] = {}
    for key, level in levels.items():
        try:
            if has_freq(level):
                freqs[key] = describe_freq(level.freq)
        except UnknownValueError as error:
            _refuse("the index", f"has a {error}", "drop it: df.index.freq = None", error)
    return freqs


def _is_multi(index: Any) -> bool:
    import pandas as pd

    return isinstance(index, pd.MultiIndex)


def is_never_null(described: Json) -> bool:
    """Say whether a pandas type has no missing values beside NaN."""
    return isinstance(described, str) and (described in NUMPY_NUMBERS or described in COMPLEX)


def stored_as(dtype: Any) -> pa.DataType:
    """Return what the values of a dtype are stored as; those of objects depend on the values."""
    import pandas as pd

    return encode(cast("Any", pd).array([], dtype=dtype)).values.type  # noqa: PD011 # not a Series


def encode(array: Any) -> Encoded:
    """Return a pandas array as Arrow.

    Args:
        array: `Series.array` or `Index.array`.

    Raises:
        UnknownDtypeError: Its dtype can't be kept.
        UnknownObjectError: It is of dtype object, and a value can't be kept.
        pyarrow.ArrowInvalid: A value doesn't fit into what it is stored as.
    """
    import pandas as pd

    if type(array) is pd.arrays.NumpyExtensionArray:  # StringArray is a subclass
        return _encode_numpy(array.to_numpy())
    described = describe_dtype(array.dtype)
    if isinstance(described, str):
        values = (
            array.__arrow_array__() if described in MASKED else pa.array(array.to_numpy(), from_pandas=False)
        )
        return Encoded(_stored(values), described)
    ((name, content),) = cast("dict[str, Any]", described).items()
    match name:
        case "string":
            values = _encode_text(array)
        case "datetime":
            # The instants alone: as a NumPy array they need no copy.
            naive = array.to_numpy(dtype=f"datetime64[{content[0]}]")
            values = _stored(pa.array(naive, pa.timestamp(*content)))
        case "category":
            values = _encode_category(array)
        case "period":
            values = pa.array(array.asi8, mask=array.isna())
        case "interval":
            left, right = encode(array.left.array), encode(array.right.array)
            values = pa.StructArray.from_arrays([_one(left.values), _one(right.values)], ["left", "right"])
        case _:
            values = arrow_types.store(array.__arrow_array__())
    return Encoded(values, described)


def _encode_numpy(array: Any) -> Encoded:
    import numpy as np

    described = describe_dtype(array.dtype)
    if described == "object":
        return objects.encode(array)
    if described in COMPLEX:
        floats = np.ascontiguousarray(array).view("float32" if described == "complex64" else "float64")
        parts = pa.array(floats, from_pandas=False)
        pairs = pa.list_(pa.field("element", parts.type), 2)
        return Encoded(pa.FixedSizeListArray.from_arrays(parts, type=pairs), described)
    return Encoded(pa.array(array, from_pandas=False), described)


def _stored(values: pa.Array) -> pa.Array:
    return values.cast(arrow_types.stored_type(values.type))


def _one(values: Any) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _encode_text(array: Any) -> Any:
    if array.dtype.storage == "python":
        encoded = objects.encode(array.to_numpy(dtype=object))
        return encoded.values.cast(pa.large_string())  # noqa: PD011 # not a Series
    return arrow_types.store(array.__arrow_array__().cast(pa.large_string()))


def _encode_category(array: Any) -> pa.Array:
    codes = array.codes
    indices = pa.array(codes, mask=codes < 0)
    categories = stored_categories(array.categories)
    if categories is None:
        return indices
    if pa.types.is_string(categories.type):
        return pa.DictionaryArray.from_arrays(indices, categories)
    return categories.take(indices)


def stored_categories(categories: Any) -> pa.Array | None:
    """Return what a column stores of each of its categories: a text, a number, a time; None if it stores codes."""
    dtype = describe_dtype(categories.dtype)
    if isinstance(dtype, dict) and "string" in dtype:
        return _one(_encode_text(categories.array)).cast(pa.string())
    if dtype == "object":
        return _as_text(categories)
    if isinstance(dtype, str) and dtype != "float16" and (dtype in NUMPY_NUMBERS or dtype in TIMES):
        return _one(encode(categories.array).values)
    return None


def recoded(values: pa.ChunkedArray, before: Json, after: Json) -> pa.ChunkedArray:
    """Return the stored values of a category column for a type with more categories, or others of their order."""
    categories, codes = before["category"]["values"], after["category"]["values"]
    if stored_categories(build_dtype(after).categories) is not None:
        return values  # its categories themselves are stored
    known = [canonical_json(category) for category in codes]
    places = pa.array([known.index(canonical_json(category)) for category in categories], pa.int64())
    return pa.chunked_array([places.take(chunk) for chunk in values.chunks], pa.int64())


def _as_text(categories: Any) -> pa.Array | None:
    if not len(categories) or any(type(category) is not str for category in categories):
        return None
    return pa.array(list(categories), pa.string())
