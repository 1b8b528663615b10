"""From a user's frame to data files: fits it to the table's schema and writes it, before any commit."""

from __future__ import annotations

import collections
import itertools
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from atio_core.changes.arrangement import Arrangement
from atio_core.changes.constraints import Constraints
from atio_core.changes.finer_units import has_finer, require_room
from atio_core.changes.growth import grown_by, grown_over
from atio_core.changes.schema import (
    WrittenSchema,
    grown_schema,
    read_schema,
    require_rows,
    with_ids,
    written_schema,
)
from atio_core.data.digests.content import ContentDigest, content_digest
from atio_core.data.frames.columns import not_null_ids
from atio_core.data.frames.frames import (
    MisfitError,
    Piece,
    SchemaMode,
    align,
    evolved_schema,
    require_values,
    slice_info,
)
from atio_core.data.keys.primary_key import key_ids
from atio_core.data.meter import Meter
from atio_core.data.schema.pieces import split_info
from atio_core.data.writing.incoming import Incoming, of_size
from atio_core.data.writing.sorting import sort_labels
from atio_core.data.writing.split import Split, split_rows
from atio_core.data.writing.writer import Part, file_bytes, parts_of, write_parts
from atio_core.errors import SchemaMismatchError
from atio_core.format.digest import digest
from atio_core.format.names import data_path, path_beside
from atio_core.log.limits import Limits
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock, uuid7
from atio_core.storage.base import ObjectStore

if TYPE_CHECKING:
    import pyarrow as pa


_STREAMED_BYTES = 48 << 20  # of Arrow data in a file of a stream: several are in memory at a time
_STREAMED_AT_ONCE = 2
_NONE = Constraints()


@dataclass(frozen=True, slots=True)
class Written:
    """What rows became.

    Attributes:
        files: The records, without the schema's number.
        content: Digest of the rows.
        partitions: The values of the partitions that have rows now, or were emptied.
    """

    files: list[DataFile]
    content: str
    partitions: frozenset[tuple[Scalar, ...]] = frozenset()

    @classmethod
    def of_partitions(cls, files: list[DataFile], contents: Mapping[tuple[Scalar, ...], str]) -> Written:
        """Return what the rows of some partitions became, given the digest of each one's."""
        told = [_with_content(file, contents[file.partition]) for file in files]
        lines = sorted(f"{values!r} {content}" for values, content in contents.items())
        return cls(told, digest("\n".join(lines).encode()), frozenset(contents))


