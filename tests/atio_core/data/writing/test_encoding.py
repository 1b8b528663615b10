from __future__ import annotations

import random
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atio_core.data.writing.encoding import choose_encoding

ROWS = 200_000
RANDOM = random.Random(1)  # noqa: S311 - values, no secrets


def chosen(values: Any) -> dict[str, Any]:
    """What is chosen for one column of many rows."""
    return choose_encoding(pa.table({"c": values}))


def test_texts_that_repeat_get_a_dictionary() -> None:
    """A few texts again and again are written once."""
    found = chosen(["spring", "summer", "autumn", "winter"] * (ROWS // 4))
    assert found["use_dictionary"] == ["c"]


def test_numbers_that_repeat_over_the_column_get_a_dictionary() -> None:
    """Prices, most of them different within a few thousand rows, still repeat many times in a column."""
    found = chosen([RANDOM.randrange(10_000) / 100 for _ in range(ROWS)])
    assert found["use_dictionary"] == ["c"]


def test_texts_that_do_not_repeat_get_none() -> None:
    """A dictionary of different texts would only cost time."""
    found = chosen([f"{number:x}" for number in any_integers()])
    assert found["use_dictionary"] == []


def any_integers() -> list[int]:
    """Integers all over 64 bits."""
    return [RANDOM.getrandbits(63) for _ in range(ROWS)]


@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.uint64(), pa.timestamp("us"), pa.duration("ns"), pa.time64("us")]
)
def test_neighbours_are_written_as_differences(kind: pa.DataType) -> None:
    """Ids and times, each close to the one before, shrink to their differences."""
    found = chosen(pa.array(range(ROWS)).cast(kind))
    assert found["column_encoding"] == {"c": "DELTA_BINARY_PACKED"}
    assert found["use_dictionary"] == []


def test_random_numbers_are_written_as_they_are() -> None:
    """What neither repeats nor compresses is neither looked up nor compressed."""
    for values in (pa.array(any_integers()), pa.array([RANDOM.random() for _ in range(ROWS)])):
        found = chosen(values)
        assert found["use_dictionary"] == []
        assert found["column_encoding"] == {}
        assert found["compression"] == {"c": "none"}


def test_inner_fields_are_chosen_for_one_by_one() -> None:
    """The fields of a nested column each get what suits them."""
    words, numbers = ["a", "b"] * (ROWS // 2), list(range(ROWS))
    inner = pa.StructArray.from_arrays([pa.array(words), pa.array(numbers)], ["word", "number"])
    found = chosen(inner)
    assert found["use_dictionary"] == ["c.word"]
    assert found["column_encoding"] == {"c.number": "DELTA_BINARY_PACKED"}


def test_a_dot_in_a_name_is_no_way_to_an_inner_field() -> None:
    """Where a name looks like the way to an inner field of another type, neither gets what suits the other."""
    inner = pa.StructArray.from_arrays([pa.array(["x"] * ROWS)], ["b"])
    rows = pa.table([pa.array(range(ROWS)), inner], names=["a.b", "a"])
    file = pa.BufferOutputStream()
    pq.write_table(rows, file, **choose_encoding(rows))
    assert pq.read_table(pa.BufferReader(file.getvalue())).equals(rows)


def test_small_tables_are_not_tried_out() -> None:
    """A few rows are written plainly: looking at them would cost more than writing them."""
    assert choose_encoding(pa.table({"c": range(10)})) == {"use_dictionary": False, "compression": "lz4"}


def test_large_rows_are_tried_out_by_a_few() -> None:
    """A look at rows of a megabyte each takes little of the time that writing them does."""
    row = pa.array([RANDOM.randbytes(1 << 20)])
    rows = pa.table({"c": pa.chunked_array([row] * 300)})
    start = time.process_time()
    choose_encoding(rows)
    looked = time.process_time()
    pq.write_table(rows, pa.MockOutputStream(), compression="none")
    assert looked - start < (time.process_time() - looked) / 2


def test_files_are_smaller_than_by_default() -> None:
    """On a table of usual columns, what is chosen beats Parquet's usual choice in size."""
    rows = pa.table(
        {
            "id": range(ROWS),
            "word": ["one", "two", "three", "four"] * (ROWS // 4),
            "price": [round(RANDOM.random() * 100, 2) for _ in range(ROWS)],
            "value": [RANDOM.random() for _ in range(ROWS)],
        }
    )
    sizes: list[int] = []
    for options in ({}, choose_encoding(rows)):
        file = pa.MockOutputStream()
        pq.write_table(rows, file, **options)
        sizes.append(file.size())
    assert sizes[1] < sizes[0] * 0.9
