from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from atio_core.data.writing import fixed_lists
from atio_core.data.writing.fixed_lists import column_with_null
from atio_core.errors import NotPreservableError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.releases import READS_FIXED_NULLS

PAIR = pa.list_(pa.int8(), 2)
OUTER = pa.list_(PAIR, 1)
STRUCT = pa.struct([("p", PAIR)])
MAP = pa.map_(pa.string(), PAIR)

WITH: dict[str, tuple[list[Any], pa.DataType]] = {
    "at the root": ([[1, 2], None], PAIR),
    "inside another": ([[[1, 2]], [None]], OUTER),
    "in a list": ([[[1, 2], None]], pa.list_(PAIR)),
    "in a large list": ([[None]], pa.large_list(PAIR)),
    "in a list view": ([[None]], pa.list_view(PAIR)),
    "in a struct": ([{"p": None}], STRUCT),
    "in a null struct": ([{"p": [1, 2]}, None], STRUCT),
    "in a map": ([[("k", None)]], MAP),
}
WITHOUT: dict[str, tuple[list[Any], pa.DataType]] = {
    "elements": ([[1, None]], PAIR),
    "a null list around it": ([[[1, 2]], None, []], pa.list_(PAIR)),
    "a null map around it": ([[("k", [1, 2])], None], MAP),
    "no rows": ([], OUTER),
    "another type": ([None], pa.list_(pa.int8())),
}


@pytest.mark.parametrize("name", WITH)
def test_nulls_are_found_at_any_depth(name: str) -> None:
    """A null list of a fixed size is found wherever it lies."""
    table = pa.table({"a": [0] * len(WITH[name][0]), "x": pa.array(*WITH[name])})
    found = column_with_null(table)
    assert found is not None
    assert found.name == "x"


@pytest.mark.parametrize("name", WITHOUT)
def test_other_nulls_are_none(name: str) -> None:
    """What older releases can read isn't taken for a null list of a fixed size."""
    assert column_with_null(pa.table({"x": pa.array(*WITHOUT[name])})) is None


@pytest.mark.parametrize("name", [*WITH, *WITHOUT])
def test_rows_outside_a_slice_dont_count(name: str) -> None:
    """Only the rows at hand matter, not those that lie beside them in memory."""
    values, t = (WITH | WITHOUT)[name]
    array = pa.array([*values, *values], t)
    assert column_with_null(pa.table({"x": array.slice(0, 0)})) is None
    sliced = pa.table({"x": array.slice(len(values))})
    assert (column_with_null(sliced) is not None) == (name in WITH)


def test_an_old_pyarrow_refuses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyarrow can't read such a null back, it isn't written, and the table stays as it was."""
    monkeypatch.setattr(fixed_lists, "READS_NULLS", False)
    table = Table(store=MemoryStore())
    table.append(pa.table({"x": pa.array([[1, 2]], PAIR)}))
    with pytest.raises(NotPreservableError, match=r"'x'.*Upgrade to pyarrow 26"):
        table.append(pa.table({"x": pa.array([None], PAIR)}))
    assert table.snapshot().version == 1


@pytest.mark.skipif(not READS_FIXED_NULLS, reason="refused by this release of pyarrow")
def test_a_new_pyarrow_reads_them() -> None:
    """Where pyarrow can read such a null back, it is written."""
    table = Table(store=MemoryStore())
    rows = pa.table({"x": pa.array([[1, 2], None], PAIR)})
    table.append(rows)
    assert table.read(output_as="arrow") == rows
