"""From a user's frame to data files: fits it to the table's schema and writes it, before any commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from atio_core.changes.schema import WrittenSchema, read_schema, require_rows, with_ids, written_schema
from atio_core.data.content import content_digest
from atio_core.data.frames import Piece, align, schema_fits, slice_info
from atio_core.data.writer import write_files
from atio_core.errors import SchemaMismatchError
from atio_core.format.names import data_path
from atio_core.log.limits import Limits
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock, uuid7
from atio_core.storage.base import ObjectStore


@dataclass(frozen=True, slots=True)
class Writing:
    """Where the files of one commit go, and under which names.

    Attributes:
        store: The table's store.
        base: The version that they are written against.
        commit_id: 16 bytes.
        clock: Where the time comes from.
        limits: Bounds of an entry.
    """

    store: ObjectStore
    base: LogEntry
    commit_id: bytes
    clock: Clock
    limits: Limits

    def new_schema(self, piece: Piece) -> tuple[pa.Table, WrittenSchema]:
        """Return the rows of a piece with column ids, and their schema, whatever the table's was."""
        like = self._schema() if self.base.schema else None
        schema = with_ids(piece.table.schema, like=like, last_column=self.base.last_column)
        return _with_schema(piece.table, schema), WrittenSchema.of(schema)

    def own_schema(self, piece: Piece) -> tuple[pa.Table, WrittenSchema]:
        """Return the rows of a piece in the table's schema.

        Raises:
            SchemaMismatchError: They don't fit it.
            InvalidInputError: The table holds an object.
        """
        require_rows(self.base, self.store.location)
        if not self.base.schema:
            return self.new_schema(piece)
        schema = self._schema()
        reason = schema_fits(schema, piece.table.schema)
        if reason is not None:
            raise SchemaMismatchError(
                f"the data doesn't fit version {self.base.data.version} of the table {self.store.location}: {reason};"
                " nothing was written: change the data, or overwrite the table",
                table=self.store.location,
                version=self.base.data.version,
            )
        ref = self.base.schemas[self.base.schema]
        return _with_schema(align(piece.table, schema), schema), written_schema(schema, ref)

    def _schema(self) -> pa.Schema:
        return read_schema(self.store, self.base.schemas[self.base.schema], self.base.version)

    def files(
        self,
        rows: pa.Table,
        info: dict[str, Any],
        fields: Sequence[str] = (),
        values: tuple[Scalar, ...] = (),
    ) -> tuple[list[DataFile], str]:
        """Write rows as data files; returns their records, without the schema's number, and the digest of the rows."""
        content = content_digest(rows)
        files = write_files(
            self.store,
            rows,
            new_path=lambda: data_path(fields, values, uuid7(self.clock, not_before_us=self.base.horizon_us)),
            info=info,
            slice_info=slice_info,
            schema=0,
            partition=values,
            commit_id=self.commit_id.hex(),
            time_us=self.clock(),
        )
        return [replace(file, piece={**file.piece, "content": content}) for file in files], content


def _with_schema(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same columns under a schema with ids; no value is touched."""
    return pa.Table.from_arrays(rows.columns, schema=schema)
