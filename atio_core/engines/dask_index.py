"""What Dask is to know of the index of a version's parts: between which labels each of them lies.

Dask calls these bounds divisions. They needn't be met by a row, but no part may have labels of another's.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from atio_core.data.frames.frames import to_output
from atio_core.data.schema.conform import field_id
from atio_core.data.schema.layout import Layout, layout_of
from atio_core.model.data_file import DataFile
from atio_core.read_tasks import ReadTask


def divisions_of(tasks: Sequence[ReadTask]) -> tuple[Any, ...] | None:
    """Return the lowest label of each task, then the highest of all; None if they aren't known, or don't rise."""
    bounds = [_bounds(task) for task in tasks]
    known = [one for one in bounds if one is not None]
    if len(known) < len(bounds) or any(low <= high for (_, high), (low, _) in itertools.pairwise(known)):
        return None
    return _as_labels(tasks[0], [*(low for low, _ in known), known[-1][1]])


def _bounds(task: ReadTask) -> tuple[int, int] | None:
    files = [file for file in task.files if file.rows]
    if not files:
        return None
    if task.counts_rows:
        return task.first_row, task.first_row + task.part.rows - 1
    layout = layout_of(task.part.schema)
    found = [_range_of(file) if layout.has_range else _bounds_of(file, task, layout) for file in files]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    return min(low for low, _ in known), max(high for _, high in known)


def _range_of(file: DataFile) -> tuple[int, int]:
    named = file.piece["range_index"]
    labels = range(named["start"], named["stop"], named["step"])
    return min(labels[0], labels[-1]), max(labels[0], labels[-1])


def _bounds_of(file: DataFile, task: ReadTask, layout: Layout) -> tuple[int, int] | None:
    """The bounds of a file's labels, as they are stored, if these are one column of whole numbers or times."""
    field = task.part.schema.field(layout.index[0].name)
    if len(layout.index) > 1 or not (pa.types.is_integer(field.type) or pa.types.is_timestamp(field.type)):
        return None
    stats = file.stats.get(field_id(field) or 0)
    if file.schema != task.part.entry.schema or stats is None or stats.nulls != 0:
        return None
    low, high = stats.low, stats.high
    return (low, high) if isinstance(low, int) and isinstance(high, int) else None


def _as_labels(task: ReadTask, bounds: Sequence[int]) -> tuple[Any, ...]:
    """The bounds as the values that the index has."""
    schema = task.part.schema
    layout = layout_of(schema)
    if not layout.index:
        return tuple(bounds)
    name = layout.index[0].name
    table = pa.table({name: pa.array(bounds, schema.field(name).type)})
    return tuple(to_output(table, schema, [(len(bounds), {})], "pandas", []).index)
