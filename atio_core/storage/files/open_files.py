"""The open files that new content is written into; those that callers get know whether all that they took was written.

A file that is closed beneath, by its `raw` or its `buffer`, drops what it holds, and says nothing: whoever asks it
afterwards finds it closed, as after its own `close`.
"""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, Protocol, cast

from atio_core.storage import durable

_BUFFER_BYTES = 256 * 1024  # few calls for writers that send lines
_AHEAD_BYTES = 8 << 20  # the disk begins with so many bytes while more are made


class _Closing(Protocol):
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...


class _Told:
    """A file that knows whether it was closed by itself, with all that it held."""

    is_whole = False

    def close(self: _Closing) -> None:
        """Hand on what is held, and close."""
        was_open = not self.closed
        super().close()  # pyright: ignore[reportAttributeAccessIssue] - that of the file's kind
        if was_open:
            self.is_whole = True  # pyright: ignore[reportAttributeAccessIssue] - see above


class ToldWriter(_Told, io.BufferedWriter):
    """One that is written to."""


class _Both(_Told, io.BufferedRandom):
    """One that is read, too."""


class _Text(_Told, io.TextIOWrapper):
    """One of text."""


class _Ahead(io.FileIO):
    """A file that the disk begins with while it is being written, so that its sync has little to wait for."""

    _written = _begun = 0

    def write(self, data: Any) -> int:
        count = super().write(data)
        self._written += count
        if self._written - self._begun >= _AHEAD_BYTES:
            durable.start_writing(self.fileno(), self._begun, self._written - self._begun)
            self._begun = self._written
        return count


def open_binary(fd: int, *, ahead: bool) -> BinaryIO:
    """Open a file for writing by its descriptor, which stays open.

    Args:
        fd: The descriptor.
        ahead: Whether the disk is to begin with it meanwhile.
    """
    # Plain, for the libraries that we hand it to: polars writes past Python into what is exactly that.
    return io.BufferedWriter((_Ahead if ahead else io.FileIO)(fd, "wb", closefd=False), _BUFFER_BYTES)


def open_again(path: str, fd: int, mode: str, **text: Any) -> Any:
    """Open a file as `open` does, by its descriptor, which stays open.

    Args:
        path: What the file is to be called.
        fd: The descriptor.
        mode: As for `open`: "wb" or "w", or one of them with a "+".
        **text: What `io.TextIOWrapper` takes.
    """

    def own(_path: str, _flags: int) -> int:
        return os.dup(fd)

    raw = io.FileIO(path, "w+" if "+" in mode else "w", opener=own)
    file: Any = (_Both if "+" in mode else ToldWriter)(cast("Any", raw), io.DEFAULT_BUFFER_SIZE)
    if "b" not in mode:
        file = _Text(file, **text)
        file.mode = mode
    return file


def is_whole(file: object) -> bool:
    """Say whether a file that was opened here, and is closed, was closed by itself, with all that it held."""
    return bool(getattr(file, "is_whole", True))
