"""Rows by the partition that they belong to, and within it in the order that the table is sorted by.

All rows are numbered by their partition once, and sorted by that number, whatever the number of partitions; then they
are taken a few partitions at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.schema import arrow_types
from atio_core.data.schema.conform import field_id
from atio_core.data.writing.cuts import even_cuts
from atio_core.data.writing.partition_columns import names_of, scalars_of
from atio_core.data.writing.sorting import sorted_order
from atio_core.model.data_file import Scalar

_TAKEN_BYTES = 64 << 20  # of rows that are brought into another order at a time
_FEW_PARTITIONS = 1 << 16  # so many numbers are sorted fastest, as 16 bits


@dataclass(frozen=True, slots=True)
class Share:
    """The rows of one partition.

    Attributes:
        values: The partition's values, as records have them.
        names: The same for people, to name folders.
        rows: How many rows it has.
    """

    values: tuple[Scalar, ...]
    names: tuple[Scalar, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Split:
    """A table's rows by partition, and sorted.

    Attributes:
        shares: The partitions, in the order of their first rows.
        order: Where the rows lie in the table, share after share; None if they lie so.
    """

    shares: list[Share]
    order: Any

    def pieces(
        self, table: pa.Table, target_bytes: int, only: Collection[int] | None = None
    ) -> Iterator[tuple[Share, range, pa.Table]]:
        """Yield the rows, share after share, in pieces of about so many bytes.

        Args:
            table: What was split.
            target_bytes: Of Arrow data in a piece at most.
            only: The numbers of the shares that are wanted; None for all.

        Yields:
            The share, where the rows lie in `order`, and the rows.
        """
        row_bytes = max(1, table.nbytes // max(1, table.num_rows))
        starts = itertools.accumulate((share.rows for share in self.shares), initial=0)
        pieces = [
            (share, range(start + offset, start + offset + count))
            for number, (share, start) in enumerate(zip(self.shares, starts, strict=False))
            if only is None or number in only
            for offset, count in even_cuts(share.rows, max(1, share.rows * row_bytes // target_bytes))
        ]
        if self.order is None:
            yield from ((share, place, table.slice(place.start, len(place))) for share, place in pieces)
            return
        for few in _together(pieces, max(1, _TAKEN_BYTES // row_bytes)):
            first = few[0][1].start
            taken = table.take(pa.array(self.order[first : few[-1][1].stop]))
            yield from ((share, place, taken.slice(place.start - first, len(place))) for share, place in few)


def _together(pieces: list[tuple[Share, range]], rows: int) -> Iterator[list[tuple[Share, range]]]:
    """Yield neighbours of so many rows together at most: to take rows costs a call for each column."""
    few: list[tuple[Share, range]] = []
    for piece in pieces:
        if few and (piece[1].start != few[-1][1].stop or piece[1].stop - few[0][1].start > rows):
            yield few
            few = []
        few.append(piece)
    if few:
        yield few


def split_rows(table: pa.Table, columns: Sequence[int], sort_by: Sequence[int] = ()) -> Split:
    """Say which rows of a table have which values in some columns, and how they are sorted.

    Args:
        table: The rows; each field carries its column's id.
        columns: Ids of the columns; all rows belong together if there are none.
        sort_by: Ids of the columns that the rows of a share are sorted by; they keep their order if there are none.

    Example:
        >>> ids = pa.schema([pa.field("n", pa.int64(), metadata={"PARQUET:field_id": "1"})])
        >>> split = split_rows(pa.table({"n": [3, 1, 3]}, schema=ids), [1])
        >>> [(share.values, share.rows) for share in split.shares], split.order.tolist()
        ([((3,), 2), ((1,), 1)], [0, 2, 1])
    """
    import numpy as np

    order = sorted_order(table, sort_by)
    if not columns:
        return Split([Share((), (), table.num_rows)], order)
    places = {field_id(field): place for place, field in enumerate(table.schema)}
    coded = [_coded(table.column(places[column])) for column in columns]
    numbers, firsts = _numbers([codes for codes, _ in coded], table.num_rows)
    counts = np.bincount(numbers, minlength=len(firsts))
    first_values = [distinct.take(pa.array(codes[firsts])) for codes, distinct in coded]
    values = zip(*map(scalars_of, first_values), strict=True)
    names = zip(*map(names_of, first_values), strict=True)
    shares = [Share(*one) for one in zip(values, names, counts.tolist(), strict=True)]
    numbers = numbers if order is None else numbers[order]
    if (numbers[1:] >= numbers[:-1]).all():
        return Split(shares, order)
    narrow = numbers.astype(np.uint16) if len(firsts) <= _FEW_PARTITIONS else numbers
    by_share = np.argsort(narrow, kind="stable")
    return Split(shares, by_share if order is None else order[by_share])


def _coded(values: pa.ChunkedArray) -> tuple[Any, pa.Array]:
    """A column as numbers, and the values that they stand for, each there once."""
    import numpy as np

    coded = pc.dictionary_encode(_canonical(values), null_encoding="encode")
    if not coded.num_chunks:
        return np.zeros(0, np.int32), pa.array([], coded.type.value_type)
    codes = np.concatenate([np.asarray(chunk.indices) for chunk in coded.chunks])
    return codes, coded.chunk(coded.num_chunks - 1).dictionary


def _canonical(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values of which equal ones look alike."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if isinstance(values.type, pa.BaseExtensionType):
        values = values.cast(values.type.storage_type)
    if pa.types.is_float16(values.type):
        values = values.cast(pa.float32())
    if pa.types.is_floating(values.type):
        values = pc.add(values, pa.scalar(0.0, values.type))
        values = pc.if_else(pc.is_nan(values), pa.scalar(float("nan"), values.type), values)
    return arrow_types.wide_decimals(values)


def _numbers(codes: list[Any], rows: int) -> tuple[Any, Any]:
    """Number the rows by their codes in all columns, in the order of first rows; and give the first row of each."""
    import numpy as np

    numbers = codes[0].astype(np.int64)
    for code in codes[1:]:
        joined = numbers * (int(code.max(initial=0)) + 1) + code
        encoded = pa.array(joined).dictionary_encode()
        numbers = np.asarray(encoded.indices).astype(np.int64)
    count = int(numbers.max(initial=-1)) + 1
    firsts = np.zeros(count, np.int64)
    firsts[numbers[::-1]] = np.arange(rows)[::-1]  # of equal places the last one assigned stays
    return numbers, firsts
