"""What a kind of object is to a table: how it is recognised, checked, written and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from atio_core.errors import NotPreservableError


class Out(Protocol):
    """Takes the bytes of a file, one after another."""

    def write(self, data: Any, /) -> int:
        """Add bytes."""
        ...


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of object that is kept as one file.

    Attributes:
        name: The kind, as a log entry has it.
        format: Of the file; as a record, and `format=`, have it.
        suffix: Of the file's name.
        check: Refuses what wouldn't come back equal, before anything is written.
        dump: Writes an object; gives the same bytes for the same object each time, but for pickles.
        load: Returns the object that checked bytes hold.
        shares_bytes: Whether what `load` returns lies over the bytes, which must then be writable.
    """

    name: str
    format: str
    suffix: str
    check: Callable[[Any], None]
    dump: Callable[[Any, Out], None]
    load: Callable[[Any], Any]
    shares_bytes: bool = False


def refuse(what: str, advice: str) -> NoReturn:
    """Refuse an object that wouldn't come back equal.

    Args:
        what: The part that wouldn't.
        advice: What to do.

    Raises:
        NotPreservableError: Always.
    """
    raise NotPreservableError(f"{what}; nothing was written: {advice}")
