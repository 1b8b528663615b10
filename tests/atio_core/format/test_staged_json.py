"""Descriptors of staged changes: small texts that come back as they were, or are refused."""

from __future__ import annotations

import json
import pickle
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atio_core.errors import AtioError, DamagedError, InvalidInputError, NewerFormatError
from atio_core.format.digest import digest
from atio_core.format.seal import seal
from atio_core.format.staged_json import FORMAT, StagedChange, decode_change, encode_change
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.model.entry import PartitionField, SchemaRef, Totals
from atio_core.model.staged import StagedFiles, StoredChange
from tests.support.strategies import staged_changes

ID = uuid.UUID("018bcfe5-6800-7000-8000-000000000001")
PATH = "data/day=2013-01-18/018bcfe5-6800-7000-8000-000000000003.parquet"
CHANGE = StagedFiles(
    files=(
        DataFile(
            path=PATH,
            format="parquet",
            size=1000,
            rows=10,
            digest=digest(b"file"),
            footer_size=100,
            footer_digest=digest(b"footer"),
            schema=0,
            partition=("2013-01-18",),
            stats={1: ColumnStats(0, 1, 10), 2: ColumnStats(None, "a", "é")},
            commit_id="018bcfe568007000800000000000012c",
            time_us=1_700_000_000_000_000,
            piece={"content": digest(b"rows")},
        ),
    ),
    schema=SchemaRef(digest(b"schema"), inline=b"\x00\x01"),
    content=digest(b"rows"),
    fields=(PartitionField("day"),),
    partitions=(("2013-01-18",), ("2013-01-19",)),
)
FULL = StagedChange(
    ID, "6f1d8c1e-8c84-4b43-9a2e-1f0e3c5a7b90", 300, 298, "overwrite_partitions", Totals(1, 10, 1000), CHANGE
)


def resealed(staged: StagedChange, /, **changes: Any) -> str:
    """Return a descriptor with other fields and the digest that fits them."""
    fields = json.loads(staged.to_json()) | changes
    fields.pop("digest")
    return seal(fields).decode()


def changed(**changes: Any) -> dict[str, Any]:
    """Return the change of a descriptor with other fields."""
    return json.loads(FULL.to_json())["change"] | changes


def file_with(**changes: Any) -> dict[str, Any]:
    """Return the change of a descriptor with other fields in the record of its file."""
    (record,) = json.loads(FULL.to_json())["change"]["files"]
    return changed(files=[record | changes])


@given(staged_changes)
@example(FULL)
@example(replace(FULL, table_id=None, change=StoredChange(digest(b"list"), 7)))
def test_a_descriptor_comes_back_equal(staged: StagedChange) -> None:
    """Sent as text or pickled, a descriptor arrives as it was."""
    assert StagedChange.from_json(staged.to_json()) == staged
    assert pickle.loads(pickle.dumps(staged)) == staged
    assert "\n" not in staged.to_json()


@given(staged_changes)
def test_a_list_of_files_comes_back_equal(staged: StagedChange) -> None:
    """What is too long for a descriptor is read from its file as it was written."""
    if isinstance(staged.change, StagedFiles):
        assert decode_change(encode_change(staged.id, staged.change)) == staged.change


@given(st.data())
def test_any_other_character_is_found(draw: st.DataObject) -> None:
    """Whatever character becomes another on the way, the descriptor is refused, and never taken for another one."""
    text = FULL.to_json()
    place = draw.draw(st.integers(0, len(text) - 1))
    other = draw.draw(st.characters(exclude_categories=["Cs"]).filter(lambda one: one != text[place]))
    for damaged in (text[:place] + other + text[place + 1 :], text[:place], text[:place] + text[place + 1 :]):
        if damaged.strip() != text:
            with pytest.raises((DamagedError, InvalidInputError)):
                StagedChange.from_json(damaged)


def test_a_pickle_is_verified() -> None:
    """A descriptor that was damaged inside a pickle is found too."""
    data = pickle.dumps(FULL)
    with pytest.raises(DamagedError, match="changed on its way"):
        pickle.loads(
            data.replace(b'"operation":"overwrite_partitions"', b'"operation":"overwrite_partitionz"')
        )


@pytest.mark.parametrize(
    "text", ["", "{}", "null", "\ud800", "hello", '{"format":1}', b"{}", None, 3], ids=ascii
)
def test_what_is_no_descriptor_is_refused(text: Any) -> None:
    """Anything else is refused by its name."""
    with pytest.raises(InvalidInputError, match=r"StagedChange\.to_json|Unicode"):
        StagedChange.from_json(text)


