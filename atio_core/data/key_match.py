"""Which rows of a table have a key of some data, and which one.

A key is the values of one or more columns. It is counted: each column's value by its place among the distinct ones of
the data, and those together by the place of the row that has them. So rows are found by look-ups alone.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.arguments import shown
from atio_core.data.conform import field_id
from atio_core.data.filter_rows import comparable
from atio_core.data.filters import Operands, RowFilter
from atio_core.errors import DuplicateKeyError, InvalidInputError
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.manifest import ManifestRef, Span
from atio_core.model.predicate import Constant

_TOLD = 3
"""So many keys that come twice are told."""


@dataclass(frozen=True, slots=True)
class KeyColumns:
    """The columns of a key.

    Attributes:
        labels: What a caller calls them.
        names: Those of the stored columns.
    """

    labels: tuple[Any, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, schema: pa.Schema, labels: Sequence[Any]) -> KeyColumns:
        """Return the columns that have these labels.

        Raises:
            InvalidInputError: There is no such column, or it can't be a key.
        """
        return cls(tuple(labels), tuple(_names(schema, labels)))

    def doubled(self, what: str, rows: pa.Table, advice: str, *, table: str) -> DuplicateKeyError:
        """Return the error for rows that have a key which others have.

        Args:
            what: What is wrong.
            rows: Some of them.
            advice: What to do.
            table: The table's path.
        """
        values = tuple(
            zip(*(_as_python(rows.column(name).slice(0, _TOLD)) for name in self.names), strict=True)
        )
        told = ", ".join(shown(value[0] if len(value) == 1 else value) for value in values)
        columns = ", ".join(map(repr, self.labels))
        return DuplicateKeyError(
            f"{what}, such as {told} (of {columns}); nothing was committed: {advice}",
            table=table,
            columns=self.labels,
            keys=values,
        )


class Keys:
    """The keys of some data.

    Args:
        rows: The data, in the table's schema.
        key: The columns of the key.
        table: The table's path, for messages.

    Raises:
        InvalidInputError: A key is null or not a number.
        DuplicateKeyError: One is there twice.
    """

    def __init__(self, rows: pa.Table, key: KeyColumns, table: str) -> None:
        self.names = key.names
        self._levels: list[pa.Array] = []
        self._joints: list[pa.Array] = []
        self._columns = {field_id(rows.schema.field(name)): rows.column(name) for name in key.names}
        self._bounds: dict[int | None, _Sorted | None] = {}
        codes = None
        for label, name in zip(key.labels, key.names, strict=True):
            values = _plain(rows.column(name))
            _require_values(label, values)
            self._levels.append(values.unique())
            codes = self._joined(codes, _code(values, self._levels[-1]), len(self._levels[-1]))
            self._joints.append(codes.unique())
            codes = _code(codes, self._joints[-1])
        more = rows.num_rows - len(self._joints[-1])
        if more:
            some = rows.take(_first_of_doubled(codes))
            what = f"{more} rows for the table {table} have a key that rows before them have"
            raise key.doubled(what, some, "drop the duplicates, or choose a longer key", table=table)

    def places(self, rows: pa.Table) -> pa.Array:
        """Return for each row the number of the data's row that has its key; null if there is none."""
        codes = None
        for name, level, joint in zip(self.names, self._levels, self._joints, strict=True):
            codes = self._joined(codes, _code(_plain(rows.column(name)), level), len(level))
            codes = _code(codes, joint)
        return codes

    def may_hold(self, file: DataFile | ManifestRef | Span, kept: pa.Schema, own: pa.Schema) -> bool:
        """Say whether a file, or one of several, may hold one of the keys, by the bounds of its columns.

        Args:
            file: What is known of it.
            kept: The schema that it was written with.
            own: The version's.
        """
        theirs, ours = ({field_id(f): f.type for f in schema} for schema in (kept, own))
        for column in self._columns:
            stats = file.stats.get(column) if column is not None else None
            if stats is None or theirs.get(column) != ours[column]:
                continue
            values = self._sorted(column)
            if values is not None and not values.any_within(stats.low, stats.high):
                return False
        return bool(file.rows)

    def _sorted(self, column: int | None) -> _Sorted | None:
        if column not in self._bounds:
            self._bounds[column] = _Sorted.of(self._columns[column])
        return self._bounds[column]

    def filter(self, schema: pa.Schema, fields: Sequence[Any]) -> RowFilter:
        """Return a filter of the rows that have one of the keys."""
        return _KeyFilter(
            f"keys {list(self.names)}",
            Constant(truth=True),
            says_all=False,
            columns=self.names,
            fields=tuple(fields),
            schema=schema,
            truth=lambda rows, _: pc.is_valid(self.places(rows)),
            keys=self,
        )

    @staticmethod
    def _joined(codes: Any, further: Any, count: int) -> Any:
        return further if codes is None else pc.add(pc.multiply(codes, count), further)


