"""From a user's frame to data files: fits it to the table's schema and writes it, before any commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from atio_core.changes.schema import (
    WrittenSchema,
    grown_schema,
    read_schema,
    require_rows,
    with_ids,
    written_schema,
)
from atio_core.data.content import content_digest
from atio_core.data.frames import MisfitError, Piece, SchemaMode, align, evolved_schema, slice_info
from atio_core.data.writer import write_files
from atio_core.errors import SchemaMismatchError
from atio_core.format.names import data_path
from atio_core.log.limits import Limits
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock, uuid7
from atio_core.storage.base import ObjectStore

if TYPE_CHECKING:
    import pyarrow as pa


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

    def new_schema(self, piece: Piece) -> tuple[Piece, WrittenSchema]:
        """Return a piece with column ids, and its schema, whatever the table's was."""
        schema, written = self._new_schema(piece.table.schema)
        return align(piece, schema), written

    def _new_schema(self, schema: pa.Schema) -> tuple[pa.Schema, WrittenSchema]:
        like = self._schema() if self.base.schema else None
        made = with_ids(schema, like=like, last_column=self.base.last_column)
        return made, WrittenSchema.of(made)

    def own_schema(
        self, piece: Piece, mode: SchemaMode = "exact", *, rows_stay: bool = True
    ) -> tuple[Piece, WrittenSchema]:
        """Return a piece in the table's schema, which grows if the mode says so.

        Args:
            piece: As it came.
            mode: How the table's columns may change; "replace" takes the piece's.
            rows_stay: The table may have rows that stay, in which new columns are null.

        Raises:
            SchemaMismatchError: It doesn't fit under this mode.
            InvalidInputError: The table holds an object, which has no columns to keep.
        """
        (fitted,), schema = self.own_schemas([piece], mode, rows_stay=rows_stay)
        return fitted, schema

    def own_schemas(
        self, pieces: Sequence[Piece], mode: SchemaMode = "exact", *, rows_stay: bool = True
    ) -> tuple[list[Piece], WrittenSchema]:
        """Return several pieces in one schema: as `own_schema`, each after those before it."""
        if mode != "replace":
            require_rows(self.base, self.store.location)
        try:
            if self.base.schema and mode != "replace":
                own, ref = self._schema(), self.base.schemas[self.base.schema]
                grown = _grown(own, pieces, mode, rows_stay=rows_stay)
                schema, written = own, written_schema(own, ref)
                if grown is not own:
                    schema, written = grown_schema(grown, ref, last_column=self.base.last_column)
            else:
                among = "exact" if mode == "replace" else mode
                grown = _grown(pieces[0].table.schema, pieces[1:], among, rows_stay=True)
                schema, written = self._new_schema(grown)
            return [align(piece, schema) for piece in pieces], written
        except MisfitError as misfit:
            version = self.base.data.version
            told = f" version {version} of" if self.base.schema else ""
            raise self._mismatch(
                f"the data doesn't fit{told} the table {self.store.location}", misfit
            ) from misfit

    def fitted(self, piece: Piece, schema: pa.Schema) -> Piece:
        """Return a further piece of a write in the schema that the first one has come to.

        Args:
            piece: As it came.
            schema: That of the first piece's rows, with ids.

        Raises:
            SchemaMismatchError: It doesn't fit exactly.
        """
        try:
            evolved_schema(schema, piece.table.schema)
            return align(piece, schema)
        except MisfitError as misfit:
            message = f"some of the data for the table {self.store.location} doesn't fit the first of it"
            raise self._mismatch(message, misfit) from misfit

    def _mismatch(self, what: str, misfit: MisfitError) -> SchemaMismatchError:
        return SchemaMismatchError(
            f"{what}: {misfit.reason}; nothing was written: {misfit.advice}",
            table=self.store.location,
            version=self.base.data.version,
        )

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


def _grown(schema: pa.Schema, pieces: Sequence[Piece], mode: SchemaMode, *, rows_stay: bool) -> pa.Schema:
    for piece in pieces:
        schema = evolved_schema(schema, piece.table.schema, mode, rows_stay=rows_stay)
    return schema
