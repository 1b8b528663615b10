"""What a schema grows to by the data of a write, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atio_core.data.frames.frames import MisfitError, Piece, SchemaMode, evolved_schema
from atio_core.model.entry import LogEntry

if TYPE_CHECKING:
    import pyarrow as pa


def grown_by(schema: pa.Schema, pieces: Sequence[Piece], mode: SchemaMode, *, rows_stay: bool) -> pa.Schema:
    """Return what a schema grows to by several pieces, each after those before it.

    Args:
        schema: The table's, or that of the first piece of a new table.
        pieces: As they came.
        mode: How columns may change; not "replace".
        rows_stay: There may be rows already, in which new columns are null.

    Raises:
        MisfitError: A piece doesn't fit.
    """
    for piece in pieces:
        schema = evolved_schema(schema, piece.table.schema, mode, rows_stay=rows_stay)
        rows_stay = rows_stay or piece.table.num_rows > 0
    return schema


def grown_over(
    base: LogEntry, own: pa.Schema, pieces: Sequence[Piece], mode: SchemaMode, *, rows_stay: bool
) -> tuple[pa.Schema, bool]:
    """Return what a version's schema grows to; and whether only for want of rows: a new column may take no nulls.

    Args:
        base: The version.
        own: Its schema.
        pieces: As for `grown_by`, and so are the others.
        mode: How its columns may change.
        rows_stay: Its rows stay, if it has any.

    Raises:
        MisfitError: A piece doesn't fit.
    """
    try:
        return grown_by(own, pieces, mode, rows_stay=rows_stay), False
    except MisfitError:
        if not rows_stay or base.totals.rows:
            raise
        return grown_by(own, pieces, mode, rows_stay=False), True
