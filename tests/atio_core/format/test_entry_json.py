from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atio_core.errors import DamagedError, NewerFormatError
from atio_core.format.digest import digest
from atio_core.format.entry_json import FORMAT, Outlines, decode_entry, encode_entry
from atio_core.format.seal import seal
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.model.entry import (
    DAY_US,
    NO_KEY,
    DataVersion,
    KeyListRef,
    LogEntry,
    PartitionField,
    Recent,
    SchemaRef,
    Tag,
    Tags,
    Totals,
    empty_entry,
)
from atio_core.model.manifest import ManifestRef
from atio_core.model.outline import Outline
from atio_core.model.ranges import VersionRanges
from tests.support.strategies import entries

GOLDEN = Path(__file__).parents[2] / "golden" / "entry-format-1.json"

FULL = LogEntry(
    table_id="6f1d8c1e-8c84-4b43-9a2e-1f0e3c5a7b90",
    version=300,
    commit_id="018bcfe568007000800000000000012c",
    parent_commit_id="018bcfe568007000800000000000012b",
    clock_us=1_700_000_000_000_000,
    time_us=1_700_000_000_500_000,
    operation="append",
    data=DataVersion(
        300,
        1_700_000_000_500_000,
        "append",
        "a “message”",
        {"run": "r-1"},
        Totals(1, 10, 1000),
        Totals(),
        "kim@desk",
    ),
    schema=2,
    schemas={
        1: SchemaRef(digest(b"one"), inline=b"\x00\x01\x02"),
        2: SchemaRef(digest(b"two"), path="_atio/schemas/018bcfe5-6800-7000-8000-000000000001.arrow"),
    },
    last_schema=2,
    last_column=7,
    partition_fields=(PartitionField("day"), PartitionField("region", 3)),
    manifests=(
        ManifestRef(
            "_atio/manifests/018bcfe5-6800-7000-8000-000000000002.arrow",
            digest(b"manifest"),
            512,
            17,
            170,
            17_000,
            0,
            (("str:2013-01-01", "str:2013-01-17"), ("", "str:é")),
        ),
    ),
    files=(
        DataFile(
            path="data/day=2013-01-18/region=%null/018bcfe5-6800-7000-8000-000000000003.parquet",
            format="parquet",
            size=1000,
            rows=10,
            digest=digest(b"file"),
            footer_size=100,
            footer_digest=digest(b"footer"),
            schema=2,
            partition=("2013-01-18", None),
            stats={1: ColumnStats(0, 1, 10), 2: ColumnStats(None, "a", "b")},
            commit_id="018bcfe568007000800000000000012c",
            time_us=1_700_000_000_000_000,
            late=True,
            piece={"index": [0, 10, 1]},
        ),
    ),
    totals=Totals(18, 180, 18_000),
    content=digest(b"content"),
    tags=Tags({"before the move": Tag(7), "lease": Tag(290, 1_700_003_600_000_000)}),
    retained=VersionRanges(((7, 7), (280, 300))),
    horizon_us=1_699_990_000_000_000,
    grace_us=60_000_000,
    key_retention_us=7 * DAY_US,
    recent=Recent(
        (b"c" * 16, b"d" * 16), (b"k" * 16, NO_KEY), (1_700_000_000_500_000, 1_700_000_000_000_000)
    ),
    key_lists=(
        KeyListRef(
            "_atio/keys/018bcfe5-6800-7000-8000-000000000004.arrow", digest(b"keys"), 2048, 300, 1, 298, 5, 9
        ),
    ),
    reader_features=(),
    writer_features=("a-feature",),
)


def decode(data: bytes, version: int = 300) -> LogEntry:
    """Decode as the log does."""
    return decode_entry(data, path=f"_atio/log/999998/211-{version}.json", version=version, table="t")


def resealed(data: bytes, /, **changes: Any) -> bytes:
    """Return an entry with other fields and the digest that fits them."""
    fields = json.loads(data) | changes
    fields.pop("digest")
    head = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()[:-1]
    return head + b',"digest":"' + digest(head).encode() + b'"}\n'


@given(entries)
@example(FULL)
@example(empty_entry("t").with_(version=1))
def test_an_entry_comes_back_equal(entry: LogEntry) -> None:
    """Whatever an entry says of a table, be it odd strings in messages, tags or values, is read as it was written."""
    assert entry == decode(encode_entry(entry), entry.version)


def test_an_entry_is_one_line_of_json() -> None:
    """People and other tools can read an entry: it is JSON in UTF-8, on one line, its format first."""
    data = encode_entry(FULL)
    assert data.startswith(b'{"format":1,')
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    assert json.loads(data)["data"][3] == "a “message”"


def test_entries_of_format_1_stay_readable() -> None:
    """What a release wrote in format 1 is read by every later one, to the last field."""
    assert decode(GOLDEN.read_bytes()) == replace(FULL, data=replace(FULL.data, who=None))


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_is_found(bit: int) -> None:
    """No single bit of an entry can change without a read saying so; never is another entry read."""
    data = encode_entry(FULL)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit
        with pytest.raises(DamagedError):
            decode(bytes(damaged))


