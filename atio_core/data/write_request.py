"""What a writer of files is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def _nobody_counts(_rows: int) -> None:
    """Most writers know the number of rows beforehand."""


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """What a writer is asked for.

    Attributes:
        name: The target's name; the file being written has another one.
        options: The caller's, for the library's own writer.
        compression: What the name's last suffix says, as pandas names it: "gzip"; or None.
        strict: Refuse what the format can't keep.
        old: The path of the file that will be replaced, if there is one.
        path: Of the file being written, for writers that need it: the open file has no name, lest a library write
            it down.
        wrote: Called by writers that stream with the number of rows that they have just written.
    """

    name: str
    options: Mapping[str, Any]
    compression: str | None = None
    strict: bool = False
    old: str | None = None
    path: str | None = None
    wrote: Callable[[int], None] = _nobody_counts

    def without(self, *names: str) -> dict[str, Any]:
        """Return the options but for those that are ours, not the library's."""
        return {option: value for option, value in self.options.items() if option not in names}
