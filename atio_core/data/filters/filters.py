"""What a caller gives as `filter`, read once, and asked of each file and of each row.

| given | read as |
|---|---|
| `[("col", ">", 3), …]` | all of them; a list of such lists: any of these. Also `"in"`, `"not in"`, `"is null"`, … |
| a polars expression | the same, where it says no more; else refused |
| a pyarrow expression | itself, row by row; pyarrow says which files it rules out |
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.arguments import refusal, require_list, shown
from atio_core.data.filters.filter_arrow import ArrowExpression
from atio_core.data.filters.filter_literals import Operand, compare, is_in, operand_of
from atio_core.data.filters.filter_polars import from_polars
from atio_core.data.filters.filter_rows import truth_of_rows
from atio_core.data.frames.frames import columns_to_read, to_output, unknown_label
from atio_core.data.kinds import is_polars_expression
from atio_core.data.schema.conform import field_id
from atio_core.data.schema.labels import label_key
from atio_core.data.schema.layout import layout_of, places_of
from atio_core.errors import InvalidInputError
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.manifest import ManifestRef, Span
from atio_core.model.predicate import (
    OPERATORS,
    And,
    Constant,
    IsNan,
    IsNull,
    Not,
    Operator,
    Or,
    Predicate,
    Ref,
    columns_of,
)
from atio_core.model.pruning import file_may_match, file_must_match, manifest_may_match, with_partition

_ALIASES = {"=": "==", "<>": "!="}
_TESTS = ("is null", "is not null", "is nan", "is not nan")
_WORDS = (*OPERATORS, "in", "not in", *_TESTS)


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter that was read.

    Attributes:
        text: What it says. Filters of equal tables that have the same text match the same rows.
        predicate: What files are asked; one that is always true if only rows can be.
        says_all: Whether the predicate says all that the filter does.
        columns: The names of the stored columns that it looks at.
        fields: The partition fields: columns by their ids, others by their names.
        schema: The version's.
        truth: What it is for each row, given the stored columns, and the values of their partition.
        expressions: Of pyarrow, which files are asked as well.
    """

    text: str
    predicate: Predicate
    says_all: bool
    columns: tuple[str, ...]
    fields: tuple[Ref, ...]
    schema: pa.Schema
    truth: Callable[[pa.Table, tuple[Scalar, ...]], Any]
    expressions: tuple[ArrowExpression, ...] = ()
    _compared: dict[int, tuple[pa.Schema, set[int], set[int]]] = field(
        default_factory=dict[int, tuple[pa.Schema, set[int], set[int]]], init=False, repr=False
    )

    @property
    def asked_of(self) -> set[Ref]:
        """The columns, by their ids, and partition fields that tell whether a row of a file may match."""
        stored = (field_id(field) for expression in self.expressions for field in expression.stored)
        return columns_of(self.predicate).union(column for column in stored if column is not None)

    def file_may_match(self, file: DataFile, kept: pa.Schema) -> bool:
        """Say whether a row of a file may match, by its record alone.

        Args:
            file: The record.
            kept: The schema that the file was written with.

        Raises:
            InvalidInputError: The partition's value doesn't compare with the filter's.
        """
        absent, changed = self._differences(kept)
        may = file_may_match(self.predicate, file, self.fields, absent=absent, changed=changed)
        return may and all(expression.may_match(file, kept) for expression in self.expressions)

    def file_must_match(self, file: DataFile, kept: pa.Schema) -> bool:
        """Say whether surely every row of a file matches, by its record alone; see `file_may_match`."""
        absent, changed = self._differences(kept)
        return self.says_all and file_must_match(
            self.predicate, file, self.fields, absent=absent, changed=changed
        )

    def manifest_may_match(self, ref: ManifestRef | Span, known: Mapping[int, pa.Schema]) -> bool:
        """Say whether one of the files that a manifest lists, or of some others, may have a row that matches.

        Args:
            ref: What is known of them at once.
            known: The version's schemas, by number.
        """
        if ref.schema not in known:  # then there are no bounds of columns either
            return manifest_may_match(self.predicate, ref, self.fields)
        absent, changed = self._differences(known[ref.schema])
        return manifest_may_match(self.predicate, ref, self.fields, absent=absent, changed=changed)

    def _differences(self, kept: pa.Schema) -> tuple[set[int], set[int]]:
        """The columns that a schema lacks, and those that have another type there: found once for all its files."""
        known = self._compared.get(id(kept))
        if known is None:
            known = self._compared[id(kept)] = (kept, *self._compare(kept))
        return known[1:]

    def _compare(self, kept: pa.Schema) -> tuple[set[int], set[int]]:
        theirs = {field_id(field): field.type for field in kept}
        own = {field_id(field): field.type for field in self.schema}
        columns = [column for column in columns_of(self.predicate) if isinstance(column, int)]
        absent = {column for column in columns if column not in theirs}
        return absent, {c for c in columns if c not in absent and theirs[c] != own[c]}

    def and_also(self, other: RowFilter) -> RowFilter:
        """Return the filter that both make together, of the same version."""

        def truth(table: pa.Table, partition: tuple[Scalar, ...]) -> Any:
            return pc.and_kleene(self.truth(table, partition), other.truth(table, partition))

        columns = tuple(dict.fromkeys([*self.columns, *other.columns]))
        both, text = And((self.predicate, other.predicate)), f"({self.text}) and ({other.text})"
        says_all = self.says_all and other.says_all
        expressions = (*self.expressions, *other.expressions)
        return RowFilter(text, both, says_all, columns, self.fields, self.schema, truth, expressions)


