"""Pins: the version of a table that a reader of many processes reads, as JSON that ends with its digest.

{"format":1,"reader":"…","table":"…","version":3,"time":…,"digest":"xxh3-128:…"}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atio_core.errors import NewerFormatError
from atio_core.format.names import pin_path
from atio_core.format.seal import open_sealed, seal

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Pin:
    """What a pin says.

    Attributes:
        reader: Whose it is.
        table_id: Of the table, which tells it from another one in the same folder.
        version: The number of the version.
        time_us: When it was made, in microseconds since 1970.
    """

    reader: str
    table_id: str
    version: int
    time_us: int


def encode_pin(pin: Pin) -> bytes:
    """Return the bytes of a pin."""
    return seal(
        {
            "format": _FORMAT,
            "reader": pin.reader,
            "table": pin.table_id,
            "version": pin.version,
            "time": pin.time_us,
        }
    )


def decode_pin(data: bytes, *, path: str, store: str) -> Pin:
    """Return the pin that bytes hold.

    Args:
        data: The whole object.
        path: Its name.
        store: The store's location, for messages.

    Raises:
        DamagedError: The bytes are not what was written, or belong under another name.
        NewerFormatError: A later release wrote them.
    """

    def read(fields: dict[str, Any]) -> Pin | None:
        if fields["format"] != _FORMAT:
            raise NewerFormatError(
                f"to read {path} of the store {store}, a later release is needed; upgrade atio", path=path
            )
        texts, numbers = (fields["reader"], fields["table"]), (fields["version"], fields["time"])
        fits = all(isinstance(text, str) for text in texts) and all(type(one) is int for one in numbers)
        fits = fits and pin_path(*texts) == path and min(numbers) >= 0 < fields["version"]
        return Pin(*texts, *numbers) if fits else None

    return open_sealed(
        data,
        read,
        what=f"the pin {path} of the store {store}",
        advice="bring the file back from a backup, or delete it if its reader has come to its end",
        kind="a pin",
        path=path,
    )
