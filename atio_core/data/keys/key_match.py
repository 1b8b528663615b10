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
from atio_core.data.filters.filter_rows import comparable
from atio_core.data.filters.filters import Operands, RowFilter
from atio_core.data.schema.cells import text_cells
from atio_core.data.schema.conform import field_id
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

    def doubled(
        self, what: str, rows: pa.Table, advice: str, *, table: str, writes: bool = True
    ) -> DuplicateKeyError:
        """Return the error for rows that have a key which others have.

        Args:
            what: What is wrong.
            rows: Some of them.
            advice: What to do.
            table: The table's path.
            writes: Whether rows were to be committed.
        """
        values = tuple(
            zip(*(_as_python(rows.column(name).slice(0, _TOLD)) for name in self.names), strict=True)
        )
        told = ", ".join(shown(value[0] if len(value) == 1 else value) for value in values)
        columns = ", ".join(map(repr, self.labels))
        done = "nothing was committed: " if writes else ""
        return DuplicateKeyError(
            f"{what}, such as {told} (of {columns}); {done}{advice}",
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
        self._schema = rows.schema
        self._levels: list[Any] = []
        self._joints: list[pa.Array] = []  # none for the first column: there a value's place is its code
        self._bounds: dict[str, _Sorted | None] = {}
        columns = [as_keys(rows.column(name)) for name in key.names]
        for label, values in zip(key.labels, columns, strict=True):
            _require_values(label, values)
            self._levels.append(_distinct(values))
        first, *others = columns
        if not others and len(self._levels[0]) == rows.num_rows:
            return
        codes = _code(first, self._levels[0])
        for values, level in zip(others, self._levels[1:], strict=True):
            codes = _joined(codes, _code(values, level), len(level))
            self._joints.append(codes.unique())
            codes = _code(codes, self._joints[-1])
        more = rows.num_rows - len(self._joints[-1] if others else self._levels[0])
        if more:
            some = rows.take(_first_of_doubled(codes))
            what = f"{more} rows for the table {table} have a key that rows before them have"
            raise key.doubled(what, some, "drop the duplicates, or choose a longer key", table=table)

    def places(self, rows: pa.Table) -> pa.Array:
        """Return for each row the number of the data's row that has its key; null if there is none."""
        codes, *others = (
            _code(as_keys(rows.column(name)), level)
            for name, level in zip(self.names, self._levels, strict=True)
        )
        for further, level, joint in zip(others, self._levels[1:], self._joints, strict=True):
            codes = _code(_joined(codes, further, len(level)), joint)
        return codes

    def may_hold(self, file: DataFile | ManifestRef | Span, kept: pa.Schema, own: pa.Schema) -> bool:
        """Say whether a file, or one of several, may hold one of the keys, by the bounds of its columns.

        Args:
            file: What is known of it.
            kept: The schema that it was written with.
            own: The version's.
        """
        theirs = {field_id(field): field.type for field in kept}
        for place, name in enumerate(self.names):
            column = field_id(own.field(name))
            stats = file.stats.get(column) if column is not None else None
            if stats is None or theirs.get(column) != own.field(name).type:
                continue
            values = self._sorted(place, name)
            if values is not None and not values.any_within(stats.low, stats.high):
                return False
        return bool(file.rows)

    def _sorted(self, place: int, name: str) -> _Sorted | None:
        if name not in self._bounds:
            level, t = self._levels[place], self._schema.field(name).type
            has_bounds = _has_order(level.type) and not pa.types.is_float16(t)
            self._bounds[name] = _Sorted(level.sort()) if has_bounds else None
        return self._bounds[name]

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

    def filter_among(self, other: RowFilter) -> RowFilter:
        """Return a filter of the rows that have one of the keys, and match another filter."""
        own = self.filter(other.schema, other.fields)
        both = own.and_also(other)
        return _KeyFilter(
            both.text,
            both.predicate,
            says_all=False,
            columns=both.columns,
            fields=both.fields,
            schema=both.schema,
            truth=both.truth,
            keys=self,
            among=other,
        )


@dataclass(frozen=True, slots=True)
class _KeyFilter(RowFilter):
    """A filter that asks a file whether it may hold one of many keys."""

    keys: Keys = field(kw_only=True)
    among: RowFilter | None = None

    def file_may_match(self, file: DataFile, kept: pa.Schema) -> bool:
        """See `RowFilter`."""
        may = self.among is None or self.among.file_may_match(file, kept)
        return may and self.keys.may_hold(file, kept, self.schema)

    def manifest_may_match(self, ref: ManifestRef | Span, known: Mapping[int, pa.Schema]) -> bool:
        """See `RowFilter`."""
        may = self.among is None or self.among.manifest_may_match(ref, known)
        return may and (ref.schema not in known or self.keys.may_hold(ref, known[ref.schema], self.schema))


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The distinct values of a key's column in the form of bounds, in order."""

    values: Any

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


def as_keys(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values that are equal as keys are: 0.0 and -0.0 are."""
    plain = comparable(values)
    return pc.add(plain, 0.0) if pa.types.is_floating(plain.type) else plain


def _has_order(t: pa.DataType) -> bool:
    """Say whether values of a type, as they are compared, have bounds."""
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string)
    return any(kind(t) for kind in (*kinds, pa.types.is_large_string))


def _distinct(values: pa.ChunkedArray) -> Any:
    """Return the values each once, in the order in which they first come."""
    before, after = values.slice(0, max(0, len(values) - 1)), values.slice(1)
    if _has_order(values.type) and pc.all(pc.less(before, after), min_count=0).as_py():
        return values  # they rise
    return values.unique()


def _joined(codes: Any, further: Any, count: int) -> Any:
    return pc.add(pc.multiply(codes, count), further)


def _code(values: Any, among: Any) -> pa.Array:
    found = pc.index_in(values, value_set=among, skip_nulls=True).cast(pa.int64())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _as_python(values: pa.ChunkedArray) -> list[Any]:
    """Return values as Python has them; times that it hasn't as they count, those of a day as text."""
    t: Any = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_time64(t) and t.unit == "ns":  # Arrow would cut them to microseconds
        return text_cells(values.cast(t))
    try:
        return values.to_pylist()
    except (ArithmeticError, ValueError):
        return as_keys(values).to_pylist()


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
