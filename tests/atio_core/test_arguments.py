from __future__ import annotations

import io
from collections import UserDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from atio_core.arguments import (
    require_choice,
    require_duration,
    require_flag,
    require_list,
    require_text,
    require_texts,
    require_time,
    require_whole,
    shown,
)
from atio_core.errors import InvalidInputError
from atio_core.store import Store
from atio_core.table import Table

HALF = "a\ud800"
TRUE = np.array([1]).any()


class _NoOffset(tzinfo):
    def utcoffset(self, dt: datetime | None) -> None:
        return None


class _Unreadable(io.StringIO):
    def __next__(self) -> str:
        raise io.UnsupportedOperation


class _Silent:
    def __repr__(self) -> str:
        raise RuntimeError


class _Name(StrEnum):
    FIRST = "first"


REFUSED: dict[str, tuple[Callable[[str, Any], object], list[Any]]] = {
    "whole": (
        require_whole,
        [True, TRUE, "1", 1.0, b"1", None, [1], np.array([1]), 10**5000, _Silent()],
    ),
    "duration": (require_duration, [timedelta(-1), 5, "7d", None, pd.NaT, np.timedelta64(1, "D")]),
    "time": (
        require_time,
        [
            *(datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=_NoOffset()), "2024", 0, pd.NaT, None),  # noqa: DTZ001
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
            datetime.min.replace(tzinfo=timezone(timedelta(hours=1))),
        ],
    ),
    "flag": (require_flag, [None, 0, 1, "no", [], TRUE]),
    "text": (require_text, [None, 7, b"a", ["a"], HALF, pd.NA]),
    "texts": (require_texts, [None, 7, "ab", [("a", "b")], [], {1: "a"}, {"a": 1}, {HALF: "a"}, {"a": HALF}]),
    "choice": (
        lambda name, value: require_choice(name, value, ["one"]),
        ["two", None, 1, ["one"], {}, "One"],
    ),
    "list": (
        lambda name, value: require_list(name, value, "labels"),
        ["a", b"a", {"a"}, {"a": 1}, 5, None, True, pl.LazyFrame({"a": [1]}), _Unreadable()],
    ),
}
EACH = [(check, value) for check, values in REFUSED.values() for value in values]
IDS = [f"{name} {place}" for name, (_, values) in REFUSED.items() for place in range(len(values))]


@pytest.mark.parametrize(("check", "value"), EACH, ids=IDS)
def test_what_can_not_be_meant_is_refused_by_name(check: Callable[[str, Any], object], value: object) -> None:
    """An argument that makes no sense, whatever its type, is an `InvalidInputError` that says what it must be."""
    with pytest.raises(InvalidInputError, match=r"the argument\b.* (must be|must have|is not valid)"):
        check("the argument", value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3), np.array(3)], ids=repr)
def test_a_whole_number_of_any_library_is_one(value: object) -> None:
    """Numbers of NumPy work, and come out as Python's."""
    found = require_whole("n", value, least=3)
    assert (found, type(found)) == (3, int)


def test_a_number_may_have_a_least_value() -> None:
    """A number below what makes sense is refused with what does."""
    with pytest.raises(InvalidInputError, match="n must be a whole number of 1 or more, not 0"):
        require_whole("n", 0, least=1)
    assert require_whole("n", -5) == -5


@pytest.mark.parametrize("value", ["first", np.str_("first"), _Name.FIRST], ids=["str", "numpy", "enum"])
def test_a_text_of_any_library_is_one(value: str) -> None:
    """Texts of subclasses work, and come out as Python's."""
    for found in (
        require_text("t", value),
        require_choice("t", value, ["first"]),
        *require_texts("t", {value: value}),
    ):
        assert (found, type(found)) == ("first", str)


def test_any_mapping_of_texts_is_one() -> None:
    """A mapping of any class comes out as a dict of its own."""
    given = UserDict(a="b")
    found = require_texts("t", given)
    given["a"] = "c"
    assert found == {"a": "b"}


def test_a_moment_and_a_duration_of_any_library_are_ones() -> None:
    """What pandas makes of a time with a zone, or of a duration, works."""
    assert require_time("t", pd.Timestamp("2024-01-01", tz="UTC")) == datetime(2024, 1, 1, tzinfo=UTC)
    assert require_duration("d", pd.Timedelta("1h")) == timedelta(hours=1)
    assert require_duration("d", timedelta(0)) == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        ["a", 1],
        ("a", 1),
        iter(["a", 1]),
        np.array(["a", 1], dtype=object),
        pd.Index(["a", 1]),
        {"a": 0, 1: 0}.keys(),
    ],
    ids=["list", "tuple", "iterator", "array", "index", "keys"],
)
def test_whatever_has_members_in_an_order_is_a_list(value: object) -> None:
    """Lists, arrays, indexes and generators work alike."""
    assert require_list("l", value, "labels") == ["a", 1]


def test_a_message_shows_little_of_much() -> None:
    """A message stays short and readable, whatever it has to show."""
    for value in (
        "x" * 10**6,
        [1] * 10**6,
        10**5000,
        [10**5000],
        pd.DataFrame({"a": range(10**4)}),
        _Silent(),
    ):
        assert len(shown(value)) < 300
    assert shown(10**5000) == "a number of 16610 bits"
    assert shown("pen") == "'pen'"


MANY = np.array([1, 2])
"""It is neither true nor false, and equal to nothing."""


@pytest.mark.parametrize(
    "call",
    [
        lambda table, _: table.compact(message=MANY),
        lambda table, _: table.compact(properties=MANY),
        lambda table, _: table.erase([("a", "==", 1)], tags=MANY, staged=np.array("all")),
        lambda table, _: table.export("there", versions=pd.NA),
        lambda table, _: table.export(HALF),
        lambda table, _: table.snapshot().diff(MANY),
        lambda _, store: store.tables(dropped=MANY),
        lambda _, store: store.create_release("r", [["t"]]),
    ],
    ids=["message", "properties", "staged", "versions", "path", "other", "dropped", "tables"],
)
def test_what_has_no_truth_is_refused(call: Callable[[Table, Store], object]) -> None:
    """Calls refuse arrays, gaps and lists in the places of others by our own error, not by that of their library."""
    store = Store("memory://arguments")
    table = store.table("t")
    table.overwrite(pd.DataFrame({"a": [1]}))
    before = table.history()[0].entry
    with pytest.raises(InvalidInputError):
        call(table, store)
    assert (table.history()[0].entry, store.releases()) == (before, [])


@pytest.mark.parametrize("value", [object(), 3.5, "no", [1], {"per_bucket": 1}])
@pytest.mark.parametrize(
    ("kind", "name"),
    [(Table, "limits"), (Table, "clock"), (Store, "clock")],
    ids=["limits", "clock", "store"],
)
def test_what_a_table_is_opened_with_is_looked_at_at_once(
    kind: Callable[..., object], name: str, value: object
) -> None:
    """A clock that can't be asked, and limits that are none, are refused by name, not where they are first used."""
    with pytest.raises(InvalidInputError, match=f"^{name} must be"):
        kind("memory://opened-with", **{name: value})


def test_a_batch_may_have_more_rows_than_a_machine_can_count() -> None:
    """Any number of rows in a batch is as good as none that limits it."""
    table = Table("memory://arguments-scan")
    table.overwrite(pd.DataFrame({"a": [1, 2]}))
    assert [batch.num_rows for batch in table.scan(batch_rows=2**63)] == [2]
