from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.schema.arrow_types import fields_of
from atio_core.data.schema.conform import FIELD_ID, field_id
from atio_core.data.schema.inner_ids import MOST, inner_ids, is_marked, marked, with_inner_ids
from atio_core.table import Table

TYPES = st.recursive(
    st.sampled_from([pa.int8(), pa.string(), pa.timestamp("us")]),
    lambda inner: st.one_of(
        st.builds(pa.list_, inner),
        st.builds(pa.large_list, inner),
        st.builds(lambda t: pa.list_(t, 2), inner),
        st.builds(lambda t: pa.map_(pa.string(), t), inner),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda ts: pa.struct([(f"f{at}", t) for at, t in enumerate(ts)])
        ),
    ),
    max_leaves=6,
)


def column(t: pa.DataType, number: int = 7) -> pa.Field:
    """Return a column that has an id."""
    return pa.field("a", t, metadata={FIELD_ID: str(number).encode()})


def walk(t: pa.DataType) -> list[int | None]:
    """Return the ids inside a type, a field before what lies in it."""
    if not pa.types.is_nested(t):
        return []
    inside = [t.key_field, t.item_field] if pa.types.is_map(t) else fields_of(t)
    return [one for field in inside for one in (field_id(field), *walk(field.type))]


@given(TYPES)
def test_files_have_the_ids_of_the_walk(t: pa.DataType) -> None:
    """In Parquet, a field inside has the column's id and its place in the walk; nothing else of the type is other."""
    schema = pa.schema([marked(column(t))])
    numbered = with_inner_ids(schema)
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, numbered).close()
    found = pq.read_schema(pa.BufferReader(sink.getvalue())).field("a").type
    expected = [one for one, _ in zip(inner_ids(schema.field("a")), walk(found), strict=False)]
    assert (walk(found), numbered.equals(schema)) == (expected, True)
    assert is_marked(schema.field("a")) == pa.types.is_nested(t)


def test_no_id_is_given_twice() -> None:
    """The ids inside a column are above those of columns, and below the next column's."""
    for number in (1, 2, 10**6):
        last = [one for one, _ in zip(inner_ids(column(pa.null(), number)), range(MOST), strict=False)][-1]
        assert 2**30 <= last < next(inner_ids(column(pa.null(), number + 1))) < 2**31 - 200


@pytest.mark.parametrize(
    ("t", "number"),
    [(pa.struct([(f"f{at}", pa.int8()) for at in range(MOST + 1)]), 1), (pa.list_(pa.int8()), 2**20)],
)
def test_where_ids_would_run_out_there_are_none(t: pa.DataType, number: int) -> None:
    """A column with too much inside, or with too high an id, has no mark, and its files no ids inside."""
    schema = pa.schema([marked(column(t, number))])
    assert (is_marked(schema.field("a")), with_inner_ids(schema)) == (False, schema)


@pytest.mark.parametrize("files", [1, 3])
def test_rows_come_back_without_them(files: int) -> None:
    """What was given an id inside by somebody else comes back with that, and everything else with none."""
    inner: dict[str, Any] = {
        "x": pa.field("x", pa.int64(), metadata={FIELD_ID: b"5"}),
        "y": pa.field("y", pa.int64()),
    }
    rows = pa.table(
        {
            "theirs": pa.array([{"x": 1}], pa.struct([inner["x"]])),
            "own": pa.array(
                [
                    {"y": [1]},
                ]
            ),
        },
    )
    table = Table(f"memory://inner-ids-{files}")
    for _ in range(files):
        table.append(rows)
    found = table.read(output_as="arrow")
    assert found.schema.equals(rows.schema, check_metadata=True)
    assert [
        one.type.equals(field.type, check_metadata=True)
        for one, field in zip(found.columns, rows.schema, strict=True)
    ] == [True, True]