def read_filter(given: object, schema: pa.Schema, fields: Sequence[Ref]) -> RowFilter:
    """Return what a caller gave as `filter`.

    Args:
        given: See above.
        schema: The version's; its fields carry ids.
        fields: Partition fields: columns by their ids; others by their names, which a filter may have as well.

    Raises:
        InvalidInputError: It is no filter, names no column, or compares what doesn't compare.
    """
    if isinstance(given, pc.Expression):
        return _of_arrow(given, schema, tuple(fields))
    operands = Operands(schema, fields)
    is_polars = is_polars_expression(given)
    predicate = from_polars(given, operands.find) if is_polars else _of_list(given, operands)
    names = operands.names(predicate)

    def truth(table: pa.Table, partition: tuple[Scalar, ...]) -> Any:
        values = {ref: value for ref, value in zip(fields, partition, strict=True) if isinstance(ref, str)}
        return truth_of_rows(with_partition(predicate, values), table, names)

    text = f"{predicate!r} of {sorted(names.items())}"
    read = tuple(names.values())
    return RowFilter(
        text, predicate, says_all=True, columns=read, fields=tuple(fields), schema=schema, truth=truth
    )


class Operands:
    """What a filter may name: columns by their labels, and partition fields.

    Args:
        schema: The version's; its fields carry ids.
        fields: Names of partition fields that are no columns.
    """

    def __init__(self, schema: pa.Schema, fields: Sequence[Ref]) -> None:
        self._schema = schema
        self._layout = layout_of(schema)
        self._columns = [*self._layout.columns, *self._layout.index]
        self._fields = fields

    def find(self, label: object) -> Operand:
        """Return what a label names. Raises `InvalidInputError` if that is nothing, or several columns."""
        # A column hides an index level of its name.
        for columns in (self._layout.columns, self._layout.index):
            places = places_of(columns).get(label_key(label), ())
            if len(places) > 1:
                message = (
                    f"{len(places)} columns have the label {label!r}, so a filter can't name one; rename them, or"
                    " filter after reading"
                )
                raise InvalidInputError(message)
            if places:
                column = columns[places[0]]
                return operand_of(self._layout, column, self._schema.field(column.name))
        if isinstance(label, str) and label in self._fields:
            return Operand(label, str.__str__(label), "other")
        raise InvalidInputError(unknown_label(self._layout, label))

    def names(self, predicate: Predicate) -> dict[Any, str]:
        """Return the names of the stored columns that a predicate looks at, by their ids."""
        known = self.known()
        return {column: known[column] for column in columns_of(predicate) if isinstance(column, int)}

    def known(self) -> dict[Any, str]:
        """Return the names of all stored columns, by their ids."""
        return {
            operand_of(self._layout, column, self._schema.field(column.name)).column: column.name
            for column in self._columns
        }


# --- Lists


def _of_list(given: Any, operands: Operands) -> Predicate:
    if isinstance(given, tuple | dict) or callable(given):
        raise _not_a_filter(cast("object", given))
    members = require_list("filter", given, "(column, operator, value)")
    if members and all(isinstance(member, list) for member in members):
        return Or(tuple(_all_of(member, operands) for member in members))
    return _all_of(members, operands)


def _all_of(terms: Sequence[object], operands: Operands) -> Predicate:
    return And(tuple(_term(term, operands) for term in terms))


