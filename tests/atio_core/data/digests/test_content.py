import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.digests.content import ContentDigest, content_digest
from atio_core.data.frames.frames import to_piece
from tests.support.frame_strategies import arrow_tables
from tests.support.frames import NASTY, sliced_entries, through_parquet


def digest_of(values: Any, t: pa.DataType | None = None) -> str:
    """Return the digest of one column."""
    return content_digest(pa.table({"x": values if t is None else pa.array(values, t)}))


@pytest.mark.parametrize(
    "t",
    [
        pa.int8(),
        pa.float16(),
        pa.time32("ms"),
        pa.binary(3),
        pa.decimal32(5),
        pa.decimal64(5),
        pa.decimal128(5),
        pa.decimal256(5),
        pa.timestamp("ns", "Asia/Seoul"),
        pa.duration("s"),
        pa.date64(),
        pa.bool_(),
        pa.uuid(),
    ],
    ids=str,
)
def test_each_value_counts_beside_nulls(t: Any) -> None:
    """Columns that differ in any one place have other digests, and their nulls no value: whatever lies there."""

    def column(*numbers: int | None) -> pa.Array:
        width = 1 if pa.types.is_boolean(t) else t.bit_width // 8
        data = b"".join((number or 77).to_bytes(width, "little") for number in numbers)
        valid = sum((number is not None) << place for place, number in enumerate(numbers))
        if pa.types.is_boolean(t):
            return pa.array([None if number is None else number % 2 == 1 for number in numbers])
        kind = t.storage_type if isinstance(t, pa.BaseExtensionType) else t
        found = pa.Array.from_buffers(kind, len(numbers), [pa.py_buffer(bytes([valid])), pa.py_buffer(data)])
        return pa.ExtensionArray.from_storage(t, found) if kind != t else found

    one: list[int | None] = [None, 2, 4, 6, 8]
    own = digest_of(column(*one))
    assert own == digest_of(pa.chunked_array([column(*one[:2]), column(*one[2:])]))
    for place in range(len(one)):
        other = [(number or 0) + 1 if at == place else number for at, number in enumerate(one)]
        assert digest_of(column(*other)) != own


@given(arrow_tables(), st.lists(st.floats(0, 1), max_size=4))
def test_the_digest_does_not_depend_on_how_rows_are_cut(table: pa.Table, cuts: list[float]) -> None:
    """Tables, batches and chunks of any length, sliced from anything, give the digest of the whole."""
    bounds = sorted({0, table.num_rows, *(int(part * table.num_rows) for part in cuts)})
    content = ContentDigest()
    content.update(table.slice(0, 0))
    for start, stop in itertools.pairwise(bounds):
        part = table.slice(start, stop - start)
        try:
            batches = [part.combine_chunks(), *part.slice(0, 0).to_batches()]
        except pa.ArrowNotImplementedError:  # not every type can be joined
            batches = [part]
        for rows in batches:
            content.update(rows)
    assert content.result() == content_digest(table)


@pytest.mark.parametrize(
    "t", [pa.string(), pa.int16(), pa.float64(), pa.binary(), pa.date32(), pa.duration("s")], ids=str
)
@given(values=st.lists(st.sampled_from([None, "a", "b", "", "c"]), max_size=9))
def test_the_digest_does_not_depend_on_encoding(t: pa.DataType, values: list[str | None]) -> None:
    """Dictionaries in any order, run-end-encoding and other layouts give the digest of their values."""
    some = {"a": "1", "b": "2", "": "3", "c": "4", None: None}
    text = pa.array(values if pa.types.is_string(t) else [some[value] for value in values], pa.string())
    plain = (
        text
        if pa.types.is_string(t)
        else text.cast(t if pa.types.is_binary(t) else pa.int64() if t.bit_width == 64 else pa.int32()).cast(
            t
        )
    )
    encoded = plain.dictionary_encode()
    shuffled = pa.DictionaryArray.from_arrays(
        pc.add(encoded.indices, pa.scalar(1, pa.int32())), pa.concat_arrays([plain[:1], encoded.dictionary])
    )
    others = [encoded, encoded.cast(pa.dictionary(pa.int8(), t)), pc.run_end_encode(plain)]
    others += [shuffled] if len(plain) and plain[0].is_valid else []
    others += [plain.cast(pa.string_view()), plain.cast(pa.large_string())] if pa.types.is_string(t) else []
    assert {digest_of(other) for other in others} == {digest_of(plain)}


