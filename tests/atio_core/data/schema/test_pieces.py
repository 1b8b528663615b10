# pyright: reportCallIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false
# ^ pandas' stubs know its usual arguments only

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.frames.frames import slice_info, to_piece
from atio_core.data.schema.pieces import Piece, info_of_rest
from atio_core.testing import assert_frames_equal
from tests.support.frames import cut, read_pieces


def frame(index: Any, **more: Any) -> pd.DataFrame:
    """Return a frame with an index."""
    return pd.DataFrame({"x": range(len(index)), **more}, index=index)


def together(*frames: pd.DataFrame) -> pd.DataFrame:
    """Return what reads back after frames were appended to each other."""
    return read_pieces([to_piece(one) for one in frames], "pandas")


RANGES = {
    "default ones count on": ([pd.RangeIndex(2), pd.RangeIndex(3)], pd.RangeIndex(5)),
    "ranges that follow each other are one": (
        [pd.RangeIndex(5, 7), pd.RangeIndex(7, 8)],
        pd.RangeIndex(5, 8),
    ),
    "steps that go on": ([pd.RangeIndex(0, 4, 2), pd.RangeIndex(4, 8, 2)], pd.RangeIndex(0, 8, 2)),
    "a default one, followed by what follows": ([pd.RangeIndex(2), pd.RangeIndex(2, 4)], pd.RangeIndex(4)),
    "ranges apart are numbers": ([pd.RangeIndex(2), pd.RangeIndex(5, 7)], pd.Index([0, 1, 5, 6])),
    "a range that starts again": ([pd.RangeIndex(5, 7), pd.RangeIndex(2)], pd.Index([5, 6, 0, 1])),
    "another step": ([pd.RangeIndex(2), pd.RangeIndex(2, 6, 2)], pd.Index([0, 1, 2, 4])),
    "empty ones say nothing": (
        [pd.RangeIndex(5, 5), pd.RangeIndex(2, 4), pd.RangeIndex(0)],
        pd.RangeIndex(2, 4),
    ),
    "only empty ones": ([pd.RangeIndex(5, 5), pd.RangeIndex(0)], pd.RangeIndex(5, 5)),
}


@pytest.mark.parametrize("name", list(RANGES))
def test_range_indexes_of_several_pieces(name: str) -> None:
    """Default ranges count on over all rows; others are joined where they follow each other, and are numbers else."""
    indexes, expected = RANGES[name]
    whole = together(*(frame(index) for index in indexes))
    assert_frames_equal(frame(expected).index.to_frame(index=True), whole.index.to_frame(index=True))


def test_a_default_range_cut_over_files_counts_on() -> None:
    """How a piece was cut doesn't show in a default index, whatever comes after it."""
    pieces = [*cut(to_piece(frame(pd.RangeIndex(5))), [2, 4]), *cut(to_piece(frame(pd.RangeIndex(3))), [1])]
    assert_frames_equal(
        frame(pd.RangeIndex(8)).index.to_frame(), read_pieces(pieces, "pandas").index.to_frame()
    )


def test_a_cut_default_range_before_another_keeps_its_numbers() -> None:
    """The numbers of a default range stay when a range that isn't one is appended."""
    pieces = [*cut(to_piece(frame(pd.RangeIndex(4))), [2]), to_piece(frame(pd.RangeIndex(9, 10)))]
    assert read_pieces(pieces, "pandas").index.tolist() == [0, 1, 2, 3, 9]


def test_a_slice_of_a_slice_keeps_its_bounds() -> None:
    """Infos can be cut again, as often as files are."""
    info = {"range_index": {"start": 10, "step": -3, "stop": 0}}
    assert slice_info(slice_info(info, 1, 3), 1, 2) == slice_info(info, 2, 2)
    assert slice_info(slice_info({}, 1, 5), 2, 1) == slice_info({}, 3, 1)


@given(
    st.tuples(st.integers(-5, 5), st.integers(1, 12), st.sampled_from([-2, 1, 3])),
    st.lists(st.sets(st.integers(0, 11)), max_size=3),
    st.integers(0, 11),
)
def test_rows_keep_their_labels(bounds: tuple[int, int, int], deletes: list[set[int]], at: int) -> None:
    """However often rows between others go, and wherever files are cut then, the labels are those of pandas."""
    start, count, step = bounds
    whole = frame(pd.RangeIndex(start, start + count * step, step))
    piece, expected = to_piece(whole), whole
    for gone in deletes:
        kept = [row for row in range(len(expected)) if row not in gone]
        if kept:
            info = info_of_rest(piece.info, len(expected), kept, labelled=True)
            piece, expected = Piece(piece.table.take(kept), json.loads(json.dumps(info))), expected.iloc[kept]
    assert read_pieces([piece], "pandas").index.tolist() == expected.index.tolist()
    if at < len(expected):
        assert read_pieces(cut(piece, [at]), "pandas").index.tolist() == expected.index.tolist()


def test_rows_without_labels_count_anew() -> None:
    """What is left of a piece counts from 0 if the table has no labels; all else stays with it."""
    info = {"attrs": 1, "range_index": {"start": 5, "step": 1, "stop": 9, "default": True}}
    assert info_of_rest(info, 4, [0, 3], labelled=False) == {"attrs": 1}


def test_attrs_are_kept_if_all_pieces_have_them() -> None:
    """As pandas does it when it joins frames."""
    one, two = frame(pd.RangeIndex(1)), frame(pd.RangeIndex(1))
    one.attrs, two.attrs = {"k": [1]}, {"k": [1]}
    assert together(one, two).attrs == {"k": [1]}
    two.attrs = {"k": [2]}
    assert together(one, two).attrs == {}


def test_a_frequency_is_kept_if_the_pieces_follow_each_other() -> None:
    """As pandas does it when it joins frames."""
    days = pd.date_range("2020", periods=6, freq="D")
    whole = together(frame(days[:2]), frame(days[2:5]), frame(days[5:]))
    assert_frames_equal(frame(days).index.to_frame(), whole.index.to_frame())
    assert together(frame(days[:2]), frame(days[3:])).index.freq is None
    assert together(frame(days[:2]), frame(pd.DatetimeIndex(days[2:], freq=None))).index.freq is None


def test_each_piece_has_its_missing_value() -> None:
    """An object column gives back None, NaN and NA where they were, piece by piece."""
    pieces = [
        pd.DataFrame({"x": pd.Series(["a", missing], dtype=object)})
        for missing in (None, np.nan, pd.NA, pd.NaT)
    ]
    whole = together(*pieces)
    expected = pd.DataFrame({"x": pd.Series(["a", None, "a", np.nan, "a", pd.NA, "a", pd.NaT], dtype=object)})
    assert_frames_equal(expected, whole)


def test_no_duplicate_labels_are_allowed_if_all_pieces_say_so() -> None:
    """One piece that allows them is enough."""
    strict = frame(pd.RangeIndex(1)).set_flags(allows_duplicate_labels=False)
    assert not together(strict, strict).flags.allows_duplicate_labels
    assert together(strict, frame(pd.RangeIndex(1))).flags.allows_duplicate_labels
