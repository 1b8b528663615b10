"""What a file format is: its name, its suffixes, and who writes it for the frames of each library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from atio_core.data.kinds import Kind


@dataclass(frozen=True, slots=True)
class Order:
    """What a writer is asked for.

    Attributes:
        file: Where the bytes go.
        name: The target's name; the file being written has another one, or none.
        compression: What the name's last suffix says, as pandas names it: "gzip"; or None.
        options: The caller's, for the library's own writer.
    """

    file: BinaryIO
    name: str
    compression: str | None
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Writer:
    """How the frames of one library are written in one format.

    Attributes:
        call: The library's call, for messages: "pandas' to_csv".
        write: Writes a frame as ordered.
        compressions: Those that can lie around the whole file.
    """

    call: str
    write: Callable[[Any, Order], None]
    compressions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format that a file can have.

    Attributes:
        name: As `format=` takes it.
        suffixes: Of the files that have it, with their dots.
        writers: By the library that made the frame.
        other_suffixes: Of its relatives: a file so named would not be what its name says.
    """

    name: str
    suffixes: tuple[str, ...]
    writers: Mapping[Kind, Writer]
    other_suffixes: tuple[str, ...] = ()
