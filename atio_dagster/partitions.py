"""From what a step returned to the rows of each partition of its run.

- One partition: whatever was returned is that partition.
- Several, in one run: a dict by partition key, or one frame with a column that tells each row's partition. That column
  is named by the asset's metadata `partition_expr`, a dict by dimension if there are several. It holds the keys
  themselves or, for time windows, dates or timestamps within them.

Where such a column is declared, every row must belong to a partition of the run, even if there is only one; and of a
dict to that of its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from atio_core.data.kinds import kind_of
from atio_core.data.schema.layout import layout_of
from atio_core.errors import InvalidInputError
from atio_core.model.entry import ROWS
from atio_dagster.keys import Partitions, named, partitions_definition, plain

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from atio_core.snapshot import Snapshot

PARTITION_EXPR = "partition_expr"
"""The name that Dagster's own database managers use."""

_FRAMES = ("pandas", "polars", "arrow")


def split(context: dg.OutputContext, obj: Any, partitions: Partitions) -> dict[tuple[str, ...], Any]:
    """Return the rows of each partition of the run, in the frame's own library.

    Raises:
        InvalidInputError: The keys of a dict, or rows, are not those of the run's partitions; or nothing says which row
            belongs to which partition.
    """
    asset = f"the asset {context.asset_key.to_user_string()}"
    columns = _columns(context, partitions, asset)
    if isinstance(obj, Mapping):
        partitions.check_keys(list(obj), asset)
        if empty := [key for key in partitions.values if obj[key] is None]:
            raise InvalidInputError(
                f"{asset} returned None for {named(empty)}: give an empty frame for a partition without rows."
                " Nothing was written"
            )
        rows = {values: obj[key] for key, values in partitions.values.items()}
        return rows if columns is None else _checked(context, rows, partitions, columns)
    if columns is not None:
        return _by_columns(obj, _dimensions(context, partitions, columns), partitions, asset)
    if len(partitions.values) == 1:
        return dict.fromkeys(partitions.values.values(), obj)
    raise InvalidInputError(
        f"{asset} returned one frame for {len(partitions.values)} partitions, and nothing says which row belongs to"
        f" which: return a dict by partition key, or name a column in the asset's metadata {PARTITION_EXPR!r}. Nothing"
        " was written"
    )


def with_columns(obj: Any, latest: Snapshot | None) -> Any:
    """Return what was returned for partitions, its frames without any column as frames without rows.

    `pd.DataFrame()` says that there are no rows, and nothing of columns: they are those of the other partitions, or of
    the table. It stays as it is if nothing tells them.

    Args:
        obj: A frame, or a dict of frames.
        latest: The table's latest version; None if there is none.
    """
    import numpy as np

    given: Mapping[Any, Any] = obj if isinstance(obj, Mapping) else {None: obj}
    bare = [key for key, one in given.items() if _is_bare(one)]
    if not bare:
        return obj
    like = next((one for one in given.values() if kind_of(one) in _FRAMES and not _is_bare(one)), None)
    if like is None and latest is not None and latest.kind == ROWS:
        like = latest.read(layout_of(latest.schema).library, partitions=[])
    if like is None:
        return obj
    filled = {**given, **dict.fromkeys(bare, _rows(like, np.arange(0)))}
    return filled if isinstance(obj, Mapping) else filled[None]


def _is_bare(obj: Any) -> bool:
    """Whether it is a frame without rows and columns."""
    return kind_of(obj) in _FRAMES and tuple(obj.shape) == (0, 0)


def _checked(
    context: dg.OutputContext,
    rows: dict[tuple[str, ...], Any],
    partitions: Partitions,
    columns: tuple[str, ...],
) -> dict[tuple[str, ...], Any]:
    """Hold rows that were given by partition against the columns that tell it."""
    found: dict[tuple[str, ...], Any] = {}
    for key, values in partitions.values.items():
        one = Partitions(partitions.fields, {key: values})
        asset = f"the asset {context.asset_key.to_user_string()}, for the partition {key!r},"
        found |= _by_columns(rows[values], _dimensions(context, one, columns), one, asset)
    return found


