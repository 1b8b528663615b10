"""What a file format is: its name, its suffixes, and who writes it for which objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

from atio_core.data.kinds import Kind
from atio_core.data.losses.loss import Loss
from atio_core.data.write_request import WriteRequest

__all__ = ["FileFormat", "Shape", "Takes", "WriteRequest", "Writer", "shape_of"]

Takes = Kind | Literal["array", "arrays", "sheets", "text", "bytes", "list", "value", "anything"]
"""What a writer takes: frames of a library, and what else Python has. `takes_of` says what an object is."""

Shape = tuple[int | None, int | None]


def shape_of(obj: Any) -> Shape:
    """Return how many rows and columns an object has, None for what it has none of.

    Args:
        obj: Anything: a frame, an array, a stream, …

    Example:
        >>> shape_of("text")
        (None, None)
    """
    shape: object = getattr(obj, "shape", None)
    sizes = cast("tuple[Any, ...]", shape if isinstance(shape, tuple) else ())
    if not all(isinstance(size, int) for size in sizes):
        return None, None
    match len(sizes):
        case 0:
            return None, None
        case 1:
            names: Any = getattr(getattr(obj, "dtype", None), "names", None)
            return sizes[0], len(names) if names else 1
        case 2:
            return sizes[0], sizes[1]
        case _:
            return sizes[0], None


def _no_losses(_obj: Any, _request: WriteRequest) -> Sequence[Loss]:
    return ()


def _as_it_is(obj: Any, _request: WriteRequest) -> Any:
    return obj


@dataclass(frozen=True, slots=True)
class Writer:
    """How some objects are written in one format.

    Attributes:
        call: The library's call, for messages: "pandas' to_csv".
        write: Writes what `prepare` made.
        losses: Says what won't come back as it was, and refuses what mustn't be lost. Nothing is made by then.
        prepare: Turns the object into what `losses`, `shape` and `write` get.
        shape: Rows and columns.
        compressions: Those that can lie around the whole file.
        streams: Whether only the writing tells how many rows there are: through the request's `wrote`.
        by_path: Whether it needs the path of the file being written.
    """

    call: str
    write: Callable[[Any, BinaryIO, WriteRequest], None]
    losses: Callable[[Any, WriteRequest], Sequence[Loss]] = _no_losses
    prepare: Callable[[Any, WriteRequest], Any] = _as_it_is
    shape: Callable[[Any], Shape] = shape_of
    compressions: tuple[str, ...] = ()
    streams: bool = False
    by_path: bool = False


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format that a file can have.

    Attributes:
        name: As `format=` takes it.
        suffixes: Of the files that have it, with their dots.
        writers: By what they take.
        aliases: Other names that `format=` takes for it.
        other_suffixes: Of its relatives: a file so named would not be what its name says.
        only_named: Not chosen by a suffix alone, for this reason.
    """

    name: str
    suffixes: tuple[str, ...]
    writers: Mapping[Takes, Writer]
    aliases: tuple[str, ...] = ()
    other_suffixes: tuple[str, ...] = ()
    only_named: str | None = None