def _term(term: Any, operands: Operands) -> Predicate:
    if not isinstance(term, tuple):
        raise _not_a_filter(term)
    parts = cast("tuple[object, ...]", term)
    word = _word(parts[1]) if parts[1:] else None
    if word is None or len(parts) != len(("column", word) if word in _TESTS else ("column", word, "value")):
        raise InvalidInputError(
            f"{shown(parts)} in filter must be (column, operator, value) with one of {', '.join(_WORDS[:8])},"
            f" or (column, test) with one of {', '.join(_TESTS)}"
        )
    operand = operands.find(parts[0])
    match word:
        case "in" | "not in":
            if isinstance(parts[2], Iterator):  # it can be gone through once, and a read may start over
                raise refusal(
                    f"the values of {operand.label!r} in filter", "a list of values", cast("object", parts[2])
                )
            if isinstance(parts[2], set | frozenset):
                values: list[object] = list(cast("set[object]", parts[2]))
            else:
                values = require_list(f"the values of {operand.label!r} in filter", parts[2], "values")
            found = is_in(operand, values)
            return found if word == "in" else Not(found)
        case "is null" | "is not null":
            return IsNull(operand.column) if word == "is null" else Not(IsNull(operand.column))
        case "is nan" | "is not nan":
            if operand.kind != "float":
                message = (
                    f"column {operand.label!r} holds no floats, so none is NaN; take the line out of filter"
                )
                raise InvalidInputError(message)
            return IsNan(operand.column) if word == "is nan" else Not(IsNan(operand.column))
        case _:
            return compare(operand, cast("Operator", word), parts[2])


def _word(given: object) -> str | None:
    word = " ".join(given.lower().split()) if isinstance(given, str) else ""
    word = _ALIASES.get(word, word)
    return word if word in _WORDS else None


def _not_a_filter(given: object) -> InvalidInputError:
    return refusal(
        "filter",
        "a list of (column, operator, value), which all must hold, a list of such lists, of which one must hold, or an"
        " expression of pyarrow or polars",
        given,
    )


# --- Expressions of pyarrow


def _of_arrow(expression: pc.Expression, schema: pa.Schema, fields: tuple[Ref, ...]) -> RowFilter:
    """Take an expression as it is; the columns are read as Arrow's own, as `output_as="arrow"` gives them."""
    labels, stored = arrow_columns(expression, schema, "filter")
    others = [ref for ref in fields if isinstance(ref, str) and ref not in map(str, labels)]
    placed = [(name, fields.index(name)) for name in named_in(expression, others, "filter")]
    own = pa.schema([schema.field(name) for name in stored], metadata=schema.metadata)
    shown_as = to_output(own.empty_table(), schema, [], "arrow", labels).schema
    asked = ArrowExpression(expression, shown_as, own, tuple(placed))

    def truth(table: pa.Table, partition: tuple[Scalar, ...]) -> Any:
        rows = to_output(table.select(stored), schema, [(table.num_rows, {})], "arrow", labels)
        for name, at in placed:
            values = pa.repeat(asked.constant(name, partition[at]), table.num_rows)
            rows = rows.append_column(name, values)
        found = computed(expression, rows, "filter")
        if not pa.types.is_boolean(found.type):
            raise InvalidInputError(
                f"the expression {shown(expression)} in filter gives {found.type}, not true or false"
            )
        return found

    if not placed:  # else the types of their values differ from file to file
        truth(own.empty_table(), ())
    # Its text may be cut short; Arrow's own form of it isn't.
    text = f"{expression} {digest(pickle.dumps(expression))}"
    always = Constant(truth=True)
    return RowFilter(
        text,
        always,
        says_all=False,
        columns=tuple(stored),
        fields=fields,
        schema=schema,
        truth=truth,
        expressions=(asked,),
    )


def arrow_columns(expression: pc.Expression, schema: pa.Schema, argument: str) -> tuple[list[Any], list[str]]:
    """Return the labels of the columns that an expression may look at, and the names of the stored columns.

    Raises:
        InvalidInputError: It counts columns instead of naming them.
    """
    names = {str(column.value): column.value for column in layout_of(schema).columns}
    labels = [names[name] for name in named_in(expression, names, argument)]
    return labels, columns_to_read(schema, labels, "arrow")


def named_in(expression: pc.Expression, names: Iterable[str], argument: str) -> list[str]:
    """Return those of some names that an expression may look at. Raises as `arrow_columns`."""
    text = str(expression)
    if "FieldPath(" in text:
        raise InvalidInputError(
            f"the expression {shown(expression)} in {argument} counts columns; name them instead"
        )
    # Arrow doesn't tell which columns an expression names, but writes their names out, as words of their own.
    return [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]


def computed(expression: pc.Expression, rows: pa.Table, argument: str) -> Any:
    """Return what an expression gives for each row. Raises `InvalidInputError` if it can't be computed."""
    from pyarrow import acero

    # Through a projection, which keeps nulls; without columns the rows would be lost.
    source = rows.append_column("\0", pa.nulls(rows.num_rows, pa.bool_()))
    plan = acero.Declaration.from_sequence(
        [
            acero.Declaration("table_source", acero.TableSourceNodeOptions(source)),
            acero.Declaration("project", acero.ProjectNodeOptions([expression], ["truth"])),
        ]
    )
    try:
        return plan.to_table(use_threads=False).column("truth")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, pa.ArrowTypeError) as error:
        names = ", ".join(map(repr, rows.column_names)) or "none of the columns"
        message = f"the expression {shown(expression)} in {argument} can't be computed over {names}: {error}"
        raise InvalidInputError(message) from error
