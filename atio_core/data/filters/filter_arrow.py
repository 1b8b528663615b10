"""Which files an expression of pyarrow rules out: pyarrow itself says so, given what is known of their columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.schema.conform import field_id
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.predicate import ALL_NULL, Bounds
from atio_core.model.pruning import bounds_of

_INTEGERS = [pa.type_for_alias(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)]


@dataclass(frozen=True, slots=True)
class ArrowExpression:
    """An expression over columns, as Arrow has them.

    Attributes:
        expression: What chooses rows.
        shown: The columns that it may look at.
        stored: The same, as they are stored; each carries its id.
        placed: The partition fields that are no columns and that it may look at, with their places in a record.
    """

    expression: pc.Expression
    shown: pa.Schema
    stored: pa.Schema
    placed: tuple[tuple[str, int], ...] = ()
    _judged: dict[tuple[pa.DataType, ...], bool] = field(
        default_factory=dict[tuple[pa.DataType, ...], bool], init=False, repr=False, compare=False
    )

    def may_match(self, file: DataFile, kept: pa.Schema) -> bool:
        """Say whether a row of a file may match.

        Args:
            file: Its record.
            kept: The schema that it was written with.
        """
        import pyarrow.dataset as ds

        others = [(name, self.constant(name, file.partition[at])) for name, at in self.placed]
        types = tuple(value.type for _, value in others)
        schema = pa.schema([*self.shown, *((name, value.type) for name, value in others)])
        if types not in self._judged:
            self._judged[types] = _rules_files_out_well(self.expression, schema)
        if not self._judged[types]:
            return bool(file.rows)
        known = self._known_of_columns(file, kept)
        for name, value in others:
            known &= _known_of(schema.field(name), _bounds_of_value(value.as_py()))
        nowhere, form = pa.fs.LocalFileSystem(), ds.IpcFileFormat()  # nothing is opened
        fragment = form.make_fragment("", nowhere, partition_expression=known)
        dataset = ds.FileSystemDataset([fragment], schema, form, nowhere)
        try:
            return bool(file.rows) and any(True for _ in dataset.get_fragments(self.expression))
        except pa.ArrowException:  # the rows tell whether it can be computed: of none, of some or of all
            return True

    def constant(self, name: str, value: Scalar) -> pa.Scalar:
        """Return a partition's value as Arrow has it; of none, as one of a list of values that it is looked for in."""
        if value is not None:
            fits = not isinstance(value, int) or abs(value) < 1 << 63
            return pa.scalar(value if fits else Decimal(value))
        listed = re.search(rf"is_in\({re.escape(name)}, {{value_set=(\w+):\[", str(self.expression))
        return pa.scalar(None, pa.type_for_alias(listed[1]) if listed else pa.null())

    def _known_of_columns(self, file: DataFile, kept: pa.Schema) -> pc.Expression:
        types = {field_id(field): field.type for field in kept}
        known = pc.scalar(True)  # noqa: FBT003 - the value it takes
        for shown, stored in zip(self.shown, self.stored, strict=True):
            column = field_id(stored)
            if column not in types:
                known &= _known_of(shown, ALL_NULL)
            elif types[column] == stored.type == shown.type and column in file.stats:
                known &= _known_of(shown, bounds_of(file.stats[column], file.rows))
        return known


def _bounds_of_value(value: Scalar) -> Bounds:
    return ALL_NULL if value is None else Bounds(value, value, nulls=False, nan=False)


def _rules_files_out_well(expression: pc.Expression, schema: pa.Schema) -> bool:
    """Say whether pyarrow judges files by the rule that it judges rows by: it does but for these two.

    Of a list of values it compares with the bounds what it casts to the column's type for the rows, and it takes for a
    comparison's opposite what isn't one if NaN is compared.
    """
    text = str(expression)
    listed = [text[found.end() :] for found in re.finditer(r"is_in\(", text)]
    return not re.search(r"(?<!\w)nan(?!\w)", text) and all(_is_of_its_type(one, schema) for one in listed)


def _is_of_its_type(listed: str, schema: pa.Schema) -> bool:
    return any(
        listed.startswith(f"{field.name}, {{value_set={t}:[")
        for field in schema
        for t in (_INTEGERS if pa.types.is_integer(field.type) else [field.type])
    )


def _known_of(field: pa.Field, bounds: Bounds) -> pc.Expression:
    """What is known of a column, as an expression that is true of each of its values."""
    column = pc.field(field.name)
    if not bounds.values:
        return column.is_null()
    if bounds.nan and pa.types.is_floating(field.type):
        return pc.scalar(True)  # noqa: FBT003 - the value it takes
    known = column.is_valid()
    if bounds.low is not None:
        known &= column >= _literal(bounds.low, field.type)
    if bounds.high is not None:
        known &= column <= _literal(bounds.high, field.type)
    return known | column.is_null() if bounds.nulls else known


def _literal(bound: Scalar, t: pa.DataType) -> Any:
    return pa.scalar(Decimal(bound) if isinstance(bound, str) and pa.types.is_decimal(t) else bound, t)
