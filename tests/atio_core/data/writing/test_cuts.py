from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.writing import cuts
from atio_core.data.writing.cuts import even_cuts, stable_cuts, stable_radius

RADIUS = 20
NEAR = RADIUS + 16 + 1  # so far away is a row from each that tells whether it begins a stretch


def rows_of(values: Sequence[int]) -> pa.Table:
    """Return rows of two columns, of which both tell rows apart."""
    return pa.table({"n": pa.array(values, pa.int64()), "t": [f"the {value}" for value in values]})


def numbers(count: int, seed: int) -> list[int]:
    """Return numbers of nine digits."""
    return np.random.default_rng(seed).integers(10**8, 10**9, count).tolist()


def starts(table: pa.Table, radius: int = RADIUS) -> list[int]:
    """Return where stretches begin."""
    return [start for start, _ in stable_cuts(table, radius)]


def test_even_cuts_have_all_rows() -> None:
    """Rows are cut into pieces that differ by one row at most; no rows are one piece."""
    assert even_cuts(7, 3) == [(0, 2), (2, 2), (4, 3)]
    assert even_cuts(0, 3) == [(0, 0)]


EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), st.integers(0, 60)), max_size=4)


@given(seed=st.integers(0, 50), edits=EDITS)
def test_cuts_stay_but_for_those_near_what_changed(seed: int, edits: list[tuple[float, int, int]]) -> None:
    """Whatever rows are removed, inserted or changed, stretches that lie away from them are cut as before."""
    source = np.random.default_rng(seed)
    before = source.integers(0, 1 << 40, 900).tolist()
    rows: list[tuple[int, int | None]] = [(value, place) for place, value in enumerate(before)]
    for where, gone, new in edits:
        at = int(where * len(rows))
        rows[at : at + gone] = [(value, None) for value in source.integers(0, 1 << 40, new).tolist()]
    old, new_starts = set(starts(rows_of(before))), set(starts(rows_of([value for value, _ in rows])))
    for place in range(len(rows)):
        near = [old for _, old in rows[max(0, place - NEAR) : place + NEAR + 1]]
        kept = [was for was in near if was is not None]
        if len(near) == len(kept) == 2 * NEAR + 1 and kept[-1] - kept[0] == len(kept) - 1:
            assert (place in new_starts) == (rows[place][1] in old)


@given(seed=st.integers(0, 50), rows=st.integers(0, 400), distinct=st.integers(1, 1000))
def test_cuts_have_all_rows_once(seed: int, rows: int, distinct: int) -> None:
    """Stretches follow each other; none but the first and the last is short, and none is long."""
    values = np.random.default_rng(seed).integers(0, distinct, rows).tolist()
    found = stable_cuts(rows_of(values), 10)
    assert sum(count for _, count in found) == rows
    assert all(start + count == behind for (start, count), (behind, _) in itertools.pairwise(found))
    assert all(count >= 10 for _, count in found[1:-1])
    assert all(count <= 80 for _, count in found)


def test_rows_that_look_alike_are_cut_evenly() -> None:
    """Where rows say nothing, stretches are of equal length."""
    assert {count for _, count in stable_cuts(rows_of([1] * 1000), 10)[1:-1]} == {20}


NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
TYPES: dict[str, Callable[[list[int]], pa.Array]] = {
    "int8": lambda values: pa.array([value % 100 for value in values], pa.int8()),
    "float": lambda values: pa.array([value / 3 for value in values]),
    "half": lambda values: pa.array([float(value % 1000) for value in values], pa.float16()),
    "time": lambda values: pa.array([NOW + dt.timedelta(seconds=value % 10**8) for value in values]),
    "decimal": lambda values: pa.array(values, pa.decimal128(30, 2)),
    "text": lambda values: pa.array([str(value) for value in values]),
    "short text": lambda values: pa.array([str(value)[-2:] for value in values]),
    "view": lambda values: pa.array([str(value) for value in values], pa.string_view()),
    "bytes": lambda values: pa.array([str(value).encode() for value in values], pa.binary(len("123456789"))),
    "nulls": lambda values: pa.array([value if value % 3 else None for value in values]),
    "no null texts": lambda values: pa.array([str(value) if value % 3 else None for value in values]),
}


@pytest.mark.parametrize("make", TYPES.values(), ids=TYPES)
def test_rows_of_any_column_say_where_they_are_cut(make: Callable[[list[int]], pa.Array]) -> None:
    """Cuts follow the rows when some are inserted before them, however these are chunked."""
    new, values = numbers(5, 8), numbers(3000, 7)
    before = starts(pa.table({"c": make(values)}))
    array = make(new + values)
    behind = starts(pa.table({"c": pa.chunked_array([array[:1234], array[1234:]])}))
    assert 40 < len(before) < 130
    assert {start + 5 for start in before if start > NEAR} == {start for start in behind if start > NEAR + 5}


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut tables of any size."""
    monkeypatch.setattr(cuts, "LEAST_BYTES", 1)


def test_small_tables_are_not_cut() -> None:
    """A table of less than 64 MiB stays in one file or two."""
    assert stable_radius(rows_of(range(10_000))) is None


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("rows", [1_000, 5_000, 7_000, 20_000])
def test_a_table_has_a_bounded_number_of_stretches(rows: int) -> None:
    """However large it is, a new table is cut into about 177 to 250 files."""
    table = rows_of(numbers(rows, 1))
    assert 150 <= len(stable_cuts(table, stable_radius(table) or 0)) <= 290


@pytest.mark.usefixtures("any_size")
def test_a_table_that_grows_keeps_its_radius() -> None:
    """The parent's radius is kept while it makes a good number of stretches, so that cuts stay."""
    found: set[int | None] = set()
    like: tuple[int, int] = (0, 0)
    for rows in range(12_000, 17_000, 500):
        table = rows_of(range(rows))
        found.add(radius := stable_radius(table, *like))
        like = rows, len(stable_cuts(table, radius or 0))
    assert len(found) == 1
    assert stable_radius(rows_of(range(60_000)), *like) not in found


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(
    "odd", [[True, False] * 500, [None] * 1000, [[1]] * 1000], ids=["booleans", "nulls", "lists"]
)
def test_rows_that_nothing_tells_apart_are_not_cut(odd: list[Any]) -> None:
    """Columns that aren't looked at alone give no stretches."""
    assert stable_radius(pa.table({"c": odd})) is None
