"""The keys of the rows in data files: whether one comes twice. Only the columns of the key are read.

Rows are compared a block at a time, each with all rows behind it. So memory is bounded, whatever the files hold, and
files whose bounds don't meet, as those of sorted data, are read once.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from atio_core.data.filters.filters import RowFilter
from atio_core.data.keys.key_match import KeyColumns, Keys
from atio_core.data.scan.scan import scan_portions
from atio_core.data.scan.source import Source
from atio_core.model.data_file import DataFile

BLOCK_ROWS = 1 << 20
"""Keys of so many rows are in memory at a time: about 400 bytes a row, with what is read to compare them with."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that follow each other, and what comes behind them.

    Attributes:
        keys: Theirs.
        rest: The files with rows behind them.
        start: So many rows of the first of these are in this block, or before it.
    """

    keys: Keys
    rest: Sequence[DataFile]
    start: int


@dataclass(frozen=True, slots=True)
class KeyRows:
    """The rows of data files, as far as the key goes.

    Attributes:
        source: Where the files are.
        key: The columns of the key.
    """

    source: Source
    key: KeyColumns

    def blocks(self, files: Sequence[DataFile]) -> Iterator[Block]:
        """Yield the rows of some files block by block.

        Raises:
            DuplicateKeyError: Two rows of a block have the same key.
            InvalidInputError: A key is null or not a number.
        """
        places = {file.path: place for place, file in enumerate(files)}
        some: list[pa.Table] = []
        rows = 0
        for portion in scan_portions(self.source, files, self.key.names):
            some.append(portion.rows)
            rows += portion.rows.num_rows
            if rows >= BLOCK_ROWS:
                place, start = places[portion.file.path], _as_int(portion.kept[-1]) + 1
                whole = start == portion.file.rows
                yield Block(self._keys(some), files[place + whole :], 0 if whole else start)
                some, rows = [], 0
        if rows:
            yield Block(self._keys(some), (), 0)

    def require_behind(self, block: Block) -> None:
        """Raise `DuplicateKeyError` if a row behind a block has one of its keys."""
        files = self.that_may_hold(block.keys, block.rest)
        for portion in scan_portions(self.source, files, self.key.names, self.filter(block.keys)):
            rows = portion.rows
            if block.start and portion.file.path == block.rest[0].path:
                rows = rows.slice(bisect.bisect_left(portion.kept, block.start, key=_as_int))
            if rows.num_rows:
                what = f"rows for the table {self.source.table} have a key that rows before them have"
                advice = "drop the duplicates, or choose a longer key"
                raise self.key.doubled(what, rows, advice, table=self.source.table)

    def require_apart(self, keys: Keys, files: Sequence[DataFile]) -> None:
        """Raise `DuplicateKeyError` if a row of some files of the table has one of these keys."""
        files = self.that_may_hold(keys, files)
        for portion in scan_portions(self.source, files, self.key.names, self.filter(keys)):
            if portion.rows.num_rows:
                what = (
                    f"rows have a primary key that other rows of the table {self.source.table} have already"
                )
                advice = "leave them out, or use upsert"
                raise self.key.doubled(what, portion.rows, advice, table=self.source.table)

    def that_may_hold(self, keys: Keys, files: Sequence[DataFile]) -> list[DataFile]:
        """Return those of some files that may hold one of these keys, by their bounds."""
        known, row_filter = self.source.schemas, self.filter(keys)
        # one with an unknown schema is damaged, which is told when it is opened
        return [
            file
            for file in files
            if file.schema not in known or row_filter.file_may_match(file, known[file.schema])
        ]

    def filter(self, keys: Keys) -> RowFilter:
        """Return a filter of the rows that have one of these keys."""
        return keys.filter(self.source.schema, ())

    def _keys(self, some: Sequence[pa.Table]) -> Keys:
        return Keys(pa.concat_tables(some), self.key, self.source.table)


def _as_int(place: object) -> int:
    return place if isinstance(place, int) else place.as_py()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - a pyarrow scalar
