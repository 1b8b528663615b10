"""What Excel has no room for. Some writers cut it silently, so it is refused before anything is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from atio_core.data.formats.workbook import Sheet
from atio_core.errors import InvalidInputError

_ROWS, _COLUMNS, _CHARACTERS, _NAME = 1_048_576, 16_384, 32_767, 31
_FORBIDDEN = "[]:*?/\\"


def check(sheets: Mapping[Any, Sheet], options: Mapping[str, Any]) -> None:
    """Refuse sheets that are too large, or whose names won't do.

    Args:
        sheets: By name.
        options: For pandas' `to_excel`.

    Raises:
        InvalidInputError: It names the sheet, column and row.
    """
    check_names(sheets)
    header = bool(_is_asked(options.get("header", True)))
    for name, sheet in sheets.items():
        frame, index = sheet.frame, options.get("index", sheet.has_index)
        labels = options.get("columns")
        levels = frame.columns.nlevels
        above = (levels + (levels > 1 and bool(index))) if header else 0
        check_size(
            name,
            options.get("startrow", 0) + above + len(frame),
            options.get("startcol", 0)
            + (frame.index.nlevels if index else 0)
            + len(frame.columns if labels is None else labels),
        )
        for label, series in frame.items():
            _check_series(name, f"column {label!r}", series)
            _check_text(name, "the labels", [str(label)])
        if index:
            for number in range(frame.index.nlevels):
                _check_series(name, "the index", frame.index.get_level_values(number).to_series())


def check_polars(frame: Any, options: Mapping[str, Any]) -> None:
    """Refuse the same in a polars frame.

    Args:
        frame: A `polars.DataFrame`.
        options: For its `write_excel`.

    Raises:
        InvalidInputError: It names the sheet, column and row.
    """
    import polars as pl

    name = options.get("worksheet") or "Sheet1"
    check_names([name])
    check_size(name, frame.height + bool(options.get("include_header", True)), frame.width)
    for label, dtype in frame.schema.items():
        _check_text(name, "the labels", [label])
        if dtype == pl.String:
            series = frame.get_column(label)
            if (series.str.len_chars().max() or 0) * 2 > _CHARACTERS:
                _check_text(name, f"column {label!r}", series.to_list())


def check_names(names: Iterable[Any]) -> None:
    """Refuse names that no sheet can have.

    Args:
        names: Of all sheets.

    Raises:
        InvalidInputError: One won't do, or two are the same but for capitals.
    """
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or not name:
            why = "it must be text"
        elif _length(name) > _NAME:
            why = f"it has {_length(name)} characters, and {_NAME} are the most"
        elif found := next((char for char in name if char in _FORBIDDEN), None):
            why = f"it must be without {found!r}"
        elif _has_surrogate(name):
            why = "it holds half of a character"
        elif name.startswith("'") or name.endswith("'"):
            why = "it must not begin or end with an apostrophe"
        elif name.casefold() == "history":
            why = "Excel keeps that name for itself"
        elif name.casefold() in seen:
            why = f"there is {seen[name.casefold()]!r} too, and Excel takes capitals for the same"
        else:
            seen[name.casefold()] = name
            continue
        raise InvalidInputError(f"A sheet can't be called {name!r}: {why}. Nothing was written. Rename it.")


def check_size(name: str, rows: int, columns: int) -> None:
    """Refuse a sheet of too many rows or columns.

    Args:
        name: Of the sheet.
        rows: With the header.
        columns: With the index.

    Raises:
        InvalidInputError: There are too many.
    """
    for count, most, what in ((rows, _ROWS, "rows"), (columns, _COLUMNS, "columns")):
        if count > most:
            raise InvalidInputError(
                f"Sheet {name!r} would have {count:,} {what}; Excel has room for {most:,}. Nothing was written. "
                "Spread it over several sheets, or write csv or parquet."
            )


def _is_asked(header: Any) -> bool:
    return header if isinstance(header, bool) else header is not None


def _check_series(sheet: str, where: str, series: Any) -> None:
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        _check_series(sheet, where, dtype.categories.to_series())
    elif isinstance(dtype, pd.StringDtype | pd.ArrowDtype):
        _check_arrow(sheet, where, series.array)
    elif dtype == "object":
        _check_text(sheet, where, series.tolist())


def _check_arrow(sheet: str, where: str, array: Any) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = array.__arrow_array__()
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return
    if (pc.max(pc.utf8_length(values)).as_py() or 0) * 2 > _CHARACTERS:
        _check_text(sheet, where, values.to_pylist())


def _check_text(sheet: str, where: str, values: list[Any]) -> None:
    for row, value in enumerate(values):
        text = value if isinstance(value, str) else str(value) if type(value) in {list, dict, bytes} else ""
        if len(text) * 2 > _CHARACTERS and _length(text) > _CHARACTERS:
            raise InvalidInputError(
                f"Sheet {sheet!r}, {where}, row {row} (the first is 0): {_length(text):,} characters; a cell of "
                f"Excel has room for {_CHARACTERS:,}. Nothing was written. Shorten it, or write csv or parquet."
            )
        if _has_surrogate(text):
            raise InvalidInputError(
                f"Sheet {sheet!r}, {where}, row {row} (the first is 0): half of a character ({text[:40]!r}), with "
                "which nobody could open the workbook. Nothing was written. Take it out."
            )


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def _length(text: str) -> int:
    """As Excel counts: in UTF-16."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
