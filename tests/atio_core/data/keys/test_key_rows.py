from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atio_core.data.keys import key_rows
from atio_core.data.scan import scan
from atio_core.data.writing import writer
from atio_core.errors import DuplicateKeyError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL
from tests.support.stores import CountingStore

ROWS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), max_size=8)


def part(rows: list[tuple[int, str]]) -> pa.Table:
    """Rows with a key of two columns."""
    return pa.table({"id": pa.array([i for i, _ in rows], pa.int64()), "s": [s for _, s in rows]}).cast(
        pa.schema([("id", pa.int64()), ("s", pa.string())])
    )


@settings(max_examples=settings().max_examples // 2)
@given(
    st.lists(ROWS, min_size=1, max_size=4),
    st.lists(ROWS, min_size=1, max_size=4),
    st.integers(1, 9),
    st.booleans(),
)
def test_a_key_comes_twice_or_not(
    first: list[list[tuple[int, str]]],
    then: list[list[tuple[int, str]]],
    block: int,
    groups: bool,  # noqa: FBT001 - drawn
) -> None:
    """However rows lie in files, row groups and blocks: a write is refused just if a key would come twice."""
    table = Table(store=MemoryStore(), limits=SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_rows, "BLOCK_ROWS", block)
        if groups:
            patch.setattr(scan, "SMALL_FILE_BYTES", 0)
            patch.setattr(writer, "_GROUP_ROWS", 2)
        made = distinct(first)
        assert writes(lambda: table.append(map(part, first), key=["id", "s"])) == made
        if not made:
            table.append(part([]), key=["id", "s"])
        there = first if made else []
        assert writes(lambda: table.append(map(part, then))) == distinct([*there, *then])
        if distinct([*there, *then]):
            assert table.snapshot().rows == sum(map(len, [*there, *then]))


def distinct(parts: list[list[tuple[int, str]]]) -> bool:
    """Whether no row comes twice."""
    return max(Counter(row for rows in parts for row in rows).values(), default=0) < 2


def writes(write: Any) -> bool:
    """Whether a write isn't refused."""
    try:
        write()
    except DuplicateKeyError:
        return False
    return True


def test_sorted_rows_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a stream whose bounds don't meet are read once, however many blocks they make; others are compared."""
    monkeypatch.setattr(key_rows, "BLOCK_ROWS", 4)
    for order, reads in ((list(range(6)), 6), ([0, 3, 1, 4, 2, 5], 6)):
        counting = CountingStore(MemoryStore())
        table = Table(store=counting)
        table.append(part([]), key=["id"])
        files = [table.stage(part([(10 * at + number, "a") for number in range(4)])) for at in order]
        counting.reset()
        table.commit(files)
        assert counting.counts["read_into"] == reads
    overlapping = [table.stage(part([(10 * number + at, "b") for number in range(4)])) for at in (6, 7)]
    counting.reset()
    table.commit(overlapping)
    assert counting.counts["read_into"] > 2