@pytest.mark.parametrize("name", list(NASTY))
def test_the_digest_survives_the_file(name: str) -> None:
    """What is read back from Parquet has the digest of what was written."""
    table = to_piece(NASTY[name]()).table
    assert content_digest(through_parquet(table)) == content_digest(table)


def test_values_under_nulls_do_not_count() -> None:
    """Memory that no one can see is no content."""
    for t in (
        pa.int8(),
        pa.int32(),
        pa.float64(),
        pa.timestamp("us", "UTC"),
        pa.decimal128(38, 1),
        pa.binary(2),
        pa.float16(),
    ):
        ones = pa.py_buffer(b"\x01" * 2 * (t.bit_width // 8))
        shown = pa.Array.from_buffers(t, 2, [None, ones])
        hidden = pa.Array.from_buffers(t, 2, [pa.py_buffer(b"\x01"), ones])
        assert hidden.null_count == 1
        assert digest_of(hidden) == digest_of([shown[0].as_py(), None], t)
    flags = pa.Array.from_buffers(pa.bool_(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(b"\x03")])
    assert digest_of(flags) == digest_of([True, None], pa.bool_())
    hidden = pa.Array.from_buffers(
        pa.string(), 2, [pa.py_buffer(b"\x01"), *pa.array(["a", "bc"]).buffers()[1:]]
    )
    assert hidden.to_pylist() == ["a", None]
    assert digest_of(hidden) == digest_of(["a", None], pa.string())


def test_lists_under_nulls_do_not_count() -> None:
    """The elements of a null list, and the fields of a null struct, are no content."""
    lists = pa.array([[1], [2, 3], [4]])
    validity = pa.py_buffer(b"\x05")
    hidden = pa.Array.from_buffers(lists.type, 3, [validity, lists.buffers()[1]], children=[lists.values])
    assert hidden.to_pylist() == [[1], None, [4]]
    assert digest_of(hidden) == digest_of([[1], None, [4]], lists.type)
    structs = pa.array([{"a": 1}, {"a": 2}])
    hidden = pa.Array.from_buffers(structs.type, 2, [pa.py_buffer(b"\x01")], children=[structs.field(0)])
    assert digest_of(hidden) == digest_of([{"a": 1}, None], structs.type)


def test_maps_count_from_where_their_entries_begin() -> None:
    """The entries of maps may be a slice: each of them counts, and what lies before it doesn't."""
    one, two = (
        pa.array([[(1, "a")], [(2, "b"), (3, last)]], pa.map_(pa.int8(), pa.string())) for last in "cd"
    )
    assert digest_of(sliced_entries(one)) == digest_of(one) != digest_of(sliced_entries(two))
    assert digest_of(sliced_entries(one)[1:]) == digest_of(one[1:])


DIFFERENT: list[tuple[Any, Any]] = [
    (pa.array([1, 2]), pa.array([2, 1])),
    (pa.array([1, 2]), pa.array([1, None])),
    (pa.array([0, 2]), pa.array([None, 2])),
    (pa.array([None, 1]), pa.array([1, None])),
    (pa.array([1]), pa.array([1], pa.int32())),
    (pa.array([1], pa.timestamp("us")), pa.array([1], pa.timestamp("us", "UTC"))),
    (pa.array([1], pa.timestamp("us")), pa.array([1], pa.duration("us"))),
    (pa.array([0.0]), pa.array([-0.0])),
    (pa.array(np.array([np.nan]), from_pandas=False), pa.array(np.array([-np.nan]), from_pandas=False)),
    (pa.array([np.nan], from_pandas=False), pa.array([None], pa.float64())),
    (pa.array([True, False]), pa.array([False, True])),
    (pa.array(["a", "bc"]), pa.array(["ab", "c"])),
    (pa.array(["", None]), pa.array([None, ""])),
    (pa.array(["a"]), pa.array([b"a"])),
    (pa.array([[1], [2, 3]]), pa.array([[1, 2], [3]])),
    (pa.array([[], None]), pa.array([None, []], pa.list_(pa.null()))),
    (pa.array([[None]], pa.list_(pa.int8())), pa.array([[0]], pa.list_(pa.int8()))),
    (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), pa.array([[1, 2]], pa.list_(pa.int8()))),
    (pa.array([{"a": 1}]), pa.array([{"b": 1}])),
    (pa.array([{"a": None}], pa.struct([("a", pa.int8())])), pa.array([None], pa.struct([("a", pa.int8())]))),
    (pa.array([{"a": 1, "b": 2}]), pa.array([{"a": 2, "b": 1}])),
    (
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())),
        pa.array([[("a", 2)]], pa.map_(pa.string(), pa.int8())),
    ),
    (pa.nulls(1), pa.nulls(2)),
    (pa.nulls(1), pa.nulls(1, pa.int8())),
    (pa.array([1]), pa.array([1, 0])),
]


