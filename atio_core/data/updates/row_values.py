"""What rows get in an update: values, or expressions over the row's own columns, exactly or not at all.

| given | what a row gets |
|---|---|
| a plain value | the value, if the column's type holds it exactly; None where the column has nulls |
| a pyarrow expression | what it gives, computed over the columns as Arrow has them |
| a polars expression | the same, over the columns as polars has them; one that looks at other rows is refused |

What an expression gives is taken if each value means the same in the column's type: integers into wider ones, or
narrower ones if they fit, integers into floats that hold them; never floats into integers, nor into narrower floats.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.arguments import refusal, shown
from atio_core.data.filters.filter_literals import Operand
from atio_core.data.filters.filters import Operands, arrow_columns, computed
from atio_core.data.frames.frames import to_output
from atio_core.data.kinds import is_polars_expression
from atio_core.data.schema.conform import may_become
from atio_core.data.schema.layout import layout_of
from atio_core.data.updates.rowwise_polars import is_rowwise
from atio_core.data.updates.stored_value import is_category_of, seconds_of, stored_value
from atio_core.errors import InvalidInputError
from atio_core.format.digest import digest


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one column gets.

    Attributes:
        name: The name of the stored column.
        text: What it says. Those of equal tables that have the same text give the same values.
        values: The new values of rows, given all their stored columns.
    """

    name: str
    text: str
    values: Callable[[pa.Table], pa.ChunkedArray]


def read_assignments(given: object, schema: pa.Schema, fixed: Collection[Any]) -> list[Assignment]:
    """Return what a caller gave as `set`.

    Args:
        given: A mapping of labels to values or expressions.
        schema: The version's; its fields carry ids.
        fixed: Columns by their ids, and partition fields by their names, whose values say where rows lie.

    Raises:
        InvalidInputError: A label is no column, or a column can't hold a value exactly.
    """
    if not isinstance(given, Mapping) or not given:
        wanted = "a mapping of columns to values or expressions, one at least"
        raise refusal("set", wanted, cast("object", given))
    operands = Operands(schema, [one for one in fixed if isinstance(one, str)])
    names, found = operands.known(), list[Assignment]()
    for label, value in cast("Mapping[object, object]", given).items():
        operand = operands.find(label)
        if operand.type is None or operand.column in fixed:
            raise InvalidInputError(
                f"{label!r} says in which partition rows lie, so it can't be set; delete them, and append others"
            )
        found.append(_assignment(operand, names[operand.column], value, schema))
    return found


