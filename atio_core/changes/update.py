"""Set columns of the rows that match a filter. Each file that holds some is written anew, in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atio_core.changes.matching import Matched, Matching
from atio_core.changes.rewrite import Rewrite
from atio_core.changes.writing import Writing
from atio_core.data.keys.primary_key import key_of
from atio_core.data.updates.row_values import Assignment, read_assignments, with_values

if TYPE_CHECKING:
    import pyarrow as pa


def write_update(writing: Writing, where: object, given: object) -> Rewrite:
    """Write the files of an update.

    Args:
        writing: Where they go.
        where: Which rows.
        given: What they get: a mapping of columns to values or expressions.

    Raises:
        TableNotFoundError: There is no table.
        InvalidInputError: `where` is no filter of its rows, or a column can't hold exactly what it is to get.
    """
    with Matching(writing) as matching:
        row_filter = matching.filter(where)
        fixed = [one.name if one.column is None else one.column for one in writing.base.partition_fields]
        assignments = read_assignments(given, matching.source.schema, fixed)
        matching.each(row_filter, lambda matched: _set(matching, matched, assignments))
        change = matching.change("update", [row_filter], *(one.text for one in assignments))
        key = key_of(matching.source.schema).names
        return replace(change, may_double=any(one.name in key for one in assignments))


def _set(matching: Matching, matched: Matched, assignments: list[Assignment]) -> None:
    import numpy as np

    file = matched.file
    chosen = np.zeros(file.rows, bool)
    chosen[slice(None) if matched.rows is None else matched.rows] = True

    def changed(rows: pa.Table, start: int) -> pa.Table:
        return with_values(rows, chosen[start : start + rows.num_rows], assignments)

    matching.replace(file, matching.rows(file, changed), matching.source.info(file))
