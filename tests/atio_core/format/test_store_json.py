"""Entries of a store's log, as they lie in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import DamagedError, NewerFormatError
from atio_core.format.seal import seal
from atio_core.format.store_json import decode_store_entry, encode_store_entry
from atio_core.model.store_entry import ReleasedTable, StoreEntry

ENTRY = StoreEntry(
    2, "release", "ab", "cd", 1_700_000_000_000_000, "first", None, {"t": ReleasedTable(1, "x")}
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
tables = st.dictionaries(texts, st.builds(ReleasedTable, st.integers(1), texts), max_size=3)
entries = st.builds(
    StoreEntry,
    st.just(2),
    st.sampled_from(["begin", "release", "drop", "void", "retention"]),
    texts,
    texts,
    st.integers(0),
    st.none() | texts,
    st.none() | texts,
    tables,
    st.none() | st.integers(1),
    st.dictionaries(texts, st.integers()),
)


def decode(data: bytes, number: int = 2) -> StoreEntry:
    """Decode as the log does."""
    return decode_store_entry(data, path="_atio/releases/999999/061-2.json", number=number, store="s")


def resealed(**changes: Any) -> bytes:
    """Return an entry with other fields and the digest that fits them."""
    fields = json.loads(encode_store_entry(ENTRY)) | changes
    fields.pop("digest")
    return seal(fields)


@given(entries)
def test_an_entry_comes_back_equal(entry: StoreEntry) -> None:
    """Whatever is said of a store is read as it was said."""
    assert decode(encode_store_entry(entry)) == entry


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_is_found(bit: int) -> None:
    """No bit of an entry can change without a read saying so."""
    data = encode_store_entry(ENTRY)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit
        with pytest.raises(DamagedError, match="bring the file back"):
            decode(bytes(damaged))


@pytest.mark.parametrize(
    "changes", [{"number": 3}, {"tables": [1]}, {"tables": {"t": [1]}}, {"time": None} | {"id": 1}]
)
def test_what_does_not_follow_the_format_is_damage(changes: dict[str, Any]) -> None:
    """An entry under another's name, or of another shape, is no entry."""
    if "time" in changes:
        data = seal(
            {name: value for name, value in json.loads(encode_store_entry(ENTRY)).items() if name != "time"}
        )
    else:
        data = resealed(**changes)
    with pytest.raises(DamagedError):
        decode(data)


@pytest.mark.parametrize("changes", [{"format": 2}, {"kind": "merge"}])
def test_a_later_release_may_say_more(changes: dict[str, Any]) -> None:
    """What this release doesn't know isn't guessed."""
    with pytest.raises(NewerFormatError, match="upgrade"):
        decode(resealed(**changes))