def with_values(rows: pa.Table, chosen: Any, assignments: list[Assignment]) -> pa.Table:
    """Return rows of which some have got new values.

    Args:
        rows: All columns, as they are stored.
        chosen: Which rows: a NumPy array of booleans.
        assignments: What they get, from the values that they had.
    """
    some = rows.filter(pa.array(chosen))
    made = {one.name: one.values(some) for one in assignments}
    columns = [
        merged(column, chosen, made[field.name]) if field.name in made else column
        for field, column in zip(rows.schema, rows.columns, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=rows.schema)


def merged(old: pa.ChunkedArray, chosen: Any, new: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put new values, one for each row that is chosen, in the places of the old."""
    if pa.types.is_dictionary(old.type):
        value_type = old.type.value_type
        return merged(old.cast(value_type), chosen, new.cast(value_type)).cast(old.type)
    import numpy as np

    places = np.arange(len(old))
    places[chosen] = np.arange(len(old), len(old) + len(new))  # they stand behind all old ones
    return pa.chunked_array([*old.chunks, *new.chunks], old.type).take(pa.array(places))


def _assignment(operand: Operand, name: str, value: Any, schema: pa.Schema) -> Assignment:
    field = schema.field(name)
    if isinstance(value, pc.Expression):
        text, values = digest(pickle.dumps(value)), _of_arrow(value, schema)
    elif is_polars_expression(value):
        text, values = value.meta.serialize(format="json"), _of_polars(value, schema)
    else:
        stored = stored_value(operand, layout_of(schema), field, value)
        return Assignment(name, f"{name!r} = {_told(stored)}", lambda rows: _repeated(stored, rows.num_rows))

    def exact(rows: pa.Table) -> pa.ChunkedArray:
        return _exact(values(rows), operand, field, schema)

    exact(schema.empty_table())  # what can't fit by its type is refused before anything is read
    return Assignment(name, f"{name!r} = {text}", exact)


def _told(stored: pa.Array) -> str:
    """A stored value as text that no other has."""
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([stored], ["value"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return digest(sink.getvalue().to_pybytes())


def _repeated(value: pa.Array, rows: int) -> pa.ChunkedArray:
    return pa.chunked_array([value.take(pa.array([0] * rows, pa.int64()))], value.type)


# --- Expressions


def _of_arrow(expression: pc.Expression, schema: pa.Schema) -> Callable[[pa.Table], pa.ChunkedArray]:
    labels, stored = arrow_columns(expression, schema, "set")

    def values(rows: pa.Table) -> pa.ChunkedArray:
        given = to_output(rows.select(stored), schema, [(rows.num_rows, {})], "arrow", labels)
        return computed(expression, given, "set")

    return values


def _of_polars(expression: Any, schema: pa.Schema) -> Callable[[pa.Table], pa.ChunkedArray]:
    if not is_rowwise(expression):
        raise InvalidInputError(
            f"the polars expression {shown(expression)} in set may look at other rows, or does what isn't known to look"
            " at none; use operators, when/then, casts and functions of single values, or an expression of pyarrow"
        )
    known = {str(column.value): column for column in layout_of(schema).columns}
    names = [name for name in expression.meta.root_names() if name in known]
    labels, stored = [known[name].value for name in names], [known[name].name for name in names]

    def values(rows: pa.Table) -> pa.ChunkedArray:
        from polars.exceptions import PolarsError

        frame = to_output(rows.select(stored), schema, [(rows.num_rows, {})], "polars", labels)
        try:
            found = frame.select(expression.alias("value")).get_column("value")
        except PolarsError as error:
            message = f"the polars expression {shown(expression)} in set can't be computed: {error}"
            raise InvalidInputError(message) from error
        if not names:  # literals alone give one row
            found = found.new_from_index(0, rows.num_rows)
        return pa.chunked_array([found.to_arrow()])

    return values


def _exact(found: pa.ChunkedArray, operand: Operand, field: pa.Field, schema: pa.Schema) -> pa.ChunkedArray:
    """Return values in a column's type, each the same."""
    kind = found.type
    try:
        if operand.kind == "other" and not pa.types.is_null(kind):
            raise pa.ArrowInvalid("it holds more than an expression gives; give a plain value")
        if not may_become(kind, field.type):
            raise pa.ArrowInvalid("that is another kind of value; cast it in the expression")
        seconds = seconds_of(layout_of(schema), field)
        stored = (found if seconds is None else found.cast(seconds)).cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInputError(
            f"column {operand.label!r} of type {field.type} can't be set to what the expression gives, {kind}: {error}"
        ) from error
    if stored.null_count and not field.nullable:
        raise InvalidInputError(
            f"column {operand.label!r} of type {field.type} has no nulls, and the expression gives"
            f" {stored.null_count}; fill them in the expression"
        )
    for text in _distinct(stored) if operand.kind == "category" else ():
        if not is_category_of(layout_of(schema), field.name, text):
            raise InvalidInputError(
                f"column {operand.label!r} has no category {text!r}, which the expression gives; overwrite the table to"
                " add one"
            )
    return stored


def _distinct(values: pa.ChunkedArray) -> Iterator[str]:
    yield from (one for one in values.cast(values.type.value_type).unique().to_pylist() if one is not None)
