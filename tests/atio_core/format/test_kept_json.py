"""Records of kept stages, as they lie in a table."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import DamagedError, NewerFormatError
from atio_core.format.kept_json import KeptRecord, decode_kept, encode_kept
from atio_core.format.seal import seal
from atio_core.format.staged_json import StagedChange
from atio_core.model.entry import SchemaRef, Totals
from atio_core.model.staged import StagedFiles, StoredChange
from atio_core.times import LAST_US
from tests.support.strategies import staged_changes

ID = uuid.UUID("018bcfe5-6800-7000-8000-000000000001")
CHANGE = StagedFiles((), SchemaRef("xxh3-128:00"), "xxh3-128:01")
RECORD = KeptRecord(StagedChange(ID, None, 0, 0, "append", Totals(), CHANGE), 1_700_000_000_000_000)
records = st.builds(
    KeptRecord,
    staged_changes.filter(lambda one: isinstance(one.change, StagedFiles)),
    st.integers(0, LAST_US),
)


def decode(data: bytes, stage_id: uuid.UUID = ID) -> KeptRecord:
    """Decode as the table does."""
    return decode_kept(data, path=f"_atio/staged/{stage_id}.json", stage_id=stage_id, table="t")


def resealed(**changes: Any) -> bytes:
    """Return a record with other fields and the digest that fits them."""
    fields = json.loads(encode_kept(RECORD)) | changes
    fields.pop("digest")
    return seal(fields)


@given(records)
def test_a_record_comes_back_equal(record: KeptRecord) -> None:
    """Whatever a stage brings, its record says so."""
    assert decode(encode_kept(record), record.staged.id) == record


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_is_found(bit: int) -> None:
    """No bit of a record can change without a read saying so."""
    data = encode_kept(RECORD)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit
        with pytest.raises(DamagedError, match="kept stage") as caught:
            decode(bytes(damaged))
        assert caught.value.facts["path"].endswith(".json")


def test_a_record_under_another_name_is_found() -> None:
    """A record that was copied to the one of this name's name is damage; so is one that lists no files itself."""
    with pytest.raises(DamagedError, match="the one of this name"):
        decode(encode_kept(RECORD), uuid.UUID(int=ID.int ^ 1))
    stored = replace(RECORD.staged, change=StoredChange("xxh3-128:00", 7))
    with pytest.raises(DamagedError, match="the one of this name"):
        decode(encode_kept(KeptRecord(stored, 0)))
    with pytest.raises(TypeError):
        _ = KeptRecord(stored, 0).files


_BAD: list[dict[str, Any]] = [
    {"until": None},
    {"until": -1},
    {"until": LAST_US + 1},
    {"until": True},
    {"staged": None},
    {"staged": {}},
    {"format": "1"},
]


@pytest.mark.parametrize("changes", _BAD, ids=[f"{number}" for number in range(len(_BAD))])
def test_what_does_not_follow_the_format_is_damage(changes: dict[str, Any]) -> None:
    """Bytes with the right digest that are no record are damage."""
    with pytest.raises(DamagedError, match="doesn't follow the format"):
        decode(resealed(**changes))


def test_a_newer_format_is_told_from_damage() -> None:
    """A record of a later release asks for an upgrade."""
    with pytest.raises(NewerFormatError, match="upgrade"):
        decode(resealed(format=2, staged="in a form that is not known yet"))
