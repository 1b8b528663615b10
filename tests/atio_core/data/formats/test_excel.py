"""Workbooks: several sheets, sheets put into an existing workbook, and what Excel has no room for."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xlsxwriter
from openpyxl.cell.rich_text import CellRichText
from openpyxl.styles import Font

import atio_core as atio
from tests.support.writers import ARRAY, frame, reader

USUAL = frame("pandas")
ENGINES = ["openpyxl", "xlsxwriter"]


def sheets_of(path: Path) -> dict[Any, pd.DataFrame]:
    """All sheets of a workbook, by name."""
    return pd.read_excel(path, sheet_name=None)


@pytest.mark.parametrize("engine", [None, *ENGINES])
def test_several_sheets(tmp_path: Path, engine: str | None) -> None:
    """A dict of frames of any kind makes a sheet of each, in order, by either engine."""
    made = {
        "pandas": USUAL,
        "polars": frame("polars"),
        "lazy": frame("polars").lazy(),
        "arrow": frame("arrow"),
        "reader": reader(),
        "array": ARRAY,
    }
    result = atio.write(made, tmp_path / "a.xlsx", engine=engine)
    sheets = sheets_of(tmp_path / "a.xlsx")
    assert list(sheets) == list(made)
    assert (result.rows, result.columns) == (18, None)
    assert list(sheets["pandas"]) == ["Unnamed: 0", *USUAL]
    for name in ("polars", "lazy", "arrow", "reader"):
        pd.testing.assert_frame_equal(sheets[name], USUAL)
    assert (sheets["array"].to_numpy() == ARRAY).all()
    atio.write({"a": USUAL, "b": USUAL}, tmp_path / "a.xlsx", engine=engine, index=False)
    for sheet in sheets_of(tmp_path / "a.xlsx").values():
        pd.testing.assert_frame_equal(sheet, USUAL)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_the_engine_is_chosen(tmp_path: Path, kind: Any, engine: str) -> None:
    """Each library's frame is written by the engine that is asked for."""
    atio.write(frame(kind), tmp_path / "a.xlsx", engine=engine)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        assert (b"openpyxl" in archive.read("docProps/core.xml")) == (engine == "openpyxl")


def test_where_the_dict_names_the_sheets_no_option_does(tmp_path: Path) -> None:
    """A name of one sheet beside names of several is refused."""
    for option in ("sheet_name", "worksheet"):
        with pytest.raises(atio.InvalidInputError, match="the dict's keys name the sheets"):
            atio.write({"a": USUAL}, tmp_path / "a.xlsx", **dict[str, Any]({option: "b"}))


# ---------------------------------------------------------------- an existing workbook


def workbook(path: Path, change: Callable[[openpyxl.Workbook], None] = lambda _book: None) -> Path:
    """Make a workbook with three sheets, one of them formatted."""
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "Notes"
    first["A1"] = "kept"
    first["A1"].font = Font(bold=True)
    first.column_dimensions["A"].width = 40
    for name in ("June", "July"):
        book.create_sheet(name)["A1"] = "old"
    change(book)
    book.save(path)
    return path


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_a_sheet_is_replaced(tmp_path: Path, kind: Any) -> None:
    """The frame takes the place of the sheet of that name; the others stay, with their formats."""
    path = workbook(tmp_path / "a.xlsx")
    options: dict[str, Any] = {"worksheet": "June"} if kind == "polars" else {"sheet_name": "June"}
    if kind == "pandas":
        options["index"] = False
    atio.write(frame(kind), path, sheets="replace", **options)
    sheets = sheets_of(path)
    assert list(sheets) == ["Notes", "June", "July"]
    pd.testing.assert_frame_equal(sheets["June"], USUAL)
    notes = openpyxl.load_workbook(path)["Notes"]
    assert (notes["A1"].value, notes["A1"].font.b, notes.column_dimensions["A"].width) == ("kept", True, 40)


