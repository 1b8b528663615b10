from collections.abc import Callable

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from atio_core.arguments import shown
from atio_core.data.frames.frames import columns_to_read, to_output, to_piece
from atio_core.errors import DamagedError, InvalidInputError, NotPreservableError
from atio_core.testing import assert_frames_equal
from tests.support.frame_strategies import arrow_tables, pandas_frames, polars_frames
from tests.support.frames import NASTY, cut, library_of, read_pieces, round_trip

each_nasty = pytest.mark.parametrize("name", list(NASTY))


@each_nasty
@pytest.mark.parametrize("dictionaries", [True, False])
def test_a_frame_comes_back_equal(name: str, *, dictionaries: bool) -> None:
    """Values, dtypes, labels and index come back from a Parquet file as they were written, however it encodes them."""
    assert_frames_equal(NASTY[name](), round_trip(NASTY[name](), use_dictionary=dictionaries))


@each_nasty
def test_a_frame_cut_over_files_comes_back_equal(name: str) -> None:
    """Rows that were written as several files come back as the one frame that they were."""
    frame = NASTY[name]()
    assert_frames_equal(frame, read_pieces(cut(to_piece(frame), [1, 2]), library_of(frame)))


@each_nasty
def test_a_frame_that_came_back_fits_its_table(name: str) -> None:
    """Writing what was read changes nothing: neither the schema nor what belongs to the piece."""
    before, after = to_piece(NASTY[name]()), to_piece(round_trip(NASTY[name]()))
    assert after.table.schema.equals(before.table.schema, check_metadata=True)
    assert after.info == before.info


@each_nasty
def test_a_frame_is_not_changed_by_being_written(name: str) -> None:
    """Turning a frame into a piece leaves the frame as it was."""
    frame = NASTY[name]()
    to_piece(frame)
    assert_frames_equal(NASTY[name](), frame)


def come_back_equal_or_refused(frame: object, cuts: list[float]) -> None:
    """Demand that a frame comes back equal, cut or not, unless it is refused as a whole."""
    try:
        piece = to_piece(frame)
    except NotPreservableError:
        return
    pieces = cut(piece, [int(part * piece.table.num_rows) for part in cuts])
    assert_frames_equal(frame, read_pieces(pieces, library_of(frame)))


cuts = st.lists(st.floats(0, 1), max_size=3)


@given(pandas_frames(), cuts)
def test_any_pandas_frame_comes_back_equal_or_is_refused(frame: pd.DataFrame, cuts: list[float]) -> None:
    """Nothing in a pandas frame changes silently."""
    come_back_equal_or_refused(frame, cuts)


@given(polars_frames(), cuts)
def test_any_polars_frame_comes_back_equal_or_is_refused(frame: pl.DataFrame, cuts: list[float]) -> None:
    """Nothing in a polars frame changes silently."""
    come_back_equal_or_refused(frame, cuts)


@given(arrow_tables(), cuts)
def test_any_arrow_table_comes_back_equal_or_is_refused(frame: pa.Table, cuts: list[float]) -> None:
    """Nothing in an Arrow table changes silently."""
    come_back_equal_or_refused(frame, cuts)


def test_a_lazy_frame_is_collected() -> None:
    """A polars LazyFrame is written as the frame that it makes."""
    lazy = pl.LazyFrame({"a": [1, 2], "b": ["x", None]})
    assert_frame_equal(lazy.collect(), read_pieces([to_piece(lazy)], "polars"))


class Exporter:
    """Something of another library that exports an Arrow stream."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "make",
    [pa.Table.to_reader, lambda table: table.to_batches()[0], Exporter],
    ids=["reader", "batch", "capsule"],
)
def test_any_arrow_stream_is_a_table(make: Callable[[pa.Table], object]) -> None:
    """Record batches, readers and objects of other libraries that export a stream are written as tables."""
    table = pa.table({"a": [1, None], "b": ["x", "y"]})
    assert read_pieces([to_piece(make(table))], "arrow").equals(table)


@pytest.mark.parametrize(
    "wrong",
    [
        [1, 2],
        {"a": [1]},
        "text",
        pd.Series([1]),
        pl.Series([1]),
        pa.array([1]),
        Exporter(pa.chunked_array([[1]])),
        None,
    ],
)
def test_what_is_no_frame_is_refused(wrong: object) -> None:
    """Only frames are tables; the message says which kinds are."""
    with pytest.raises(InvalidInputError, match=r"pandas or polars frame|read as rows"):
        to_piece(wrong)


def test_rows_that_are_not_those_recorded_are_damage() -> None:
    """Files whose rows aren't as many as their records say never come back as data."""
    piece = to_piece(pd.DataFrame({"a": [1, 2, 3]}))
    short = type(piece)(piece.table.slice(0, 2), piece.info)
    with pytest.raises(DamagedError, match="2 rows were read where 3"):
        to_output(short.table, piece.table.schema, [(3, {})], "pandas")