@pytest.mark.parametrize(
    "path",
    [
        "../data/018bcfe5-6800-7000-8000-000000000003.parquet",
        "/data/018bcfe5-6800-7000-8000-000000000003.parquet",
        "data/../_atio/log/018bcfe5-6800-7000-8000-000000000003.parquet",
        "data//018bcfe5-6800-7000-8000-000000000003.parquet",
        "data/a\\b/018bcfe5-6800-7000-8000-000000000003.parquet",
        "_atio/manifests/018bcfe5-6800-7000-8000-000000000003.arrow",
        "_atio/tmp/018bcfe5-6800-7000-8000-000000000003.parquet",
        "data/018bcfe5-6800-7000-8000-000000000003.tmp",
        "data/018BCFE5-6800-7000-8000-000000000003.parquet",
        "data/018bcfe5-6800-4000-8000-000000000003.parquet",
        "data/x.parquet",
        "",
    ],
    ids=ascii,
)
def test_a_path_that_is_no_data_file_is_refused(path: str) -> None:
    """A descriptor can't make atio read or name anything but a data file of the table."""
    with pytest.raises(InvalidInputError, match="doesn't follow the format"):
        StagedChange.from_json(resealed(FULL, change=file_with(path=path)))


_BAD: list[dict[str, Any]] = [
    {"stage": "../x"},
    {"stage": str(uuid.uuid4())},
    {"stage": str(ID).upper()},
    {"stage": 3},
    {"table": 3},
    {"entry": -1},
    {"entry": "7"},
    {"entry": True},
    {"base": 1.5},
    {"operation": "expire"},
    {"change": changed(kind=1)},
    {"change": changed(kind="json")},
    {"change": changed(replaced=None)},
    {"change": changed(replaced=[[]])},
    {"change": changed(replaced=[[["data/x.parquet"]], []])},
    {"change": changed(replaced=[[["../x", 0]], []])},
    {"change": changed(replaced=[[["data/x", -1]], []])},
    {"change": changed(replaced=[[["data/x", 2]], []])},
    {"change": changed(replaced=[[["data/x", 0], ["data/x", 1]], []])},
    {"change": changed(replaced=[[["data/x", 0]], ["/etc"]])},
    {"operation": None},
    {"totals": [1, 2]},
    {"totals": [1, 2, -3]},
    {"totals": None},
    {"change": None},
    {"change": []},
    {"stored": ["d"]},
    {"stored": ["d", -1]},
    {"stored": [1, 1]},
    {"format": None},
    {"format": True},
    {"change": changed(files=None)},
    {"change": changed(files=[{}])},
    {"change": changed(schema=None)},
    {"change": changed(schema=["d", "no base64!"])},
    {"change": changed(schema=[1, None])},
    {"change": changed(content=None)},
    {"change": changed(partition_fields=[1])},
    {"change": changed(partition_fields=[["day"]])},
    {"change": changed(partition_fields=[["day", "1"]])},
    {"change": changed(partition_fields=[])},
    {"change": changed(sort_by=["1"])},
    {"change": changed(partitions=[["a", "b"]])},
    {"change": changed(partitions=[[{}]])},
    {"change": file_with(size="1000")},
    {"change": file_with(size=-1)},
    {"change": file_with(rows=None)},
    {"change": file_with(footer=[1])},
    {"change": file_with(footer=[-1, "d"])},
    {"change": file_with(digest=5)},
    {"change": file_with(format=["parquet"])},
    {"change": file_with(partition=["a", "b"])},
    {"change": file_with(partition=[["a"]])},
    {"change": file_with(stats={"1": [0, [], 1]})},
    {"change": file_with(stats={"x": [0, 1, 1]})},
    {"change": file_with(piece=[])},
    {"change": file_with(time="now")},
]


@pytest.mark.parametrize("changes", _BAD, ids=[f"{number:02}" for number in range(len(_BAD))])
def test_what_does_not_follow_the_format_is_refused(changes: dict[str, Any]) -> None:
    """A text with the right digest that isn't a descriptor is refused, whatever is wrong with it."""
    with pytest.raises(InvalidInputError, match="doesn't follow the format"):
        StagedChange.from_json(resealed(FULL, **changes))


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "1e999", "[" * 100_000 + "]" * 100_000], ids=lambda text: text[:3]
)
def test_what_json_can_not_hold_is_refused(text: str) -> None:
    """Numbers that are none and lists without end are refused like anything else."""
    body = FULL.to_json().replace('"partitions":[["2013-01-18"],', f'"partitions":[[{text}],')
    head = body.rpartition(',"digest":"')[0]
    with pytest.raises(InvalidInputError, match="doesn't follow the format"):
        StagedChange.from_json(f'{head},"digest":"{digest(head.encode())}"}}')


def test_a_newer_format_is_told_from_damage() -> None:
    """A descriptor of a later release asks for an upgrade."""
    with pytest.raises(NewerFormatError, match="upgrade"):
        StagedChange.from_json(resealed(FULL, format=FORMAT + 1, change="in a form that is not known yet"))


def test_fields_that_are_not_known_are_passed_over() -> None:
    """A later release may say more."""
    assert StagedChange.from_json(resealed(FULL, more={"to": "come"})) == FULL


def test_messages_stay_short() -> None:
    """However long a text is that is no descriptor, the message shows a part of it."""
    with pytest.raises(AtioError) as caught:
        StagedChange.from_json("x" * 1_000_000)
    assert len(str(caught.value)) < 1_000
