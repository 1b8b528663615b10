import io
import itertools
from collections.abc import Callable
from typing import Any, Literal

import pandas as pd
import pytest

from atio_core.data.formats import json_rows
from tests.support.nasty_pandas import PANDAS
from tests.support.releases import WRITES_ANY_LABEL

OPTIONS: dict[str, dict[str, Any]] = {
    "records": {"orient": "records", "date_format": "iso"},
    "lines": {"orient": "records", "lines": True, "date_format": "iso"},
    "precise": {"orient": "records", "date_format": "iso", "date_unit": "ns", "double_precision": 15},
    "unicode": {"orient": "records", "date_format": "iso", "force_ascii": False},
    "indent": {"orient": "records", "date_format": "iso", "indent": 2},
    "columns": {"date_format": "iso"},
    "split": {"orient": "split", "date_format": "iso"},
}


TIMES = pd.Series(pd.date_range("2020-01-01", periods=5, freq="7h", unit="us"))
COLUMNS: "dict[str, pd.Series[Any]]" = {
    "int": pd.Series(range(5)),
    "float32": pd.Series([0.1, 1.0, 2.5, -3.25, 1e9], dtype="float32"),
    "bool": pd.Series([True, False, True, False, True]),
    "str": pd.Series(["a", "ä", "", "]", ","]),
    "string": pd.Series(["a", "ä", "", "]", ","], dtype="string"),
    "object": pd.Series([1, "a", 2.5, [1], {"a": None}], dtype=object),
    "datetime": TIMES,
    "zoned": TIMES.dt.tz_localize("Europe/Berlin"),
    "timedelta": TIMES - TIMES[0],
    "Int64": pd.Series(range(5), dtype="Int64"),
    "Float64": pd.Series([0.1, 1.0, 2.5, -3.25, 1e9], dtype="Float64"),
    "boolean": pd.Series([True, False, True, False, True], dtype="boolean"),
    "category": pd.Series(range(5), dtype="category"),
    "period": pd.Series(pd.period_range("2020-01", periods=5, freq="M")),
    "arrow": pd.Series(range(5), dtype="int64[pyarrow]"),
}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows are a piece."""
    monkeypatch.setattr(json_rows, "PIECE_ROWS", 2)


def outcome(write: Callable[[io.BytesIO], object]) -> object:
    """What was written, or the error's class."""
    file = io.BytesIO()
    try:
        write(file)
    except (TypeError, ValueError, OverflowError, UnicodeError) as error:
        return type(error)
    return file.getvalue()


def compare(frame: pd.DataFrame, options: dict[str, Any]) -> object:
    """The outcome, which must be pandas' own."""
    options = {"compression": {"method": None}} | options
    ours = outcome(lambda file: json_rows.write(frame, file, options))
    assert ours == outcome(lambda file: frame.to_json(file, **options))
    return ours


@pytest.mark.parametrize("how", ["records", "lines", "precise"])
@pytest.mark.parametrize("name", PANDAS)
def test_the_bytes_are_those_of_pandas(name: str, how: str) -> None:
    """Any frame, written in pieces, makes the file that pandas makes of it at once, or is refused alike."""
    frame = PANDAS[name]()
    if not WRITES_ANY_LABEL and "odd labels" in name:
        pytest.skip("this release of pandas may kill the process")
    if frame.flags.allows_duplicate_labels and len(frame):
        frame = frame.iloc[[0, 0, 0, -1, -1]]
    compare(frame, OPTIONS[how])


@pytest.mark.parametrize("how", ["records", "lines"])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_null_changes_no_other_row(column: str, how: str) -> None:
    """Wherever nulls lie, in one piece or in several, the values beside them look the same."""
    values = COLUMNS[column]
    for nulls in itertools.product([False, True], repeat=5):
        frame = pd.DataFrame({"x": values.where(~pd.Series(nulls)), "n": range(5)})
        compare(frame, OPTIONS[how])


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize("rows", range(8))
def test_any_number_of_rows(rows: int, how: str) -> None:
    """No row and no comma is lost or doubled where pieces meet."""
    frame = pd.DataFrame({"n": range(rows), "t": ["[1],", "]"] * (rows // 2) + ["ä,"] * (rows % 2)})
    assert isinstance(compare(frame, OPTIONS[how]), bytes)


@pytest.mark.parametrize("method", ["gzip", "zip"])
def test_compressed_rows_are_one_stream(method: Literal["gzip", "zip"]) -> None:
    """What pandas compresses is written by pandas alone."""
    compression: dict[str, Any] = {"method": method, **({"mtime": 1} if method == "gzip" else {})}
    file = io.BytesIO()
    frame = pd.DataFrame({"n": range(9)})
    json_rows.write(frame, file, {"orient": "records", "compression": compression})
    file.seek(0)
    again = pd.read_json(file, compression=method)
    pd.testing.assert_frame_equal(frame, again)


def test_a_subclass_writes_itself() -> None:
    """A kind of frame that writes JSON in its own way is asked once, for all of it."""

    class Places(pd.DataFrame):
        def to_json(self, file: Any, **_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            file.write(f"{len(self)} places".encode())

    file = io.BytesIO()
    json_rows.write(Places({"n": range(9)}), file, {"orient": "records", "compression": {"method": None}})
    assert file.getvalue() == b"9 places"


def test_a_piece_at_a_time_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: no text is made of more rows than a piece has."""
    made: list[int] = []
    real = pd.DataFrame.to_json

    def note(frame: pd.DataFrame, *args: Any, **options: Any) -> Any:
        made.append(len(frame))
        return real(frame, *args, **options)

    monkeypatch.setattr(pd.DataFrame, "to_json", note)
    compare(pd.DataFrame({"n": range(7)}), OPTIONS["records"])
    assert made == [2, 2, 2, 1, 7]
