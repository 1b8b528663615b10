"""Which rows of a table have a key of some data, and which one.

A key is the values of one or more columns. It is counted: each column's value by its place among the distinct ones of
the data, and those together by the place of the row that has them. So rows are found by look-ups alone.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.conform import field_id
from atio_core.data.filter_rows import comparable
from atio_core.data.filters import Operands, RowFilter
from atio_core.errors import InvalidInputError
from atio_core.model.data_file import DataFile
from atio_core.model.predicate import Constant


class Keys:
    """The keys of some data.

    Args:
        rows: The data, in the table's schema.
        labels: The columns of the key.

    Raises:
        InvalidInputError: There is no such column, or it can't be a key; a key is null or not a number, or is there
            twice.
    """

    def __init__(self, rows: pa.Table, labels: Sequence[Any]) -> None:
        self.names = _names(rows.schema, labels)
        self._levels: list[pa.Array] = []
        self._joints: list[pa.Array] = []
        self._bounds = {field_id(rows.schema.field(name)): _sorted(rows.column(name)) for name in self.names}
        codes = None
        for label, name in zip(labels, self.names, strict=True):
            values = _plain(rows.column(name))
            _require_values(label, values)
            self._levels.append(values.unique())
            codes = self._joined(codes, _code(values, self._levels[-1]), len(self._levels[-1]))
            self._joints.append(codes.unique())
            codes = _code(codes, self._joints[-1])
        if codes is not None and len(self._joints[-1]) < rows.num_rows:
            raise InvalidInputError(
                f"{rows.num_rows - len(self._joints[-1])} rows of the data have a key ({self._told(labels)}) that a row"
                " before them has: drop the duplicates, or choose a longer key"
            )

    def places(self, rows: pa.Table) -> pa.Array:
        """Return for each row the number of the data's row that has its key; null if there is none."""
        codes = None
        for name, level, joint in zip(self.names, self._levels, self._joints, strict=True):
            codes = self._joined(codes, _code(_plain(rows.column(name)), level), len(level))
            codes = _code(codes, joint)
        return codes

    def may_hold(self, file: DataFile, kept: pa.Schema, own: pa.Schema) -> bool:
        """Say whether a file may hold one of the keys, by the bounds of its columns."""
        theirs, ours = ({field_id(f): f.type for f in schema} for schema in (kept, own))
        for column, values in self._bounds.items():
            stats = file.stats.get(column) if column is not None else None
            if values is None or stats is None or theirs.get(column) != ours[column]:
                continue
            low, high = (
                Decimal(bound)
                if isinstance(bound, str) and values and isinstance(values[0], Decimal)
                else bound
                for bound in (stats.low, stats.high)
            )
            first = 0 if low is None else bisect.bisect_left(values, low)
            last = len(values) if high is None else bisect.bisect_right(values, high)
            if first >= last:
                return False
        return bool(file.rows)

    def filter(self, schema: pa.Schema, fields: Sequence[Any]) -> RowFilter:
        """Return a filter of the rows that have one of the keys."""
        text = f"keys {self.names}"
        columns = tuple(self.names)
        return _KeyFilter(
            text,
            Constant(truth=True),
            says_all=False,
            columns=columns,
            fields=tuple(fields),
            schema=schema,
            truth=lambda rows, _: pc.is_valid(self.places(rows)),
            keys=self,
        )

    @staticmethod
    def _joined(codes: Any, further: Any, count: int) -> Any:
        return further if codes is None else pc.add(pc.multiply(codes, count), further)

    @staticmethod
    def _told(labels: Sequence[Any]) -> str:
        return ", ".join(map(repr, labels))


@dataclass(frozen=True, slots=True)
class _KeyFilter(RowFilter):
    """A filter that asks a file whether it may hold one of many keys."""

    keys: Keys = field(kw_only=True)

    def file_may_match(self, file: DataFile, kept: pa.Schema) -> bool:
        """See `RowFilter`."""
        return self.keys.may_hold(file, kept, self.schema)


def _names(schema: pa.Schema, labels: Sequence[Any]) -> list[str]:
    operands = Operands(schema, ())
    names = operands.known()
    found = [names[operands.find(label).column] for label in labels]
    for label, name in zip(labels, found, strict=True):
        t: Any = schema.field(name).type
        if pa.types.is_nested(t) or pa.types.is_null(t):
            raise InvalidInputError(f"column {label!r} of type {t} can't be a key; choose another")
    if not found or len(set(found)) < len(found):
        raise InvalidInputError("key must name one column or more, each once")
    return found


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values that are equal as keys are: 0.0 and -0.0 are."""
    plain = comparable(values)
    return pc.add(plain, 0.0) if pa.types.is_floating(plain.type) else plain


def _code(values: Any, among: Any) -> pa.Array:
    found = pc.index_in(values, value_set=among, skip_nulls=True).cast(pa.int64())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _require_values(label: Any, values: pa.ChunkedArray) -> None:
    if values.null_count:
        raise InvalidInputError(
            f"{values.null_count} rows of the data have no value in column {label!r} of the key: nothing equals null;"
            " fill them in, or leave these rows out"
        )
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        raise InvalidInputError(f"column {label!r} of the key holds NaN, which equals nothing; fill it in")


def _sorted(values: pa.ChunkedArray) -> list[Any] | None:
    """The distinct values of a key's column in the form of bounds, in order; None if its type has no bounds."""
    plain = _plain(values)
    t: Any = plain.type
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string)
    if not any(kind(t) for kind in (*kinds, pa.types.is_large_string)) or pa.types.is_float16(values.type):
        return None
    return sorted(plain.unique().drop_null().to_pylist())
