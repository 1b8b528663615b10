"""Manifests, lists of keys and schemas as bytes."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.format.keys_arrow import decode_keys, encode_keys
from atio_core.format.manifest_arrow import decode_difference, decode_manifest, decode_paths, encode_manifest
from atio_core.format.records import file_from_json, file_to_json
from atio_core.format.schema_arrow import INLINE_BYTES, decode_schema, encode_schema, inline_bytes, inline_ref
from atio_core.model.data_file import DataFile
from atio_core.model.entry import SchemaRef
from tests.support.strategies import data_files, paths, sixteens


@given(st.lists(data_files, max_size=4))
def test_a_manifest_comes_back_equal(files: list[DataFile]) -> None:
    """A manifest gives the records back in their order, and paths, sizes and lateness without opening them."""
    data = encode_manifest(files)
    assert tuple(files) == decode_manifest(data)
    assert [(file.path, file.size, file.late) for file in files] == decode_paths(data)


def test_a_record_is_opened_once() -> None:
    """Who reads one manifest again and again gets the records that were opened before."""
    data = encode_manifest([DataFile("data/x.parquet", "parquet", 1, 1, "d", 1, "f", 1)])
    (first,), (again,) = decode_manifest(data), decode_manifest(data)
    assert first is again


@given(st.lists(data_files, max_size=6, unique_by=lambda file: file.path), st.data())
def test_of_two_lists_of_manifests_only_what_differs_is_opened(
    files: list[DataFile], data: st.DataObject
) -> None:
    """Records that manifests on both sides have are left out, in whichever they are; the others come in their order."""
    old, new = (
        data.draw(st.lists(st.sampled_from(files), unique_by=id) if files else st.just([])) for _ in range(2)
    )
    cut = data.draw(st.integers(0, len(old)))
    manifests = [encode_manifest(old[:cut]), encode_manifest(old[cut:])]
    gone, came = decode_difference(manifests, [encode_manifest(new)])
    assert list(gone) == [file for file in old if file not in new]
    assert list(came) == [file for file in new if file not in old]
    assert decode_difference([], manifests) == ((), tuple(old))


@given(st.dictionaries(sixteens, st.integers(1, 2**62), max_size=20))
def test_a_list_of_keys_comes_back_equal(versions: dict[bytes, int]) -> None:
    """A list of keys gives each id's version back, and equal lists are equal bytes."""
    data = encode_keys(versions)
    assert versions == decode_keys(data)
    assert data == encode_keys(dict(reversed(versions.items())))


@given(data_files)
def test_a_record_comes_back_equal(file: DataFile) -> None:
    """The record of a data file is kept to the last field."""
    assert file == file_from_json(file_to_json(file))


def test_a_record_at_its_defaults_is_short() -> None:
    """What is at its default takes no room in an entry."""
    record = file_to_json(DataFile("data/x", "parquet", 1, 1, "d", 1, "f", 1))
    assert {"path", "format", "size", "rows", "digest", "footer", "schema", "commit", "time"} == set(record)


@given(paths)
def test_a_record_that_leaves_the_table_is_refused(path: str) -> None:
    """A manifest can't lead outside the table either."""
    with pytest.raises(ValueError, match="leaves the table"):
        decode_manifest(encode_manifest([DataFile(f"{path}/../../../../x", "parquet", 1, 1, "d", 1, "f", 1)]))


SCHEMA = pa.schema(
    [
        pa.field("é", pa.int64(), metadata={b"PARQUET:field_id": b"1"}),
        pa.field("", pa.list_(pa.string()), nullable=False),
    ],
    metadata={b"k": b"\xff\x00"},
)


def test_a_schema_comes_back_equal() -> None:
    """A schema is kept with its metadata and those of its columns; a small one lies in the reference."""
    plain = encode_schema(SCHEMA)
    ref = inline_ref(plain)
    assert ref is not None
    assert ref.path is None
    assert plain == inline_bytes(ref)
    assert SCHEMA.equals(decode_schema(inline_bytes(ref)), check_metadata=True)


def test_a_large_schema_is_not_inline() -> None:
    """An entry stays small: a schema beyond the bound gets a file of its own."""
    wide = encode_schema(
        pa.schema([(f"column {number * 7919 % 10007}", pa.int64()) for number in range(2000)])
    )
    assert inline_ref(wide) is None
    assert len(wide) > INLINE_BYTES
    with pytest.raises(ValueError, match="not inline"):
        inline_bytes(SchemaRef("d", path="_atio/schemas/x.arrow"))