def test_sheets_are_replaced_and_added(tmp_path: Path) -> None:
    """Of a dict, sheets that are there are replaced in their places, and others come after."""
    path = workbook(tmp_path / "a.xlsx")
    atio.write({"August": USUAL, "June": frame("arrow")}, path, sheets="replace", index=False)
    assert list(sheets_of(path)) == ["Notes", "June", "July", "August"]
    pd.testing.assert_frame_equal(sheets_of(path)["August"], USUAL)


def test_without_a_workbook_one_is_made(tmp_path: Path) -> None:
    """`sheets="replace"` makes the workbook if there is none."""
    atio.write(USUAL, tmp_path / "a.xlsx", sheets="replace", index=False)
    assert list(sheets_of(tmp_path / "a.xlsx")) == ["Sheet1"]


def with_chart(path: Path) -> None:
    """A workbook with a chart, and a shape."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Notes")
        sheet.write_column("A1", [1, 2])
        chart: Any = book.add_chart({"type": "line"})
        chart.add_series({"values": "=Notes!$A$1:$A$2"})
        sheet.insert_chart("C1", chart)
        sheet.insert_textbox("C20", "a shape")


def with_sparkline(path: Path) -> None:
    """A workbook with a line in a cell."""
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Notes")
        sheet.write_row("A1", [1, 2])
        sheet.add_sparkline("C1", {"range": "Notes!A1:B1"})


def with_part(name: str) -> Callable[[Path], None]:
    """A workbook with a further part, as Excel would have put it there."""

    def make(path: Path) -> None:
        workbook(path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, "<xml/>")

    return make


LOST: dict[str, tuple[Callable[[Path], None], str]] = {
    "chart": (with_chart, "charts, drawings and shapes"),
    "sparkline": (with_sparkline, "sparklines"),
    "macros": (with_part("xl/vbaProject.bin"), "macros"),
    "pivot table": (with_part("xl/pivotTables/pivotTable1.xml"), "pivot tables"),
    "image": (with_part("xl/media/image1.png"), "images"),
    "query": (with_part("xl/connections.xml"), "data connections"),
    "unknown": (with_part("xl/novelty/new1.xml"), r"the part xl/novelty/new1\.xml"),
}


@pytest.mark.parametrize("case", LOST)
def test_what_openpyxl_would_drop_is_refused(tmp_path: Path, case: str) -> None:
    """A workbook with what openpyxl doesn't keep isn't touched, unless the caller allows it: then it is said."""
    make, said = LOST[case]
    path = tmp_path / "a.xlsx"
    make(path)
    before = path.read_bytes()
    with pytest.raises(atio.NotPreservableError, match=f"{said}.*which openpyxl would drop"):
        atio.write(USUAL, path, sheets="replace", sheet_name="June")
    assert path.read_bytes() == before
    result = atio.write(USUAL, path, sheets="replace", sheet_name="June", drop_unsupported=True)
    assert any("are dropped (drop_unsupported=True)" in str(loss) for loss in result.losses)
    assert next(iter(sheets_of(path))) == "Notes"


def test_computed_values_are_said_to_be_lost(tmp_path: Path) -> None:
    """Formulas of other sheets stay, their values come back when Excel opens the workbook."""

    def change(book: openpyxl.Workbook) -> None:
        book["July"]["A2"] = "=1+1"

    path = workbook(tmp_path / "a.xlsx", change)
    losses = atio.write(USUAL, path, sheets="replace", sheet_name="June").losses
    assert any("computed values of formulas" in str(loss) for loss in losses)
    assert openpyxl.load_workbook(path)["July"]["A2"].value == "=1+1"


def test_formats_within_a_cell_stay(tmp_path: Path) -> None:
    """A text of which a part is bold stays so."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        bold = book.add_format({"bold": True})
        book.add_worksheet("Notes").write_rich_string("A1", "a ", bold, "bold", " word")
    atio.write(USUAL, path, sheets="replace", sheet_name="June")
    kept = openpyxl.load_workbook(path, rich_text=True)["Notes"]["A1"].value
    assert isinstance(kept, CellRichText)
    assert str(kept) == "a bold word"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sheets": "append"}, "none of the ways"),
        ({"sheets": "replace", "engine": "xlsxwriter"}, "can't change an existing workbook"),
        (
            {"engine": "xlsxwriter", "engine_kwargs": {"options": {"constant_memory": True}}},
            "constant_memory",
        ),
    ],
)
def test_options_that_would_lose_data_are_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    """Options that drop sheets or columns, or that nobody can follow, are refused; the old file stands."""
    path = workbook(tmp_path / "a.xlsx")
    before = path.read_bytes()
    for made in (USUAL, frame("polars"), frame("arrow"), {"a": USUAL}):
        with pytest.raises(atio.InvalidInputError, match=said):
            atio.write(made, path, **options)
    assert path.read_bytes() == before


