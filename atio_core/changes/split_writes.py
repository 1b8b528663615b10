"""Rows of a frame that go into several partitions: of those that the latest holds just so, nothing is written.

A partition is looked at more closely if it has as many rows as are to replace its own: their digest is taken before
anything is written, and the files there are read and digested.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from atio_core.changes.arrangement import Arrangement
from atio_core.changes.schema import WrittenSchema
from atio_core.changes.unchanged import (
    SharedPartitions,
    files_by_partition,
    hold_the_same,
    lie_there,
    may_be_there,
    own_source,
)
from atio_core.changes.writing import Writing, Written
from atio_core.data.digests.content import ContentDigest
from atio_core.data.frames.frames import Piece
from atio_core.data.schema.pieces import split_info
from atio_core.data.writing.split import Split, split_rows
from atio_core.data.writing.writer import TARGET_BYTES
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import Totals
from atio_core.model.manifest import partition_key


@dataclass(frozen=True, slots=True)
class SplitWritten:
    """What rows became.

    Attributes:
        new: Of the partitions that were written; the content is that of all.
        shared: The other ones.
        files: Those of all partitions, in the order of the rows.
        may_be_there: The latest has rows of this schema and arrangement, if it has any.
    """

    new: Written
    shared: SharedPartitions
    files: Sequence[DataFile]
    may_be_there: bool

    def is_all_there(self, writing: Writing) -> bool:
        """Say whether the latest has these rows and no others, in their order, all of which are shared."""
        base, rows = writing.base, sum(file.rows for file in self.files)
        if self.new.files or not self.may_be_there:
            return False
        same = (base.totals.rows, base.content) == (rows, self.new.content)
        return same or lie_there(writing, self.files)


def write_split(
    writing: Writing, piece: Piece, schema: WrittenSchema, arrangement: Arrangement
) -> SplitWritten:
    """Write the partitions of a piece that the latest doesn't hold just so.

    Args:
        writing: Against which version.
        piece: All rows, with ids.
        schema: Theirs.
        arrangement: Where they go; there are columns that say so.

    Raises:
        NotPreservableError: The frame's index can't be kept there, or Parquet can't keep a column.
        StorageError: The store refused.
    """
    split = split_rows(piece.table, arrangement.columns, arrangement.sort_by)
    may_share = may_be_there(writing, schema, arrangement)
    found = _there(writing, piece, arrangement, split) if may_share else {}
    missing = {at for at, one in enumerate(split.shares) if arrangement.placed(one.values) not in found}
    contents: dict[tuple[Scalar, ...], ContentDigest] = {}
    parts = writing.write(writing.split_parts(piece, arrangement, contents, split, missing))
    digests = {values: content for values, (content, _) in found.items()}
    written = Written.of_partitions(
        parts, digests | {values: one.result() for values, one in contents.items()}
    )
    shared = SharedPartitions(
        writing.base.data.version, {values: files for values, (_, files) in found.items()}
    )
    new: dict[tuple[str, ...], list[DataFile]] = {}
    for file in written.files:
        new.setdefault(partition_key(file.partition), []).append(file)
    files: list[DataFile] = []
    for share in split.shares:
        values = arrangement.placed(share.values)
        files += shared.files.get(values, ()) or new[partition_key(values)]
    writing.meter.add(sum(file.rows for file in files) - sum(file.rows for file in written.files))
    rest = replace(written, partitions=written.partitions - found.keys())
    return SplitWritten(rest, shared, files, may_share)


_There = dict[tuple[Scalar, ...], tuple[str, Sequence[DataFile]]]


def _there(writing: Writing, piece: Piece, arrangement: Arrangement, split: Split) -> _There:
    """Return the partitions that the latest holds just so: the digest of the rows, and the files."""
    placed = [arrangement.placed(share.values) for share in split.shares]
    there = files_by_partition(writing.store, writing.base, placed)
    likely = {
        number
        for number, (share, values) in enumerate(zip(split.shares, placed, strict=True))
        if Totals.of(there.get(partition_key(values), [])).rows == share.rows
    }
    digests = {number: ContentDigest() for number in likely}
    numbers = {share: number for number, share in enumerate(split.shares)}
    for share, _, some in split.pieces(piece.table, TARGET_BYTES, likely):
        digests[numbers[share]].update(some)
    source, info_of = own_source(writing), split_info(piece.info, in_order=split.order is None)
    starts = list(itertools.accumulate((share.rows for share in split.shares), initial=0))
    found: _There = {}
    for number in sorted(likely):
        share, values, content = split.shares[number], placed[number], digests[number].result()
        files, info = there[partition_key(values)], info_of(starts[number], 0, share.rows)
        if hold_the_same(source, files, [(share.rows, info)], content):
            found[values] = content, files
    return found
