"""Pins, as they lie in a store."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import DamagedError, NewerFormatError
from atio_core.format.names import pin_path
from atio_core.format.pin_json import Pin, decode_pin, encode_pin
from atio_core.format.seal import seal

PIN = Pin("run 7", "0b1d", 3, 1_700_000_000_000_000)
texts = st.text(st.characters(exclude_categories=["Cs"]))


def decode(data: bytes, path: str = pin_path("run 7", "0b1d")) -> Pin:
    """Decode as a store does."""
    return decode_pin(data, path=path, store="s")


def resealed(**changes: Any) -> bytes:
    """Return a pin with other fields and the digest that fits them."""
    fields = json.loads(encode_pin(PIN)) | changes
    fields.pop("digest")
    return seal(fields)


@given(st.builds(Pin, texts, texts, st.integers(1), st.integers(0)))
def test_a_pin_comes_back_equal(pin: Pin) -> None:
    """Whatever is pinned is read as it was pinned."""
    assert decode(encode_pin(pin), pin_path(pin.reader, pin.table_id)) == pin


def test_a_flipped_bit_is_found() -> None:
    """No bit of a pin can change without a read saying so."""
    data = encode_pin(PIN)
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        with pytest.raises((DamagedError, NewerFormatError)):
            decode(bytes(damaged))


@pytest.mark.parametrize(
    "changes",
    [
        {"reader": "other"},
        {"table": "other"},
        {"version": 0},
        {"version": True},
        {"version": "3"},
        {"time": -1},
        {"time": None},
        {"reader": 7},
    ],
    ids=str,
)
def test_what_is_no_pin_of_this_name(changes: dict[str, Any]) -> None:
    """A pin of another reader or table, and values that none has, are damage."""
    with pytest.raises(DamagedError, match="the one of this name"):
        decode(resealed(**changes))


def test_a_later_format() -> None:
    """A pin of a later release asks for an upgrade."""
    with pytest.raises(NewerFormatError, match="upgrade atio"):
        decode(resealed(format=2))
