from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atio_core.data.frames.frames import to_piece
from atio_core.data.schema.depth import MOST, levels
from atio_core.errors import NotPreservableError
from atio_core.table import Table

WRAPPED: dict[str, Any] = {
    "struct": lambda t: pa.struct([("x", t)]),
    "list": pa.list_,
    "map": lambda t: pa.map_(pa.string(), t),
    "struct of lists": lambda t: pa.struct([("x", pa.list_(t))]),
}

_READS_DEEPER = int(pa.__version__.partition(".")[0]) < 26


@pytest.mark.parametrize("kind", WRAPPED)
def test_the_deepest_types_that_are_taken_can_be_read(kind: str) -> None:
    """The deepest type that is let through is read by pyarrow; the next, which is refused, not by each release."""
    t: pa.DataType = pa.int8()
    while levels(WRAPPED[kind](t)) <= MOST:
        t = WRAPPED[kind](t)
    deeper = WRAPPED[kind](t)
    assert is_readable(t)
    assert is_taken(t)
    assert not is_taken(deeper)
    assert not is_readable(deeper) or _READS_DEEPER


def is_readable(t: pa.DataType) -> bool:
    """Say whether pyarrow reads a file with a column of a type."""
    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, pa.schema([("a", t)])).close()
    try:
        pq.ParquetFile(pa.BufferReader(sink.getvalue()))
    except OSError:
        return False
    return True


def is_taken(t: pa.DataType) -> bool:
    """Say whether a type is let through."""
    try:
        to_piece(pa.schema([("a", t)]).empty_table())
    except NotPreservableError:
        return False
    return True


def test_rows_that_could_not_be_read_back_are_refused() -> None:
    """The column is named, and there is no version."""
    value: Any = 1
    for _ in range(40):
        value = {"x": [value]}
    table = Table("memory://depth-test")
    with pytest.raises(NotPreservableError, match=r"'deep'.*121 levels"):
        table.append(pa.table({"deep": pa.array([value])}))
    assert not table.exists()
