"""Entries of a store's log, as JSON that ends with its digest."""

from __future__ import annotations

from typing import Any, get_args

from atio_core.errors import NewerFormatError
from atio_core.format.seal import open_sealed, seal
from atio_core.model.store_entry import Kind, ReleasedTable, StoreEntry

_FORMAT = 1


def encode_store_entry(entry: StoreEntry) -> bytes:
    """Return the bytes of an entry."""
    fields: dict[str, Any] = {
        "format": _FORMAT,
        "number": entry.number,
        "kind": entry.kind,
        "store": entry.store_id,
        "id": entry.entry_id,
        "time": entry.time_us,
        "name": entry.name,
        "message": entry.message,
        "tables": {name: [table.version, table.table_id] for name, table in entry.tables.items()},
        "dropped": entry.dropped,
        "retention": dict(entry.retention),
    }
    return seal({name: value for name, value in fields.items() if value is not None and value != {}})


def decode_store_entry(data: bytes, *, path: str, number: int, store: str) -> StoreEntry:
    """Return the entry that bytes hold.

    Args:
        data: The whole object.
        path: Its name, for messages.
        number: The number that its name stands for.
        store: The store's location, for messages.

    Raises:
        DamagedError: The bytes are not what was written, or belong under another name.
        NewerFormatError: A later release wrote them.
    """

    def read(fields: dict[str, Any]) -> StoreEntry | None:
        if fields["format"] != _FORMAT or fields["kind"] not in get_args(Kind):
            raise NewerFormatError(
                f"to read {path} of the store {store}, a later release is needed; upgrade atio", path=path
            )
        entry = StoreEntry(
            number=fields["number"],
            kind=fields["kind"],
            store_id=fields["store"],
            entry_id=fields["id"],
            time_us=fields["time"],
            name=fields.get("name"),
            message=fields.get("message"),
            tables={name: ReleasedTable(*table) for name, table in fields.get("tables", {}).items()},
            dropped=fields.get("dropped"),
            retention=fields.get("retention", {}),
        )
        return entry if entry.number == number else None

    return open_sealed(
        data,
        read,
        what=f"the entry {path} of the store {store}",
        advice="bring the file back from a backup",
        kind="an entry of a store's log",
        path=path,
    )
