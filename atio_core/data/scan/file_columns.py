"""Which columns of a data file are read, and how they become those of a version.

What that takes is found once for files that are alike, not for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from atio_core.data.scan.scan_request import no_columns
from atio_core.data.scan.source import Source
from atio_core.data.schema.arrow_types import is_same
from atio_core.data.schema.conform import field_id, leaves_of, restore, widen
from atio_core.model.data_file import DataFile


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a file: its place among those that are read, and the type that it was written with."""

    place: int
    kept: pa.DataType


@dataclass(frozen=True, slots=True)
class FileColumns:
    """How files of one layout are read.

    Attributes:
        schema: The columns that come of it.
        leaves: The Parquet columns to read.
        columns: For each column of the schema the file's; None where it has none.
        alike: Whether all columns have the schema's types as they are read.
    """

    schema: pa.Schema
    leaves: list[int]
    columns: tuple[_Column | None, ...]
    alike: bool

    @classmethod
    def of(cls, source: Source, wanted: pa.Schema, file: DataFile, own: pa.Schema) -> FileColumns:
        """Match a file's columns with those that are wanted, by their ids.

        Args:
            source: What schema the file was written with.
            wanted: The version's columns that are needed.
            file: The file's record.
            own: What the file itself says of its columns.

        Raises:
            DamagedError: A column isn't there, or has another type than the schema that the record names.
        """
        kept = {field_id(field): field.type for field in source.schemas[file.schema]}
        ids = {field_id(field) for field in wanted} - {None}
        read = [field for field in own if field_id(field) in ids]
        places = {field_id(field): place for place, field in enumerate(read)}
        columns: list[_Column | None] = []
        alike = True
        for field in wanted:
            column = field_id(field)
            if column not in kept:
                columns.append(None)
                alike = False
                continue
            if column not in places:
                raise source.damaged(file, f"its column {field.name!r}", str(kept[column]), "missing")
            found = read[places[column]].type
            if found != kept[column]:
                said = f"{found} instead of {kept[column]}"
                raise source.damaged(file, f"its column {field.name!r}", str(kept[column]), said)
            columns.append(_Column(places[column], kept[column]))
            alike = alike and kept[column] == field.type and is_same(found, kept[column])
        return cls(wanted, leaves_of(own, ids), tuple(columns), alike)

    def read(
        self,
        source: Source,
        file: DataFile,
        parquet: pq.ParquetFile,
        groups: list[int],
        rows: int,
        *,
        use_threads: bool,
    ) -> pa.Table:
        """Return the rows of row groups, with the columns and types of the version.

        Args:
            source: What names the file in errors.
            file: The file's record.
            parquet: Its bytes.
            groups: Which row groups.
            rows: How many rows they have.
            use_threads: Whether to decode columns side by side.

        Raises:
            DamagedError: The bytes can't be decoded, or not to so many rows.
            SchemaMismatchError: A value doesn't fit the version's type.
        """
        if not self.leaves:
            return self._conformed(source, file, pa.table({}), rows)
        try:
            found = parquet.reader.read_row_groups(
                groups, column_indices=self.leaves, use_threads=use_threads
            )
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise source.damaged(file, "its content", "what can be decoded", str(error)) from error
        if found.num_rows != rows:
            raise source.damaged(file, "its number of rows", str(rows), str(found.num_rows))
        return self._conformed(source, file, found, rows)

    def _conformed(self, source: Source, file: DataFile, found: pa.Table, rows: int) -> pa.Table:
        if not self.columns:
            return no_columns(rows, self.schema)
        columns = [
            pa.chunked_array([pa.nulls(rows, field.type)])
            if column is None
            else self._fitted(source, file, found.column(column.place), column.kept, field)
            for column, field in zip(self.columns, self.schema, strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _fitted(
        self, source: Source, file: DataFile, values: pa.ChunkedArray, kept: pa.DataType, field: pa.Field
    ) -> pa.ChunkedArray:
        """Give a column the type of the version."""
        if self.alike:
            return values
        try:
            restored = restore(values, kept)
        except (TypeError, pa.ArrowException) as error:
            raise source.damaged(file, f"its column {field.name!r}", str(kept), str(error)) from error
        return widen(restored, field, table=source.table, version=source.version)
