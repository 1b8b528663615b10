"""What Spark filters by, as a filter of ours: it may pass rows that Spark leaves out, and passes all that Spark keeps.

Spark looks at the rows again. So what means another thing there is left away: a NaN is above all numbers to Spark, and
equals another NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import datasource as ds

from atio_core.data.filters.filters import read_filter
from atio_core.errors import InvalidInputError
from atio_core.reading.selection import field_refs
from atio_core.snapshot import Snapshot

Term = tuple[Any, ...]

_COMPARED: dict[type[ds.Filter], tuple[str, str]] = {
    ds.EqualTo: ("==", "!="),
    ds.GreaterThan: (">", "<="),
    ds.GreaterThanOrEqual: (">=", "<"),
    ds.LessThan: ("<", ">="),
    ds.LessThanOrEqual: ("<=", ">"),
    ds.In: ("in", "not in"),
    ds.IsNull: ("is null", "is not null"),
    ds.IsNotNull: ("is not null", "is null"),
}
"""What each of Spark's filters is called here, and what its negation is. Neither is true of a null, nor is either in
Spark, but where nulls are asked for."""

_OF_FLOATS = ("==", "<", "<=", "is null", "is not null")
"""What a NaN is not true of, here and in Spark."""


def terms_of(filters: Iterable[ds.Filter], snapshot: Snapshot, schema: pa.Schema) -> list[Term]:
    """Return the terms that all must hold of a row that Spark keeps.

    Args:
        filters: Spark's, of which all must hold.
        snapshot: The version that they are asked of.
        schema: Its columns as Arrow has them.
    """
    found = [_term_of(one, schema) for one in filters]
    return [term for term in found if term is not None and _is_known(term, snapshot)]


def typed(terms: Iterable[Term], schema: pa.Schema) -> list[Term]:
    """Return terms whose values came as JSON, of the types that their columns have.

    Raises:
        InvalidInputError: A text is no date, time or decimal number.
    """
    return [(*term[:2], *(_typed(one, term[0], schema) for one in term[2:])) for term in terms]


def _typed(value: Any, name: Any, schema: pa.Schema) -> Any:
    if isinstance(value, list):
        return [_typed(one, name, schema) for one in cast("list[Any]", value)]
    if not isinstance(value, str) or name not in schema.names:
        return value
    t = schema.field(name).type
    if not (pa.types.is_temporal(t) or pa.types.is_decimal(t)):
        return value
    try:
        return pa.scalar(value).cast(t).as_py()
    except pa.ArrowInvalid as error:
        raise InvalidInputError(
            f"{value!r} in filter is no {t}, as the column {name!r} is: {error}"
        ) from error


def _term_of(given: ds.Filter, schema: pa.Schema) -> Term | None:
    """Return the term of one filter; None if it has none."""
    negated = isinstance(given, ds.Not)
    asked: Any = given.child if isinstance(given, ds.Not) else given
    if isinstance(asked, ds.EqualNullSafe) and not negated:
        asked = (
            ds.IsNull(asked.attribute) if asked.value is None else ds.EqualTo(asked.attribute, asked.value)
        )
    words = _COMPARED.get(cast("type[ds.Filter]", type(asked)))
    if words is None or len(asked.attribute) != 1 or asked.attribute[0] not in schema.names:
        return None
    (name,), word = asked.attribute, words[negated]
    values = list(asked.value) if isinstance(asked, ds.In) else [getattr(asked, "value", True)]
    if pa.types.is_floating(schema.field(name).type) and word not in _OF_FLOATS:
        return None
    if any(one is None or (isinstance(one, float) and not math.isfinite(one)) for one in values):
        return None
    if isinstance(asked, ds.IsNull | ds.IsNotNull):
        return name, word
    return (name, word, values if isinstance(asked, ds.In) else values[0])


def _is_known(term: Term, snapshot: Snapshot) -> bool:
    """Say whether a table can be asked for this: Spark compares more than we do."""
    try:
        read_filter([term], snapshot.schema, field_refs(snapshot.entry))
    except InvalidInputError:
        return False
    return True