# ---------------------------------------------------------------- columns


FRAME = pd.DataFrame([[1, 2, 3, 4]], columns=["a", 1, "a", ("x", 2)], index=pd.Index(["k"], name="key"))


@pytest.mark.parametrize(
    ("labels", "places"),
    [(["a"], [0, 2]), ([1], [1]), ([("x", 2), "a"], [3, 0, 2]), ([], []), ([1, 1], [1, 1])],
)
def test_columns_are_chosen_by_label(labels: list[object], places: list[int]) -> None:
    """A selection has the columns of its labels, in its order, all of them where a label comes twice."""
    assert_frames_equal(FRAME.iloc[:, places], round_trip(FRAME, labels=labels))


def test_only_the_needed_columns_are_read() -> None:
    """A selection reads its own columns and, for pandas alone, the index."""
    schema = to_piece(FRAME).table.schema
    assert columns_to_read(schema, [("x", 2)], "pandas") == ["c3", "key"]
    assert columns_to_read(schema, [("x", 2)], "polars") == ["c3"]
    assert columns_to_read(schema, None, "arrow") == ["c0", "c1", "c2", "c3", "key"]


@pytest.mark.parametrize("label", ["b", 2, 1.0, True, ("x", 3), "key", None, 10**5000], ids=shown)
def test_an_unknown_label_is_refused(label: object) -> None:
    """A label is matched by its type too, and the message shows what there is."""
    with pytest.raises(InvalidInputError, match=r"no column .*('a'|1|\('x', 2\))"):
        columns_to_read(to_piece(FRAME).table.schema, [label], "pandas")


def test_a_near_label_is_offered() -> None:
    """A slip of the pen is met with what was meant."""
    with pytest.raises(InvalidInputError, match="no column 'carier'; near ones are 'carrier'"):
        columns_to_read(
            to_piece(pl.DataFrame({"carrier": [1], "tail": [2]})).table.schema, ["carier"], "polars"
        )


def test_a_text_is_no_list_of_labels() -> None:
    """`columns="ab"` doesn't mean the columns a and b."""
    with pytest.raises(InvalidInputError, match=r"columns=\['ab'\]"):
        columns_to_read(to_piece(pl.DataFrame({"a": [1], "b": [2]})).table.schema, "ab", "polars")


def test_columns_chosen_twice_share_no_memory() -> None:
    """Writing to one of two equal columns leaves the other alone."""
    frame = round_trip(pd.DataFrame({"a": [1, 2]}), labels=["a", "a"])
    frame.isetitem(0, frame.iloc[:, 0])
    frame.iloc[0, 0] = 9
    assert frame.iloc[0].tolist() == [9, 1]


def test_what_is_read_can_be_written_to() -> None:
    """A pandas frame that was read is as writable as any."""
    frame = round_trip(
        pd.DataFrame({"i": [1, 2], "t": pd.to_datetime(["2020", "2021"]), "o": [None, "a"], "c": [1j, 2]})
    )
    for column in frame.columns:
        frame.loc[0, column] = frame.loc[1, column]
    assert frame.iloc[0].tolist() == frame.iloc[1].tolist()


def test_frames_of_the_same_columns_share_a_schema() -> None:
    """Length, range and attrs are no part of a table's schema, nor which missing value an object column has."""
    one = pd.DataFrame({"a": [1], "b": pd.Series([None], dtype="str"), "o": pd.Series(["x"], dtype=object)})
    two = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "o": pd.Series(["x", pd.NA], dtype=object)})
    two.index = pd.RangeIndex(5, 7)
    two.attrs = {"k": 1}
    assert to_piece(one).table.schema.equals(to_piece(two).table.schema, check_metadata=True)


def test_an_unknown_library_is_refused() -> None:
    """`output_as` names one of three libraries."""
    with pytest.raises(InvalidInputError, match="output_as must be"):
        round_trip(pl.DataFrame({"a": [1]}), "numpy")
