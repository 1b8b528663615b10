from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atio_core.data.schema.conform import (
    FIELD_ID,
    changed_by_parquet,
    choose,
    field_id,
    leaf_count,
    leaves_of,
    require_kept,
    restore,
    widen,
)
from atio_core.data.schema.inner_ids import marked, with_inner_ids
from atio_core.errors import InvalidInputError, NotPreservableError, SchemaMismatchError
from tests.support.data_files import with_ids

KINDS = [
    pa.int8(),
    pa.large_string(),
    pa.list_(pa.int8()),
    pa.large_list(pa.list_(pa.string())),
    pa.list_(pa.int8(), 3),
    pa.struct([("a", pa.int8()), ("b", pa.struct([("c", pa.string()), ("d", pa.list_(pa.int8()))]))]),
    pa.map_(pa.string(), pa.struct([("a", pa.int8()), ("b", pa.int8())])),
    pa.dictionary(pa.int8(), pa.string()),
    pa.decimal256(60, 3),
    pa.uuid(),
    pa.null(),
]


def test_leaves_are_counted_as_parquet_counts_them() -> None:
    """The places of a column's inner fields among Parquet's columns are known without asking Parquet."""
    rows = with_ids(
        pa.table([pa.nulls(1, kind) for kind in KINDS], names=[f"c.{n}" for n in range(len(KINDS))])
    )
    file = pa.BufferOutputStream()
    pq.write_table(rows, file)
    paths = [path[0] for path in pq.ParquetFile(pa.BufferReader(file.getvalue())).reader.column_paths]
    assert sum(leaf_count(kind) for kind in KINDS) == len(paths)
    for field in rows.schema:
        assert [paths[leaf] for leaf in leaves_of(rows.schema, {field_id(field)})] == [
            field.name
        ] * leaf_count(field.type)


@pytest.mark.parametrize("metadata", [None, {b"PARQUET:field_id": b"-1"}, {b"other": b"1"}])
def test_a_field_may_have_no_id(metadata: dict[bytes, bytes] | None) -> None:
    """A column that came in without an id matches none."""
    assert field_id(pa.field("a", pa.int8(), metadata=metadata)) is None


def test_choose_keeps_the_order_asked_for() -> None:
    """Columns come in the order asked for, with the schema's metadata."""
    schema = pa.schema([("a", pa.int8()), ("b", pa.string())], metadata={"k": "v"})
    assert choose(schema, None) is schema
    expected = pa.schema([("b", pa.string()), ("a", pa.int8())], metadata={"k": "v"})
    assert choose(schema, ["b", "a"]).equals(expected, check_metadata=True)
    with pytest.raises(InvalidInputError, match=r"no column 'c'.* 'a', 'b'"):
        choose(schema, ["a", "c"])


RESTORED = [
    pa.array(["b", "a", None]).dictionary_encode(),
    pa.array([[1], None], pa.list_(pa.int8())),
    pa.array([[[1], None]], pa.large_list(pa.list_(pa.field("inner", pa.int8())))),
    pa.array([{"a": [1]}]),
    pa.array([[("a", [1])]], pa.map_(pa.string(), pa.list_(pa.int8()))),
]


@pytest.mark.parametrize("values", RESTORED)
def test_inner_fields_get_their_names_back(values: pa.Array) -> None:
    """Parquet renames the fields inside lists; a column that was read has the names that it was written with."""
    rows = pa.table({"c": values})
    file = pa.BufferOutputStream()
    pq.write_table(rows, file)
    read = pq.read_table(pa.BufferReader(file.getvalue()))
    assert changed_by_parquet(rows.schema, read.schema) is None
    restored = restore(read["c"], values.type)
    assert str(restored.type) == str(values.type)
    assert restored.to_pylist() == values.to_pylist()


def test_inner_ids_go() -> None:
    """What lies inside has ids in files, which others need; a column that was read has none."""
    t = pa.struct([("a", pa.list_(pa.int8())), ("b", pa.map_(pa.string(), pa.struct([("c", pa.int8())])))])
    values = pa.array([{"a": [1], "b": [("k", {"c": 2})]}, {"a": None, "b": []}, None], t)
    schema = with_inner_ids(pa.schema([marked(pa.field("c", t, metadata={FIELD_ID: b"1"}))]))
    file = pa.BufferOutputStream()
    with pq.ParquetWriter(file, schema) as writer:
        writer.write_table(pa.table([values], schema=schema))
    read = pq.read_table(pa.BufferReader(file.getvalue()))["c"]
    assert read.type.field("a").metadata == {FIELD_ID: b"1073742849"}
    restored = restore(read, t)
    assert (restored.type.equals(t, check_metadata=True), restored.to_pylist()) == (True, values.to_pylist())


