from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atio_core.errors import InvalidInputError
from atio_core.model.partition import segment, value_segment

PLAIN = re.compile(r"[A-Za-z0-9_%-]+")
values = (
    st.none()
    | st.text(max_size=200)
    | st.sampled_from(["%null", "%empty", "null", "None", "a/b", "..", ".", "a%2Fb"])
)


@given(values, values)
@example(None, "%null")
@example("", "%empty")
@example("x" * 101, "x" * 102)
@example("é" * 40, "é" * 41)
@example("e\u0301", "é")
def test_each_value_has_a_folder_of_its_own(one: str | None, other: str | None) -> None:
    """Two values never share a folder, however alike they look, and however long they are."""
    assert (one == other) == (value_segment("day", one) == value_segment("day", other))


@given(st.text(max_size=300))
@example("")
@example("..")
@example("CON")
def test_a_segment_is_safe(text: str) -> None:
    """Any text becomes one part of a path, of plain characters, that no file system cuts or folds into another."""
    made = segment(text)
    assert PLAIN.fullmatch(made)
    assert len(made) <= 130
    assert made == unicodedata.normalize("NFD", made)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_field_and_value_do_not_mix(field: str, one: str, other: str) -> None:
    """The `=` between field and value is the only one, so that none of both can be taken for a part of the other."""
    assert value_segment(field, f"{one}={other}").count("=") == 1


def test_half_a_character_is_refused() -> None:
    """A lone surrogate has no bytes in UTF-8, so it can't be a partition: the error says so."""
    with pytest.raises(InvalidInputError, match="surrogate"):
        segment("\ud800")
