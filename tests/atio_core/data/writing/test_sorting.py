"""The order of rows by some of their columns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from atio_core.data.writing.sorting import sort_columns, sort_labels, sorted_order
from atio_core.data.writing.split import split_rows
from atio_core.errors import InvalidInputError
from tests.support.data_files import with_ids

TABLE = with_ids(pa.table({"a": [2, 1, 2, None], "b": ["x", "y", "w", "v"]}))


@pytest.mark.parametrize(
    ("columns", "order"),
    [([], None), ([1], [1, 0, 2, 3]), ([1, 2], [1, 2, 0, 3]), ([2], [3, 2, 0, 1])],
)
def test_the_first_column_counts_most(columns: list[int], order: list[int] | None) -> None:
    """Rows that are equal in all columns keep their order, and nulls come last."""
    found = sorted_order(TABLE, columns)
    assert (None if found is None else found.tolist()) == order


@pytest.mark.parametrize("values", [[], [3], [1, 1, 2, None], [None, None]])
def test_rows_in_order_stay_where_they_are(values: list[Any]) -> None:
    """Nothing is copied for them."""
    assert sorted_order(with_ids(pa.table({"n": pa.array(values, pa.int64())})), [1]) is None


def test_labels_and_ids_stand_for_each_other() -> None:
    """A label that nobody has is refused with those that there are."""
    assert sort_columns(TABLE.schema, ["b", "a"]) == (2, 1)
    assert sort_labels(TABLE.schema, (2, 1)) == ["b", "a"]
    with pytest.raises(InvalidInputError, match="there is no column 'c'; there are 'a', 'b'"):
        sort_columns(TABLE.schema, ["c"])


def test_a_share_is_sorted_within_itself() -> None:
    """Partitions come in the order of their first rows; the rows of each are sorted."""
    split = split_rows(TABLE, [1], [2])
    assert [(share.values, share.rows) for share in split.shares] == [((2,), 2), ((1,), 1), ((None,), 1)]
    assert split.order.tolist() == [2, 0, 1, 3]
    (share, place, rows) = next(split_rows(TABLE, [], [2]).pieces(TABLE, 1 << 20))
    assert (share.values, place, rows["b"].to_pylist()) == ((), range(4), ["v", "w", "x", "y"])