def test_another_type_is_refused() -> None:
    """A column of quite another type is never passed off as the one that was written."""
    with pytest.raises(TypeError, match="string instead of int8"):
        restore(pa.chunked_array([["1"]]), pa.int8())
    written, read = pa.schema([("a", pa.int8())]), pa.schema([("a", pa.int16())])
    assert changed_by_parquet(written, read) == written.field("a")


class Unregistered(pa.ExtensionType):
    """A type that Arrow doesn't know when it reads."""

    def __init__(self) -> None:
        """It is kept as integers."""
        super().__init__(pa.int8(), "tests.unregistered")

    def __arrow_ext_serialize__(self) -> bytes:
        """It has no parameters."""
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> Unregistered:
        """It has no parameters."""
        return cls()


def test_a_type_that_is_refused_is_looked_at_again() -> None:
    """A type that Parquet doesn't give back is refused, and taken as soon as Arrow knows it."""
    kind = Unregistered()  # Arrow itself forgets it
    schema = pa.schema([("a", kind)])
    with pytest.raises(NotPreservableError, match="another type"):
        require_kept(schema)
    pa.register_extension_type(kind)
    try:
        require_kept(schema)
    finally:
        pa.unregister_extension_type("tests.unregistered")


WIDENED = [
    (pa.array([1, None], pa.int8()), pa.int64()),
    (pa.array([1], pa.uint8()), pa.int16()),
    (pa.array([2**53], pa.int64()), pa.float64()),
    (pa.array([1.5, math.inf], pa.float32()), pa.float64()),
    (pa.array(["a", None]), pa.large_string()),
    (pa.array([1], pa.timestamp("us", "UTC")), pa.timestamp("ns", "UTC")),
    (pa.nulls(2), pa.list_(pa.int8())),
    (pa.array([[1]], pa.list_(pa.int8())), pa.list_(pa.int64())),
    (pa.array(["a"]), pa.dictionary(pa.int32(), pa.string())),
    (pa.array([1], pa.decimal128(3, 1)), pa.decimal128(10, 2)),
]


@pytest.mark.parametrize(("values", "kind"), WIDENED)
def test_values_are_widened_without_loss(values: pa.Array, kind: pa.DataType) -> None:
    """Older files of a narrower type read as the version's type, with equal values."""
    widened = widen(pa.chunked_array([values]), pa.field("a", kind), table="t", version=1)
    assert widened.type == kind
    assert (
        widened.cast(values.type).to_pylist() == values.to_pylist()
        if values.type != pa.null()
        else widened.null_count
    )


NARROWED = [
    (pa.array([300], pa.int64()), pa.int8()),
    (pa.array([-1], pa.int64()), pa.uint64()),
    (pa.array([2**53 + 1], pa.int64()), pa.float64()),
    (pa.array([1.1], pa.float64()), pa.float32()),
    (pa.array([1.1], pa.float64()), pa.decimal128(10, 1)),
    (pa.array([1.1], pa.float64()), pa.string()),
    (pa.array([1], pa.timestamp("ns")), pa.timestamp("us")),
    (pa.array([1], pa.timestamp("us")), pa.timestamp("us", "UTC")),
    (pa.array(["1"]), pa.int64()),
    (pa.array([[1]]), pa.int64()),
    (pa.array([["1"]]), pa.list_(pa.int64())),
    (pa.array([{"a": 1}]), pa.struct([("a", pa.int64()), ("b", pa.int64())])),
]


@pytest.mark.parametrize(("values", "kind"), NARROWED)
def test_values_that_would_change_are_refused(values: pa.Array, kind: pa.DataType) -> None:
    """A type that can't hold an older file's values raises, and says which column it is."""
    with pytest.raises(SchemaMismatchError, match=r"Column 'a' of table 't', version 1, is .*fit"):
        widen(pa.chunked_array([values]), pa.field("a", kind), table="t", version=1)