@dataclass(frozen=True, slots=True)
class _Dimension:
    """A partition field: the column that tells it, and each of its values in the run with its number."""

    column: str
    numbers: dict[str, int]
    definition: dg.PartitionsDefinition | None


def _columns(context: dg.OutputContext, partitions: Partitions, asset: str) -> tuple[str, ...] | None:
    """The column of each partition field, or None if the asset declares none."""
    declared = plain(context.definition_metadata.get(PARTITION_EXPR))
    if declared is None:
        return None
    if isinstance(declared, str) and len(partitions.fields) == 1:
        return (declared,)
    if isinstance(declared, Mapping) and set(declared) == set(partitions.fields):
        return tuple(str(declared[field]) for field in partitions.fields)
    wanted = f"a dict with a column for each of {named(partitions.fields)}"
    if len(partitions.fields) == 1:
        wanted = "a column's name"
    message = (
        f"{asset}: the metadata {PARTITION_EXPR!r} must be {wanted}, not {declared!r}. Nothing was written"
    )
    raise InvalidInputError(message)


def _dimensions(
    context: dg.OutputContext, partitions: Partitions, columns: tuple[str, ...]
) -> list[_Dimension]:
    definition = partitions_definition(context)
    definitions = [definition]
    if isinstance(definition, dg.MultiPartitionsDefinition):
        definitions = [dimension.partitions_def for dimension in definition.partitions_defs]
    found: list[_Dimension] = []
    for place, column in enumerate(columns):
        values = dict.fromkeys(values[place] for values in partitions.values.values())
        found.append(
            _Dimension(column, {value: number for number, value in enumerate(values)}, definitions[place])
        )
    return found


def _by_columns(
    obj: Any, dimensions: list[_Dimension], partitions: Partitions, asset: str
) -> dict[tuple[str, ...], Any]:
    """Sort the rows by partition, each partition's in the order they had, and cut."""
    import numpy as np

    frame, columns = _frame_and_columns(obj, dimensions, asset)
    number_of = np.full([len(dimension.numbers) for dimension in dimensions], -1)
    for number, values in enumerate(partitions.values.values()):
        number_of[tuple(d.numbers[value] for d, value in zip(dimensions, values, strict=True))] = number
    codes = [_codes(dimension, column, asset) for dimension, column in zip(dimensions, columns, strict=True)]
    known = np.logical_and.reduce([code >= 0 for code in codes])
    numbers = np.where(known, number_of[tuple(np.maximum(code, 0) for code in codes)], -1)
    outside = np.flatnonzero(numbers < 0)
    if outside.size:
        rows = outside[:1000].tolist()
        strange = list(dict.fromkeys("|".join(str(column[row]) for column in columns) for row in rows))
        raise InvalidInputError(
            f"{asset} returned rows that belong to no partition of the run ({outside.size:,} of them): their"
            f" {', '.join(d.column for d in dimensions)} is {named(strange, 5)},"
            f" the run's partitions are {named(list(partitions.values), 5)}. Nothing was written"
        )
    order = np.argsort(numbers, kind="stable")
    bounds = np.searchsorted(numbers[order], np.arange(len(partitions.values) + 1))
    return {
        values: _rows(frame, order[bounds[number] : bounds[number + 1]])
        for number, values in enumerate(partitions.values.values())
    }


