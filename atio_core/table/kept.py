"""A stage that is kept in the table under an id: read as the version that it would become, published or dropped."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

from atio_core.errors import (
    CommitConflictError,
    DamagedError,
    InvalidInputError,
    NotFoundError,
    StagedFilesExpiredError,
    StageNotFoundError,
)
from atio_core.format.kept_json import KeptRecord
from atio_core.handle import Handle, Preview
from atio_core.log.commit import holds, version_of
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import missing_file
from atio_core.log.intent import Intent, make_intent
from atio_core.log.kept import drop_id, find_kept, kept_stages, stage_key
from atio_core.model.entry import ROWS, LogEntry, empty_entry
from atio_core.model.ids import Clock
from atio_core.snapshot import BATCH_ROWS, Output, Snapshot
from atio_core.times import time_of, told_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from atio_core.changes.writing import Writing
    from atio_core.log.change import Change
    from atio_core.reading.rows import Scan

_Result = TypeVar("_Result")
_REPLACES = ("overwrite", "overwrite_partitions")
"""What replaces whatever is there when it is published. Any other change is published on its base alone, and so is an
overwrite of matching rows."""


class PublishOptions(TypedDict, total=False):
    """What can be said of a publishing.

    Attributes:
        expected_version: Refuse if this isn't the latest version.
        message: A sentence for the history.
        properties: Facts for the history, text to text.
    """

    expected_version: int | None
    message: str | None
    properties: Mapping[str, str] | None


class Stages:
    """The kept stages of a table.

    Args:
        log: The table's log.
        handle: Commits to it.
        clock: Where the time comes from.
    """

    def __init__(self, log: CommitLog, handle: Handle, clock: Clock) -> None:
        self._log = log
        self._handle = handle
        self._clock = clock

    @property
    def path(self) -> str:
        """Where the table lies."""
        return self._log.location

    def all(self) -> list[KeptStage]:
        """Return those that can be published, oldest first."""

        def ask(latest: LogEntry) -> list[KeptStage]:
            kept = kept_stages(self._log)
            return [KeptStage(self, one) for one in kept if not self._settled(latest, one.staged.id, one)]

        return self._of_latest(ask)

    def find(self, wanted: uuid.UUID) -> KeptStage:
        """Return one of them. Raises as `KeptStages.staged`."""

        def ask(latest: LogEntry) -> KeptStage:
            record = find_kept(self._log, wanted)
            settled = self._settled(latest, wanted, record)
            if record is None or settled is not None:
                raise settled or self._not_found(wanted, "is not there")
            return KeptStage(self, record)

        return self._of_latest(ask)

    def publish(self, wanted: uuid.UUID, options: PublishOptions) -> Snapshot:
        """Make one of them a version. Raises as `KeptStages.publish`."""
        record = find_kept(self._log, wanted)
        snapshot = self._handle.commit(
            lambda writing: self._change(writing, wanted, record), self._intent(wanted, record, options)
        )
        dropped = self._dropped(wanted) if snapshot.repeated else None
        if dropped is not None:
            raise CommitConflictError(
                f"the stage {wanted} of the table {self.path} was dropped; nothing was committed: stage the data again",
                table=self.path,
                winner=dropped,
            )
        return snapshot

    def drop(self, wanted: uuid.UUID) -> None:
        """Give one of them up. Raises as `KeptStages.drop_staged`."""
        from atio_core.changes.drop_staged import DropStaged

        def change(_: Writing) -> Change:
            if find_kept(self._log, wanted) is None:
                raise self._not_found(wanted, "is not there")
            return DropStaged()

        intent = replace(make_intent(self._clock), commit_id=drop_id(wanted), key=stage_key(wanted))
        done = self._handle.commit(change, intent)
        if done.repeated and self._dropped(wanted) is None:
            raise CommitConflictError(
                f"the stage {wanted} of the table {self.path} was published as version {done.version}; it can't be"
                " dropped: restore an older version instead",
                table=self.path,
                version=done.version,
                winner=done.version,
            )

    def preview(self, record: KeptRecord) -> StagedSnapshot:
        """Return the version that a stage would become now. Raises as `publish`."""
        wanted = record.staged.id
        settled = self._of_latest(lambda latest: self._settled(latest, wanted, record))
        if settled is not None:
            raise settled
        found = self._handle.preview(
            lambda writing: self._change(writing, wanted, record), self._intent(wanted, record, {})
        )
        return StagedSnapshot(found, self._log, record)

    def _intent(self, wanted: uuid.UUID, record: KeptRecord | None, options: PublishOptions) -> Intent:
        unknown = options.keys() - PublishOptions.__annotations__.keys()
        if unknown:
            known = ", ".join(PublishOptions.__annotations__)
            raise InvalidInputError(f"publish has no option {', '.join(sorted(unknown))}; there are {known}")
        intent = replace(make_intent(self._clock, **options), key=stage_key(wanted))
        if record is None:
            return intent
        staged = record.staged
        if staged.operation not in _REPLACES or record.files.replaced is not None:
            if intent.expected_version not in (None, staged.base_version):
                raise InvalidInputError(
                    f"the stage {wanted} can only follow version {staged.base_version}, which it was staged for, and"
                    f" expected_version is {intent.expected_version}; leave it out"
                )
            intent = replace(intent, expected_version=staged.base_version)
        return replace(intent, key_after_version=staged.entry)

    def _change(self, writing: Writing, wanted: uuid.UUID, record: KeptRecord | None) -> Change:
        from atio_core.changes.staged import load_staged

        if record is None:
            raise self._not_found(wanted, "is not there")
        return load_staged(writing, (record.staged,), record.until_us)

    def _settled(
        self, latest: LogEntry, wanted: uuid.UUID, record: KeptRecord | None
    ) -> StageNotFoundError | None:
        """Return what tells that a stage can't be published any more, or None."""
        after = None if record is None else record.staged.entry
        version = version_of(self._log, latest, stage_key(wanted), after)
        if version is not None and version_of(self._log, latest, drop_id(wanted)) == version:
            return self._not_found(wanted, "was dropped")
        if version is not None:
            return self._not_found(wanted, f"was published as version {version}", version=version)
        if record is not None and record.until_us < latest.horizon_us:
            return self._not_found(wanted, f"was kept until {told_time(record.until_us)}")
        return None

    def _dropped(self, wanted: uuid.UUID) -> int | None:
        return self._of_latest(lambda latest: version_of(self._log, latest, drop_id(wanted)))

    def _of_latest(self, ask: Callable[[LogEntry], _Result]) -> _Result:
        """Ask the latest entry; another one if an expiry takes away meanwhile what the first one names."""
        while True:  # each time, somebody else has come further
            latest = self._log.find_latest() or empty_entry("")
            try:
                return ask(latest)
            except DamagedError as error:
                if holds(self._log, latest, error):
                    raise

    def _not_found(self, wanted: uuid.UUID, why: str, version: int | None = None) -> StageNotFoundError:
        message = f"the stage {wanted} of the table {self.path} {why}; stage the data again, or choose another stage"
        return StageNotFoundError(message, table=self.path, version=version)


