"""What a process knows of a table, and how it commits and reads from there on.

A handle remembers the entry that it made or read last, so that the next commit needs no look for the latest first. What
it remembers may be outdated; the commit loop finds that out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from atio_core.errors import DuplicateKeyError, StagedFilesExpiredError, VersionExpiredError
from atio_core.log.commit import VERDICTS, commit, holds, look_up, preview
from atio_core.log.commit_log import WRITER_FEATURES, CommitLog, require_features
from atio_core.log.intent import Intent
from atio_core.log.lookup import VersionSelector, find, too_fast
from atio_core.log.preconditions import require_expected
from atio_core.log.scratch import Scratch
from atio_core.model.entry import PRIMARY_KEY, LogEntry, empty_entry
from atio_core.model.ids import Clock, uuid7
from atio_core.snapshot import Snapshot
from atio_core.storage.overlay import Overlay

if TYPE_CHECKING:
    from atio_core.changes.writing import Writing
    from atio_core.data.meter import Meter
    from atio_core.log.change import Change

_TRIES = 10
_SHARING_TRIES = 3
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Preview:
    """A version that may come.

    Attributes:
        log: A log that shows what its commit would write.
        base: The latest version, which it would follow.
        entry: Its entry.
    """

    log: CommitLog
    base: LogEntry
    entry: LogEntry


class Handle:
    """One process's view of a table.

    Args:
        log: The table's log.
        clock: Where the time comes from.
    """

    def __init__(self, log: CommitLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._known: LogEntry | None = None

    def commit(
        self, write: Callable[[Writing], Change], intent: Intent, meter: Meter | None = None
    ) -> Snapshot:
        """Write files against the latest version and commit them; write again if that version is outdated by then.

        Args:
            write: Writes the files, and returns the change that adds them.
            intent: Who commits.
            meter: What files of the change have come to that were written before.

        Returns:
            The new version; or the one that has the intent's key already.

        Raises:
            As for `log.commit.commit`, and what `write` raises.
        """
        from atio_core.changes.keyed import Keyed
        from atio_core.changes.writing import Writing
        from atio_core.data.meter import Meter

        log, meter = self._log, meter or Meter()
        for left in reversed(range(_TRIES)):
            base = self._base() or empty_entry(str(uuid.uuid4()))
            change: Keyed | None = None
            try:
                done = look_up(log, base, intent)
                if done is None:
                    require_expected(base, intent, log.location)
                    # Who keeps losing what it shares to others' commits shares nothing in the end.
                    share = left >= _TRIES - _SHARING_TRIES
                    at = Writing(
                        log.store, base, intent.commit_id, self._clock, log.limits, share, meter=meter
                    )
                    with meter.timed("serialise"):
                        change = Keyed(write(at), log.store)
                    with meter.timed("commit"):
                        done = commit(log, change, intent, base=base, looked_up=True, clock=self._clock)
            except (*VERDICTS, StagedFilesExpiredError) as error:
                self._known = None
                # A doubled key that the commit has found is in the latest version: it would be found there again.
                settled = change is not None and isinstance(error, DuplicateKeyError)
                if not left or settled or (not error.facts.get("write_again") and holds(log, base, error)):
                    raise
                continue
            if not done.repeated:
                self._known = done.entry
            return Snapshot(
                log,
                done.version,
                done.entry,
                repeated=done.repeated,
                unchanged=done.nothing,
                seconds=meter.seconds(intent.started),
            )
        raise AssertionError("unreachable: the last try returns or raises")

    def stage(self, write: Callable[[Writing], Change]) -> tuple[LogEntry, uuid.UUID, Change]:
        """Write files against the latest version, and leave their commit to somebody else.

        Args:
            write: Writes the files, and returns the change that adds them.

        Returns:
            The latest version, an id for the change, and the change.

        Raises:
            NewerFormatError: The table needs a later release.
            What `write` raises.
        """
        from atio_core.changes.writing import Writing

        log = self._log
        for left in reversed(range(_TRIES)):
            base = log.find_latest() or empty_entry("")
            require_features(base.writer_features, WRITER_FEATURES, "write behind", base, log.location)
            stage_id = uuid7(self._clock, not_before_us=base.horizon_us)
            writing = Writing(log.store, base, stage_id.bytes, self._clock, log.limits, apart=True)
            try:
                change = write(writing)
                if PRIMARY_KEY in base.writer_features:
                    self._require_distinct(change, base)
            except VERDICTS as error:
                if not left or (not error.facts.get("write_again") and holds(log, base, error)):
                    raise
            else:
                return base, stage_id, change
        raise AssertionError("unreachable: the last try returns or raises")

    def _require_distinct(self, change: Change, base: LogEntry) -> None:
        from atio_core.changes.keyed import Keyed

        store = self._log.store
        try:
            Keyed(change, store).require_distinct(base, Scratch(store, base, self._clock))
        except BaseException:
            store.delete([file.path for file in change.adds])
            raise

    def preview(self, write: Callable[[Writing], Change], intent: Intent) -> Preview:
        """Return the version that a commit would make now, without making it.

        Args:
            write: Returns the change. Its files are written already.
            intent: Who would commit.

        Raises:
            As for `commit`.
        """
        from atio_core.changes.keyed import Keyed
        from atio_core.changes.writing import Writing

        log = self._log
        for left in reversed(range(_TRIES)):
            base = log.find_latest() or empty_entry(str(uuid.uuid4()))
            try:
                change = write(Writing(log.store, base, intent.commit_id, self._clock, log.limits))
                change = Keyed(change, log.store)
                entry, scratch = preview(log, change, intent, base, self._clock)
            except (*VERDICTS, StagedFilesExpiredError) as error:
                if not left or holds(log, base, error):
                    raise
                continue
            return Preview(CommitLog(Overlay(log.store, scratch.held), log.limits), base, entry)
        raise AssertionError("unreachable: the last try returns or raises")

    def find(self, wanted: VersionSelector) -> Snapshot:
        """Return the version that is meant. Raises as `log.lookup.find`."""
        found = find(self._log, wanted)
        self._known = found.latest
        return Snapshot.of(self._log, found)

    def read(self, wanted: VersionSelector, read: Callable[[Snapshot], _Result]) -> _Result:
        """Read a version; if it isn't a fixed one and expires before anything of it was handed out, look it up anew.

        Args:
            wanted: Which version is meant.
            read: Reads it.

        Raises:
            As for `find`, and what `read` raises.
        """
        for _ in range(_TRIES):
            snapshot = self.find(wanted)
            try:
                return read(snapshot)
            except VersionExpiredError:
                if wanted.is_fixed:
                    raise
        raise too_fast(self._log, "read")

    def _base(self) -> LogEntry | None:
        """The entry that this handle made or read last, if it is still there; else the latest. May be outdated.

        On a flat store no look is needed: the listing that confirms a commit shows what it follows.
        """
        known = self._known
        if known is not None and self._log.store.flat is not None:
            return known
        if known is not None:
            data = self._log.sequence.read(known.version)
            if data is not None and known.commit_id.encode() in data:
                return known
        self._known = self._log.find_latest()
        return self._known
