"""Formats that atio doesn't know: the object's own method that the format names, or the caller's callable.

Either gets one thing: a file, open for writing, of bytes or of text (which becomes UTF-8). It may seek in it, close it,
or open its `name`, which is the path of the temporary file, for libraries that need a path. What it returns is
ignored. It must write into that very file: the file is what gets synced and published.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from atio_core.data.formats.base import Writer, WriteRequest
from atio_core.data.losses.loss import Loss
from atio_core.errors import InvalidInputError
from atio_core.storage.files.open_files import ToldWriter, is_whole

_PREFIXES = ("to_", "write_", "save_")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def by_method(obj: object, format_name: object) -> Writer | None:
    """Return the writer that an object has itself for a format.

    Args:
        obj: Anything.
        format_name: "png" finds `obj.to_png`, else `obj.write_png`, else `obj.save_png`.

    Returns:
        The writer, or None.
    """
    if not isinstance(format_name, str) or not _NAME.fullmatch(format_name) or isinstance(obj, type):
        return None
    for prefix in _PREFIXES:
        method = getattr(obj, prefix + format_name, None)
        if callable(method):
            return _writer(method, f"{type(obj).__qualname__}.{prefix}{format_name}")
    return None


def by_callable(function: Any) -> Writer:
    """Return the writer that a callable is.

    Args:
        function: Called with the file, and the options by name.

    Raises:
        InvalidInputError: It can't be called.
    """
    if not callable(function):
        raise InvalidInputError(
            f"writer= takes a callable, which is given the file to write into, not {type(function).__name__}."
        )
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return _writer(function, f"writer={name}")


def _writer(function: Callable[..., Any], call: str) -> Writer:
    def write(_obj: Any, file: BinaryIO, request: WriteRequest) -> None:
        assert request.path is not None  # noqa: S101 - for the type checker: a file is being written
        with _either(file, request.path) as handle:
            function(handle, **request.options)
        if not is_whole(handle):
            raise InvalidInputError(
                f"{call} closed the file beneath what wasn't written yet, by its raw. Have it close the file itself."
            )
        _require_written(file, request.path, call)

    def losses(_obj: Any, _request: WriteRequest) -> Sequence[Loss]:
        return (Loss(None, f"atio doesn't know what {call} keeps"),)

    return Writer(call, write, losses, by_path=True)


class _Either(ToldWriter):
    """A file that takes text, too: most methods of frames that write text want one that does."""

    def write(self, data: Any) -> int:
        return super().write(data.encode() if isinstance(data, str) else data)


def _either(file: BinaryIO, path: str) -> _Either:
    """The same file once more: whoever gets it may close it, and finds its path."""
    return _Either(open(path, "wb", buffering=0, opener=lambda _path, _flags: os.dup(file.fileno())))


def _require_written(file: BinaryIO, path: str, call: str) -> None:
    """Whoever was given a path may have put another file there, which nobody would sync."""
    made, there = os.fstat(file.fileno()), Path(path)
    if not there.exists() or there.stat().st_ino != made.st_ino:
        raise InvalidInputError(
            f"{call} put another file in the place of the one that it was given. Have it write into that one."
        )
    if made.st_size == 0:
        raise InvalidInputError(
            f"{call} wrote nothing into the file that it was given. Have it write to its argument, or to its .name."
        )