class KeptStage:
    """A staged change that the table keeps. Made by `Table.stage` and `Table.staged`, not by hand.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> table = atio.Table("memory://kept-example")
        >>> stage = table.stage(pd.DataFrame({"a": [1, 2]}), "overwrite", keep=True)
        >>> if stage.read()["a"].min() > 0:
        ...     snapshot = stage.publish()
        >>> snapshot.version, snapshot.rows
        (1, 2)
    """

    def __init__(self, stages: Stages, record: KeptRecord) -> None:
        self._stages = stages
        self._record = record

    @property
    def id(self) -> str:
        """What `Table.staged`, `publish` and `drop_staged` take, in any process."""
        return str(self._record.staged.id)

    @property
    def table(self) -> str:
        """The table's path."""
        return self._stages.path

    @property
    def operation(self) -> str:
        """The kind of change, such as "overwrite"."""
        return self._record.staged.operation

    @property
    def base_version(self) -> int:
        """The version that it was staged for; 0 if there was no table yet."""
        return self._record.staged.base_version

    @property
    def until(self) -> datetime:
        """Until when it is kept at least (UTC). After that an expiry ends it."""
        return time_of(self._record.until_us)

    @property
    def rows(self) -> int:
        """Rows that it brings."""
        return self._record.staged.rows

    def snapshot(self) -> Snapshot:
        """Return the version that it would become if it were published now, for reading.

        Raises:
            As for `publish`.
        """
        return self._stages.preview(self._record)

    def read(self, output_as: Output = "pandas", **selection: Any) -> Any:
        """Return the rows of the version that it would become now.

        Args:
            output_as: As for `Snapshot.read`.
            **selection: `columns`, `partitions`, `filter`, `limit`: as for `Snapshot.read`.

        Raises:
            As for `snapshot` and `Snapshot.read`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://kept-read-example")
            >>> table.stage(pd.DataFrame({"a": [1, 2]}), keep=True).read(filter=[("a", ">", 1)])["a"].tolist()
            [2]
        """
        return self.snapshot().read(output_as, **selection)

    def scan(self, *, batch_rows: int = BATCH_ROWS, **selection: Any) -> Scan:
        """Return these rows batch by batch: see `Snapshot.scan`.

        Args:
            batch_rows: At most so many rows in a batch.
            **selection: As for `read`.

        Raises:
            As for `read`.
        """
        return self.snapshot().scan(batch_rows=batch_rows, **selection)

    def publish(self, **options: Unpack[PublishOptions]) -> Snapshot:
        """Make it a version: `Table.publish` with its id.

        Args:
            **options: As for `Table.publish`.

        Returns:
            The new version.

        Raises:
            As for `Table.publish`.
        """
        return self._stages.publish(self._record.staged.id, options)

    def drop(self) -> None:
        """Give it up: `Table.drop_staged` with its id.

        Raises:
            As for `Table.drop_staged`.
        """
        self._stages.drop(self._record.staged.id)

    def __repr__(self) -> str:
        """The stage in one line."""
        told = f"{self.operation}, {self.rows:,} rows, until {self.until:%Y-%m-%d %H:%M:%S} UTC"
        return f"<KeptStage {self.id} of {self.table}: {told}>"


class StagedSnapshot(Snapshot):
    """The version that a stage would become."""

    def __init__(self, found: Preview, log: CommitLog, record: KeptRecord) -> None:
        super().__init__(found.log, found.entry.version, found.entry)
        self._below = log
        self._base = found.base
        self._record = record

    def _anew(self, act: Callable[[], _Result]) -> _Result:
        """No other entry stands for a version that isn't there yet: one of its number holds other rows."""
        return act()

    def _missing(self, error: NotFoundError) -> Exception:
        latest = self._below.find_latest() or empty_entry("")
        if self._record.until_us < latest.horizon_us:
            message = f"the stage {self._record.staged.id} of the table {self.table} is kept no longer; stage it again"
            return StagedFilesExpiredError(message, table=self.table)
        retained = not self._base.version or self._base.version in latest.retained
        return missing_file(self.table, self.version, error, retained=retained)

    def __repr__(self) -> str:
        """The version in one line."""
        what = f"{self.rows:,} rows" if self.kind == ROWS else f"{self.kind} of {self.bytes:,} bytes"
        return f"<Snapshot of {self.table}, staged: {self.operation}, {what}>"
