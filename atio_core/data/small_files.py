"""Reads small data files: all bytes of one at once, checked by the digest of its record, decoded from memory.

To read the few bytes that may not be wanted takes less than one more request. A thread takes several files at a time:
one alone takes less time than to hand it over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from atio_core.data.opening import Opened, Opener
from atio_core.data.source import Source
from atio_core.data.wish import Portion
from atio_core.model.data_file import DataFile

if TYPE_CHECKING:
    import pyarrow as pa


def neighbours(
    files: Sequence[DataFile], most_bytes: int, most_files: int = 16
) -> Iterator[Sequence[DataFile]]:
    """Yield the files in order: small ones, of no more bytes together, as runs of neighbours; others alone."""
    start = total = 0
    for at, file in enumerate(files):
        total += file.size
        if at > start and (total > most_bytes or at - start == most_files):
            yield files[start:at]
            start, total = at, file.size
    if start < len(files):
        yield files[start:]


def read_small_files(opener: Opener, files: Sequence[DataFile]) -> list[Portion]:
    """Return the rows of files that are wanted; no portion of a file without rows.

    Raises:
        NotFoundError: A file is missing.
        DamagedError: A file isn't what was written.
        SchemaMismatchError: A value doesn't fit the version's type.
        StorageError: One can't be read.
    """
    # Each step is done for all files before the next one is: the processor forgets what it knew of a step while it does
    # the others, above all the system's calls. File by file, the same takes twice the time.
    wholes = [opener.read_whole(file) for file in files]
    opened = [opener.parse(file, whole) for file, whole in zip(files, wholes, strict=True)]
    filled = [one for one in opened if one.file.rows]
    found = [_decoded(opener.wish.source, one) for one in filled]
    return [
        opener.wish.portion(one.file, rows, 0, one.file.rows) for one, rows in zip(filled, found, strict=True)
    ]


def _decoded(source: Source, opened: Opened) -> pa.Table:
    groups = list(range(opened.metadata.num_row_groups))
    return opened.columns.read(
        source, opened.file, opened.parquet, groups, opened.file.rows, use_threads=False
    )
