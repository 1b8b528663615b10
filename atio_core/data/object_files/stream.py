"""An object's file, open for reading at any place. No byte comes out of it that wasn't checked.

The whole file is read and checked when it is opened; on the way the digest of each block is taken. What is read from
then on is checked by these, so that a file which rots, or is replaced, meanwhile is found out too.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from atio_core.data.digests.blocks import BLOCK_BYTES, BlockDigester
from atio_core.data.object_files.read import StoredFile
from atio_core.storage.object_file import SeekableFile

ExplainingMissing = Callable[[], AbstractContextManager[None]]
"""Gives the errors of a read their meaning: a missing file is damage, or the version has expired."""


def open_checked(stored: StoredFile, explaining: ExplainingMissing) -> io.BufferedReader:
    """Open a file, once all of it was found right.

    Args:
        stored: The file.
        explaining: Gives the errors of later reads their meaning.

    Raises:
        DamagedError: The bytes are not what was written.
        NotFoundError: The file isn't there.
    """
    digester = BlockDigester()
    stored.copy(digester.update)
    return io.BufferedReader(_Blockwise(stored, digester, explaining), BLOCK_BYTES)


class _Blockwise(SeekableFile):
    """Reads by whole blocks, each checked."""

    def __init__(self, stored: StoredFile, digester: BlockDigester, explaining: ExplainingMissing) -> None:
        self._stored = stored
        self._blocks = digester.finish()
        self._explaining_missing = explaining
        super().__init__(stored.record.path, self._blocks.end)

    def readinto(self, into: Any) -> int:
        self._checkClosed()
        view = memoryview(into).cast("B")
        wanted = min(len(view), self.length - self._at)
        if wanted <= 0:
            return 0
        start, stop = self._blocks.widened(self._at, min(self._at + wanted, self._at + BLOCK_BYTES))
        block = memoryview(bytearray(stop - start))
        with self._explaining_missing():
            self._stored.read_checked(start, block, self._blocks)
        part = block[self._at - start :][:wanted]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)
