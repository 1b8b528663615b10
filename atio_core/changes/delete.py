"""Delete the rows that match a filter. Each file that held some is written anew without them, in its place."""

from __future__ import annotations

from dataclasses import replace

from atio_core.changes.matching import Matching
from atio_core.changes.rewrite import Rewrite
from atio_core.changes.writing import Writing


def write_delete(writing: Writing, where: object) -> Rewrite:
    """Write the files of a delete.

    Raises:
        TableNotFoundError: There is no table.
        InvalidInputError: `where` is no filter of its rows.
    """
    with Matching(writing) as matching:
        row_filter = matching.filter(where)
        matching.each(row_filter, matching.drop)
        return replace(matching.change("delete", [row_filter]), may_double=False)
