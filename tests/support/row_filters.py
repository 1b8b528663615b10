"""Rows of every type that can be filtered, filters of them, and what a filter means, row by row."""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st

from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL

UTC = dt.UTC
FIRST = dt.datetime.fromisoformat("2020-01-01")
VALUES: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "i": (pa.int64(), st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1])),
    "u": (pa.uint8(), st.integers(0, 3) | st.just(255)),
    "f": (pa.float64(), st.sampled_from([-1.5, -0.0, 0.0, 0.5, 2.0, math.inf, -math.inf, math.nan])),
    "g": (pa.float32(), st.sampled_from([-1.5, 0.0, 0.10000000149011612, 2.0, math.nan])),
    "s": (pa.string(), st.sampled_from(["", "a", "b", "é", "a" * 40, "\U0010ffff" * 40])),
    "c": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "b", "c"])),
    "b": (pa.bool_(), st.booleans()),
    "y": (pa.binary(), st.sampled_from([b"", b"a", b"b"])),
    "x": (pa.binary(2), st.sampled_from([b"aa", b"ab", b"\x00\xff"])),
    "n": (pa.decimal128(5, 2), st.sampled_from([Decimal("-1.10"), Decimal("0.00"), Decimal("2.25")])),
    "m": (pa.decimal32(5, 2), st.sampled_from([Decimal("-1.10"), Decimal("0.00"), Decimal("999.99")])),
    "d": (pa.date32(), st.dates(dt.date(2020, 1, 1), dt.date(2020, 1, 4))),
    "t": (
        pa.timestamp("ms"),
        st.datetimes(FIRST, FIRST + timedelta(1)).map(lambda t: t.replace(microsecond=0)),
    ),
    "z": (
        pa.timestamp("us", "Asia/Seoul"),
        st.datetimes(FIRST, FIRST + timedelta(1), timezones=st.just(UTC)),
    ),
    "w": (pa.time64("us"), st.sampled_from([dt.time(1), dt.time(2, 3, 4, 5)])),
    "l": (pa.duration("us"), st.sampled_from([timedelta(0), timedelta(1), timedelta(-1)])),
}
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LITERALS = {
    "i": st.integers(-4, 4) | st.sampled_from([2**70, -(2**63), 0.5, -2.0, math.inf]),
    "u": st.sampled_from([-1, 0, 2, 255, 256, 1.5]),
}


def literal(column: str) -> st.SearchStrategy[Any]:
    """What a column may be compared with: its own values, but NaN, and some that it can't hold."""
    kind = VALUES[column][1].filter(lambda value: not (isinstance(value, float) and math.isnan(value)))
    return LITERALS.get(column, kind)


@st.composite
def rows(draw: st.DrawFn) -> pa.Table:
    """Rows of every type, nulls among them; often of one value only, so that bounds decide."""
    count = draw(st.integers(0, 5))
    columns = {
        name: pa.array(draw(st.lists(st.none() | values, min_size=count, max_size=count)), kind)
        for name, (kind, values) in VALUES.items()
    }
    return pa.table(columns)


TERMS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: (
        st.tuples(st.just(name), st.sampled_from(sorted(OPERATORS)), literal(name))
        | st.tuples(st.just(name), st.sampled_from(["in", "not in"]), st.lists(literal(name), max_size=3))
        | st.tuples(st.just(name), st.sampled_from(["is null", "is not null"]))
        | st.tuples(st.sampled_from(["f", "g"]), st.sampled_from(["is nan", "is not nan"]))
    )
)
FILTERS = st.lists(TERMS, max_size=3) | st.lists(st.lists(TERMS, max_size=3), min_size=1, max_size=3)


def term_truth(term: tuple[Any, ...], value: Any) -> bool | None:
    """What a line of a filter says of a value: unknown of null, but for the question whether it is null."""
    match term:
        case (_, "is null"):
            return value is None
        case (_, "is not null"):
            return value is not None
        case _ if value is None:
            return None
        case (_, "is nan"):
            return math.isnan(value)
        case (_, "is not nan"):
            return not math.isnan(value)
        case (_, "in", values):
            return value in values
        case (_, "not in", values):
            return value not in values
        case (_, name, wanted):
            return OPERATORS[name](value, wanted)
        case _:
            raise AssertionError(term)


def matches(given_filter: list[Any], row: dict[str, Any]) -> bool:
    """Whether a row matches: all lines of a list, or of one of the lists, are true."""
    lists = given_filter if given_filter and isinstance(given_filter[0], list) else [given_filter]
    return any(all(term_truth(term, row[term[0]]) for term in terms) for terms in lists)


def table_of(parts: list[pa.Table]) -> Table:
    """A table of a file for each part, some of them listed in manifests."""
    table = Table(store=MemoryStore(), limits=SMALL)
    for part in parts:
        table.append(part)
    return table


def as_text(table: pa.Table) -> str:
    """The values, of which a NaN is one."""
    return repr(table.to_pylist())


ARROW_TERMS = st.sampled_from(sorted(set(VALUES) - {"c"})).flatmap(
    lambda name: (
        st.builds(
            lambda op, value: OPERATORS[op](pc.field(name), pa.scalar(value, VALUES[name][0])),
            st.sampled_from(sorted(OPERATORS)),
            VALUES[name][1],
        )
        | st.just(pc.field(name).is_null())
        | st.just(pc.field("f").is_nan())
    )
)
POLARS_TERMS = st.sampled_from(sorted(set(VALUES) - {"c", "z"})).flatmap(
    lambda name: (
        st.builds(
            lambda op, value: OPERATORS[op](pl.col(name), value),
            st.sampled_from(sorted(OPERATORS)),
            VALUES[name][1].filter(lambda value: not isinstance(value, float) or math.isfinite(value)),
        )
        | st.just(pl.col(name).is_null())
        | st.just(pl.col(name).is_not_null())
        | st.just(pl.col("f").is_nan())
        | st.just(pl.col("b"))
        | st.builds(lambda v: pl.col("i").is_in(v), st.lists(st.integers(-3, 3), min_size=1, max_size=2))
        | st.builds(lambda a, b: pl.col("i").is_between(a, b), st.integers(-3, 3), st.integers(-3, 3))
    )
)


def joined(terms: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Expressions by and, or and not over others."""
    return st.recursive(
        terms,
        lambda inner: (
            st.builds(operator.and_, inner, inner)
            | st.builds(operator.or_, inner, inner)
            | st.builds(operator.invert, inner)
        ),
        max_leaves=4,
    )
