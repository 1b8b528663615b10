"""What Parquet writes a data file into."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atio_core.data.digests.blocks import BlockDigester, Blocks
from atio_core.format.digest import named, running_digest
from atio_core.storage.base import ObjectWriter

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_HELD_BYTES = 64 << 10  # written at once; Parquet comes with each page's header by itself


class StoppedError(Exception):
    """Another file of the same write has failed."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What is known of a file once it is written.

    Attributes:
        size: In bytes.
        digest: Of all of it.
        footer_size: In bytes.
        footer_digest: Of its footer.
        metadata: Parquet's.
        encoded: When the last byte was handed on, by `time.perf_counter`.
    """

    size: int
    digest: str
    footer_size: int
    footer_digest: str
    metadata: pq.FileMetaData
    encoded: float


class Sink:
    """A file for Parquet: it digests the bytes and hands them on.

    Args:
        out: Takes the bytes.
        stop: Once it is set, the next bytes raise `StoppedError`.
    """

    closed = False  # pyarrow asks

    def __init__(self, out: ObjectWriter, stop: threading.Event) -> None:
        self._out = out
        self._stop = stop
        self._held = bytearray()
        self._whole = running_digest()
        self._blocks = BlockDigester()
        self._footer = running_digest()
        self._size = 0
        self._footer_start: int | None = None

    def write(self, data: bytes) -> int:
        """Add bytes; small pieces are held until there are enough of them for a call."""
        if len(data) < _HELD_BYTES:
            self._held += data
        if len(data) >= _HELD_BYTES or len(self._held) >= _HELD_BYTES:
            self._pass_on_held()
        if len(data) >= _HELD_BYTES:
            self._pass_on(memoryview(data))
        return len(data)

    def start_footer(self) -> Blocks:
        """Return the digests of the blocks so far; what is written from here on is the footer."""
        self._pass_on_held()
        self._footer_start = self._size
        return self._blocks.finish()

    def finish(self, metadata: pq.FileMetaData) -> WrittenFile:
        """Hand on what is held, and say what the file has become."""
        self._pass_on_held()
        footer_size = self._size - (self._footer_start or 0)
        return WrittenFile(
            self._size, named(self._whole), footer_size, named(self._footer), metadata, time.perf_counter()
        )

    def flush(self) -> None:
        """Do nothing: Parquet asks for it after each row group."""

    def close(self) -> None:
        """Do nothing: the file is closed by the one who opened it."""

    def _pass_on_held(self) -> None:
        held, self._held = self._held, bytearray()
        if held:
            self._pass_on(memoryview(held))

    def _pass_on(self, data: memoryview) -> None:
        if self._stop.is_set():
            raise StoppedError
        self._whole.update(data)
        (self._blocks if self._footer_start is None else self._footer).update(data)
        self._out.write(data)
        self._size += len(data)