def test_what_is_no_workbook_has_no_sheets(tmp_path: Path) -> None:
    """Sheets can't be put into a file that is no workbook."""
    (tmp_path / "a.xlsx").write_bytes(b"old")
    with pytest.raises(atio.InvalidInputError, match=r"no \.xlsx workbook"):
        atio.write(USUAL, tmp_path / "a.xlsx", sheets="replace")
    assert (tmp_path / "a.xlsx").read_bytes() == b"old"


# ---------------------------------------------------------------- limits


LIMITS: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "rows": (lambda: pd.DataFrame({"a": np.zeros(1_048_576)}), {}, "would have 1,048,577 rows"),
    "rows below others": (lambda: pd.DataFrame({"a": [1]}), {"startrow": 1_048_575}, "1,048,577 rows"),
    "rows of polars": (lambda: pl.DataFrame({"a": np.zeros(1_048_576)}), {}, "1,048,577 rows"),
    "rows of Arrow": (lambda: pa.table({"a": np.zeros(1_048_576)}), {}, "1,048,577 rows"),
    "columns": (lambda: pd.DataFrame(np.zeros((1, 16_384))), {}, "would have 16,385 columns"),
    "columns of polars": (lambda: pl.DataFrame(np.zeros((1, 16_385))), {}, "16,385 columns"),
    "columns of an array": (lambda: np.zeros((1, 16_385)), {}, "16,385 columns"),
    "text": (lambda: pd.DataFrame({"a": ["", "x" * 32_768]}), {}, "Sheet 'Sheet1', column 'a', row 1"),
    "text of polars": (lambda: pl.DataFrame({"a": ["", "x" * 32_768]}), {}, "column 'a', row 1"),
    "text of Arrow": (lambda: pa.table({"a": ["", "x" * 32_768]}), {}, "column 'a', row 1"),
    "text of emoji": (lambda: pd.DataFrame({"a": ["😀" * 16_384]}), {}, "32,768 characters"),
    "text in objects": (
        lambda: pd.DataFrame({"a": pd.Series(["x" * 32_768], dtype=object)}),
        {},
        "column 'a'",
    ),
    "text of categories": (lambda: pd.DataFrame({"a": pd.Categorical(["x" * 32_768])}), {}, "column 'a'"),
    "text of lists": (lambda: pd.DataFrame({"a": [["x"] * 9000]}), {}, "column 'a'"),
    "text of the index": (lambda: pd.DataFrame({"a": [1]}, index=["x" * 32_768]), {}, "the index, row 0"),
    "label": (lambda: pd.DataFrame({"x" * 32_768: [1]}), {}, "the labels"),
    "half a character": (
        lambda: pd.DataFrame({"a": pd.Series(["b", "\ud800"], dtype=object)}),
        {"engine": "openpyxl"},
        "column 'a', row 1 .*half of a character",
    ),
    "half a character in a name": (lambda: {"\ud800": USUAL}, {}, "half of a character"),
    "long name": (lambda: USUAL, {"sheet_name": "x" * 32}, "it has 32 characters, and 31"),
    "long name of polars": (lambda: frame("polars"), {"worksheet": "x" * 32}, "it has 32 characters, and 31"),
    "name with a slash": (lambda: USUAL, {"sheet_name": "a/b"}, "without '/'"),
    "name with a bracket": (lambda: {"a[1]": USUAL}, {}, "without '\\['"),
    "name with an apostrophe": (lambda: {"'a": USUAL}, {}, "apostrophe"),
    "no name": (lambda: {"": USUAL}, {}, "must be text"),
    "a number as name": (lambda: {1: USUAL}, {}, "must be text"),
    "a name of Excel's": (lambda: {"History": USUAL}, {}, "keeps that name"),
    "names alike": (lambda: {"June": USUAL, "JUNE": USUAL}, {}, "capitals for the same"),
    "text in a sheet": (
        lambda: {"a": USUAL, "b": pd.DataFrame({"c": ["x" * 40_000]})},
        {},
        "Sheet 'b', column 'c'",
    ),
}


