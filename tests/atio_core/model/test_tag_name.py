from __future__ import annotations

from typing import Any

import pytest

from atio_core.errors import InvalidInputError
from atio_core.model.tag_name import looks_like_number, require_tag_name

GOOD = [
    "v1",
    "before the move",
    "2024-01-01",
    "1.2.3",
    "ü",
    "a/b",
    "releases",
    "lease",
    "Nan",
    "a" * 255,
    "後",
]
BAD: list[Any] = [
    "",
    " ",
    " a",
    "a\n",
    "a" * 256,
    "latest",
    "Latest",
    "1",
    "-2",
    "+3",
    "1.5",
    "1e3",
    "1_000",
    "٣",
    "release/1",
    "lease/1",
    "a\ud800",
    None,
    1,
    b"a",
    ["a"],
]


@pytest.mark.parametrize("name", GOOD)
def test_a_name_is_any_text(name: str) -> None:
    """A name that says nothing else is taken as it is."""
    assert require_tag_name("name", name) == name


@pytest.mark.parametrize("name", BAD, ids=ascii)
def test_a_name_that_means_something_else_is_refused(name: object) -> None:
    """A version's number, "latest", a release's tag, blank and endless names, and what is no text, are no names."""
    with pytest.raises(InvalidInputError, match="name"):
        require_tag_name("name", name)


def test_a_number_is_what_python_takes_for_one() -> None:
    """Whoever types a number, with spaces or an exponent, means no tag; "nan" has no digit, and is a word."""
    assert all(map(looks_like_number, ["0", " 7 ", "1e-3", "-0.5"]))
    assert not any(map(looks_like_number, ["", "v1", "nan", "infinity", "1-2"]))


def test_a_name_of_a_lease_may_be_meant() -> None:
    """Who takes a tag away may take a lease's, and no release's."""
    assert require_tag_name("name", "lease/1", but="lease/") == "lease/1"
    with pytest.raises(InvalidInputError, match="releases have such tags"):
        require_tag_name("name", "release/1", but="lease/")
