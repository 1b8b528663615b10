"""A version as a pyarrow dataset: DuckDB, polars and pyarrow scan it with the columns and the filter that they need.

They ask a dataset for a scanner, in Python, and get one over batches that were read, and checked, like any others.
pyarrow's own engine (`join`, `sort_by`, `acero`) goes past Python to the dataset in C++ beneath. That one can't check
digests, so all that it holds is a file that can't be there, whose name says what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds  # noqa: TID253 - this module is only loaded by who wants a dataset

from atio_core.data.filters.filters import named_in
from atio_core.reading.rows import arrow_schema, read_batches
from atio_core.reading.selection import Selection, Version, narrowed

_NO_FILE = "/dev/null/pyarrow's engine can't check what it reads itself; join, sort or compute with dataset.to_table()"


class VersionDataset(ds.UnionDataset):
    """The rows of a version, scanned anew each time.

    Args:
        version: Which version.
        selection: Which of its rows and columns there are.
        chosen: An expression that chooses among these rows; None for all.
    """

    def __init__(self, version: Version, selection: Selection, chosen: Any = None) -> None:
        schema = arrow_schema(version.source.schema, selection.columns)
        nowhere = ds.FileSystemDataset.from_paths(
            [_NO_FILE], schema=schema, format=ds.IpcFileFormat(), filesystem=pa.fs.LocalFileSystem()
        )
        super().__init__(schema, [nowhere])  # pyright: ignore[reportUnknownMemberType] - pyarrow ships no types
        self._version = version
        self._selection = selection
        self._chosen = chosen

    def scanner(
        self,
        columns: Sequence[str] | Mapping[str, Any] | None = None,
        filter: Any = None,  # noqa: A002 - pyarrow calls it so
        **options: Any,
    ) -> ds.Scanner:
        """Return a scanner; it goes through the rows once.

        Args:
            columns: Names, or expressions by the names that they get; None for all columns.
            filter: An expression that chooses rows.
            **options: As for `pyarrow.dataset.Dataset.scanner`.
        """
        wanted = self._also(filter)
        names = None if columns is None else self._needed(columns, wanted)
        some, filtered = narrowed(self._version, self._selection, names=names, wanted=wanted)
        rows = read_batches(self._version, some)
        return ds.Scanner.from_batches(rows, columns=columns, filter=None if filtered else wanted, **options)

    def _needed(self, columns: Sequence[str] | Mapping[str, Any], wanted: Any) -> list[str]:
        """The columns that a scan has to read."""
        named: list[Any] = [] if wanted is None else [wanted]
        names: list[str] = []
        if isinstance(columns, Mapping):
            named += columns.values()
        else:
            names += columns
        for expression in named:
            names += named_in(expression, self.schema.names, "scanner")
        return list(dict.fromkeys(names))

    def filter(self, expression: Any) -> VersionDataset:
        """Return the dataset of the rows that match."""
        return VersionDataset(self._version, self._selection, self._also(expression))

    def _also(self, expression: Any) -> Any:
        """What chooses rows already, and an expression."""
        if self._chosen is None or expression is None:
            return self._chosen if expression is None else expression
        return self._chosen & expression
