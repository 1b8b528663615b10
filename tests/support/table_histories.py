"""Random histories of a table's rows: each change through the API, and each version as plain Python values.

What a version holds is read back, so that a comparison is judged by what readers see.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from atio_core.data.schema.conform import field_id
from atio_core.errors import InvalidInputError
from atio_core.snapshot import Snapshot
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL

Row = tuple[tuple[int, object], ...]
"""A row: the value of each column by the column's id."""

numbers = st.sampled_from([0.0, -0.0, 1.5, math.nan, None])
words = st.sampled_from(["", "a", "ä", None])
keys = st.integers(0, 4)


@st.composite
def frames(draw: st.DrawFn, *, distinct: bool = False) -> pa.Table:
    """Some rows with a key, a number and a word."""
    ids = draw(st.lists(keys, max_size=4, unique=distinct))
    return pa.table(
        {
            "id": pa.array(ids, pa.int32()),
            "x": pa.array([draw(numbers) for _ in ids], pa.float64()),
            "s": pa.array([draw(words) for _ in ids], pa.string()),
        }
    )


Step = tuple[str, Any]
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("append"), frames()),
        st.tuples(st.just("overwrite"), frames()),
        st.tuples(st.just("upsert"), frames(distinct=True)),
        st.tuples(st.just("delete"), keys),
        st.tuples(st.just("update"), st.tuples(keys, numbers)),
        st.tuples(st.just("add column"), frames()),
        st.tuples(st.just("drop column"), st.none()),
        st.tuples(st.just("rename column"), st.none()),
        st.tuples(st.just("move column"), st.none()),
        st.tuples(st.just("widen column"), frames()),
        st.tuples(st.just("compact"), st.none()),
        st.tuples(st.just("tag"), st.none()),
        st.tuples(st.just("restore"), st.integers(0, 10)),
    ),
    min_size=1,
    max_size=8,
)


def play(chosen: Sequence[Step], *, key: bool = False) -> Table:
    """Make a table, with a first version that has a row, and change it; what is refused changes nothing."""
    table = Table(store=MemoryStore("t"), limits=SMALL)
    first = pa.table({"id": pa.array([0], pa.int32()), "x": [1.5], "s": ["a"]})
    table.append(first, key=["id"] if key else None)
    for what, given in chosen:
        try:
            _act(table, what, given)
        except InvalidInputError:
            continue
    return table


def _act(table: Table, what: str, given: Any) -> None:
    last = table.snapshot().schema.names[-1]
    acts: dict[str, Callable[[], object]] = {
        "append": lambda: table.append(_fitting(table, given)),
        "overwrite": lambda: table.overwrite(given),
        "upsert": lambda: table.upsert(_fitting(table, given), key=["id"]),
        "delete": lambda: table.delete([("id", "==", given)]),
        "update": lambda: table.update([("id", "==", given[0])], {"x": given[1]}),
        "add column": lambda: table.append(_with_a_column_more(table, given), schema_mode="add"),
        "drop column": lambda: table.drop_column(last),
        "rename column": lambda: table.rename_column(last, f"{last}'"),
        "move column": lambda: table.move_column(last, to=0),
        "widen column": lambda: table.append(_wide(_fitting(table, given)), schema_mode="widen"),
        "compact": table.compact,
        "tag": lambda: table.tag(f"tag {table.snapshot().entry.version}"),
        "restore": lambda: table.restore(table.history()[given % len(table.history())].version),
    }
    acts[what]()


def _with_a_column_more(table: Table, rows: pa.Table) -> pa.Table:
    more = pa.array(range(rows.num_rows), pa.int64())
    return _fitting(table, rows).append_column(f"more{table.snapshot().version}", more)


def _wide(rows: pa.Table) -> pa.Table:
    if "id" not in rows.column_names:  # it was dropped, or is called otherwise
        return rows
    return rows.set_column(rows.column_names.index("id"), "id", rows["id"].cast(pa.int64()))


def _fitting(table: Table, rows: pa.Table) -> pa.Table:
    """Rows with the columns of a table: what they lack is null."""
    schema = table.read(output_as="arrow").schema
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.column_names
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


@dataclass(frozen=True, slots=True)
class Content:
    """What a version holds."""

    types: dict[int, pa.DataType]
    rows: list[dict[int, object]]

    def bag(self, types: dict[int, pa.DataType]) -> collections.Counter[Row]:
        """The rows, as often as each is there, as columns of these types show them."""
        return collections.Counter(
            tuple((number, plain(row.get(number), t)) for number, t in types.items()) for row in self.rows
        )


def content_of(snapshot: Snapshot) -> Content:
    """Return what a version holds, as a read gives it."""
    schema = snapshot.schema
    ids = [field_id(field) or 0 for field in schema]
    return Content(dict(zip(ids, schema.types, strict=True)), rows_of(snapshot.read("arrow"), ids))


def rows_of(table: pa.Table, ids: Sequence[int]) -> list[dict[int, object]]:
    """Return rows by the ids of their columns."""
    columns = [column.to_pylist() for column in table.columns]
    return [dict(zip(ids, values, strict=True)) for values in zip(*columns, strict=True)]


def plain(value: object, t: pa.DataType) -> object:
    """Return what a value is compared as: what is the same is equal."""
    if pa.types.is_floating(t) and isinstance(value, int | float):
        return repr(float(value))
    if isinstance(value, float) and pa.types.is_integer(t):
        return int(value) if value.is_integer() else repr(value)
    return value
