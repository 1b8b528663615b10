"""Excel workbooks: one sheet or several, in a new workbook or an existing one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

from atio_core.data.formats import arrays, arrow, excel_limits, lazy, workbook
from atio_core.data.formats.base import FileFormat, Order, Shape, Writer, shape_of
from atio_core.data.formats.workbook import DEFAULT, OURS, Sheet
from atio_core.data.kinds import kind_of
from atio_core.data.losses import excel as losses
from atio_core.data.losses.loss import Loss
from atio_core.errors import InvalidInputError


def _sheet_of(obj: Any, order: Order) -> Sheet:
    """Any frame or array as one of pandas. Only pandas has an index to write."""
    match kind_of(obj):
        case "pandas":
            return Sheet(obj, has_index=True)
        case "polars":
            return Sheet(arrow.as_pandas(obj.to_arrow()), has_index=False)
        case "polars-lazy":
            return _sheet_of(lazy.collect(obj, order), order)
        case "arrow":
            return Sheet(arrow.as_pandas(arrow.as_table(obj, order)), has_index=False)
        case "arrow-reader" | "capsule":
            return Sheet(arrow.as_pandas(arrow.read_all(obj, order)), has_index=False)
        case _:
            return Sheet(arrays.as_frame(obj, order), has_index=False)


def _prepare_one(obj: Any, order: Order) -> dict[str, Sheet]:
    return _checked({order.options.get("sheet_name", DEFAULT): _sheet_of(obj, order)}, order)


def _prepare_several(sheets: Mapping[Any, Any], order: Order) -> dict[str, Sheet]:
    for option in ("sheet_name", "worksheet"):
        if option in order.options:
            raise InvalidInputError(
                f"The option {option} is refused: the dict's keys name the sheets. Drop it."
            )
    return _checked({name: _sheet_of(frame, order) for name, frame in sheets.items()}, order)


def _prepare_polars(frame: Any, order: Order) -> Any:
    """Polars' own writer makes new workbooks with xlsxwriter; pandas does the rest."""
    frame = lazy.collect(frame, order) if kind_of(frame) == "polars-lazy" else frame
    if order.options.get("sheets") is None and order.options.get("engine") in {None, "xlsxwriter"}:
        workbook.check_options(order)
        excel_limits.check_polars(frame, order.options)
        return frame
    name = order.options.get("worksheet") or order.options.get("sheet_name", DEFAULT)
    return _checked({name: _sheet_of(frame, order)}, order)


def _checked(sheets: dict[str, Sheet], order: Order) -> dict[str, Sheet]:
    workbook.check_options(order)
    excel_limits.check(sheets, order.options)
    return sheets


def _losses(sheets: Any, order: Order) -> Sequence[Loss]:
    if not isinstance(sheets, dict):
        return losses.of_polars(sheets, order)
    several = cast("dict[str, Sheet]", sheets)
    return [
        *workbook.losses(order),
        *(
            loss
            for name, sheet in several.items()
            for loss in losses.of_sheet(
                name if len(several) > 1 else None,
                sheet.frame,
                order,
                index=bool(order.options.get("index", sheet.has_index)),
                converted=not sheet.has_index,
            )
        ),
    ]


def _write(sheets: Any, file: BinaryIO, order: Order) -> None:
    if not isinstance(sheets, dict):
        sheets.write_excel(file, **order.without(*OURS, "engine"))
        return
    several = cast("dict[str, Sheet]", sheets)
    workbook.write(several, file, order, order.without(*OURS, "sheet_name", "worksheet"))


def _write_array(sheets: Any, file: BinaryIO, order: Order) -> None:
    workbook.write(sheets, file, order, order.without(*OURS, "sheet_name", *arrays.OURS))


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
        "array": Writer("pandas' to_excel", _write_array, _losses, _prepare_one, _shape),
        "sheets": Writer("pandas' to_excel", _write, _losses, _prepare_several, _shape),
    },
    aliases=("xlsx",),
    other_suffixes=(".xls", ".xlsb", ".xlsm", ".ods"),
)