def test_a_cut_entry_is_found() -> None:
    """An entry of which any part is missing at the end, be it one byte, is damaged."""
    data = encode_entry(FULL)
    for length in range(len(data)):
        with pytest.raises(DamagedError):
            decode(data[:length])


@given(entries, st.data())
def test_any_other_byte_is_found(entry: LogEntry, draw: st.DataObject) -> None:
    """Whatever byte of whatever entry becomes another, or comes in between, the read fails."""
    data = encode_entry(entry)
    place = draw.draw(st.integers(0, len(data) - 1))
    other = draw.draw(st.integers(0, 255).filter(lambda byte: byte != data[place]))
    for damaged in (
        data[:place] + bytes([other]) + data[place + 1 :],
        data[:place] + bytes([other]) + data[place:],
        data[:place] + data[place + 1 :],
    ):
        if damaged != data:
            with pytest.raises(DamagedError):
                decode(damaged, entry.version)


def test_an_entry_of_another_version_is_found() -> None:
    """An entry that lies under another version's name is damage, and the error says which file."""
    with pytest.raises(DamagedError, match="the one of this name") as caught:
        decode(encode_entry(FULL), version=299)
    assert caught.value.facts["path"] == "_atio/log/999998/211-299.json"
    assert caught.value.version == 299


@pytest.mark.parametrize(
    "path",
    ["../data/x", "data/../../x", "/data/x", "data//x", "other/x", "data/a\\b", "data/a\0", "", "data/./x"],
    ids=ascii,
)
def test_a_path_that_leaves_the_table_is_refused(path: str) -> None:
    """An entry can't make atio read or delete a file outside the table, wherever the path stands."""
    data = encode_entry(FULL)
    fields = json.loads(data)
    file, manifest, keys = fields["files"][0], fields["manifests"][0], fields["key_lists"][0]
    for changes in (
        {"files": [file | {"path": path}]},
        {"manifests": [[path, *manifest[1:]]]},
        {"key_lists": [[path, *keys[1:]]]},
        {"schemas": fields["schemas"] | {"2": {"digest": "d", "path": path}}},
    ):
        with pytest.raises(DamagedError, match="leaves the table"):
            decode(resealed(data, **changes))


def test_a_newer_format_is_told_from_damage() -> None:
    """An entry of a later format asks for an upgrade, and is never taken for damage or read half."""
    with pytest.raises(NewerFormatError, match="upgrade"):
        decode(resealed(encode_entry(FULL), format=FORMAT + 1, recent="in a form that is not known yet"))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "300"},
        {"recent": {}},
        {"recent": {"commits": "no base64!", "times": []}},
        {"files": [{}]},
        {"data": None},
        {"retained": [1]},
        {"format": None},
    ],
    ids=str,
)
def test_what_does_not_follow_the_format_is_damage(changes: dict[str, Any]) -> None:
    """Bytes with the right digest that still aren't an entry are damage, not a stray error of Python's."""
    with pytest.raises(DamagedError):
        decode(resealed(encode_entry(FULL), **changes))


def test_what_is_no_json_is_damage() -> None:
    """Bytes with the right digest that aren't JSON are damage."""
    head = b'{"format":1,'
    with pytest.raises(DamagedError):
        decode(head + b',"digest":"' + digest(head).encode() + b'"}\n')


@given(entries)
@example(FULL)
def test_an_outline_says_the_same_of_files(entry: LogEntry) -> None:
    """Whatever an entry says: in outline it names the same files, lists and schemas, under the same number and id."""
    outlines = Outlines()
    data = encode_entry(entry)
    found = outlines.decode(data, path="a", version=entry.version, table="t")
    whole = Outline.of(entry)
    assert found.named_beside_manifests == whole.named_beside_manifests
    refs = [[(ref.path, ref.digest, ref.size) for ref in one.manifests] for one in (found, whole)]
    assert refs[0] == refs[1]
    for name in ("table_id", "version", "commit_id", "totals", "reader_features"):
        assert getattr(found, name) == getattr(whole, name)
    said = (entry.data.version, entry.data.time_us, entry.data.operation)
    assert (found.data.version, found.data.time_us, found.data.operation) == said


def test_outlines_share_what_they_name() -> None:
    """Thousands of entries name the same files: each is kept once."""
    outlines, data = Outlines(), encode_entry(FULL)
    one, other = (outlines.decode(data, path="a", version=FULL.version, table="t") for _ in range(2))
    assert all(a is b for a, b in zip(one.files, other.files, strict=True))
    assert all(a is b for a, b in zip(one.manifests, other.manifests, strict=True))
    assert one.files
    assert one.manifests


def test_a_damaged_outline_raises() -> None:
    """What isn't what was written, leaves the table or belongs under another name is refused as in whole."""
    data = encode_entry(FULL)
    for wrong, version in ((data.replace(b"append", b"upsert"), FULL.version), (data, FULL.version + 1)):
        with pytest.raises(DamagedError):
            Outlines().decode(wrong, path="a", version=version, table="t")
    outside = seal(json.loads(data) | {"files": [{"path": "../x", "size": 1}], "digest": None})
    with pytest.raises(DamagedError):
        Outlines().decode(outside, path="a", version=FULL.version, table="t")