def _codes(dimension: _Dimension, column: pa.ChunkedArray, asset: str) -> np.ndarray:
    """Return for each row the number of its value, -1 for values that are none of the run's."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    is_time = pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
    if is_time and isinstance(dimension.definition, dg.TimeWindowPartitionsDefinition):
        return _codes_of_times(dimension.definition, dimension.numbers, column)
    try:
        texts = column.cast(pa.string())
    except pa.ArrowNotImplementedError as error:
        message = f"{asset}: the column {dimension.column!r} of type {column.type} can't tell a partition"
        raise InvalidInputError(f"{message}. Nothing was written") from error
    found = pc.index_in(texts, value_set=pa.array(list(dimension.numbers), pa.string()))
    return np.asarray(found.fill_null(-1))


def _codes_of_times(
    definition: dg.TimeWindowPartitionsDefinition, numbers: dict[str, int], column: pa.ChunkedArray
) -> np.ndarray:
    """Times with a zone are instants; those without are what a clock in the definition's zone showed."""
    import numpy as np
    import pyarrow as pa

    zoned = pa.types.is_timestamp(column.type) and column.type.tz is not None
    kind = pa.timestamp("us", "UTC" if zoned else None)
    windows = [(definition.time_window_for_partition_key(value), number) for value, number in numbers.items()]
    windows.sort(key=lambda item: item[0].start)
    edges = [(window.start, window.end) for window, _ in windows]
    if not zoned:
        edges = [(start.replace(tzinfo=None), end.replace(tzinfo=None)) for start, end in edges]
    starts = np.asarray(pa.array([start for start, _ in edges], kind).cast(pa.int64()))
    ends = np.asarray(pa.array([end for _, end in edges], kind).cast(pa.int64()))
    times = column.cast(kind, safe=False).cast(pa.int64())
    missing, times = np.asarray(times.is_null()), np.asarray(times.fill_null(0))
    place = np.searchsorted(starts, times, side="right") - 1
    outside = missing | (place < 0) | (times >= ends[place])
    return np.where(outside, -1, np.array([number for _, number in windows])[place])


def _frame_and_columns(
    obj: Any, dimensions: list[_Dimension], asset: str
) -> tuple[Any, list[pa.ChunkedArray]]:
    """A frame whose rows can be taken by number, and the columns that tell their partitions."""
    kind = kind_of(obj)
    if kind == "polars-lazy":
        obj = obj.collect(engine="streaming")
    elif kind == "arrow-reader":
        obj = obj.read_all()
    elif kind not in _FRAMES:
        raise InvalidInputError(
            f"{asset} returned a {type(obj).__name__}; rows are told apart by {PARTITION_EXPR!r} in pandas and polars"
            " frames and Arrow tables. Nothing was written"
        )
    names = list(obj.schema.names if kind.startswith("arrow") else obj.columns)
    if lacking := [dimension.column for dimension in dimensions if names.count(dimension.column) != 1]:
        raise InvalidInputError(
            f"{asset} declares {named(lacking)} as {PARTITION_EXPR!r}, and the frame has not just one such column."
            " Nothing was written"
        )
    return obj, [_to_arrow(obj[dimension.column], dimension.column, asset) for dimension in dimensions]


def _to_arrow(column: Any, name: str, asset: str) -> pa.ChunkedArray:
    import pyarrow as pa

    if isinstance(column, pa.ChunkedArray):
        return column
    try:
        array = column.to_arrow() if hasattr(column, "to_arrow") else pa.Array.from_pandas(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        message = f"{asset}: the values of the column {name!r} can't tell partitions ({error})"
        raise InvalidInputError(f"{message}. Nothing was written") from None
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _rows(frame: Any, numbers: np.ndarray) -> Any:
    """Some rows of a frame. A default index starts at 0 again, as if each partition had been made by itself."""
    kind = kind_of(frame)
    if kind == "arrow":
        return _taken(frame, numbers)
    if kind == "polars":
        return frame[numbers]
    index = frame.index
    is_default = type(index).__name__ == "RangeIndex" and (index.start, index.step, index.name) == (
        0,
        1,
        None,
    )
    return frame.iloc[numbers].reset_index(drop=True) if is_default else frame.iloc[numbers]


def _taken(table: pa.Table, numbers: np.ndarray) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    try:
        return table.take(numbers)
    except pa.ArrowNotImplementedError:  # of views and encoded runs Arrow only cuts slices
        runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
        return pa.concat_tables(
            [table.slice(0, 0), *(table.slice(int(run[0]), len(run)) for run in runs if len(run))]
        )
