from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.scan.footer_shape import Group, Shape, Shapes, footer_of
from atio_core.storage.memory import MemoryStore
from tests.support.data_files import COLUMNS, FEW, with_ids, write

SEEN = 500  # more footers than are ever walked through


def footer_in(data: bytes) -> bytes:
    """The footer of a Parquet file."""
    return data[-8 - int.from_bytes(data[-8:-4], "little") : -8]


def stored(rows: pa.Table) -> bytes:
    """A data file of these rows."""
    store = MemoryStore()
    (file,) = write(store, rows)
    return store.read(file.path)


def parquet(rows: pa.Table, **options: Any) -> bytes:
    """A Parquet file of another program."""
    sink = io.BytesIO()
    pq.write_table(rows, sink, **options)
    return sink.getvalue()


def read_as_one(files: list[bytes], groups: list[Group]) -> pa.Table:
    """The rows of files, one behind the other, by one footer."""
    starts = [sum(map(len, files[:at])) for at in range(len(files))]
    footer = footer_of(groups, starts)
    end = b"".join([b"PAR1", footer, len(footer).to_bytes(4, "little"), b"PAR1"])
    metadata = pq.read_metadata(pa.BufferReader(end))
    return pq.ParquetFile(pa.BufferReader(b"".join(files)), metadata=metadata).read()


@given(st.fixed_dictionaries({}, optional=COLUMNS).filter(bool))
def test_a_footer_has_the_shape_that_is_made_of_it(drawn: dict[str, pa.Array]) -> None:
    """Whatever the types and the values: the row group that a shape finds in its own footer is that of the file."""
    rows = with_ids(pa.table(drawn))
    data = stored(rows)
    shape = Shape.of(footer_in(data))
    assert shape is not None
    group = shape.match(footer_in(data))
    assert group is not None
    assert (group.rows, group.kind) == (7, shape.kind)
    assert len(group.places) >= rows.num_columns
    assert repr(read_as_one([data, data], [group, group]).to_pylist()) == repr(2 * rows.to_pylist())


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.text(max_size=300), st.booleans()), min_size=1)
)
def test_values_of_any_length_have_the_same_shape(values: list[tuple[int, str, bool]]) -> None:
    """Bounds, counts and sizes take more bytes or fewer; the row group is found all the same, and can be moved."""
    one = with_ids(pa.table({"n": [1], "t": ["t"], "b": [True]}))
    other = with_ids(pa.table(dict(zip("ntb", map(list, zip(*values, strict=True)), strict=True))))
    files = [stored(one), stored(other.cast(one.schema))]
    shape = Shape.of(footer_in(files[0]))
    assert shape is not None
    groups = [shape.match(footer_in(file)) for file in files]
    found = [group for group in groups if group is not None]
    assert [group.rows for group in found] == [1, len(values)]
    assert read_as_one(files, found).to_pylist() == [*one.to_pylist(), *other.to_pylist()]


def test_a_footer_of_another_schema_has_another_shape() -> None:
    """Names, types, ids and the metadata of a schema have to be the same to the byte."""
    shape = Shape.of(footer_in(stored(FEW)))
    assert shape is not None
    others = [
        FEW.rename_columns(["n", "u", "f"]),
        with_ids(FEW, [1, 2, 4]),
        FEW.cast(FEW.schema.set(0, FEW.schema.field(0).with_type(pa.int32()))),
        FEW.replace_schema_metadata({"k": "v"}),
        FEW.select(["n", "t"]),
        FEW.select(["t", "n", "f"]),
    ]
    for other in others:
        assert shape.match(footer_in(stored(other))) is None
    assert shape.match(footer_in(stored(FEW.slice(0, 1)))) is not None


def test_a_footer_that_tells_other_places_has_no_shape() -> None:
    """Several row groups, page indexes and Bloom filters have places of their own, which aren't moved."""
    assert Shape.of(footer_in(parquet(FEW))) is not None
    assert Shape.of(footer_in(parquet(FEW, use_dictionary=["t"]))) is not None
    assert Shape.of(footer_in(parquet(FEW, row_group_size=1))) is None
    assert Shape.of(footer_in(parquet(FEW, write_page_index=True))) is None


def test_what_is_no_footer_has_no_shape_and_matches_none() -> None:
    """A footer that is cut anywhere, or goes on, has no shape; no byte of what says the schema may be another."""
    footer = footer_in(stored(FEW))
    shape = Shape.of(footer)
    assert shape is not None
    for length in range(len(footer)):
        assert Shape.of(footer[:length]) is None
        assert shape.match(footer[:length]) is None
    assert shape.match(footer + b"\0") is None
    assert Shape.of(footer + b"\0") is None
    for at in range(len(shape.kind.before)):
        changed = footer[:at] + bytes([footer[at] ^ 1]) + footer[at + 1 :]
        assert shape.match(changed) is None


def test_few_footers_are_walked_through() -> None:
    """A shape is made of a footer that comes often; where each has another one, most aren't looked at closely."""
    shapes = Shapes()
    alike = footer_in(stored(FEW))
    found = [shapes.find(alike) for _ in range(SEEN)]
    assert all(group is not None for group in found[4:])
    assert found[:4] == [None] * 4
    tables = [with_ids(pa.table({f"c{at}": [at]})) for at in range(100)]
    assert all(shapes.find(footer_in(stored(rows))) is None for rows in tables)
    assert shapes.find(alike) is not None
