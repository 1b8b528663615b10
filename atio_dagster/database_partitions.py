"""Which rows of a database's table are a run's partitions: the column that tells it, compared with keys or windows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from atio_core.data.kinds import kind_of
from atio_core.databases.frames import rows_of
from atio_core.databases.rows import Rows
from atio_core.errors import InvalidInputError
from atio_dagster.keys import Partitions, described, partitions_definition, plain
from atio_dagster.partitions import PARTITION_EXPR, split

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_WINDOWS = 1_000


def partition_columns(context: dg.OutputContext | dg.InputContext, partitions: Partitions) -> dict[str, str]:
    """Return the column of each partition field, as the asset declares them.

    Raises:
        InvalidInputError: It declares none: rows of a database are told apart by a column alone.
    """
    output = context if isinstance(context, dg.OutputContext) else context.upstream_output
    declared = plain(output.definition_metadata.get(PARTITION_EXPR)) if output is not None else None
    if isinstance(declared, str) and len(partitions.fields) == 1:
        return {partitions.fields[0]: declared}
    if isinstance(declared, Mapping) and set(declared) == set(partitions.fields):
        return {field: str(declared[field]) for field in partitions.fields}
    asset = f"the asset {context.asset_key.to_user_string()}"
    raise InvalidInputError(
        f"{asset} is partitioned, and lies in a database: its metadata {PARTITION_EXPR!r} must name the column that"
        f" tells a row's partition (with several dimensions a dict, a column for each), not {declared!r}"
    )


def rows_in(context: dg.OutputContext, obj: Any, partitions: Partitions) -> pa.Table:
    """Return the rows of all partitions of the run, if they belong there.

    Raises:
        InvalidInputError: A row belongs to none of them, or the keys of a dict aren't those of the run.
    """
    import pyarrow as pa

    partition_columns(context, partitions)
    if isinstance(obj, Mapping):
        partitions.check_keys(list(obj), described(context))
        parts = [_table(one) for one in obj.values()]
        try:
            rows = pa.concat_tables(parts, promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise InvalidInputError(
                f"{described(context)} returned frames whose columns don't go together: {error}. Nothing was written"
            ) from error
    else:
        rows = _table(obj)
    split(context, rows, partitions)  # refuses rows that belong to no partition of the run
    return rows


def _table(obj: Any) -> pa.Table:
    import pyarrow as pa

    rows = _rows_of(obj)
    return pa.Table.from_batches(rows.batches(1 << 16), schema=rows.schema)


def _rows_of(obj: Any) -> Rows:
    return rows_of(obj, index=has_named_index(obj) if kind_of(obj) == "pandas" else None, index_label=None)


def empty_like(obj: Any) -> pa.Table:
    """Return the columns of a frame, without rows."""
    return _rows_of(obj).schema.empty_table()


def has_named_index(frame: Any) -> bool:
    """Say whether a pandas frame has an index that is written as columns: one that has a name."""
    return any(name is not None for name in frame.index.names)


def where_of(
    context: dg.OutputContext | dg.InputContext, partitions: Partitions, schema: pa.Schema
) -> list[list[tuple[str, str, Any]]]:
    """Return which rows are those partitions, as `write` and `read_rows` take it.

    Args:
        context: Of the output or input.
        partitions: The partitions.
        schema: Of the rows: a column of times is compared with windows, any other with keys.
    """
    columns = partition_columns(context, partitions)
    definition = partitions_definition(context)
    definitions: dict[str, dg.PartitionsDefinition | None] = {partitions.fields[0]: definition}
    if isinstance(definition, dg.MultiPartitionsDefinition):
        definitions = {one.name: one.partitions_def for one in definition.partitions_defs}
    if len(partitions.fields) == 1:
        (field,) = partitions.fields
        keys = [values[0] for values in partitions.values.values()]
        return _windows_or_keys(columns[field], keys, definitions[field], schema)
    return [
        [
            comparison
            for place, field in enumerate(partitions.fields)
            for comparison in _windows_or_keys(columns[field], [values[place]], definitions[field], schema)[0]
        ]
        for values in partitions.values.values()
    ]


def _windows_or_keys(
    column: str, keys: list[str], definition: dg.PartitionsDefinition | None, schema: pa.Schema
) -> list[list[tuple[str, str, Any]]]:
    import pyarrow as pa

    if schema.names.count(column) != 1:
        raise InvalidInputError(f"there is no column {column!r} that would tell a row's partition")
    kind = schema.field(column).type
    is_time = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    if not (is_time and isinstance(definition, dg.TimeWindowPartitionsDefinition)):
        return [[(column, "in", keys)]]
    found: list[list[tuple[str, str, Any]]] = []
    for start, end in _joined([definition.time_window_for_partition_key(key) for key in keys]):
        found.append([(column, ">=", _edge(start, kind)), (column, "<", _edge(end, kind))])
    if len(found) > _MOST_WINDOWS:
        raise InvalidInputError(
            f"the run's {len(found):,} windows don't follow each other: launch runs of at most {_MOST_WINDOWS:,}"
        )
    return found


def _joined(windows: list[dg.TimeWindow]) -> list[tuple[dt.datetime, dt.datetime]]:
    """Windows that follow each other as one: a range of a thousand days is one comparison."""
    found: list[tuple[dt.datetime, dt.datetime]] = []
    for window in sorted(windows, key=lambda one: one.start):
        if found and found[-1][1] == window.start:
            found[-1] = (found[-1][0], window.end)
        else:
            found.append((window.start, window.end))
    return found


def _edge(when: dt.datetime, kind: pa.DataType) -> dt.datetime | dt.date:
    """An edge of a window as a column holds it: an instant, what a clock in the window's zone shows, or a day."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return when if kind.tz is not None else when.replace(tzinfo=None)
    shown = when.replace(tzinfo=None)
    midnight = shown.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.date() if shown == midnight else (midnight + dt.timedelta(days=1)).date()
