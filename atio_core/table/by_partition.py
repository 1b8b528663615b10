"""Rows that a caller gives partition by partition, as a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from atio_core.errors import InvalidInputError
from atio_core.model.partition import by_partition, partition_fields

if TYPE_CHECKING:
    from atio_core.changes.by_partition import Pieces


@dataclass(frozen=True, slots=True)
class ByPartition:
    """Rows by their partitions.

    Attributes:
        names: The partition fields.
        pieces: The rows, by the values of these.
        sort_by: Labels of the columns that they are sorted by; None for the table's own.
    """

    names: tuple[str, ...]
    pieces: Pieces
    sort_by: tuple[Any, ...] | None

    @classmethod
    def of(cls, data: Mapping[Any, Any], partition_by: object, partition: object, sort_by: object) -> Self:
        """Return what a caller gave.

        Raises:
            InvalidInputError: It can't be meant.
            NotPreservableError: A frame couldn't come back equal.
        """
        from atio_core.changes.arrangement import Placement
        from atio_core.data.frames.frames import to_piece

        if partition is not None:
            raise InvalidInputError("a mapping says by itself which rows lie where: leave partition out")
        names = partition_fields(("partition",) if partition_by is None else partition_by)
        frames = by_partition(data, names)
        pieces = {values: to_piece(frame) for values, frame in frames.items()}
        return cls(names, pieces, Placement.of(sort_by=sort_by).sort_by)

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return sum(piece.table.num_rows for piece in self.pieces.values())
