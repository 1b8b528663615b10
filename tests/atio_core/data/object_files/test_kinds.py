from __future__ import annotations

import io
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.data.object_files.kinds import KINDS, checked_kind, object_kind
from atio_core.errors import InvalidInputError, NotPreservableError, UnsupportedFormatError

NATURAL: dict[str, tuple[Any, str]] = {
    "a pandas frame": (pd.DataFrame(), "table"),
    "a polars frame": (pl.DataFrame(), "table"),
    "a lazy frame": (pl.LazyFrame(), "table"),
    "an Arrow table": (pa.table({}), "table"),
    "frames": ([pd.DataFrame()], "table"),
    "an array": (np.ones(2), "array"),
    "a dict": ({}, "json"),
    "a list": ([1], "json"),
    "a number": (1, "json"),
    "a boolean": (True, "json"),
    "a NumPy number": (np.int64(1), "json"),
    "text": ("a/b", "text"),
    "bytes": (b"", "bytes"),
    "a bytearray": (bytearray(), "bytes"),
    "a memoryview": (memoryview(b""), "bytes"),
    "a path": (pathlib.Path("a"), "path"),
    "a pure path": (pathlib.PurePosixPath("a"), "path"),
    "anything else": (object(), "table"),
}


@pytest.mark.parametrize("name", NATURAL)
def test_an_object_is_recognised(name: str) -> None:
    """Everything has a kind that is natural to it; what no table keeps is left to the writer of rows, which refuses."""
    given, kind = NATURAL[name]
    assert object_kind(given) == kind


@pytest.mark.parametrize("name", NATURAL)
def test_anything_is_a_pickle_if_that_is_named(name: str) -> None:
    """A pickle is made of anything, and only when it is asked for."""
    assert object_kind(NATURAL[name][0], "pickle") == "pickle"


def test_a_format_may_be_named() -> None:
    """The natural format may be named; text may be a JSON value too, and null is one only by name."""
    assert object_kind(np.ones(2), "npy") == "array"
    assert object_kind("a", "json") == object_kind(None, "json") == "json"
    assert object_kind(pd.DataFrame(), "parquet") == "table"


@pytest.mark.parametrize(
    ("given", "name", "why"),
    [
        (np.ones(2), "parquet", "is kept as npy, not as 'parquet'"),
        ({"a": 1}, "text", "is kept as json, not as 'text'"),
        (pathlib.Path("a"), "bytes", "the file or folder that it leads to"),
        ("a", "nothing", "is kept as text, not as 'nothing'"),
        ("a", 5, "is kept as text, not as 5"),
        (pd.DataFrame(), "npy", "rows are kept as parquet"),
    ],
    ids=["parquet", "text", "bytes", "nothing", "5", "npy"],
)
def test_another_format_is_refused(given: Any, name: Any, why: str) -> None:
    """A format that doesn't fit is refused with the one that does."""
    with pytest.raises(UnsupportedFormatError, match=why):
        object_kind(given, name)


def test_none_is_no_data() -> None:
    """What a function returned by mistake doesn't replace a table."""
    with pytest.raises(InvalidInputError, match="for JSON's null say format='json'"):
        object_kind(None)


class Text(str):
    """A text of somebody's own."""

    __slots__ = ()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("a\ud800", "half a character"),
        (Text("a"), "would come back as a str"),
        (memoryview(bytes(8)).cast("i"), "memoryview of format 'i' and 1 dimensions"),
        (memoryview(bytes(4)).cast("B", (2, 2)), "memoryview of format 'B' and 2 dimensions"),
        ((1,), "is a tuple"),
        (np.array([{}]), "no form but a pickle"),
    ],
    ids=["half", "own", "numbers", "square", "tuple", "objects"],
)
def test_what_would_be_changed_is_refused(given: Any, why: str) -> None:
    """An object that wouldn't come back equal is refused before anything is written."""
    with pytest.raises(NotPreservableError, match=why):
        checked_kind(given)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("text", ""),
        ("text", "ä\r\n\0\U0001f600"),
        ("bytes", b"\0\xff"),
        ("bytes", bytearray(b"a")),
        ("bytes", memoryview(b"abcdef")[::2]),
        ("pickle", {1, 2}),
        ("pickle", (1, "\ud800", float("inf"))),
    ],
    ids=["empty", "text", "bytes", "bytearray", "memoryview", "set", "tuple"],
)
def test_an_object_comes_back(kind: str, given: Any) -> None:
    """Text, bytes and pickles come back equal."""
    KINDS[kind].check(given)
    out = io.BytesIO()
    KINDS[kind].dump(given, out)
    assert KINDS[kind].load(out.getvalue()) == given


def test_what_can_not_be_pickled_is_refused() -> None:
    """An object that holds what no pickle keeps is refused, with pickle's own words."""
    with pytest.raises(InvalidInputError, match=r"can't be pickled: .*lambda"):
        KINDS["pickle"].dump(lambda: None, io.BytesIO())


def test_a_pickle_of_what_is_not_here_says_so() -> None:
    """A pickle of a class that this process doesn't have says what is missing."""
    with pytest.raises(InvalidInputError, match="a pickle needs what isn't here: No module named 'nowhere'"):
        KINDS["pickle"].load(b"cnowhere\nThing\n.")
