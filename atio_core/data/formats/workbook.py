"""Sheets of a workbook, written by pandas: a new workbook, or an existing one whose other sheets stay.

An existing workbook is read and written by openpyxl, which drops what it doesn't know. So its parts are looked at:
what isn't known to survive is refused, or said where the caller allows it (`drop_unsupported=True`).
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from atio_core.data.losses.loss import Loss
from atio_core.data.write_request import WriteRequest
from atio_core.errors import InvalidInputError, NotPreservableError

OURS = ("sheets", "drop_unsupported")
DEFAULT = "Sheet1"
_OF_THE_WRITER = ("engine", "engine_kwargs", "date_format", "datetime_format")

_SURVIVES = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/.*|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels|xl/styles\.xml"
    r"|xl/sharedStrings\.xml|xl/theme/.*|xl/calcChain\.xml|xl/worksheets/(_rels/)?[^/]*|xl/tables/[^/]*"
    r"|xl/externalLinks/.*|xl/(comments/?)[^/]*\.xml|xl/(drawings/)?[^/]*[vV]ml[dD]rawing[^/]*|xl/printerSettings/.*"
)
"""Parts that openpyxl keeps, or that say nothing which it doesn't write anew."""
_NAMED = {
    "xl/vbaProject": "macros",
    "xl/charts/": "charts",
    "xl/chartsheets/": "chart sheets",
    "xl/media/": "images",
    "xl/drawings/": "drawings and shapes",
    "xl/pivot": "pivot tables",
    "xl/slicer": "slicers",
    "xl/timeline": "timelines",
    "xl/queryTables/": "queries",
    "xl/connections": "data connections",
    "xl/threadedComments/": "threaded comments",
    "xl/persons/": "threaded comments",
    "xl/embeddings/": "embedded objects",
    "xl/activeX/": "controls",
    "xl/ctrlProps/": "controls",
    "_xmlsignatures/": "digital signatures",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet to be written.

    Attributes:
        frame: A `pandas.DataFrame`.
        has_index: Whether its index is written unless told otherwise.
    """

    frame: Any
    has_index: bool


def check_options(request: WriteRequest) -> None:
    """Refuse options that would lose data, or that nobody can follow.

    Args:
        request: What is to be written.

    Raises:
        InvalidInputError: There is one.
    """
    if request.options.get("sheets") not in {None, "replace"}:
        raise InvalidInputError(
            f"sheets={request.options['sheets']!r} is none of the ways to write sheets. Give sheets='replace', "
            "which keeps the workbook's other sheets, or drop the option."
        )
    engine = request.options.get("engine")
    if request.options.get("sheets") == "replace" and engine not in {None, "openpyxl"}:
        raise InvalidInputError(
            f"{engine} can't change an existing workbook. Drop engine=, or give engine='openpyxl'."
        )
    given: Any = request.options.get("engine_kwargs") or {}
    of_xlsxwriter: Any = given.get("options") or {}
    if given.get("constant_memory") or of_xlsxwriter.get("constant_memory"):
        raise InvalidInputError(
            "The option constant_memory is refused: pandas writes by column, and xlsxwriter would then silently drop "
            "all columns but the last. Drop it."
        )


def old_workbook(request: WriteRequest) -> bytes | None:
    """Return the workbook whose sheets are to be replaced, or None to make a new one.

    Args:
        request: What is to be written.

    Raises:
        InvalidInputError: What is there is no workbook.
    """
    if request.options.get("sheets") != "replace" or request.old is None:
        return None
    data = Path(request.old).read_bytes()
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise InvalidInputError(
            f"{request.name!r} is no .xlsx workbook, so its sheets can't be kept. Drop sheets='replace' to "
            "replace all of it."
        )
    return data


def losses(request: WriteRequest) -> list[Loss]:
    """Return what the existing workbook loses when some of its sheets are replaced.

    Args:
        request: What is to be written.

    Raises:
        NotPreservableError: More than computed values, and the caller didn't allow it.
    """
    data = old_workbook(request)
    return [] if data is None else list(_losses_of(data, request))


def write(
    sheets: Mapping[str, Sheet], file: BinaryIO, request: WriteRequest, options: Mapping[str, Any]
) -> None:
    """Write sheets, into a new workbook or the existing one.

    Args:
        sheets: By name.
        file: Where the bytes go.
        request: What is to be written.
        options: For pandas' `to_excel` and `ExcelWriter`.
    """
    import pandas as pd

    of_writer: dict[str, Any] = {
        name: options[name] for name in _OF_THE_WRITER if options.get(name) is not None
    }
    of_sheet = {name: value for name, value in options.items() if name not in _OF_THE_WRITER}
    data = old_workbook(request)
    if data is None:
        _fill(pd.ExcelWriter(file, **of_writer), sheets, of_sheet)
        return
    for _loss in _losses_of(data, request):
        pass  # the file may be another one since it was looked at; it refuses
    of_writer["engine_kwargs"] = {"rich_text": True, **of_writer.get("engine_kwargs", {})}
    of_writer |= {"engine": "openpyxl", "mode": "a", "if_sheet_exists": "replace"}
    buffer = io.BytesIO(data)
    with warnings.catch_warnings():  # what openpyxl drops was looked for, and is allowed
        warnings.filterwarnings("ignore", ".* is not supported and will be removed", UserWarning)
        _fill(pd.ExcelWriter(buffer, **of_writer), sheets, of_sheet)
    file.write(buffer.getvalue())


def _fill(writer: Any, sheets: Mapping[str, Sheet], options: Mapping[str, Any]) -> None:
    with writer:
        for name, sheet in sheets.items():
            sheet.frame.to_excel(writer, sheet_name=name, **{"index": sheet.has_index, **options})


def _losses_of(data: bytes, request: WriteRequest) -> Iterator[Loss]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        lost = sorted(set(_lost_parts(archive.namelist())) | set(_lost_extensions(archive)))
        computed = any(b"<f>" in xml or b"<f " in xml for xml in _sheets_of(archive))
    if lost and not request.options.get("drop_unsupported"):
        raise NotPreservableError(
            f"The workbook {request.name!r} has {', '.join(lost)}, which openpyxl would drop. Nothing was written. "
            "Write to another file, or allow it: drop_unsupported=True."
        )
    for name in lost:
        yield Loss("the old workbook", f"{name} are dropped (drop_unsupported=True)")
    if computed:
        yield Loss(
            "the old workbook", "computed values of formulas are empty until Excel computes them again"
        )


def _lost_parts(names: Collection[str]) -> Iterator[str]:
    for name in names:
        if not (name.endswith("/") or _SURVIVES.fullmatch(name)):
            yield next((said for start, said in _NAMED.items() if name.startswith(start)), f"the part {name}")


def _lost_extensions(archive: zipfile.ZipFile) -> Iterator[str]:
    if any(b"<extLst" in xml for xml in _sheets_of(archive)):
        yield "sparklines or newer conditional formats"


def _sheets_of(archive: zipfile.ZipFile) -> Iterator[bytes]:
    for name in archive.namelist():
        if re.fullmatch(r"xl/worksheets/[^/]*\.xml", name):
            yield archive.read(name)