@dataclass(frozen=True, slots=True)
class Writing:
    """Where the files of one commit go, and under which names.

    Attributes:
        store: The table's store.
        base: The version that they are written against.
        commit_id: 16 bytes.
        clock: Where the time comes from.
        limits: Bounds of an entry.
        may_share: The version may name files of `base` again, instead of equal ones.
        apart: Somebody else commits it, behind whatever version: it may name no file of `base` at all.
        meter: Is told how far it is.
    """

    store: ObjectStore
    base: LogEntry
    commit_id: bytes
    clock: Clock
    limits: Limits
    may_share: bool = False
    apart: bool = False
    meter: Meter = field(default_factory=Meter)

    def new_schema(self, piece: Piece) -> tuple[Piece, WrittenSchema]:
        """Return a piece with column ids, and its schema, whatever the table's was."""
        schema, written = self._new_schema(piece.table.schema)
        return align(piece, schema), written

    def _new_schema(
        self, schema: pa.Schema, constraints: Constraints = _NONE
    ) -> tuple[pa.Schema, WrittenSchema]:
        like = self._schema() if self.base.schema else None
        made = with_ids(schema, like=like, last_column=self.base.last_column)
        made = constraints.declared(made, like, self.store.location)
        if like is None:
            return made, WrittenSchema.of(made)
        before = {"key_before": key_ids(like), "not_null_before": not_null_ids(like)}
        return made, replace(WrittenSchema.of(made), **before)

    def own_schema(
        self,
        piece: Piece,
        mode: SchemaMode = "exact",
        *,
        rows_stay: bool = True,
        constraints: Constraints = _NONE,
    ) -> tuple[Piece, WrittenSchema]:
        """Return a piece in the table's schema, which grows if the mode says so.

        Args:
            piece: As it came.
            mode: How the table's columns may change; "replace" takes the piece's.
            rows_stay: The table may have rows that stay, in which new columns are null.
            constraints: What the caller declares.

        Raises:
            SchemaMismatchError: It doesn't fit under this mode.
            InvalidInputError: That isn't what the table says; or the table holds an object, which has no columns.
        """
        (fitted,), schema = self.own_schemas([piece], mode, rows_stay=rows_stay, constraints=constraints)
        return fitted, schema

    def own_schemas(
        self,
        pieces: Sequence[Piece],
        mode: SchemaMode = "exact",
        *,
        rows_stay: bool = True,
        constraints: Constraints = _NONE,
    ) -> tuple[list[Piece], WrittenSchema]:
        """Return several pieces in one schema: as `own_schema`, each after those before it."""
        if mode != "replace":
            require_rows(self.base, self.store.location)
        try:
            if self.base.schema and mode != "replace":
                own, ref = self._schema(), self.base.schemas[self.base.schema]
                constraints.require_own(own, self.store.location)
                grown, alone = grown_over(self.base, own, pieces, mode, rows_stay=rows_stay)
                schema, written = own, written_schema(own, ref)
                if grown is not own:
                    schema, written = grown_schema(grown, ref, last_column=self.base.last_column)
                    if rows_stay and has_finer(own, schema):
                        require_room(self.store, self.base, own, schema)
                        alone = True
                    written = replace(written, behind=self.base.data.version if alone else None)
            else:
                among = "exact" if mode == "replace" else mode
                grown = grown_by(
                    pieces[0].table.schema, pieces[1:], among, rows_stay=pieces[0].table.num_rows > 0
                )
                schema, written = self._new_schema(grown, constraints)
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

    def require_values(self, rows: pa.Table) -> None:
        """Raise `SchemaMismatchError` if rows of the table's schema have nulls where it takes none."""
        try:
            require_values(rows)
        except MisfitError as misfit:
            message = f"what the change makes of rows doesn't fit the table {self.store.location}"
            raise self._mismatch(message, misfit) from misfit

    def _mismatch(self, what: str, misfit: MisfitError) -> SchemaMismatchError:
        return SchemaMismatchError(
            f"{what}: {misfit.reason}; nothing was written: {misfit.advice}",
            table=self.store.location,
            version=self.base.data.version,
        )

    def sorted_by(self) -> list[Any]:
        """Return the labels of the columns that the table's rows are sorted by."""
        return sort_labels(self._schema(), self.base.sort_by) if self.base.sort_by else []

    def _schema(self) -> pa.Schema:
        return read_schema(self.store, self.base.schemas[self.base.schema], self.base.version)

    def arranged(self, piece: Piece, arrangement: Arrangement) -> Written:
        """Write a piece to where its rows go.

        Args:
            piece: Each field carries its column's id.
            arrangement: Where they go.

        Raises:
            NotPreservableError: The frame's index can't be kept there.
        """
        files, contents = self.placed(piece, arrangement)
        if arrangement.fields:
            return Written.of_partitions(files, contents)
        return Written(files, contents[()])

    def placed(
        self, piece: Piece, arrangement: Arrangement
    ) -> tuple[list[DataFile], dict[tuple[Scalar, ...], str]]:
        """Write a piece as `arranged` does; returns the files, and the digest of each partition's rows."""
        return self.all_placed([(piece, arrangement)])

    def all_placed(
        self, pieces: Sequence[tuple[Piece, Arrangement]], **options: Any
    ) -> tuple[list[DataFile], dict[tuple[Scalar, ...], str]]:
        """Write pieces, each to where its rows go, side by side; returns what `placed` does.

        Args:
            pieces: Each as for `arranged`.
            options: As for `write_parts`.
        """
        contents: dict[tuple[Scalar, ...], ContentDigest] = {}
        parts = (part for piece, to in pieces for part in self._parts(piece, to, contents))
        files = self.write(parts, **options)
        digests = {values: content.result() for values, content in contents.items()}
        return [_with_content(file, digests[file.partition]) for file in files], digests

    def write(self, parts: Iterable[Part], **options: Any) -> list[DataFile]:
        """Write the files of parts; options are those of `write_parts`."""
        return write_parts(
            self.store,
            parts,
            schema=0,
            commit_id=self.commit_id.hex(),
            time_us=self.clock(),
            meter=self.meter,
            **options,
        )

    def written(self, incoming: Incoming, first: Piece, arrangement: Arrangement) -> Written:
        """Write what a caller gave.

        Args:
            incoming: As it came.
            first: Its first piece in the schema that all are written in, with ids.
            arrangement: As for `arranged`.

        Raises:
            SchemaMismatchError: A further piece doesn't fit the first one; nothing is left.
            CommitConflictError: It is a stream that was written before.
            NotPreservableError: As for `arranged`.
        """
        rest = incoming.rest()
        if not incoming.is_stream:
            return self.arranged(first, arrangement)
        fitted = (self.fitted(piece, first.table.schema) for piece in rest)
        return self.streamed(itertools.chain([first], fitted), arrangement)

    def streamed(self, pieces: Iterator[Piece], arrangement: Arrangement) -> Written:
        """Write pieces that follow each other to where their rows go; a few files' rows are in memory at a time.

        Args:
            pieces: In one schema, with ids; one at least.
            arrangement: As for `arranged`.

        Raises:
            NotPreservableError: As for `arranged`.
        """
        contents: dict[tuple[Scalar, ...], ContentDigest] = {}
        files = self.write(self._parts_of_stream(pieces, arrangement, contents), at_once=_STREAMED_AT_ONCE)
        digests = {values: content.result() for values, content in contents.items()}
        if arrangement.fields:
            return Written.of_partitions(files, digests)
        return Written([_with_content(file, digests[()]) for file in files], digests[()])

    def _parts_of_stream(
        self,
        pieces: Iterator[Piece],
        arrangement: Arrangement,
        contents: dict[tuple[Scalar, ...], ContentDigest],
    ) -> Iterator[Part]:
        for piece in of_size(pieces, _STREAMED_BYTES):
            if arrangement.columns or arrangement.sort_by:
                yield from self._parts(piece, arrangement, contents)
                continue
            names, values = [field.name for field in arrangement.fields], arrangement.placed(())
            contents.setdefault(values, ContentDigest()).update(piece.table)
            yield Part(self.new_path(names, values), piece.table, piece.info, values)

    def _parts(
        self,
        piece: Piece,
        arrangement: Arrangement,
        contents: dict[tuple[Scalar, ...], ContentDigest],
    ) -> Iterator[Part]:
        """Yield what goes into each file, and digest it by the way."""
        if not arrangement.columns and not arrangement.sort_by:
            names, values = [field.name for field in arrangement.fields], arrangement.placed(())
            contents.setdefault(values, ContentDigest()).update(piece.table)
            yield from parts_of(
                piece.table,
                new_path=lambda: self.new_path(names, values),
                info=piece.info,
                slice_info=slice_info,
                partition=values,
            )
            return
        split = split_rows(piece.table, arrangement.columns, arrangement.sort_by)
        yield from self.split_parts(piece, arrangement, contents, split)

    def split_parts(
        self,
        piece: Piece,
        arrangement: Arrangement,
        contents: dict[tuple[Scalar, ...], ContentDigest],
        split: Split,
        only: Collection[int] | None = None,
    ) -> Iterator[Part]:
        """Yield what goes into each file of the shares of a split, or only of these, and digest it by the way."""
        fields = [field.name for field in arrangement.fields]
        info_of = split_info(piece.info, in_order=split.order is None)
        offsets: collections.Counter[tuple[Scalar, ...]] = collections.Counter()
        target = file_bytes(piece.table, len(split.shares))
        for share, place, some in split.pieces(piece.table, target, only):
            values, names = arrangement.placed(share.values), arrangement.placed(share.names)
            contents.setdefault(values, ContentDigest()).update(some)
            own = info_of(place.start, offsets[values], len(place))
            offsets[values] += len(place)
            yield Part(self.new_path(fields, names), some, own, values)

    def files_like(self, file: DataFile, rows: pa.Table, info: dict[str, Any]) -> list[DataFile]:
        """Write rows that stand in the place of a file's, in its partition; returns their records."""
        content = content_digest(rows)
        parts = parts_of(
            rows,
            new_path=lambda: path_beside(file.path, self._new_id()),
            info=info,
            slice_info=slice_info,
            partition=file.partition,
        )
        return [_with_content(one, content) for one in self.write(parts)]

    def parts_like(self, file: DataFile, parts: Iterable[tuple[pa.Table, dict[str, Any]]]) -> list[DataFile]:
        """Write a file of each of some rows, with their info, in the partition of another; returns their records."""
        contents: list[str] = []

        def made() -> Iterator[Part]:
            for rows, info in parts:
                contents.append(content_digest(rows))
                yield Part(path_beside(file.path, self._new_id()), rows, info, file.partition)

        return [
            _with_content(file, content) for file, content in zip(self.write(made()), contents, strict=True)
        ]

    def new_path(self, fields: Sequence[str] = (), names: Sequence[Scalar] = ()) -> str:
        """Return a name for a data file in the partition of these fields and names."""
        return data_path(fields, names, self._new_id())

    def _new_id(self) -> uuid.UUID:
        return uuid7(self.clock, not_before_us=self.base.horizon_us)


def _with_content(file: DataFile, content: str) -> DataFile:
    return replace(file, piece={**file.piece, "content": content})
