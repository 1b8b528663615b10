"""What the log of a store says: releases, and which of them are no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["begin", "release", "drop", "void", "retention"]


@dataclass(frozen=True, slots=True)
class ReleasedTable:
    """A version of a table that a release names.

    Attributes:
        version: Its number.
        table_id: The table's, which tells it from another one in the same folder.
    """

    version: int
    table_id: str


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """One entry of a store's log. Numbers have no gaps, and no entry is ever deleted.

    Attributes:
        number: Of the entry; that of a release, too.
        kind: "begin" is the first; "release" names versions; "drop" ends a release; "void" takes the number of a
            release that died before it was made; "retention" says what is kept.
        store_id: The same in all entries of a store.
        entry_id: A UUID version 7, hexadecimal: whose entry it is.
        time_us: When it was made, in microseconds since 1970; no earlier than the entry before.
        name: The release's.
        message: A sentence for people.
        tables: The versions that the release names, by the table's folder, relative to the store's root.
        dropped: The number of the release that ends.
        retention: What is kept of tables that say nothing themselves, as `Retention.to_dict` puts it; every entry has
            what the one before has, unless it changes that.
    """

    number: int
    kind: Kind
    store_id: str
    entry_id: str
    time_us: int
    name: str | None = None
    message: str | None = None
    tables: Mapping[str, ReleasedTable] = field(default_factory=dict[str, ReleasedTable])
    dropped: int | None = None
    retention: Mapping[str, int] = field(default_factory=dict[str, int])
