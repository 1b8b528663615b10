"""The first rows of what a step wrote, as Dagster shows them beside its other metadata."""

from __future__ import annotations

import re
from typing import Any

from atio_core.model.entry import ROWS
from atio_core.snapshot import Snapshot
from atio_dagster.keys import Partitions
from atio_dagster.metadata import markdown_table

_WIDEST = 80
_MOST_COLUMNS = 30
_MARKUP = re.compile(r"([\\`*_\[\]<>~#$&])")


def preview_of(snapshot: Snapshot, partitions: Partitions | None, rows: int) -> str | None:
    """Return the first rows as a table in markdown; None if there is nothing to show.

    Args:
        snapshot: The version.
        partitions: Those of the run, whose rows are meant; None for all rows.
        rows: At most so many.
    """
    if rows == 0 or snapshot.kind != ROWS:
        return None
    wanted = None if partitions is None else list(partitions.values.values())
    table = snapshot.read("arrow", partitions=wanted, limit=rows)
    shown = table.select(list(range(min(table.num_columns, _MOST_COLUMNS))))
    more = table.num_columns - shown.num_columns
    head = [_cell(name) for name in shown.column_names] + ([f"and {more} more"] if more else [])
    cells = [column.to_pylist() for column in shown.columns]
    lines = [[_cell(value) for value in line] + ([""] if more else []) for line in zip(*cells, strict=True)]
    return markdown_table(head, lines)


def _cell(value: Any) -> str:
    """Return a value in one line, without anything that would be taken for markup."""
    text = "" if value is None else " ".join(str(value).split())
    if len(text) > _WIDEST:
        text = text[: _WIDEST - 1] + "…"
    return _MARKUP.sub(r"\\\1", text)
