"""Excel workbooks: one sheet or several, in a new workbook or an existing one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, cast

from atio_core.data.formats import arrays, arrow, excel_limits, lazy, workbook
from atio_core.data.formats.base import FileFormat, Shape, Writer, WriteRequest, shape_of
from atio_core.data.formats.workbook import DEFAULT, OURS, Sheet
from atio_core.data.kinds import kind_of
from atio_core.data.losses import excel as losses
from atio_core.data.losses.loss import Loss
from atio_core.errors import InvalidInputError


def _sheet_of(obj: Any, request: WriteRequest) -> Sheet:
    """Any frame or array as one of pandas. Only pandas has an index to write."""
    match kind_of(obj):
        case "pandas":
            return Sheet(obj, has_index=True)
        case "polars":
            return Sheet(arrow.as_pandas(obj.to_arrow()), has_index=False)
        case "polars-lazy":
            return _sheet_of(lazy.collect(obj, request), request)
        case "arrow":
            return Sheet(arrow.as_pandas(arrow.as_table(obj, request)), has_index=False)
        case "arrow-reader" | "capsule":
            return Sheet(arrow.as_pandas(arrow.read_all(obj, request)), has_index=False)
        case _:
            return Sheet(arrays.as_frame(obj, request), has_index=False)


def _prepare_one(obj: Any, request: WriteRequest) -> dict[str, Sheet]:
    return _checked({request.options.get("sheet_name", DEFAULT): _sheet_of(obj, request)}, request)


def _prepare_several(sheets: Mapping[Any, Any], request: WriteRequest) -> dict[str, Sheet]:
    for option in ("sheet_name", "worksheet"):
        if option in request.options:
            raise InvalidInputError(
                f"The option {option} is refused: the dict's keys name the sheets. Drop it."
            )
    return _checked({name: _sheet_of(frame, request) for name, frame in sheets.items()}, request)


def _prepare_polars(frame: Any, request: WriteRequest) -> Any:
    """Polars' own writer makes new workbooks with xlsxwriter; pandas does the rest."""
    frame = lazy.collect(frame, request) if kind_of(frame) == "polars-lazy" else frame
    if request.options.get("sheets") is None and request.options.get("engine") in {None, "xlsxwriter"}:
        workbook.check_options(request)
        excel_limits.check_polars(frame, request.options)
        return frame
    name = request.options.get("worksheet") or request.options.get("sheet_name", DEFAULT)
    return _checked({name: _sheet_of(frame, request)}, request)


def _checked(sheets: dict[str, Sheet], request: WriteRequest) -> dict[str, Sheet]:
    workbook.check_options(request)
    excel_limits.check(sheets, request.options)
    return sheets


def _losses(sheets: Any, request: WriteRequest) -> Sequence[Loss]:
    if not isinstance(sheets, dict):
        return losses.of_polars(sheets, request)
    several = cast("dict[str, Sheet]", sheets)
    return [
        *workbook.losses(request),
        *(
            loss
            for name, sheet in several.items()
            for loss in losses.of_sheet(
                name if len(several) > 1 else None,
                sheet.frame,
                request,
                index=bool(request.options.get("index", sheet.has_index)),
                converted=not sheet.has_index,
            )
        ),
    ]


def _losses_of_array(sheets: Any, request: WriteRequest) -> Sequence[Loss]:
    return _losses(sheets, replace(request, options=request.without(*arrays.OURS)))


def _write(sheets: Any, file: BinaryIO, request: WriteRequest) -> None:
    if not isinstance(sheets, dict):
        sheets.write_excel(file, **request.without(*OURS, "engine"))
        return
    several = cast("dict[str, Sheet]", sheets)
    workbook.write(several, file, request, request.without(*OURS, "sheet_name", "worksheet"))


def _write_array(sheets: Any, file: BinaryIO, request: WriteRequest) -> None:
    workbook.write(sheets, file, request, request.without(*OURS, "sheet_name", *arrays.OURS))


def _shape(sheets: Any) -> Shape:
    """Of the one sheet; of several, all their rows."""
    if not isinstance(sheets, dict):
        return shape_of(sheets)
    several = list(cast("dict[str, Sheet]", sheets).values())
    if len(several) == 1:
        return shape_of(several[0].frame)
    return sum(len(sheet.frame) for sheet in several), None


_ONE = Writer("pandas' to_excel", _write, _losses, _prepare_one, _shape)
_POLARS = Writer("polars' write_excel", _write, _losses, _prepare_polars, _shape)

FORMAT = FileFormat(
    name="excel",
    suffixes=(".xlsx",),
    writers={
        "pandas": _ONE,
        "polars": _POLARS,
        "polars-lazy": _POLARS,
        "arrow": _ONE,
        "arrow-reader": _ONE,
        "capsule": _ONE,
        "array": Writer("pandas' to_excel", _write_array, _losses_of_array, _prepare_one, _shape),
        "sheets": Writer("pandas' to_excel", _write, _losses, _prepare_several, _shape),
    },
    aliases=("xlsx",),
    other_suffixes=(".xls", ".xlsb", ".xlsm", ".ods"),
)
