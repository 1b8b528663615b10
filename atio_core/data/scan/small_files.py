"""Reads small data files: all bytes of one at once, checked by the digest of its record, decoded from memory.

To read the few bytes that may not be wanted takes less than one more request. A thread takes several files at a time:
one alone takes less time than to hand it over.

To open a file of a few rows and to set about its columns takes pyarrow many times as long as to decode them. So files
that are alike, which lie in memory one behind the other, are given one footer, as the row groups of one file
(`footer_shape.py`). If that can't be decoded, each is read by itself, which tells what is wrong with which.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.data.scan.footer_shape import Group, footer_of
from atio_core.data.scan.opening import Opened, Opener, Whole
from atio_core.data.scan.scan_request import Portion
from atio_core.data.scan.source import Source
from atio_core.errors import DamagedError
from atio_core.model.data_file import DataFile

_MAGIC = b"PAR1"
_LENGTH_BYTES = 4
_TAIL_BYTES = _LENGTH_BYTES + len(
    _MAGIC
)  # behind a footer: its length, and what begins and ends a Parquet file


def neighbours(
    files: Sequence[DataFile], most_bytes: int, most_files: int = 64
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


def decode_small_files(opener: Opener, wholes: Sequence[Whole]) -> list[Portion]:
    """Return the rows of files that are wanted; no portion of a file without rows.

    Args:
        opener: What is wanted.
        wholes: The bytes of neighbours, one of them at least.

    Raises:
        DamagedError: A file isn't what was written.
        SchemaMismatchError: A value doesn't fit the version's type.
    """
    # Each step is done for all files before the next one is: the processor forgets what it knew of a step while it does
    # the others, above all the system's calls. File by file, the same takes twice the time.
    groups = _groups(opener, wholes)
    portions: list[Portion] = []
    for kind, run in itertools.groupby(zip(wholes, groups, strict=True), _kind):
        alike = list(run)
        found = None if kind is None else _together(opener, alike)
        portions += _one_by_one(opener, [whole for whole, _ in alike]) if found is None else found
    return portions


_Found = tuple[Whole, Group | None]


def _groups(opener: Opener, wholes: Sequence[Whole]) -> list[Group | None]:
    """Return the row group of each file that has a footer of a known shape, and as many rows as it should have."""
    groups: list[Group | None] = []
    with memoryview(wholes[0].memory) as memory:
        for whole in wholes:
            end = whole.start + whole.file.size - _TAIL_BYTES
            length = int.from_bytes(memory[end : end + _LENGTH_BYTES], "little")
            group = opener.shapes.find(bytes(memory[max(whole.start, end - length) : end]))
            groups.append(group if group is not None and group.rows == whole.file.rows else None)
    return groups


def _kind(found: _Found) -> object:
    """What files that are read together have in common; None for one that is read by itself."""
    whole, group = found
    return group and (whole.file.schema, group.kind)


def _together(opener: Opener, alike: Sequence[_Found]) -> list[Portion] | None:
    """Return the rows of files that are alike; None if they can't be decoded as one."""
    request, first = opener.request, alike[0][0]
    files = [whole.file for whole, _ in alike]
    groups = [group for _, group in alike if group is not None]
    footer = footer_of(groups, [whole.start for whole, _ in alike])
    columns = opener.parse(first.file, first.data).columns
    rows = sum(file.rows for file in files)
    try:
        end = pa.py_buffer(b"".join([_MAGIC, footer, len(footer).to_bytes(_LENGTH_BYTES, "little"), _MAGIC]))
        metadata = pq.read_metadata(pa.BufferReader(end))
        parquet = pq.ParquetFile(pa.BufferReader(first.memory), metadata=metadata, pre_buffer=False)
        table = columns.read(
            request.source, first.file, parquet, list(range(len(files))), rows, use_threads=False
        )
    except pa.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError, DamagedError):
        return None  # it isn't known which of them can't be
    if not request.is_apart:
        return [request.portion(first.file, table, 0, rows)]
    starts = itertools.accumulate((file.rows for file in files), initial=0)
    return [
        request.portion(file, table.slice(start, file.rows), 0, file.rows)
        for file, start in zip(files, starts, strict=False)
    ]


def _one_by_one(opener: Opener, wholes: Sequence[Whole]) -> list[Portion]:
    """Return the rows of files, each opened by itself."""
    opened = [opener.parse(whole.file, whole.data) for whole in wholes]
    filled = [one for one in opened if one.file.rows]
    found = [_decoded(opener.request.source, one) for one in filled]
    return [
        opener.request.portion(one.file, rows, 0, one.file.rows)
        for one, rows in zip(filled, found, strict=True)
    ]


def _decoded(source: Source, opened: Opened) -> pa.Table:
    groups = list(range(opened.metadata.num_row_groups))
    return opened.columns.read(
        source, opened.file, opened.parquet, groups, opened.file.rows, use_threads=False
    )
