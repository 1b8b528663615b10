"""Rows that are given partition by partition: each piece lies where the caller says, in no column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from atio_core.changes.arrangement import Arrangement, external_fields, own_sorting
from atio_core.changes.constraints import Constraints
from atio_core.changes.schema import WrittenSchema
from atio_core.changes.writing import Writing, Written
from atio_core.data.frames.frames import Piece, SchemaMode
from atio_core.model.data_file import Scalar

Pieces = Mapping[tuple[Scalar, ...], Piece]
"""The rows of each partition, by the values of the partition fields."""

_NONE = Constraints()


def fitted_by_partition(
    writing: Writing,
    pieces: Pieces,
    names: tuple[str, ...],
    mode: SchemaMode,
    *,
    sort_by: Sequence[object] | None = None,
    constraints: Constraints = _NONE,
) -> tuple[list[tuple[Piece, Arrangement]], WrittenSchema]:
    """Return the pieces in one schema, each with the place where it lies.

    Raises:
        InvalidInputError: The table has other partition fields, or is sorted otherwise.
        SchemaMismatchError: A piece doesn't fit the table, or one of a new table the first one.
    """
    fields = external_fields(writing.base, names, writing.store.location)
    fitted, schema = writing.own_schemas(list(pieces.values()), mode, constraints=constraints)
    own = own_sorting(writing.base, fitted[0].table.schema, sort_by, writing.store.location)
    placed = [
        (piece, Arrangement(fields, dict(zip(names, values, strict=True)), own))
        for values, piece in zip(pieces, fitted, strict=True)
    ]
    return placed, schema


def written_by_partition(writing: Writing, placed: Sequence[tuple[Piece, Arrangement]]) -> Written:
    """Write such pieces."""
    files, contents = writing.all_placed(placed)
    return Written.of_partitions(files, contents)
