from __future__ import annotations

import collections
import datetime as dt
import enum
import io
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.object_files import json_value
from atio_core.errors import NotPreservableError


def stored(value: Any) -> bytes:
    """The bytes of a value that was let through."""
    json_value.check(value)
    out = io.BytesIO()
    json_value.dump(value, out)
    return out.getvalue()


def exactly(value: Any) -> Any:
    """A value with its types and the signs of its zeros, to be compared."""
    if isinstance(value, dict):
        return [(key, exactly(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [exactly(inner) for inner in value]
    return type(value).__name__, math.copysign(1, value) if value == 0 else 0, value


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES)
def test_any_value_comes_back(value: Any) -> None:
    """Values, types, and the order of keys are those that were written."""
    assert exactly(json_value.load(stored(value))) == exactly(value)


@pytest.mark.parametrize(
    "value",
    [
        -0.0,
        5e-324,
        1e308,
        0.1 + 0.2,
        10**639,
        -(10**639),
        "\0\u2028\U0001f600",
        {"b": 1, "a": 2},
        {"": []},
        1.0,
    ],
    ids=str,
)
def test_what_is_easily_changed_comes_back(value: Any) -> None:
    """The same for what other ways of writing change."""
    assert exactly(json_value.load(stored(value))) == exactly(value)


def test_a_value_is_a_plain_json_file() -> None:
    """Whoever finds the file reads it by any JSON library: UTF-8, without spaces."""
    assert stored({"ä": [1, None, True]}) == '{"ä":[1,null,true]}'.encode()


def test_a_deep_value_comes_back() -> None:
    """Nesting is bounded, but far beyond what anybody writes by hand."""
    value: Any = 1
    for _ in range(400):
        value = [value]
    assert json_value.load(stored(value)) == value


class Colour(enum.StrEnum):
    """A text that is more than one."""

    RED = "red"


def deep() -> Any:
    """Lists in lists."""
    value: Any = 1
    for _ in range(401):
        value = [value]
    return value


def circle() -> Any:
    """A list that holds itself, twice."""
    value: list[Any] = []
    value += [value, value]
    return value


REFUSED: dict[str, tuple[Any, str]] = {
    "a tuple": ({"a": [(1,)]}, r"at \['a'\]\[0\] is a tuple, which would come back as a list"),
    "a number as key": ({1: 2}, "the key 1 in the JSON value would come back as another text"),
    "None as key": ({"a": {None: 2}}, r"the key None in the JSON value at \['a'\]"),
    "True as key": ({True: 2}, "the key True"),
    "NaN": ([math.nan], "is nan, for which JSON has no number"),
    "infinity": (-math.inf, "is -inf"),
    "half a character": ({"a": "\ud800"}, "half a character"),
    "two halves": (["\ud83d\ude00"], "half a character"),
    "a key of half a character": ({"\ud800": 1}, "would come back as another text"),
    "thousands of digits": ([10**640], "more than 640 digits"),
    "too deep": (deep(), "nested more than 400 deep"),
    "a circle": (circle(), "nested more than 400 deep"),
    "a dict of its own kind": (collections.OrderedDict(a=1), "is a collections.OrderedDict"),
    "a list of its own kind": ([collections.UserList([1])], "is a collections.UserList"),
    "an enumeration": ({"a": Colour.RED}, "Colour"),
    "a key of an enumeration": ({Colour.RED: 1}, "would come back as another text"),
    "bytes": ([b"a"], "is a builtins.bytes"),
    "a date": ([dt.date(2020, 1, 1)], "is a datetime.date"),
    "a NumPy number": ({"a": np.float64(1)}, "is a numpy.float64"),
    "a NumPy boolean": (np.bool_(True), "is a numpy.bool"),  # noqa: FBT003 - NumPy's signature
    "a NumPy text": ([np.str_("a")], "is a numpy.str_"),
    "an array": ({"a": np.ones(2)}, "is a numpy.ndarray"),
    "a frame": ({"a": pd.DataFrame()}, "write each to a table of its own"),
    "a set": ([{1}], "is a builtins.set"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_changed_is_refused(name: str) -> None:
    """A value that wouldn't come back equal isn't written, and the message says where and why."""
    value, why = REFUSED[name]
    with pytest.raises(NotPreservableError, match=why):
        json_value.check(value)


def test_what_is_refused_would_have_been_changed() -> None:
    """Python's own json lets these through, as something else: the rules aren't for their own sake."""
    for value in ({1: 2}, (1,), ["\ud83d\ude00"]):
        assert exactly(json.loads(json.dumps(value))) != exactly(value)