@dataclass(frozen=True, slots=True)
class _KeyFilter(RowFilter):
    """A filter that asks a file whether it may hold one of many keys."""

    keys: Keys = field(kw_only=True)

    def file_may_match(self, file: DataFile, kept: pa.Schema) -> bool:
        """See `RowFilter`."""
        return self.keys.may_hold(file, kept, self.schema)

    def manifest_may_match(self, ref: ManifestRef | Span, known: Mapping[int, pa.Schema]) -> bool:
        """See `RowFilter`."""
        return ref.schema not in known or self.keys.may_hold(ref, known[ref.schema], self.schema)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The distinct values of a key's column in the form of bounds, in order."""

    values: pa.Array

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> _Sorted | None:
        """Return those of a column; None if its type has no bounds."""
        plain = _plain(column)
        t: Any = plain.type
        kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string)
        if not any(kind(t) for kind in (*kinds, pa.types.is_large_string)) or pa.types.is_float16(
            column.type
        ):
            return None
        return cls(plain.unique().drop_null().sort())

    def any_within(self, low: Scalar, high: Scalar) -> bool:
        """Say whether one of the values lies between two bounds; None for a bound that isn't known."""
        places = range(len(self.values))
        first = 0 if low is None else bisect.bisect_left(places, self._bound(low), key=self._value)
        last = (
            len(places) if high is None else bisect.bisect_right(places, self._bound(high), key=self._value)
        )
        return first < last

    def _value(self, place: int) -> Any:
        return self.values[place].as_py()

    def _bound(self, bound: Scalar) -> Any:
        return Decimal(cast("str", bound)) if pa.types.is_decimal(self.values.type) else bound


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
    t: Any = plain.type
    if pa.types.is_decimal32(t) or pa.types.is_decimal64(t):  # Arrow doesn't look for these
        return plain.cast(pa.decimal128(t.precision, t.scale))
    return pc.add(plain, 0.0) if pa.types.is_floating(plain.type) else plain


def _code(values: Any, among: Any) -> pa.Array:
    found = pc.index_in(values, value_set=among, skip_nulls=True).cast(pa.int64())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _as_python(values: pa.ChunkedArray) -> list[Any]:
    """Return values as Python has them; times that it hasn't as they count."""
    try:
        return values.to_pylist()
    except (ArithmeticError, ValueError):
        return _plain(values).to_pylist()


def _first_of_doubled(codes: pa.Array) -> list[int]:
    """Return for the first codes that come twice the places of the rows where they first come."""
    counts = codes.value_counts()
    doubled = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    return [pc.index(codes, code).as_py() for code in doubled[:_TOLD]]


def _require_values(label: Any, values: pa.ChunkedArray) -> None:
    if values.null_count:
        raise InvalidInputError(
            f"{values.null_count} rows have no value in column {label!r} of the key: nothing equals null;"
            " fill them in, or leave these rows out"
        )
    if pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py():
        raise InvalidInputError(f"column {label!r} of the key holds NaN, which equals nothing; fill it in")