@pytest.mark.parametrize(("one", "two"), DIFFERENT, ids=range(len(DIFFERENT)))
def test_different_columns_have_different_digests(one: pa.Array, two: pa.Array) -> None:
    """Values, their bits, nulls, lengths and types all count."""
    assert digest_of(one) != digest_of(two)


few_values = {
    pa.string(): st.sampled_from([None, "", "a", "ab", "b"]),
    pa.int8(): st.sampled_from([None, 0, 1]),
    pa.bool_(): st.sampled_from([None, False, True]),
    pa.list_(pa.int8()): st.sampled_from([None, [], [None], [0], [0, 0], [1]]),
    pa.list_(pa.int8(), 1): st.sampled_from([None, [None], [0], [1]]),
    pa.struct([("a", pa.int8())]): st.sampled_from([None, {"a": None}, {"a": 0}]),
    pa.map_(pa.string(), pa.int8()): st.sampled_from(
        [None, [], [("", None)], [("a", 0)], [("", 0), ("a", 0)]]
    ),
}


@pytest.mark.parametrize("t", few_values, ids=str)
@given(data=st.data())
def test_digests_are_equal_just_if_values_are(t: pa.DataType, data: st.DataObject) -> None:
    """No two columns of different values share a digest, wherever their nulls and lengths lie."""
    one, two = (data.draw(st.lists(few_values[t], max_size=3)) for _ in range(2))
    assert (digest_of(one, t) == digest_of(two, t)) == (one == two)


def test_names_and_order_of_columns_count() -> None:
    """The same columns under other names, or in another order, are other content."""
    a, b = pa.array([1]), pa.array([2])
    tables = [
        pa.table({"a": a, "b": b}),
        pa.table({"b": b, "a": a}),
        pa.table({"a": b, "b": a}),
        pa.table({"a": a}),
    ]
    assert len({content_digest(table) for table in tables}) == len(tables)


def test_what_the_frame_was_counts_and_ids_do_not() -> None:
    """The layout is content (a category isn't text), metadata of fields isn't."""
    table = pa.table({"a": ["x"]})
    assert content_digest(to_piece(table).table) != content_digest(table)
    field = table.schema.field("a").with_metadata({b"PARQUET:field_id": b"1"})
    assert content_digest(table.cast(pa.schema([field]))) == content_digest(table)


def test_the_digest_stays_the_same_from_release_to_release() -> None:
    """Digests that lie in tables can be compared with new ones."""
    table = pa.table({"i": [1, None], "s": ["a", "ä"], "l": [[0.5], None], "t": [{"k": True}, None]})
    assert content_digest(table) == "xxh3-128:aaba33f3803942b0426a8772f53b8cfb"
