"""Which rows match a filter: a predicate computed over stored columns, in Arrow's three-valued logic."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.schema import arrow_types
from atio_core.model.predicate import And, Compare, Constant, IsIn, IsNan, IsNull, Not, Or, Predicate

_FUNCTIONS = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def truth_of_rows(predicate: Predicate, table: pa.Table, names: Mapping[Any, str]) -> Any:
    """Return what a predicate is for each row: a boolean array, null where it is unknown.

    Args:
        predicate: Without partition fields.
        table: The rows, as they are stored.
        names: The name in the table of each column that the predicate looks at, by its id.
    """
    match predicate:
        case And(terms):
            parts = [truth_of_rows(term, table, names) for term in terms]
            return reduce(pc.and_kleene, parts) if parts else _same(table, truth=True)
        case Or(terms):
            parts = [truth_of_rows(term, table, names) for term in terms]
            return reduce(pc.or_kleene, parts) if parts else _same(table, truth=False)
        case Not(term):
            return pc.invert(truth_of_rows(term, table, names))
        case Constant(truth):
            return _same(table, truth=truth)
        case IsNull(column):
            return pc.is_null(table.column(names[column]))
        case IsNan(column):
            values = comparable(table.column(names[column]))
            if pa.types.is_floating(values.type):
                return pc.is_nan(values)
            return pc.if_else(pc.is_valid(values), False, None)  # noqa: FBT003 - the value it takes
        case Compare(column, operator, value):
            values = comparable(table.column(names[column]))
            kind = pa.float64() if pa.types.is_floating(values.type) else values.type
            return _FUNCTIONS[operator](values, pa.scalar(value, kind))
        case IsIn(column, allowed):
            values = comparable(table.column(names[column]))
            found = pc.is_in(values, value_set=pa.array(list(allowed), values.type))
            return pc.if_else(pc.is_valid(values), found, None)


def _same(table: pa.Table, *, truth: bool | None) -> Any:
    return pa.chunked_array([pa.repeat(pa.scalar(truth, pa.bool_()), table.num_rows)])


def comparable(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as numbers where its literals are: times as they count, the texts of dictionaries."""
    t: Any = values.type
    if pa.types.is_dictionary(t):
        return values.cast(t.value_type)
    if pa.types.is_float16(t):
        return values.cast(pa.float32())
    if pa.types.is_fixed_size_binary(t):  # its literals may be of any length
        return values.cast(pa.large_binary())
    if not pa.types.is_temporal(t):
        return arrow_types.wide_decimals(values)
    number = arrow_types.count_type(t)
    return pa.chunked_array([chunk.view(number) for chunk in values.chunks], number)
