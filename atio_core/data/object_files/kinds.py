"""Which kind of object something is, recognised by itself; and how each kind is written and read.

A `str` is text, never a path; a path object is the file or folder it leads to. Pickles are made only when named.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Mapping
from typing import Any, cast

from atio_core.arguments import shown
from atio_core.data.kinds import kind_of
from atio_core.data.object_files import array, json_value
from atio_core.data.object_files.base import ObjectKind, Out, refuse
from atio_core.errors import InvalidInputError, UnsupportedFormatError
from atio_core.model.entry import ROWS

FILE = "file"
FOLDER = "folder"
PATH = "path"
"""A file or a folder: the disk says which, when it is written."""

_BYTES_FORMAT = "bytes"


def _check_text(text: Any) -> None:
    if type(text) is not str:
        refuse(f"a {_name(text)} would come back as a str", "give str(it)")
    try:
        text.encode()
    except UnicodeEncodeError:
        refuse("the text holds half a character (a lone surrogate)", "take it out, or give bytes")


def _check_bytes(data: Any) -> None:
    if isinstance(data, memoryview) and not (data.format in {"B", "b", "c"} and data.ndim == 1):
        refuse(
            f"a memoryview of format {data.format!r} and {data.ndim} dimensions would come back as bytes",
            "give its tobytes(), or a NumPy array",
        )


def _dump_bytes(data: Any, out: Out) -> None:
    view = memoryview(data)
    out.write(view.cast("B") if view.c_contiguous else view.tobytes())


def _dump_pickle(obj: Any, out: Out) -> None:
    try:
        pickle.dump(obj, out, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError, RecursionError) as error:
        message = (
            f"a {_name(obj)} can't be pickled: {error}; nothing was committed: leave out what holds it up"
        )
        raise InvalidInputError(message) from error


def _load_pickle(data: bytes) -> Any:
    try:
        return pickle.loads(data)  # noqa: S301 - its writer named the format, and the guide tells whom to trust
    except (AttributeError, ImportError) as error:
        message = f"a pickle needs what isn't here: {error}; install or import it, then read again"
        raise InvalidInputError(message) from error


def _anything(_obj: Any) -> None:
    """Refuse nothing."""


KINDS = {
    kind.name: kind
    for kind in (
        ObjectKind("array", "npy", "npy", array.check, array.dump, array.load, shares_bytes=True),
        ObjectKind("json", "json", "json", json_value.check, json_value.dump, json_value.load),
        ObjectKind(
            "text",
            "text",
            "txt",
            _check_text,
            lambda text, out: _dump_bytes(text.encode(), out),
            lambda data: str(data, "utf-8"),
        ),
        ObjectKind("bytes", _BYTES_FORMAT, "bin", _check_bytes, _dump_bytes, bytes),
        ObjectKind("pickle", "pickle", "pkl", _anything, _dump_pickle, _load_pickle),
        ObjectKind(FILE, _BYTES_FORMAT, "bin", _anything, _dump_bytes, bytes),
    )
}
"""By the kinds' names. A folder is kept as files."""

_BY_FORMAT = {kind.format: kind.name for kind in KINDS.values() if kind.name != FILE} | {"parquet": ROWS}


def checked_kind(obj: object, format_name: object = None) -> str:
    """Say what an object is to a table, and refuse one that wouldn't come back equal; rows are checked elsewhere.

    Args:
        obj: As for `object_kind`.
        format_name: As for `object_kind`.

    Raises:
        NotPreservableError: A part of it would be lost, or changed.
        UnsupportedFormatError: As for `object_kind`.
        InvalidInputError: As for `object_kind`.
    """
    kind = object_kind(obj, format_name)
    if kind in KINDS:
        KINDS[kind].check(obj)
    return kind


def require_rows(obj: object, format_name: object = None) -> None:
    """Refuse an object: it can't be added to what is there.

    Raises:
        UnsupportedFormatError: The format is none of rows.
        InvalidInputError: It is no rows.
    """
    if (obj is None and format_name is None) or object_kind(obj, format_name) == ROWS:
        return
    raise InvalidInputError(
        f"a {_name(obj)} has no rows to be added: an object is kept whole, as a version of its own, which overwrite"
        " makes; of rows, give a frame. Nothing was committed"
    )


def require_rows_of_each(parts: Mapping[Any, object]) -> None:
    """Refuse a mapping that is an object of its own, not rows by their partitions.

    Raises:
        InvalidInputError: One of its values is no rows.
    """
    if any(object_kind(part) != ROWS for part in parts.values()):
        require_rows(parts)


def require_rows_format(format_name: object) -> None:
    """Raise `UnsupportedFormatError` for a format that rows aren't kept in."""
    if not isinstance(format_name, str) or format_name != "parquet":
        raise UnsupportedFormatError(_no_such_format(None, ROWS, format_name))


def object_kind(obj: object, format_name: object = None) -> str:
    """Say what an object is to a table.

    Args:
        obj: Anything.
        format_name: What the caller wants it to be kept as: "parquet", "npy", "json", "text", "bytes" or "pickle".
            None for what is natural to it.

    Returns:
        `ROWS`, a name of `KINDS`, or `PATH`. What is no object that a table keeps counts as rows, whose writer says
        what can be written.

    Raises:
        UnsupportedFormatError: There is no such format, or none for this object.
        InvalidInputError: None was given, and no format that says that JSON's null is meant.

    Example:
        >>> object_kind({"a": 1}), object_kind("text"), object_kind("text", "json")
        ('json', 'text', 'json')
    """
    kind = _recognised(obj)
    if format_name is None:
        if obj is None:
            raise InvalidInputError("there is no data, but None: for JSON's null say format='json'")
        return kind
    wanted = _BY_FORMAT.get(format_name) if isinstance(format_name, str) else None
    if wanted in {kind, "pickle"} or (wanted == "json" and kind == "text"):
        return wanted or kind
    raise UnsupportedFormatError(_no_such_format(obj, kind, format_name))


def _no_such_format(obj: object, kind: str, format_name: object) -> str:
    named = shown(format_name)
    if kind == ROWS:
        return f"rows are kept as parquet, not as {named}; leave format out, or use atio.write (or format='pickle')"
    if kind == PATH:
        return f"a path is kept as the file or folder that it leads to, not as {named}; leave format out"
    return f"a {_name(obj)} is kept as {KINDS[kind].format}, not as {named}; leave format out (or format='pickle')"


def _recognised(obj: object) -> str:
    if kind_of(obj) != "other":
        return ROWS
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(obj, numpy.ndarray):
        return "array"
    if isinstance(obj, str):
        return "text"
    if isinstance(obj, bytes | bytearray | memoryview):
        return "bytes"
    if isinstance(obj, os.PathLike):
        return PATH
    if isinstance(obj, list | tuple) and any(kind_of(one) != "other" for one in cast("list[Any]", obj)[:1]):
        return ROWS
    if obj is None or isinstance(obj, bool | int | float | list | tuple | dict):
        return "json"
    return "json" if numpy is not None and isinstance(obj, numpy.generic) else ROWS


def _name(obj: object) -> str:
    return f"{type(obj).__module__}.{type(obj).__qualname__}"
