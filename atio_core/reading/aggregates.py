"""Aggregates of a version's rows: how many there are, and the bounds of a column; mostly without reading them.

The records of files tell it where they are exact. A text's bound may have been cut, a zero of a float has lost its
sign, the largest one may stand for infinity, a column may have no bounds: then just the files that may change the
answer are read, of this column alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.filters.filter_literals import Operand
from atio_core.data.filters.filter_rows import comparable
from atio_core.data.filters.filters import Operands
from atio_core.data.frames.frames import columns_to_read, to_output
from atio_core.data.scan.scan import joined, read_portions, scan_portions
from atio_core.data.scan.source import Source
from atio_core.data.schema.conform import choose, field_id
from atio_core.data.writing.partition_columns import time_from
from atio_core.data.writing.stats import TEXT_CHARACTERS
from atio_core.errors import InvalidInputError
from atio_core.model.data_file import DataFile
from atio_core.reading.selection import Selection, Version, field_refs, files_to_read

_UNORDERED = ("category", "other")
_LARGEST = (sys.float_info.max, (2 - 2**-23) * 2.0**127)
"""Of each float type: pyarrow before 25 wrote it as the lowest value where all are infinite."""


def count_rows(version: Version, selection: Selection) -> int:
    """Return how many rows a selection has; only files of which some rows may match and others not are read."""
    chosen, source = selection.row_filter, version.source
    if chosen is None and selection.partitions is None:
        return version.entry.totals.rows
    files = files_to_read(version, selection)
    if chosen is None:
        return sum(file.rows for file in files)
    known = source.schemas
    sure = [file.schema in known and chosen.file_must_match(file, known[file.schema]) for file in files]
    unsure = [file for file, whole in zip(files, sure, strict=True) if not whole]
    read = sum(len(portion.kept) for portion in scan_portions(source, unsure, [], chosen))
    return sum(file.rows for file, whole in zip(files, sure, strict=True) if whole) + read


def count_nulls(version: Version, label: Any) -> int:
    """Return how many values of a column are null."""
    asked = _Asked.of(version, label)
    files = files_to_read(version, Selection())
    known = [asked.nulls(file) for file in files]
    unsure = [file for file, nulls in zip(files, known, strict=True) if nulls is None]
    return sum(nulls or 0 for nulls in known) + asked.read(unsure).null_count


def extreme(version: Version, label: Any, *, highest: bool) -> Any:
    """Return the lowest or the highest value of a column; None if all are null.

    Raises:
        InvalidInputError: There is no such column, or its values have no order.
    """
    asked = _Asked.of(version, label)
    if asked.operand.type == pa.null():
        return None
    if asked.operand.kind in _UNORDERED:
        message = f"the values of column {label!r} have no order that is known here; read the column"
        raise InvalidInputError(message)
    files = [f for f in files_to_read(version, Selection()) if f.rows and asked.nulls(f) != f.rows]
    bounds = [asked.bound(file, highest=highest) for file in files]
    exact = [bound for bound in bounds if asked.is_exact(bound, highest=highest)]
    best = asked.best([pa.array(exact, asked.type)], highest=highest)
    unsure = [(b, f) for b, f in zip(bounds, files, strict=True) if not asked.is_exact(b, highest=highest)]
    best = asked.best([best, asked.read([file for bound, file in unsure if bound is None])], highest=highest)
    bounded = [(bound, file) for bound, file in unsure if bound is not None]
    for bound, file in sorted(bounded, key=lambda pair: pair[0], reverse=highest):
        if len(best) and not asked.may_beat(bound, best, highest=highest):
            break
        best = asked.best([best, asked.read([file])], highest=highest)
    return asked.shown(best)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A column that something is asked of."""

    source: Source
    operand: Operand
    name: str

    @classmethod
    def of(cls, version: Version, label: Any) -> _Asked:
        schema = version.source.schema
        operand = Operands(schema, field_refs(version.entry)).find(label)
        if operand.type is None:
            raise InvalidInputError(f"{label!r} is a partition field and no column; see partitions()")
        (name,) = columns_to_read(schema, [label], "arrow")
        return cls(version.source, operand, name)

    @property
    def type(self) -> Any:
        """What the values are stored as."""
        return self.operand.type

    def nulls(self, file: DataFile) -> int | None:
        """How many values of a file are null, if that is known."""
        types = {field_id(field) for field in self.source.schemas.get(file.schema, ())}
        if types and self.operand.column not in types:
            return file.rows
        stats = file.stats.get(int(self.operand.column))
        return None if stats is None else stats.nulls

    def bound(self, file: DataFile, *, highest: bool) -> Any:
        """The bound in a file's record, as a value that is stored; None if there is none of this type."""
        stats = file.stats.get(int(self.operand.column))
        kept = {field_id(field): field.type for field in self.source.schemas.get(file.schema, ())}
        if stats is None or kept.get(int(self.operand.column)) != self.type:
            return None
        bound = stats.high if highest else stats.low
        return Decimal(bound) if self.operand.kind == "decimal" and isinstance(bound, str) else bound

    def is_exact(self, bound: Any, *, highest: bool) -> bool:
        """Whether a bound is a value of the column."""
        match self.operand.kind:
            case "float":
                return bound is not None and bound != 0 and abs(bound) not in _LARGEST  # zero has two signs
            case "text":
                return bound is not None and not highest and len(bound) < TEXT_CHARACTERS  # else perhaps cut
            case _:
                return bound is not None

    def read(self, files: Sequence[DataFile]) -> Any:
        """The values of some files."""
        portions = read_portions(self.source, files, [self.name]) if files else []
        return joined(portions, choose(self.source.schema, [self.name])).column(0)

    def best(self, candidates: Sequence[Any], *, highest: bool) -> Any:
        """The extreme value among candidates, as an array of one; of none if all are null."""
        values = pa.chunked_array([chunk for one in candidates for chunk in _chunks(one)], self.type)
        numbers = comparable(values)
        found = pc.min_max(numbers)["max" if highest else "min"]
        if not found.is_valid:
            return values.slice(0, 0)
        place = pc.index(numbers, found).as_py()
        if place < 0:  # all are NaN, which equals nothing; older releases of pyarrow say infinity of them
            place = pc.index(pc.is_nan(numbers), True).as_py()
        return values.slice(place, 1)

    def may_beat(self, bound: Any, best: Any, *, highest: bool) -> bool:
        """Whether a file within a bound may have a value beyond the best one."""
        value = comparable(best)[0].as_py()
        return not (bound <= value if highest else bound >= value)  # a NaN is beaten by any number

    def shown(self, best: Any) -> Any:
        """A value as Python has it."""
        if not len(best):
            return None
        table = pa.table([best], schema=choose(self.source.schema, [self.name]))
        found = to_output(table, self.source.schema, [(1, {})], "arrow", [self.operand.label])
        value = found.column(0)[0]
        if pa.types.is_time64(value.type):  # Arrow would cut nanoseconds off
            return time_from(value.type, value.value)
        try:
            return value.as_py()
        except (OverflowError, ValueError):  # a time that Python doesn't have
            return time_from(value.type, value.value)


def _chunks(values: Any) -> Iterator[Any]:
    yield from values.chunks if isinstance(values, pa.ChunkedArray) else [values]
