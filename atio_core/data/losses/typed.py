"""What formats that keep types, Parquet and Feather, change: refused, or said if equal in another form.

polars and Arrow keep nearly all they have. Of pandas, dtypes that are known to come back are let through, those known
to come back in another form are said, and the rest is refused. Objects are the exception: their values decide.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

from atio_core.data.frames.gapped_levels import gapped_levels
from atio_core.data.losses import objects, pandas_dtypes
from atio_core.data.losses.labels import has_plain_index
from atio_core.data.losses.loss import Loss, refuse
from atio_core.data.losses.options import of_options
from atio_core.data.write_request import WriteRequest

Typed = Literal["parquet", "feather"]
_WHOLE_FLOATS = 2**53  # up to which floats hold every whole number
_TEXT_LABELS = "Make them text first: df.columns = df.columns.astype(str)"
_OPTIONS: dict[str, tuple[Any, ...]] = {
    "coerce_timestamps": (None,),
    "allow_truncated_timestamps": (False,),
    "use_deprecated_int96_timestamps": (None, False),
    "version": (None, "2.6"),
    "schema": (None,),
    "columns": (None,),
    "store_schema": (True,),
    "flavor": (None, ()),
}


def of_parquet_pandas(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what of a pandas frame comes back from Parquet in another form.

    Args:
        frame: A `pandas.DataFrame`.
        request: How it is written.

    Raises:
        NotPreservableError: A part of it would come back changed.
    """
    return [*_of_pandas(frame, request, "parquet")]


def of_feather_pandas(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what of a pandas frame comes back from Feather in another form.

    Args:
        frame: A `pandas.DataFrame`.
        request: How it is written.

    Raises:
        NotPreservableError: A part of it would come back changed.
    """
    return [*_of_pandas(frame, request, "feather")]


def of_polars(frame: Any, request: WriteRequest) -> Sequence[Loss]:
    """Refuse the one dtype of polars that its files can't have: Python's objects.

    Args:
        frame: A polars frame, a lazy one too.
        request: How it is written.

    Raises:
        NotPreservableError: There are some.
    """
    for name, dtype in frame.collect_schema().items():
        if "Object" in str(dtype):
            refuse(f"column {name!r}", "holds Python objects", "Cast it to a dtype of polars")
    return [*of_options(request, _OPTIONS)]


def of_parquet_arrow(table: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what of an Arrow table or stream comes back from Parquet in another form.

    Args:
        table: A `pyarrow.Table`, or a reader.
        request: How it is written.

    Raises:
        NotPreservableError: It would come back changed, or not at all.
    """
    import pyarrow as pa

    from atio_core.data.schema import depth

    names = table.schema.names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        refuse(f"column {twice!r}", "is there twice, which readers refuse", "Rename one of them")
    if not names and getattr(table, "num_rows", 0):
        refuse(None, "rows without columns don't come back", "Add a column")
    found = [*of_options(request, _OPTIONS)]
    for position, field in enumerate(table.schema):
        where = f"column {field.name!r}"
        if (levels := depth.levels(field.type)) > depth.MOST:
            refuse(where, f"readers take {depth.MOST} levels in each other, not {levels}", "Flatten it")
        found += _of_arrow_type(where, field.type)
        if isinstance(table, pa.Table) and pa.types.is_dictionary(field.type):
            _require_one_dictionary(where, table.column(position))
    return found


def _require_one_dictionary(where: str, values: Any) -> None:
    """A dictionary per chunk becomes one of all, for which the type of the indices may be too small."""
    import pyarrow as pa

    try:
        values.unify_dictionaries()
    except pa.ArrowInvalid:
        advice = "Use larger indices: column.cast(pyarrow.dictionary(pyarrow.int32(), values))"
        refuse(where, f"its dictionaries are too many for {values.type.index_type}", advice)


def _of_arrow_type(where: str, kind: Any) -> Iterator[Loss]:
    import pyarrow as pa

    if pa.types.is_run_end_encoded(kind):
        refuse(where, f"Parquet has no {kind}", "Decode it: pyarrow.compute.run_end_decode(column)")
    if pa.types.is_union(kind) or pa.types.is_interval(kind):
        refuse(where, f"Parquet has no {kind}", "Convert it, or write feather")
    if pa.types.is_dictionary(kind) and not _is_text(kind.value_type):
        yield Loss(where, f"comes back as {kind.value_type}, not as a dictionary")
    elif kind in {pa.timestamp("s"), pa.time32("s")} or (pa.types.is_timestamp(kind) and kind.unit == "s"):
        yield Loss(where, "seconds come back as milliseconds")
    elif pa.types.is_date64(kind):
        yield Loss(where, "date64 comes back as date32")
    if pa.types.is_nested(kind) and not pa.types.is_dictionary(kind):
        if not (pa.types.is_struct(kind) or pa.types.is_map(kind)) and kind.value_field.name != "element":
            yield Loss(where, f"its items' field {kind.value_field.name!r} comes back as 'element'")
        if pa.types.is_map(kind):
            yield Loss(where, "the fields inside a map come back under other names")
        for position in range(kind.num_fields):
            yield from _of_arrow_type(where, kind.field(position).type)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_binary(kind)


def _of_pandas(frame: Any, request: WriteRequest, to: Typed) -> Iterator[Loss]:
    yield from of_options(request, _OPTIONS)
    yield from _of_whole(frame, request, to)
    yield from _of_labels(frame)
    for label, series in frame.items():
        yield from _of_values(f"column {label!r}", f"df[{label!r}]", series, to)
    yield from _of_index(frame, request, to)


def _of_whole(frame: Any, request: WriteRequest, to: Typed) -> Iterator[Loss]:
    import pandas as pd

    if request.options.get("engine") == "fastparquet":
        yield Loss(None, "what fastparquet keeps isn't known")
    if type(frame) is not pd.DataFrame:
        yield Loss(None, f"the class {type(frame).__module__}.{type(frame).__qualname__} may not be kept")
    if frame.attrs and (to == "feather" or not _is_json(frame.attrs)):
        yield Loss(None, "attrs aren't kept as they are")
    if not frame.flags.allows_duplicate_labels:
        yield Loss(None, "the flag allows_duplicate_labels isn't kept")
    if not len(frame.columns):
        if len(frame) and to == "parquet":
            refuse(None, "rows without columns don't come back", "Add a column, or use df.reset_index()")
        yield Loss(None, "a frame without columns comes back with other labels")


def _is_json(value: Any) -> bool:
    """Whether it is what json would give back. Only exact types are."""
    kind = cast("type[object]", type(value))
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_is_json, value.values()))
    if kind is list:
        return all(map(_is_json, value))
    return kind in {str, int, bool, type(None)} or (kind is float and math.isfinite(value))


