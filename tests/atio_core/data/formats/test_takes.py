from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from atio_core.data.formats.base import Takes, shape_of
from atio_core.data.formats.takes import takes_of
from tests.support.writers import OBJECTS, frame


@pytest.mark.parametrize("takes", OBJECTS)
def test_each_object_is_known(takes: Takes) -> None:
    """Each kind of object that some writer takes is told by itself."""
    assert takes in takes_of(OBJECTS[takes]())
    assert takes_of(OBJECTS[takes]())[-1] == "anything"


OTHERS: dict[str, tuple[Callable[[], Any], tuple[Takes, ...]]] = {
    "number of NumPy": (lambda: np.float64(1), ("value", "array", "anything")),
    "dict of arrays": (lambda: {"a": np.zeros(1)}, ("arrays", "sheets", "value", "anything")),
    "dict of frames": (lambda: {"a": frame("polars"), "b": np.zeros(1)}, ("sheets", "value", "anything")),
    "dict of frames and text": (lambda: {"a": frame("polars"), "b": "x"}, ("value", "anything")),
    "dict of dicts": (lambda: {"a": {"b": frame("polars")}}, ("value", "anything")),
    "nothing in a dict": (dict, ("value", "anything")),
    "tuple": (lambda: (1,), ("list", "value", "anything")),
    "nothing": (lambda: None, ("value", "anything")),
    "series": (lambda: pd.Series([1]), ("anything",)),
    "path": (lambda: Path("a"), ("anything",)),
    "class": (lambda: pd.DataFrame, ("anything",)),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_else_there_is(case: str) -> None:
    """Dicts are told by their values; what isn't known may still be pickled."""
    make, expected = OTHERS[case]
    assert takes_of(make()) == expected


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (frame("pandas"), (3, 3)),
        (pd.Series([1, 2]), (2, 1)),
        (np.zeros((4, 2, 2)), (4, None)),
        (np.zeros(3, dtype=[("a", "i4"), ("b", "i4")]), (3, 2)),
        (np.array(1), (None, None)),
        ("text", (None, None)),
        (type("Odd", (), {"shape": "round"})(), (None, None)),
    ],
    ids=["frame", "series", "three dimensions", "structured", "none", "text", "odd"],
)
def test_rows_and_columns(obj: Any, expected: tuple[int | None, int | None]) -> None:
    """Rows and columns are told where there are some, else None."""
    assert shape_of(obj) == expected


def test_a_dict_that_holds_itself_is_a_value() -> None:
    """What is in a dict within isn't looked at: a circle, or thousands of levels, are for the format to refuse."""
    circle: dict[str, object] = {}
    circle["again"] = circle
    assert takes_of(circle) == ("value", "anything")
