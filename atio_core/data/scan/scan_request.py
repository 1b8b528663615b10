"""What is to be read of data files, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.data.filters.filters import RowFilter
from atio_core.data.scan.source import Source
from atio_core.model.data_file import DataFile


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What is to be read.

    Attributes:
        source: Where the rows are.
        schema: The columns that are wanted.
        row_filter: Which rows.
        at_once: How many bytes of row groups make one part, if one group alone doesn't have more.
    """

    source: Source
    schema: pa.Schema
    row_filter: RowFilter | None
    at_once: int = 0

    @property
    def needed(self) -> pa.Schema:
        """The columns that are wanted, then those that only the filter looks at."""
        if self.row_filter is None:
            return self.schema
        names = dict.fromkeys([*self.schema.names, *self.row_filter.columns])
        return pa.schema([self.source.schema.field(name) for name in names], metadata=self.schema.metadata)

    @property
    def is_all_at_once(self) -> bool:
        """Whether all rows of a file are wanted at once, with all columns."""
        return bool(self.at_once) and self.row_filter is None and len(self.schema) == len(self.source.schema)

    @property
    def is_apart(self) -> bool:
        """Whether it matters which file rows come from, or they are wanted part by part."""
        return self.row_filter is not None or not self.at_once

    def portion(self, file: DataFile, found: pa.Table, start: int, rows: int) -> Portion:
        """Return what is wanted of rows of a file that have all columns that are needed.

        Args:
            file: Where they lie.
            found: The rows.
            start: The number of the first one in the file.
            rows: How many they are.
        """
        kept = range(start, start + rows)
        if self.row_filter is None:
            return Portion(file, found, kept)
        truth = pc.fill_null(self.row_filter.truth(found, file.partition), fill_value=False)
        chosen = pc.indices_nonzero(truth)
        if len(chosen) < rows:
            kept = pc.add(chosen.cast(pa.int64()), start)
        if not self.schema.names:
            return Portion(file, no_columns(len(kept), self.schema), kept)
        wanted = found.select(self.schema.names)
        return Portion(file, wanted if len(chosen) == rows else wanted.filter(truth), kept)


@dataclass(frozen=True, slots=True)
class Portion:
    """Rows that were read.

    Attributes:
        file: Where they lie; the first one, if there are several, as nobody asks.
        rows: With the wanted columns.
        kept: Which rows of the file they are, from 0.
    """

    file: DataFile
    rows: pa.Table
    kept: range | pa.Int64Array

    def numbers(self) -> Any:
        """Return the numbers of the rows in the file, as an array: a range as such would be gone through one by one."""
        import numpy as np

        kept = self.kept
        return np.arange(kept.start, kept.stop) if isinstance(kept, range) else kept.to_numpy()

    def head(self, rows: int) -> Portion:
        """Return at most so many of the rows."""
        return (
            self if len(self.kept) <= rows else Portion(self.file, self.rows.slice(0, rows), self.kept[:rows])
        )


def no_columns(rows: int, schema: pa.Schema) -> pa.Table:
    """A table of so many rows, and no columns."""
    some = pa.table({"": pa.nulls(rows)}, metadata=schema.metadata)
    return some.select([])  # most other ways forget the number of rows
