"""The formats that files are written in. A new one is a module beside this one and a line in `FORMATS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NoReturn

from atio_core.data.formats import compression, csv, excel, json, parquet
from atio_core.data.formats.base import FileFormat, Writer
from atio_core.data.kinds import Kind, kind_of
from atio_core.errors import InvalidInputError, UnsupportedFormatError

FORMATS = {made.name: made for made in (parquet.FORMAT, csv.FORMAT, json.FORMAT, excel.FORMAT)}

_DATABASES = ("sql", "database")
_MAKERS: dict[Kind, str] = {"pandas": "a pandas frame", "polars": "a polars frame", "arrow": "an Arrow table"}
_TURN: dict[Kind, str] = {
    "polars-lazy": "Call its collect() first.",
    "arrow-reader": "Call its read_all() first.",
    "capsule": "Turn it into an Arrow table first: pyarrow.table(it).",
}
_TARGETS = ("path_or_buf", "path", "file", "where", "output_file", "excel_writer", "workbook")
_MANY_FILES = ("partition_cols", "partition_on", "partition_by")
_ELSEWHERE = ("filesystem", "storage_options", "credential_provider")


@dataclass(frozen=True, slots=True)
class Choice:
    """Who writes an object, and as what."""

    format: str
    writer: Writer
    compression: str | None


def choose(obj: object, name: str, format_name: str | None, options: Mapping[str, Any]) -> Choice:
    """Decide how an object is written to a file, or refuse.

    Args:
        obj: What is to be written.
        name: The target's name; its suffix decides where no format is named.
        format_name: One of `FORMATS`, or None.
        options: The caller's, for the library's writer.

    Returns:
        The choice.

    Raises:
        UnsupportedFormatError: No such format, or none for this object, or not under this name.
        InvalidInputError: An option would undo what `write` promises.

    Example:
        >>> import pyarrow as pa
        >>> choose(pa.table({"a": [1]}), "prices.csv.gz", None, {}).compression
        'gzip'
    """
    stem, around = _split_compression(name)
    suffix = PurePath(stem).suffix.lower()
    found = _named(format_name) if format_name is not None else _by_suffix(name, suffix)
    kind = kind_of(obj)
    writer = found.writers.get(kind)
    if writer is None:
        _refuse_object(obj, kind)
    if suffix in found.other_suffixes:
        can = _listed(found.suffixes)
        raise UnsupportedFormatError(f"{name!r} can't be written: {found.name} files are {can}. Rename it.")
    if around is not None and around not in writer.compressions:
        can = _listed(sorted(end for end, way in compression.SUFFIXES.items() if way in writer.compressions))
        advice = f"it can write {can}" if can else "drop the last suffix"
        raise UnsupportedFormatError(f"{writer.call} can't write {name!r} compressed by {around}: {advice}.")
    _check_options(name, around, options)
    return Choice(found.name, writer, around)


def refuse_database(format_name: str | None) -> None:
    """Refuse the formats that are no files.

    Args:
        format_name: As the caller gave it.

    Raises:
        UnsupportedFormatError: It is one of them.
    """
    if format_name in _DATABASES:
        message = (
            f"This release doesn't write to databases (format={format_name!r}), only to files: "
            f"{_listed(FORMATS)}. Use the frame's own writer, in a transaction."
        )
        raise UnsupportedFormatError(message)


def _split_compression(name: str) -> tuple[str, str | None]:
    around = compression.SUFFIXES.get(PurePath(name).suffix.lower())
    return (name, None) if around is None else (PurePath(name).stem, around)


def _named(format_name: object) -> FileFormat:
    found = FORMATS.get(format_name) if isinstance(format_name, str) else None
    if found is None:
        raise UnsupportedFormatError(f"There is no format {format_name!r}. There are: {_listed(FORMATS)}.")
    return found


def _by_suffix(name: str, suffix: str) -> FileFormat:
    for found in FORMATS.values():
        if suffix in found.suffixes:
            return found
    suffixes = _listed(end for made in FORMATS.values() for end in made.suffixes)
    message = (
        f"The suffix of {name!r} names no format. Use one of {suffixes}, or give format=: {_listed(FORMATS)}."
    )
    raise UnsupportedFormatError(message)


def _refuse_object(obj: object, kind: Kind) -> NoReturn:
    advice = _TURN.get(kind, "Turn it into a frame first: pandas.DataFrame(it).")
    made = f"{type(obj).__module__}.{type(obj).__qualname__}"
    message = f"{_listed(FORMATS)} are written of {_listed(_MAKERS.values())}, not of {made}. {advice}"
    raise UnsupportedFormatError(message)


def _check_options(name: str, around: str | None, options: Mapping[str, Any]) -> None:
    """Refuse options that would make another file than the target, or not the whole of it."""
    for option, value in options.items():
        if value is None or value is False:
            continue
        if option in _TARGETS:
            why = "what is written is given by target_path alone"
        elif option in _MANY_FILES or (option == "pyarrow_options" and "partition_cols" in value):
            why = "several files can't be replaced in one step; a table can (write_snapshot)"
        elif option in _ELSEWHERE and value != "auto":
            why = "only files of this machine are replaced in one step"
        elif option == "mode" and value not in {"w", "wb"}:
            why = "adding to a file can leave half of it behind; write all of it, or append to a table"
        else:
            continue
        raise InvalidInputError(f"The option {option} is refused: {why}.")
    asked = compression.asked(options.get("compression", "infer"))
    if around is not None and asked not in {"infer", around}:
        message = f"{name!r} says {around}, the option compression={asked!r}. Rename it, or drop the option."
        raise InvalidInputError(message)


def _listed(words: Any) -> str:
    return ", ".join(words)
