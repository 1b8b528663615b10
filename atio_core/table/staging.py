"""Changes that are written in one place and committed in another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from atio_core.arguments import refusal, require_choice, require_list
from atio_core.errors import InvalidInputError
from atio_core.format.staged_json import StagedChange
from atio_core.handle import Handle
from atio_core.log.intent import CommitOptions, Intent, make_intent
from atio_core.model.entry import NO_KEY, Totals
from atio_core.model.ids import Clock
from atio_core.snapshot import Snapshot
from atio_core.storage.base import ObjectStore
from atio_core.table.base import TableBase
from atio_core.table.rows import RowChanges

if TYPE_CHECKING:
    from atio_core.changes.writing import Writing
    from atio_core.log.change import Change


class Staging(TableBase):
    """What writes changes for a later commit, and commits them."""

    def stage(self, data: Any, mode: str = "append", **options: Any) -> StagedChange:
        """Write the files of a change, and leave its commit to somebody else: nobody sees them until then.

        Any number of processes, on any machines that share the table's folder, may stage at once. None waits for
        another, and a table needn't be there yet. What nobody commits is removed by an expiry, once it is older than
        the grace period.

        Args:
            data: As for the change.
            mode: "append", "overwrite" or "overwrite_partitions": the name of the change.
            **options: What the change takes, such as `partition_by`. What is said of a commit is said to `commit`.

        Returns:
            A descriptor of some kilobytes, to be sent to whoever commits: it pickles, and has `to_json`. A task that
            runs twice makes two, of which one is to be committed.

        Raises:
            InvalidInputError: There is no such mode or option, or the data doesn't fit it.
            NotPreservableError: The frame couldn't come back equal; nothing was written.
            SchemaMismatchError: The frame doesn't fit the table; nothing was written.
            StorageError: The store failed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://stage-example")
            >>> parts = [table.stage(pd.DataFrame({"a": [number]})) for number in (1, 2)]
            >>> table.commit(parts).version, table.read()["a"].tolist()
            (1, [1, 2])
        """
        said = [name for name in options if name in CommitOptions.__annotations__]
        if said:
            raise InvalidInputError(f"{said[0]} is said of a commit, and stage makes none; give it to commit")
        stager = _Stager(self._handle, self._log.store, self._clock)
        methods = {
            "append": stager.append,
            "overwrite": stager.overwrite,
            "overwrite_partitions": stager.overwrite_partitions,
        }
        return methods[require_choice("mode", mode, methods)](data, **options)

    def commit(self, descriptors: Iterable[StagedChange], **options: Unpack[CommitOptions]) -> Snapshot:
        """Make staged changes one version, all of them or none.

        Appends come behind all that was committed meanwhile, in the order of the descriptors. Several overwrites
        replace the table's rows together, several `overwrite_partitions` all of their partitions. A descriptor that is
        given twice counts once, and files that the table has already aren't added again.

        Args:
            descriptors: What `stage` returned, all of one mode.
            **options: As for `overwrite`. Without `idempotency_key` the descriptors are the key, in any order: a driver
                that runs twice commits once.

        Returns:
            The new version.

        Raises:
            InvalidInputError: They can't be one version of this table.
            SchemaMismatchError: They have different columns.
            StagedFilesExpiredError: They waited too long, and cleaning may have taken files; nothing was committed.
            CommitConflictError: The table has other columns now, or `expected_version` isn't the latest; nothing was
                committed.
            DamagedError: A staged file isn't what was written; nothing was committed.
            CommitUnknownError: The commit may have landed: commit the same descriptors again.
            StorageError: The store failed; nothing was committed.
        """
        from atio_core.changes.staged import distinct, key_of, load_staged

        given = require_list("descriptors", descriptors, "what stage returned")
        for one in given:
            if not isinstance(one, StagedChange):
                raise refusal("each of descriptors", "what stage returned (or StagedChange.from_json)", one)
        staged = distinct(given)
        intent = make_intent(self._clock, **options)
        if intent.key == NO_KEY:
            after = max(one.entry for one in staged)
            intent = replace(intent, key=key_of(staged), key_after_version=after)
        return self._handle.commit(lambda writing: load_staged(writing, staged), intent)


class _Stager(RowChanges[StagedChange]):
    """Writes a change and describes it."""

    def __init__(self, handle: Handle, store: ObjectStore, clock: Clock) -> None:
        self._handle = handle
        self._store = store
        self._clock = clock

    def _apply(self, write: Callable[[Writing], Change], intent: Intent) -> StagedChange:  # noqa: ARG002 - no commit
        from atio_core.changes.staged import describe, shortened

        base, stage_id, change = self._handle.stage(write)
        try:
            files = describe(change)
            staged = StagedChange(
                id=stage_id,
                table_id=base.table_id or None,
                entry=base.version,
                base_version=base.data.version,
                operation=change.operation,
                totals=Totals.of(files.files),
                change=files,
            )
            return shortened(staged, self._store)
        except BaseException:
            self._store.delete([file.path for file in change.adds])
            raise
