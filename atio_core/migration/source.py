"""What is to be taken over: versions of another table, in whatever format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class OldVersion:
    """One version of the old table.

    Attributes:
        id: Names it for good, among all tables.
        number: Its number there; None where versions have none.
        time: When it was written (UTC), as far as the old table knows.
        message: What the old table says of it.
        tags: Its tags there.
        partition_by: The columns that it is partitioned by.
        opened: Gives its rows, or its object, within a `with` block.
    """

    id: str
    number: int | None
    time: datetime | None
    message: str | None
    opened: Callable[[], AbstractContextManager[Any]]
    tags: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """An old table.

    Attributes:
        kind: What wrote it: "atio", "delta", "iceberg" or "parquet".
        location: Its folder.
        versions: Those that can be read, oldest first.
        current: The id of the version that readers there get; None if it is the last one.
        unreadable: Those that can't, by number, and why.
        beginning: The id under which an earlier call may have taken it over, before it had a version.
    """

    kind: str
    location: str
    versions: tuple[OldVersion, ...]
    current: str | None = None
    unreadable: Mapping[int, str] = field(default_factory=dict[int, str])
    beginning: str | None = None


def moment(seconds: float) -> datetime | None:
    """Return a time as an old table tells it, in seconds since 1970; None if that is no time at all.

    Example:
        >>> moment(0), moment(1e300)
        (datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), None)
    """
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OSError, OverflowError, ValueError):
        return None