def _of_labels(frame: Any) -> Iterator[Loss]:
    import pandas as pd

    labels = frame.columns
    odd = [name for name in labels.names if name is not None and type(name) is not str]
    if odd and not isinstance(odd[0], int | float):
        refuse("the column labels", f"their name {odd[0]!r} is no text", "Rename it: df.columns.names = […]")
    if odd:
        yield Loss("the column labels", f"their name {odd[0]!r} may come back as text")
    if not labels.is_unique:
        twice = labels[labels.duplicated()][0]
        refuse(f"column {twice!r}", "is there twice", "Rename one of them")
    if isinstance(labels, pd.MultiIndex):
        texts = all(level.dtype == "str" for level in labels.levels)
        if not texts or any((codes < 0).any() for codes in labels.codes):
            refuse("the column labels", "have levels that aren't text, or gaps", _TEXT_LABELS)
        return
    if any(isinstance(label, str) and label.startswith("__index_level_") for label in labels):
        refuse("the column labels", "look like those that pandas gives to index levels", "Rename them")
    if labels.hasnans:
        refuse("the column labels", "have a gap", _TEXT_LABELS)
    yield from _of_label_dtype(labels)


def _of_label_dtype(labels: Any) -> Iterator[Loss]:
    import pandas as pd

    dtype: Any = labels.dtype
    if type(labels) is pd.RangeIndex:
        yield Loss("the column labels", "a range comes back as an index of int64")
    elif labels.dtype == "str":
        if dtype.storage != "pyarrow":
            yield Loss("the column labels", "come back as str in Arrow's memory")
    elif labels.dtype == "string" or (
        labels.dtype == "object" and all(type(label) is str for label in labels)
    ):
        yield Loss("the column labels", f"{labels.dtype} comes back as str")
    elif labels.dtype not in {"int64", "float64"}:
        refuse("the column labels", f"are {labels.dtype}, and come back as something else", _TEXT_LABELS)


def _of_index(frame: Any, request: WriteRequest, to: Typed) -> Iterator[Loss]:
    import pandas as pd

    index = frame.index
    given = request.options.get("index")
    if given is False and not has_plain_index(frame):
        yield Loss("the index", "isn't written (index=False)")
        return
    odd = [name for name in index.names if name is not None and type(name) is not str]
    taken = odd and str(odd[0]) in map(str, frame.columns)
    if odd and (taken or index.nlevels > 1 or not isinstance(odd[0], int | float)):
        refuse("the index", f"its name {odd[0]!r} is no text", "Rename it: df.index.names = […]")
    if odd:
        yield Loss("the index", f"its name {odd[0]!r} comes back as text, or not at all")
    if type(index) is pd.RangeIndex:
        if given is True:
            yield Loss("the index", "a range comes back as an index of int64")
        return
    multi = isinstance(index, pd.MultiIndex)
    if multi and index.nlevels == 1:
        yield Loss("the index", "a MultiIndex of one level comes back as a plain index")
    for number in range(index.nlevels):
        level = index.get_level_values(number)
        where = f"index level {level.name!r}" if level.name is not None else "the index"
        frequent = index.levels[number] if multi else index
        if getattr(frequent, "freq", None) is not None and not isinstance(frequent, pd.PeriodIndex):
            yield Loss(where, "its freq isn't kept")
        if multi and number in gapped_levels(index):
            yield from _of_gaps(where, frequent)
        yield from pandas_dtypes.of_index_level(where, level)
        yield from _of_values(where, "df.index", level, to)


def _of_gaps(where: str, level: Any) -> Iterator[Loss]:
    """What becomes of a level of NumPy numbers, as some of its labels are missing; that of booleans is told already."""
    if level.dtype.kind == "b":
        return
    if len(level) and max(map(abs, map(int, (level.min(), level.max())))) > _WHOLE_FLOATS:
        refuse(
            where,
            "some of its whole numbers would be others as floats, as labels are missing",
            "Use df.reset_index()",
        )
    yield Loss(where, "its whole numbers come back as floats, as labels are missing")


def _of_values(where: str, code: str, values: Any, to: Typed) -> Iterator[Loss]:
    if values.dtype == "object":
        yield from objects.of_objects(where, code, values.to_numpy())
    else:
        yield from pandas_dtypes.of_values(where, code, values, to)