@pytest.mark.parametrize("case", LIMITS)
def test_what_excel_has_no_room_for_is_refused(tmp_path: Path, case: str) -> None:
    """Too many rows or columns, too long texts and names that won't do are refused before anything is made."""
    make, options, said = LIMITS[case]
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"old")
    with pytest.raises(atio.InvalidInputError, match=said) as caught:
        atio.write(make(), path, **options)
    assert "Nothing was written" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_just_fits_is_written(tmp_path: Path) -> None:
    """The longest text and name that Excel has room for are written whole."""
    made = pd.DataFrame({"a": ["x" * 32_767, "😀" * 16_383]})
    atio.write(made, tmp_path / "a.xlsx", sheet_name="x" * 31, index=False)
    pd.testing.assert_frame_equal(pd.read_excel(tmp_path / "a.xlsx", sheet_name="x" * 31), made)
    wide = np.zeros((1, 16_384))
    assert atio.write(wide, tmp_path / "a.xlsx", header=False).columns == 16_384


# ---------------------------------------------------------------- losses


SAID: dict[str, tuple[Any, str]] = {
    "formula": (["=1", "a"], "'=1' becomes a formula"),
    "NA": (["NA", "a"], "'NA' comes back as missing"),
    "empty": (["", "a"], "'' comes back as missing"),
    "number": (["007", "008"], "texts like '007' may come back as another type"),
    "carriage return": (["a\rb", "c"], "carriage returns come back as new lines"),
    "link": (["http://a.b", "c"], "becomes a link"),
    "digits": ([1 / 3, 0.5], "rounded to 15 digits"),
    "large": ([2**60 + 1, 1], "over 2\\^53 are rounded"),
    "infinity": ([np.inf, 0.5], "inf is written as"),
    "whole": ([1.0, 2.0], "whole floats come back as integers"),
    "day": (pd.to_datetime(["1850-01-01", "2020-01-01"]), "none before 1900"),
    "small type": (np.array([1, 2], dtype="int8"), "int8 isn't kept"),
    "category": (pd.Categorical(["a", "b"]), "category isn't kept"),
}


@pytest.mark.parametrize("case", SAID)
def test_what_excel_loses_is_said(tmp_path: Path, case: str) -> None:
    """Each thing that Excel changes is said with its column, in one line; a strict write refuses it."""
    values, said = SAID[case]
    made = pd.DataFrame({"x": values, "y": [1, 2]})
    losses = [str(loss) for loss in atio.write(made, tmp_path / "a.xlsx", index=False).losses]
    assert len(losses) == 1
    with pytest.raises(atio.NotPreservableError, match=f"column 'x': .*{said}"):
        atio.write(made, tmp_path / "a.xlsx", index=False, strict=True)
    assert losses[0].startswith("column 'x': ")


def test_losses_of_sheets_name_the_sheet(tmp_path: Path) -> None:
    """Of several sheets, each loss names its own."""
    made = {"a": pl.DataFrame({"x": ["b"]}), "b": pl.DataFrame({"x": ["NA", "c"]})}
    (loss,) = atio.write(made, tmp_path / "a.xlsx").losses
    assert str(loss) == "sheet 'b', column 'x': 'NA' comes back as missing"


def test_time_zones_are_refused(tmp_path: Path) -> None:
    """Excel has no time zones: the library refuses them, and the old file stands."""
    (tmp_path / "a.xlsx").write_bytes(b"old")
    made = pd.DataFrame({"x": pd.to_datetime(["2020-01-01"], utc=True)})
    for each in (made, {"a": made}):
        with pytest.raises(atio.InvalidInputError, match="timezone"):
            atio.write(each, tmp_path / "a.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == b"old"
