"""The rows of what is written, batch by batch, in Arrow's types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Rows:
    """What is to be written.

    Attributes:
        schema: Names and Arrow types of the columns.
        batches: Makes the batches, of at most so many rows each.
        again: It can be asked more than once: the rows lie in memory.
        count: Rows, if known beforehand.
        index: Names of the columns that come from a pandas index.
        losses: What the columns don't hold of the frame, one sentence each.
    """

    schema: pa.Schema
    batches: Callable[[int], Iterator[pa.RecordBatch]]
    again: bool
    count: int | None
    index: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
