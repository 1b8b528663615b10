"""The formats that files are written in. A new one is a module beside this one and a line in `FORMATS`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from atio_core.data.formats import (
    compression,
    csv,
    excel,
    feather,
    generic,
    json,
    jsonl,
    numpy,
    parquet,
    pickle,
    text,
)
from atio_core.data.formats.base import FileFormat, Writer
from atio_core.data.formats.takes import takes_of
from atio_core.errors import InvalidInputError, UnsupportedFormatError

FORMATS = {
    made.name: made
    for made in (
        parquet.FORMAT,
        csv.FORMAT,
        json.FORMAT,
        jsonl.FORMAT,
        excel.FORMAT,
        feather.FORMAT,
        numpy.NPY,
        numpy.NPZ,
        pickle.FORMAT,
        text.TEXT,
        text.BYTES,
    )
}

_BY_NAME = {name: made for made in FORMATS.values() for name in (made.name, *made.aliases)}
_BY_SUFFIX = {suffix: made for made in FORMATS.values() for suffix in made.suffixes}

DATABASES = ("sql", "database")
"""The formats that are no files: tables of a database."""

_TARGETS = ("path_or_buf", "path", "file", "where", "output_file", "excel_writer", "workbook")
_MANY_FILES = ("partition_cols", "partition_on", "partition_by")
_ELSEWHERE = ("filesystem", "storage_options", "credential_provider")


@dataclass(frozen=True, slots=True)
class Choice:
    """Who writes an object, and as what."""

    format: str
    writer: Writer
    compression: str | None


def choose(
    obj: object, name: str, format_name: str | None, options: Mapping[str, Any], own: object = None
) -> Choice:
    """Decide how an object is written to a file, or refuse.

    Args:
        obj: What is to be written.
        name: The target's name; its suffix decides where no format is named.
        format_name: One of `FORMATS`, an alias, what a method of the object is named after, or None.
        options: The caller's, for the library's writer.
        own: The caller's own writer, which decides before all else.

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
    if own is not None:
        _check_options(name, None, options)
        return Choice(format_name or "custom", generic.by_callable(own), None)
    suffix, around = _suffixes(name)
    found = _BY_SUFFIX.get(suffix) if format_name is None else _named(format_name)
    writer = None if found is None else _writer_of(found, obj)
    chosen = found.name if found is not None else format_name if format_name is not None else suffix[1:]
    if writer is None:
        writer = generic.by_method(obj, chosen)
    if writer is None:
        _refuse_object(obj, name, format_name, found)
    if found is not None:
        _check_name(name, suffix, found, named=format_name is not None)
    _check_compression(name, around, writer)
    _check_options(name, around, options)
    return Choice(chosen, writer, around)


def _suffixes(name: str) -> tuple[str, str | None]:
    """The suffix that names a format, and the compression that one behind it names."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a PurePath takes longer than all else here
    around = compression.SUFFIXES.get(suffix.lower())
    if around is not None:
        suffix = os.path.splitext(stem)[1]  # noqa: PTH122 - likewise
    return suffix.lower(), around


def _named(format_name: object) -> FileFormat | None:
    return _BY_NAME.get(format_name) if isinstance(format_name, str) else None


def _writer_of(found: FileFormat, obj: object) -> Writer | None:
    return next((found.writers[takes] for takes in takes_of(obj) if takes in found.writers), None)


def _refuse_object(obj: object, name: str, format_name: object, found: FileFormat | None) -> NoReturn:
    """Say what is possible for this object."""
    made = f"{type(obj).__module__}.{type(obj).__qualname__}"
    possible = [other for other in FORMATS.values() if _writer_of(other, obj)]
    can = f"{made} can be written as {_listed(other.name for other in possible)}"
    if found is not None:
        message = f"{found.name} isn't written of {made}. {can}."
        if "csv" not in {other.name for other in possible}:
            message += " Or turn it into a frame first: pandas.DataFrame(it)."
    elif format_name is not None:
        message = f"There is no format {format_name!r}, and {made} has no method to_{format_name}. {can}."
    else:
        suffixes = [end for other in possible if not other.only_named for end in other.suffixes]
        ends = f"use one of the suffixes {_listed(suffixes)}, or " if suffixes else ""
        message = f"The suffix of {name!r} names no format. {can}: {ends}give format=."
    message += " Anything else is written with writer=, a callable that is given the open file."
    raise UnsupportedFormatError(message)


def _check_name(name: str, suffix: str, found: FileFormat, *, named: bool) -> None:
    if found.only_named and not named:
        raise UnsupportedFormatError(
            f"{name!r} is written as {found.name} only if you say so, since {found.only_named}: "
            f"give format={found.name!r}."
        )
    if suffix in found.other_suffixes:
        can = _listed(found.suffixes)
        raise UnsupportedFormatError(f"{name!r} can't be written: {found.name} files are {can}. Rename it.")


def _check_compression(name: str, around: str | None, writer: Writer) -> None:
    if around is not None and around not in writer.compressions:
        can = _listed(sorted(end for end, way in compression.SUFFIXES.items() if way in writer.compressions))
        advice = f"it can write {can}" if can else "drop the last suffix"
        raise UnsupportedFormatError(f"{writer.call} can't write {name!r} compressed by {around}: {advice}.")


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
    if around is None:
        return
    asked = compression.asked(options.get("compression", "infer"))
    if asked not in {"infer", around}:
        message = f"{name!r} says {around}, the option compression={asked!r}. Rename it, or drop the option."
        raise InvalidInputError(message)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
