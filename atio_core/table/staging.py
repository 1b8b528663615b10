"""Changes that are written in one place and committed in another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from atio_core.arguments import refusal, require_duration, require_flag, require_list, require_time
from atio_core.errors import InvalidInputError
from atio_core.format.kept_json import KeptRecord
from atio_core.format.staged_json import StagedChange
from atio_core.handle import Handle
from atio_core.log.intent import CommitOptions, Intent, make_intent
from atio_core.log.kept import keep as keep_under_id
from atio_core.model.entry import DAY_US, NO_KEY, Totals
from atio_core.model.ids import Clock, uuid7_time_us
from atio_core.snapshot import Snapshot
from atio_core.storage.base import ObjectStore
from atio_core.table.kept import KeptStage
from atio_core.table.kept_stages import KeptStages
from atio_core.table.modes import NO_DATA, STAGED_MODES, change_by_mode
from atio_core.table.rows import RowChanges
from atio_core.times import LAST_US, MICROSECOND, microseconds_of

if TYPE_CHECKING:
    from atio_core.changes.writing import Writing
    from atio_core.log.change import Change

_KEPT_FOR_US = 7 * DAY_US


@dataclass(frozen=True, slots=True)
class _KeptTime:
    """How long a stage is kept: until a time, or for a while from then on."""

    from_us: int
    lasting_us: int | None = None

    def until_us(self, staged: StagedChange) -> int:
        """Return until when; a while counts from the base's horizon if the clock is behind that.

        A stage's id is no older than that horizon. A wrong clock may have moved it far ahead, and must not stop later
        stages. A later end only makes cleaning wait: it harms nobody.
        """
        if self.lasting_us is None:
            return self.from_us
        return min(max(self.from_us, uuid7_time_us(staged.id)) + self.lasting_us, LAST_US)


class Staging(KeptStages):
    """What writes changes for a later commit, and commits them."""

    @overload
    def stage(
        self, data: Any = ..., mode: str = ..., *, keep: Literal[False] = False, **options: Any
    ) -> StagedChange: ...

    @overload
    def stage(
        self,
        data: Any = ...,
        mode: str = ...,
        *,
        keep: Literal[True],
        until: datetime | None = None,
        keep_for: timedelta | None = None,
        **options: Any,
    ) -> KeptStage: ...

    def stage(
        self,
        data: Any = NO_DATA,
        mode: str = "append",
        *,
        keep: bool = False,
        until: datetime | None = None,
        keep_for: timedelta | None = None,
        **options: Any,
    ) -> StagedChange | KeptStage:
        """Write the files of a change, and leave its commit to somebody else: nobody sees them until then.

        Any number of processes, on any machines that share the table's folder, may stage at once. None waits for
        another, and a table needn't be there yet. What nobody commits is removed by an expiry, once it is older than
        the grace period, or its time has passed if it is kept.

        Args:
            data: As for the change; left out if it has none.
            mode: The name of the change: "append", "overwrite", "overwrite_partitions", "upsert", "delete" or "update".
            keep: Keep it in the table under an id, to be read, and published or dropped, by anybody who knows the id.
            until: Keep it until this time, with a zone.
            keep_for: Or for this long; 7 days if neither is given. If this clock is behind the table's horizon, the
                time counts from that.
            **options: What the change takes, such as `partition_by` or `where`. What is said of a commit is said to
                `commit` or `publish`. The files of an object, or of equal rows, are shared with no other version.

        Returns:
            A descriptor of some kilobytes, to be sent to whoever commits: it pickles, and has `to_json`. A task that
            runs twice makes two, of which one is to be committed. With `keep`, the stage that is kept.

        Raises:
            InvalidInputError: There is no such mode or option, or the data doesn't fit it.
            TableNotFoundError: Rows are to be deleted or updated, and there is no table.
            NotPreservableError: The frame couldn't come back equal; nothing was written.
            SchemaMismatchError: The frame doesn't fit the table; nothing was written.
            StagedFilesExpiredError: Writing took longer than the grace period; the change isn't kept.
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
            raise InvalidInputError(
                f"{said[0]} is said of a commit, and stage makes none; give it to commit or publish"
            )
        kept = self._kept_time(keep=keep, until=until, keep_for=keep_for)
        staged = change_by_mode(
            _Stager(self._handle, self._log.store, self._clock), data, mode, options, STAGED_MODES
        )
        if kept is None:
            from atio_core.changes.descriptors import shortened

            return shortened(staged, self._log.store)
        record = KeptRecord(staged, kept.until_us(staged))
        keep_under_id(self._log, record)
        return KeptStage(self._kept, record)

    def _kept_time(self, *, keep: object, until: object, keep_for: object) -> _KeptTime | None:
        """Return for how long a stage is to be kept; None if it isn't."""
        if not require_flag("keep", keep):
            if until is not None or keep_for is not None:
                raise InvalidInputError(
                    "until and keep_for are said of a stage that is kept: say keep=True too"
                )
            return None
        if until is not None and keep_for is not None:
            raise InvalidInputError(
                "until and keep_for each say how long the stage is kept: give one of them"
            )
        now_us = self._clock()
        if until is not None:
            until_us = microseconds_of(require_time("until", until))
            if until_us < now_us:
                raise refusal("until", "a time to come", until)
            return _KeptTime(until_us)
        kept_us = _KEPT_FOR_US if keep_for is None else require_duration("keep_for", keep_for) // MICROSECOND
        if now_us + kept_us > LAST_US:
            raise refusal("keep_for", "a time that ends before the year 10000", keep_for)
        return _KeptTime(now_us, kept_us)

    def commit(self, descriptors: Iterable[StagedChange], **options: Unpack[CommitOptions]) -> Snapshot:
        """Make staged changes one version, all of them or none.

        Appends come behind all that was committed meanwhile, in the order of the descriptors. Several overwrites
        replace the table's rows together, several `overwrite_partitions` all of their partitions. A descriptor that is
        given twice counts once, and files that the table has already aren't added again.

        What looked for rows (a delete, an update, an upsert, an overwrite with `where`) follows the version that it was
        staged for, and no other. Several deletes, or updates, are one version if they found rows in different files.

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
            CommitConflictError: The table has other columns now, or other rows than those that were looked for; or
                `expected_version` isn't the latest; nothing was committed.
            DamagedError: A staged file isn't what was written; nothing was committed.
            CommitUnknownError: The commit may have landed: commit the same descriptors again.
            StorageError: The store failed; nothing was committed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://commit-example")
            >>> staged = [table.stage(pd.DataFrame({"a": [part]})) for part in range(2)]
            >>> table.commit(staged).rows
            2
        """
        from atio_core.changes.descriptors import distinct, key_of
        from atio_core.changes.staged import load_staged

        given = require_list("descriptors", descriptors, "what stage returned")
        for one in given:
            if isinstance(one, KeptStage):
                raise InvalidInputError(
                    f"the stage {one.id} is kept under its id: publish it by Table.publish"
                )
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
        from atio_core.changes.descriptors import describe

        base, stage_id, change = self._handle.stage(write)
        try:
            files = describe(change)
        except BaseException:
            self._store.delete([file.path for file in change.adds])
            raise
        return StagedChange(
            id=stage_id,
            table_id=base.table_id or None,
            entry=base.version,
            base_version=base.data.version,
            operation=change.operation,
            totals=Totals.of(files.files),
            change=files,
        )
