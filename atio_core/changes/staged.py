"""Changes that are written in one place and committed in another: what a descriptor says of one, and its commit.

1. Files that the latest version reaches already are never added again: who commits a part of what was committed before
   adds the rest. No manifest that the table had when the first of the files was written lists one of them.
2. All others must not be older than the horizon, for then cleaning may have taken them.
3. The ids and keys that the latest version remembers must reach back to when the files were written: else nobody knows
   whether they were committed, and replaced since.

An append rebases over everything, if the files' schema still is the table's; overwrites over everything; changes of
matching rows over nothing that is another data version (`staged_rewrite.py`).
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from atio_core.changes.append import Append
from atio_core.changes.arrangement import require_arrangement
from atio_core.changes.overwrite import Overwrite
from atio_core.changes.overwrite_object import OverwriteObject
from atio_core.changes.overwrite_partitions import OverwritePartitions
from atio_core.changes.schema import WrittenSchema, column_id, fits, knows_constraints, require_same_schema
from atio_core.changes.staged_rewrite import require_together, rewritten
from atio_core.changes.writing import Writing
from atio_core.data.frames.frames import SchemaMode
from atio_core.data.object_files.kinds import FOLDER, KINDS
from atio_core.errors import (
    CommitConflictError,
    DamagedError,
    InvalidInputError,
    NotFoundError,
    SchemaMismatchError,
    StagedFilesExpiredError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.format.digest import digest
from atio_core.format.names import change_path
from atio_core.format.schema_arrow import decode_schema, inline_bytes
from atio_core.format.seal import UNFIT
from atio_core.format.staged_json import StagedChange, decode_change
from atio_core.log.change import Rebased
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import read_paths
from atio_core.log.key_list import first_known
from atio_core.log.limits import Limits
from atio_core.log.preconditions import is_too_old
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS, LogEntry, SchemaRef
from atio_core.model.staged import StagedFiles, StoredChange
from atio_core.storage.base import ObjectStore


def load_staged(
    writing: Writing, staged: tuple[StagedChange, ...], kept_until_us: int | None = None
) -> CommitStaged:
    """Return the commit of some staged changes, or of a kept stage.

    Raises:
        StagedFilesExpiredError: One of their files is gone.
        DamagedError: One of them isn't what was written.
        InvalidInputError: They don't belong together.
    """
    store = writing.store
    changes = tuple(_loaded(store, one) for one in staged)
    paths = [file.path for change in changes for file in change.files]
    if len(set(paths)) < len(paths):
        raise InvalidInputError("two descriptors bring the same file; take them as stage returned them")
    for change in changes:
        for file in change.files:
            _require_there(store, file)
    _require_alike(changes, store.location)
    require_together(staged[0].operation, changes, store.location)
    log = CommitLog(store, writing.limits)
    return CommitStaged(log, staged, changes, writing.commit_id.hex(), writing.limits, kept_until_us)


def _loaded(store: ObjectStore, staged: StagedChange) -> StagedFiles:
    if not isinstance(staged.change, StoredChange):
        return staged.change
    path, expected = change_path(staged.id), staged.change.digest
    try:
        data = store.read(path)
    except NotFoundError as error:
        raise _gone(store.location, path) from error
    found = digest(data)
    if found != expected:
        raise _changed(store.location, path, expected, found)
    try:
        return decode_change(data)
    except UNFIT as error:
        raise _changed(store.location, path, "a list of files", repr(error)) from error


def _require_there(store: ObjectStore, file: DataFile) -> None:
    try:
        size = store.size(file.path)
    except NotFoundError as error:
        raise _gone(store.location, file.path) from error
    if size != file.size:
        raise _changed(store.location, file.path, f"{file.size} bytes", f"{size} bytes")


def _gone(table: str, path: str) -> StagedFilesExpiredError:
    return StagedFilesExpiredError(
        f"{path} was staged for the table {table}, and isn't there: cleaning has taken it, or it was written in another"
        " place than this one; nothing was committed: stage the data again",
        table=table,
        path=path,
    )


def _changed(table: str, path: str, expected: str, found: str) -> DamagedError:
    return DamagedError(
        f"{path}, staged for the table {table}, is not what was written; nothing was committed: stage the data again",
        table=table,
        path=path,
        expected=expected,
        found=found,
    )


def _require_alike(changes: Sequence[StagedFiles], table: str) -> None:
    kind = changes[0].kind
    if kind not in {ROWS, *KINDS, FOLDER}:
        raise InvalidInputError(
            f"what was staged for the table {table} is an object of a kind that this release doesn't know ({kind});"
            " nothing was committed: upgrade atio, or stage the data again",
            table=table,
        )
    if len(changes) > 1 and any(change.kind != ROWS for change in changes):
        raise InvalidInputError(
            f"an object and something else were staged for the table {table}, and one version is one object; nothing"
            " was committed: commit them one after the other",
            table=table,
        )
    if len({change.replaced is None for change in changes}) > 1:
        raise InvalidInputError(
            f"overwrites of all rows and of matching rows were staged for the table {table}; nothing was committed:"
            " commit them one after the other",
            table=table,
        )
    if len({change.schema.digest for change in changes}) > 1:
        message = (
            f"the changes staged for the table {table} have several schemas, and one version has one; nothing was"
            " committed: stage them all with the same columns and types"
        )
        raise SchemaMismatchError(message, table=table)
    if len({(change.keeps_columns, change.grown_from) for change in changes}) > 1:
        message = (
            f"the changes staged for the table {table} have different schema_mode; nothing was committed"
        )
        raise InvalidInputError(f"{message}: stage them all with the same", table=table)
    if len({change.sort_by for change in changes}) > 1:
        message = (
            f"the changes staged for the table {table} are sorted in several ways; nothing was committed"
        )
        raise InvalidInputError(f"{message}: stage them all with the same sort_by", table=table)
    if len({change.fields for change in changes}) > 1:
        message = (
            f"the changes staged for the table {table} have different partition fields; nothing was committed"
        )
        raise InvalidInputError(f"{message}: stage them all with the same", table=table)


@dataclass(frozen=True, slots=True)
class CommitStaged:
    """Staged changes of one kind, as one version.

    Attributes:
        log: The table's log.
        staged: Their descriptors.
        changes: What each of them brings.
        commit_id: The commit's.
        limits: Bounds of an entry.
        kept_until_us: To a commit, the files of a kept stage are as young as this.
    """

    log: CommitLog
    staged: tuple[StagedChange, ...]
    changes: tuple[StagedFiles, ...]
    commit_id: str
    limits: Limits
    kept_until_us: int | None = None
    adds: tuple[DataFile, ...] = field(default=(), init=False)  # none that a commit which fails may delete
    changes_rows: bool = field(default=True, init=False)

    @property
    def operation(self) -> str:
        """That of the changes."""
        return self.staged[0].operation

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the changes to a base; None if it has all of them.

        Raises:
            StagedFilesExpiredError: Cleaning may have taken a file.
            CommitConflictError: The files' schema is no longer the table's.
            InvalidInputError: They were staged for another table.
        """
        self._require_own(base, scratch.location)
        if self.changes[0].replaced is not None:
            return self._rewritten(base, scratch)
        there = self._there(base, scratch)
        self._require_young(base, there, scratch.location)
        if self.changes[0].begins and base.is_there:
            raise self._outdated(base, "a table that wasn't there yet", scratch.location)
        if self.operation == "overwrite" and not self.changes[0].keeps_columns:
            if self.changes[0].kind == ROWS:
                self._require_constraints(base, scratch)
            return self._applied(self.changes, base, scratch)
        self._require_schema(base, scratch.location)
        if self.operation == "append":
            new = [one for one in self.changes if not any(_name(file) in there for file in one.files)]
            return self._applied(new, base, scratch) if new else None
        return self._applied(self.changes, base, scratch)

    def _applied(self, changes: Sequence[StagedFiles], base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply changes at once; the content's digest is as if they had been committed one after the other."""
        files = [file for change in changes for file in self._late(change).files]
        first, content = changes[0], changes[0].content
        if first.kind != ROWS:
            return OverwriteObject(first.kind, files, files, content, self.limits).rebase(base, scratch)
        schema = replace(
            _written(changes, base, scratch.location),
            key_before=first.key_before,
            not_null_before=first.not_null_before,
        )
        fields, sort_by = first.fields, first.sort_by
        one: Append | Overwrite | OverwritePartitions
        if self.operation == "append":
            one = Append(files, schema, content, self.limits, fields, sort_by)
        elif self.operation == "overwrite":
            mode: SchemaMode = "exact" if changes[0].keeps_columns else "replace"
            one = Overwrite(files, schema, content, self.limits, mode, fields, sort_by)
        else:
            partitions = frozenset(values for change in changes for values in change.partitions)
            one = OverwritePartitions(files, partitions, fields, schema, content, self.limits, sort_by)
        rebased = one.rebase(base, scratch)
        return rebased and _with_content(rebased, changes[1:])

    def _rewritten(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply changes of matching rows, to the version that they were staged for."""
        seen = {one.base_version for one in self.staged}
        if seen != {base.data.version} or not base.is_there:
            raise self._outdated(base, f"version {min(seen)}", scratch.location)
        self._require_young(base, (), scratch.location)
        self._require_schema(base, scratch.location)
        some = [self._late(one) for one in self.changes if one.files or (one.replaced and one.replaced.files)]
        rebased = rewritten(self.operation, some, base, scratch, self.limits) if some else None
        return rebased and _with_content(rebased, some[1:])

    def _late(self, change: StagedFiles) -> StagedFiles:
        """The change as its files come into the table."""
        files = (replace(file, late=True, commit_id=self.commit_id) for file in change.files)
        return replace(change, files=tuple(files))

    def _outdated(self, base: LogEntry, expected: str, table: str) -> CommitConflictError:
        return CommitConflictError(
            f"{self.operation} of {table} was staged for {expected}, and the latest is version {base.data.version}, of"
            " which nobody has looked at the rows; nothing was committed: stage it again",
            table=table,
            version=base.version,
            winner=base.version,
        )

    def _require_own(self, base: LogEntry, table: str) -> None:
        for one in self.staged:
            if one.table_id is not None and one.table_id != base.table_id:
                raise InvalidInputError(
                    f"{one.operation} was staged for the table with the id {one.table_id}, and {table} isn't it;"
                    " nothing was committed: commit it to the table that it was staged for, or stage the data again",
                    table=table,
                )

    def _there(self, base: LogEntry, scratch: Scratch) -> set[str]:
        """The names of our files that the base reaches already."""
        ours = {_name(file) for change in self.changes for file in change.files}
        found = {name for file in base.files if (name := _name(file)) in ours}
        before = self._before(base) if base.manifests else frozenset[str]()
        for ref in base.manifests:
            if ref.path not in before:
                listed = read_paths(scratch, ref)
                found |= {name for path, _, _ in listed if (name := path.rpartition("/")[2]) in ours}
        return found

    def _before(self, base: LogEntry) -> frozenset[str]:
        """The manifests that the table had when the first of our files was written, as far as that is known still."""
        entry = min(one.entry for one in self.staged)
        try:
            old = self.log.held_by(base, entry)
        except (VersionExpiredError, VersionNotFoundError):
            return frozenset()
        return frozenset(ref.path for ref in old.manifests)

    def _require_young(self, base: LogEntry, there: Collection[str], table: str) -> None:
        if first_known(base) > min(one.entry for one in self.staged) + 1:
            raise StagedFilesExpiredError(
                f"{self.operation} was staged for {table} so long ago that the table doesn't remember whether it was"
                " committed; nothing was committed: look into the history, and stage the data again if it isn't there",
                table=table,
            )
        if self.kept_until_us is not None:
            if self.kept_until_us < base.horizon_us:
                raise StagedFilesExpiredError(
                    f"{self.operation} of {table} was kept until a time that is before the table's horizon by now:"
                    " cleaning may have taken its files; nothing was committed: stage the data again, for longer",
                    table=table,
                )
            return
        for change in self.changes:
            for file in change.files:
                if _name(file) not in there and is_too_old(file.path, base):
                    raise StagedFilesExpiredError(
                        f"{file.path} was staged before the horizon of the table {table}: cleaning may have taken it;"
                        " nothing was committed: stage the data again; if it has to wait for long, keep the stage"
                        " (keep=True), or give the table a longer grace period (set_grace)",
                        table=table,
                        path=file.path,
                    )

    def _require_constraints(self, base: LogEntry, scratch: Scratch) -> None:
        """What replaces the columns was staged with what holds for the rows, or to change it: none else may end it."""
        if not all(knows_constraints(one, base, scratch) for one in self.changes):
            table = scratch.location
            raise CommitConflictError(
                f"{self.operation} of {table} was staged when the table had another primary key, or took nulls in"
                " columns that take none now; nothing was committed: stage the data again",
                table=table,
                version=base.version,
                winner=base.version,
            )

    def _require_schema(self, base: LogEntry, table: str) -> None:
        """The schema must be the table's, or have grown from it; a table that isn't there takes one that is carried."""
        one = self.changes[0]
        if self.operation != "overwrite" or one.replaced is not None:
            require_arrangement(base, one.fields, one.sort_by, self.operation, table, write_again=False)
        written = WrittenSchema(b"", one.schema.digest, 0, one.grown_from, one.new_columns)
        cause: CommitConflictError | None = None
        try:
            require_same_schema(base, written, self.operation, table)
        except CommitConflictError as error:
            cause = error
        carried = any(change.schema.inline is not None for change in self.changes)
        if cause is not None or not (base.is_there or carried):
            raise CommitConflictError(
                f"{self.operation} of {table} was staged with a schema that is not the latest's; nothing was committed:"
                " stage the data again",
                table=table,
                version=base.version,
                winner=base.version,
            ) from cause
        for behind in {change.behind for change in self.changes if base.is_there}:
            if not fits(base, replace(written, behind=behind)):
                raise self._outdated(base, f"version {behind}", table)


def _with_content(rebased: Rebased, others: Sequence[StagedFiles]) -> Rebased:
    """Digest the content of further changes into what the first one came to."""
    content = rebased.entry.content
    for other in others:
        content = digest(f"{content} {other.content}".encode())
    return replace(rebased, entry=rebased.entry.with_(content=content))


def _written(changes: Sequence[StagedFiles], base: LogEntry, table: str) -> WrittenSchema:
    """The schema of all of them: one that the base has, or else with its bytes, if these are what they should be."""
    one = changes[0]
    wanted = one.schema.digest
    if any(ref.digest == wanted for ref in base.schemas.values()):
        return WrittenSchema(b"", wanted, 0, one.grown_from, one.new_columns)
    carried = next(
        (change.schema for change in changes if change.schema.inline is not None), SchemaRef(wanted)
    )
    try:
        plain = inline_bytes(carried)
        if digest(plain) == wanted:
            last_column = max((column_id(field) for field in decode_schema(plain)), default=0)
            return WrittenSchema(plain, wanted, last_column, one.grown_from, one.new_columns)
    except (KeyError, OSError, ValueError, zlib.error) as error:
        raise _unfit_schema(table) from error
    raise _unfit_schema(table)


def _unfit_schema(table: str) -> InvalidInputError:
    message = f"what was staged for the table {table} holds no schema that fits its digest"
    return InvalidInputError(f"{message}; nothing was committed: stage the data again", table=table)


def _name(file: DataFile) -> str:
    """What tells a file apart from others: its name, whatever folder a file system shows it in."""
    return file.path.rpartition("/")[2]
