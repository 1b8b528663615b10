"""Several changes of a table as one version."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, Unpack

from atio_core.data.meter import Meter
from atio_core.errors import InvalidInputError, NotFoundError
from atio_core.handle import Handle
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import missing_file
from atio_core.log.intent import CommitOptions, Intent, make_intent
from atio_core.log.scratch import Scratch
from atio_core.model.entry import NO_KEY, LogEntry, empty_entry
from atio_core.model.ids import Clock
from atio_core.snapshot import Snapshot
from atio_core.table.base import TableBase
from atio_core.table.columns import ColumnChanges
from atio_core.table.rows import RowChanges

if TYPE_CHECKING:
    from atio_core.changes.several import Several
    from atio_core.changes.writing import Writing
    from atio_core.log.change import Change

_Write = Callable[["Writing"], "Change"]


class Transactions(TableBase):
    """What makes several changes one version."""

    def transaction(self, **options: Unpack[CommitOptions]) -> Transaction:
        """Make several changes one version: all of them, at the end of a `with` block, or none.

        The block is given an object with the methods that change rows (`append`, `overwrite`, `overwrite_partitions`,
        `delete`, `update`, `upsert`) or columns (`rename_column`, `move_column`, `drop_column`, `set_key`). Each writes
        its files at once, and sees what those before it have left; nobody else sees anything before the end. If the
        block raises, nothing is committed, and no file stays. If others commit meanwhile, the changes are put on top of
        that, where each allows it; else they are made again.

        Args:
            **options: As for `overwrite`; they are said of the whole.

        Returns:
            The object for the block. Its `snapshot` is the new version, once the block is over.

        Raises:
            InvalidInputError: An option makes no sense.
            At the end of the block as `append`, and as the changes.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://transaction-example")
            >>> with table.transaction(message="both") as changes:
            ...     changes.append(pd.DataFrame({"a": [1, 2]}))
            ...     changes.delete([("a", "==", 1)])
            >>> changes.snapshot.version, table.read()["a"].tolist()
            (1, [2])
        """
        return Transaction(self._handle, self._log, self._clock, make_intent(self._clock, **options))


class Transaction(RowChanges[None], ColumnChanges[None]):
    """Changes that become one version at the end of a `with` block. Made by `Table.transaction`."""

    def __init__(self, handle: Handle, log: CommitLog, clock: Clock, intent: Intent) -> None:
        self._handle = handle
        self._log = log
        self._clock = clock
        self._intent = intent
        self._meter = Meter()
        self._attempt: _Attempt | None = None
        self._writes: list[_Write] = []
        self.snapshot: Snapshot | None = None
        """The new version, once the block is over."""

    def read(self, output_as: Any = "pandas", **what: Any) -> Any:
        """Return the rows as the changes so far have left them; the arguments are those of `Snapshot.read`."""
        return self._begun("read").read(output_as, **what)

    def __enter__(self) -> Self:
        """Begin, from the latest version."""
        if self._attempt is not None or self.snapshot is not None:
            raise InvalidInputError("a transaction is one block: begin another one with table.transaction()")
        base = self._log.find_latest() or empty_entry(str(uuid.uuid4()))
        self._attempt = _Attempt(self._log, base, self._intent.commit_id, self._clock, self._meter)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Commit the changes; if the block has failed, take away what they wrote."""
        attempt = self._begun("end")
        if kind is not None:
            self._undo(attempt)
            return

        def write(writing: Writing) -> Several:
            nonlocal attempt
            if self._attempt is None:  # the second time: others came first
                attempt = _Attempt(self._log, writing.base, writing.commit_id, self._clock, writing.meter)
                try:
                    for one in self._writes:
                        attempt.make(one)
                except BaseException:
                    attempt.delete()
                    raise
            self._attempt = None
            return attempt.several()

        try:
            self.snapshot = self._handle.commit(write, self._intent, self._meter)
        finally:
            # If it wasn't asked for: the key was used before, or the version isn't expected.
            if self._attempt is not None:
                self._undo(attempt)

    def _apply(self, write: _Write, intent: Intent) -> None:
        attempt = self._begun("change")
        said = (intent.key, intent.expected_version, intent.message, intent.properties)
        if said != (NO_KEY, None, None, {}):
            raise InvalidInputError(
                "expected_version, idempotency_key, message and properties are said of the whole: give them to"
                " table.transaction()"
            )
        with self._meter.timed("serialise"):
            attempt.make(write)
        self._writes.append(write)

    def _begun(self, what: str) -> _Attempt:
        if self._attempt is None:
            raise InvalidInputError(
                f"there is nothing to {what}: a transaction is the block of `with table.transaction() as changes:`"
            )
        return self._attempt

    def _undo(self, attempt: _Attempt) -> None:
        self._attempt = None
        attempt.delete()


class _Attempt:
    """The changes, each written against what those before it have left of a base."""

    def __init__(self, log: CommitLog, base: LogEntry, commit_id: bytes, clock: Clock, meter: Meter) -> None:
        self.base = base
        # Changes look back at what they were written against.
        self._scratch = Scratch(log.store, base, clock, forgets=False)
        self._log = CommitLog(self._scratch.over(log.store), log.limits)
        self._commit_id = commit_id
        self._clock = clock
        self._meter = meter
        self._changes: list[Change] = []
        self._entry = base

    def make(self, write: _Write) -> None:
        """Write a change."""
        from atio_core.changes.several import applied
        from atio_core.changes.writing import Writing

        log = self._log
        try:
            writing = Writing(
                log.store, self._entry, self._commit_id, self._clock, log.limits, meter=self._meter
            )
            change = write(writing)
        except NotFoundError as error:
            if type(error) is not NotFoundError:
                raise
            version = self.base.data.version
            raise missing_file(log.location, version, error, retained=log.is_retained(version)) from error
        try:
            self._entry = applied(change, self._entry, self._scratch, self.base.version + 1)
        except BaseException:
            log.store.delete([file.path for file in change.adds])
            raise
        self._changes.append(change)

    def read(self, output_as: Any, **what: Any) -> Any:
        """Return the rows as they are now."""
        if not self._entry.is_there:
            self._log.latest()
        return Snapshot(self._log, self.base.data.version, self._entry).read(output_as, **what)

    def several(self) -> Several:
        """Return all changes as one."""
        from atio_core.changes.several import Several

        return Several(tuple(self._changes))

    def delete(self) -> None:
        """Take away what was written."""
        self._log.store.delete([file.path for file in self.several().adds])
