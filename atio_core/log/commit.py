"""The commit loop: rebase a change on the latest version, create the next entry, confirm it. The only retry loop.

1. The data files are written already, and synced; nothing names them yet.
2. Read the latest entry. If it has this commit's id or key, it is done, whatever conflicts.
3. Rebase the change on it, or raise `CommitConflictError`.
4. Make the latest's name durable, then create the next entry. Another's entry there: go to 2. A lost answer:
   `storage/readback.py`.
5. Make sure that the entry is on the chain (`log/confirm.py`). A stray is taken away: go to 2.

Once a create was sent without a clear answer, only success or `CommitUnknownError` may come of it, unless the version
is known to be another's; and the files that it names stay.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from atio_core.errors import (
    AlreadyExistsError,
    AtioError,
    CommitConflictError,
    CommitUnknownError,
    DamagedError,
    InvalidInputError,
    NewerFormatError,
    NotFoundError,
    StagedFilesExpiredError,
    StorageError,
    VersionExpiredError,
)
from atio_core.format.entry_json import encode_entry
from atio_core.log.change import Change, Rebased
from atio_core.log.commit_log import WRITER_FEATURES, CommitLog, require_features
from atio_core.log.confirm import on_chain
from atio_core.log.file_list import missing_file
from atio_core.log.intent import Intent
from atio_core.log.key_list import find_older, find_recent, first_known, push
from atio_core.log.pauses import Pace, Paused
from atio_core.log.preconditions import is_too_old, require_expected
from atio_core.log.scratch import Scratch
from atio_core.model.entry import NO_KEY, DataVersion, LogEntry, empty_entry
from atio_core.model.ids import Clock, system_clock
from atio_core.storage.readback import Answer, Created

_ROUNDS = 1_000

VERDICTS = (NotFoundError, AlreadyExistsError, DamagedError, InvalidInputError, CommitConflictError)
"""Errors that an outdated base may give rise to: its files may be gone, and what it holds may be wrong by now."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a commit came to.

    Attributes:
        version: The number of the entry that has the commit's id or key.
        entry: That entry; None if its version has expired since.
        repeated: The key was used before: nothing was changed now.
        nothing: The change left nothing to be done; `entry` is the latest, or one that only remembers the key.
    """

    version: int
    entry: LogEntry | None
    repeated: bool = False
    nothing: bool = False


def commit(
    log: CommitLog,
    change: Change,
    intent: Intent,
    *,
    base: LogEntry | None = None,
    looked_up: bool = False,
    clock: Clock = system_clock,
    pause: Callable[[int], None] | None = None,
) -> Committed:
    """Make a change the next version.

    Args:
        log: The table's log.
        change: What is wished for. Its data files are written already.
        intent: The commit's id, key and expectations.
        base: The entry to try first, from a read not long ago; else the latest is looked for.
        looked_up: The key was looked up to this base already.
        clock: Where the time comes from.
        pause: Waits after the n-th lost race; if None the log's own pace is kept.

    Raises:
        CommitConflictError: Nothing was committed: what came in between stands against it.
        CommitUnknownError: It may have landed.
        StagedFilesExpiredError: Its files are older than the table's horizon; nothing was committed.
    """
    pace: Pace = Paused(pause) if pause else log.pace
    run = _Run(log, change, intent, clock, base.version if base is not None and looked_up else None)
    try:
        for tries in range(_ROUNDS):
            others = pace.wait(tries)
            if (done := run.once(base, look=base is None or others)) is not None:
                return done
            base = run.base
        raise CommitConflictError(
            f"{change.operation} of {log.location} lost {_ROUNDS} races in a row; nothing was committed: try again"
            " when fewer writers are at work",
            table=log.location,
        )
    except BaseException as error:
        run.failed(error)
        raise
    finally:
        pace.ended()


def preview(
    log: CommitLog, change: Change, intent: Intent, base: LogEntry, clock: Clock
) -> tuple[LogEntry, Scratch]:
    """Return the entry that a commit would create on a base, and holds what it would write; nothing is stored.

    Raises:
        CommitConflictError: The change can't be applied to this base.
        What `Change.rebase` raises.
    """
    require_expected(base, intent, log.location)
    run, scratch = _Run(log, change, intent, clock, None), Scratch(log.store, base, clock)
    rebased = change.rebase(base, scratch)
    changes = rebased is not None and change.changes_rows
    return next_entry(base, rebased or Rebased(base), run, scratch, changes_rows=changes), scratch


def look_up(
    log: CommitLog, base: LogEntry, intent: Intent, *, after_version: int | None = None
) -> Committed | None:
    """Return the commit that has the intent's id or key already, or None.

    Args:
        log: The table's log.
        base: An entry on the chain.
        intent: What is to be committed.
        after_version: Versions up to this one were looked through before; None if this is the first look, at which
            the commit's own id can't be there yet.
    """
    own = after_version is not None
    version = version_of(log, base, intent.commit_id, after_version) if own else None
    if version is None:
        own = False
        after = max(after_version or 0, intent.key_after_version)
        version = version_of(log, base, intent.key, after, 0 if after_version else intent.key_not_before_us)
    if version is None:
        return None
    try:
        entry = base if version == base.version else log.get(version)
    except VersionExpiredError:
        entry = None
    log.sequence.make_durable(version, base.version)  # P2: its writer may have died before it came to that
    return Committed(version, entry, repeated=not own)


def holds(log: CommitLog, base: LogEntry, error: AtioError) -> bool:
    """Say whether an error that came of a base counts: only if the base is still the latest.

    Else a later commit may have let go what the base names, or have changed what stood against this one.

    Raises:
        DamagedError: It does, and says that a file isn't there.
    """
    if not _is_latest(log, base):
        return False
    if type(error) is NotFoundError:
        raise missing_file(log.location, base.version, error, retained=True) from error
    return True


def _is_latest(log: CommitLog, base: LogEntry) -> bool:
    latest = log.find_latest()
    return (latest.commit_id if latest else "") == base.commit_id


def version_of(
    log: CommitLog, base: LogEntry, one: bytes, after_version: int | None = None, not_before_us: int = 0
) -> int | None:
    """Return the number of the entry that has a commit id or the digest of a key, as far as a base knows, or None.

    Args:
        log: The table's log.
        base: An entry on the chain.
        one: 16 bytes.
        after_version: It isn't this entry nor one before it.
        not_before_us: It isn't older than this time.
    """
    if one == NO_KEY:
        return None
    recent = find_recent(base, one)
    if recent is not None:
        return recent
    return find_older(log.store, base, one, after_version=after_version or 0, not_before_us=not_before_us)


@dataclass(slots=True)
class _Run:
    """One commit over all its tries."""

    log: CommitLog
    change: Change
    intent: Intent
    clock: Clock
    looked_up_to: int | None
    unclear: set[int] = field(default_factory=set[int])
    scratch: Scratch | None = None
    base: LogEntry | None = None
    unused: Sequence[str] = ()

    def once(self, known: LogEntry | None, *, look: bool) -> Committed | None:
        """Try once, on what is known, or look for the latest first; None if the race was lost."""
        given = None if look else known
        base = given or self.log.find_latest(known) or empty_entry(str(uuid.uuid4()))
        self.base = base
        require_features(base.writer_features, WRITER_FEATURES, "commit after", base, self.log.location)
        try:
            built = self._build(base)
        except VERDICTS as error:
            if holds(self.log, base, error):
                raise
            self._discard_scratch()
            return None
        if isinstance(built, Committed):
            # Nothing was left to be done on an outdated base: what came since may ask for it.
            if built.nothing and given is not None and not _is_latest(self.log, given):
                return None
            if built.nothing:
                self._delete(self._paths())
            return built
        created = self._create(base, built[0])
        return created and replace(created, nothing=built[1])

    def _build(self, base: LogEntry) -> tuple[LogEntry, bool] | Committed:
        done = self._look_up(base)
        if done is not None:
            return done
        self._check(base)
        self.scratch = Scratch(self.log.store, base, self.clock)
        rebased = self.change.rebase(base, self.scratch)
        if rebased is None and self.intent.key == NO_KEY:
            return Committed(base.version, base, nothing=True)
        # A key is remembered also if nothing is to be done: else a retry could find something (P4).
        changes = rebased is not None and self.change.changes_rows
        self.unused = self._paths() if rebased is None else rebased.unused
        entry = next_entry(base, rebased or Rebased(base), self, self.scratch, changes_rows=changes)
        self.scratch.write()
        return entry, rebased is None

    def _look_up(self, base: LogEntry) -> Committed | None:
        done = look_up(self.log, base, self.intent, after_version=self.looked_up_to)
        self.looked_up_to = base.version
        if done is None and self.unclear:
            if first_known(base) > min(self.unclear):
                raise self.unknown("the table remembers no ids from so long ago")
            # versions up to the base's are known to be another's
            self.unclear = {version for version in self.unclear if version > base.version}
        if done is not None and done.repeated and not self.unclear:
            self._delete(self._paths())
        return done

    def _check(self, base: LogEntry) -> None:
        require_expected(base, self.intent, self.log.location)
        for file in self.change.adds:
            if is_too_old(file.path, base):
                raise StagedFilesExpiredError(
                    f"{file.path} was written before the horizon of the table {self.log.location}: cleaning may have"
                    " taken it; nothing was committed: write the data again, or give the table a longer grace period"
                    " (set_grace)",
                    table=self.log.location,
                    path=file.path,
                    write_again=True,
                )

    def _create(self, base: LogEntry, entry: LogEntry) -> Committed | None:
        before = set(self.unclear)
        sent = encode_entry(entry)
        self.unclear.add(entry.version)
        try:
            created = self._send(base, entry, sent)
        except StorageError as error:
            if not error.unknown:
                self.unclear = before  # refused before anything was sent
            raise
        if created.answer is Answer.UNKNOWN:
            raise self.unknown("the store didn't answer") from created.cause
        if created.answer is not Answer.OURS:
            # Ours may have landed all the same, and have been expired since: it stays unclear if none is there.
            if created.answer is Answer.TAKEN and self._is_version(entry.version, created.data):
                self.unclear.discard(entry.version)
                self._discard_scratch()
            return None
        stored = entry if created.data == sent else self.log.decode(entry.version, created.data)
        confirmed = on_chain(self.log, stored)
        if confirmed is None:
            raise self.unknown("so many versions were made meanwhile that nobody can tell any more")
        if not confirmed:
            self.log.sequence.take_away(entry.version)
            self.unclear.discard(entry.version)
            return None
        # It stays among the unclear ones: an interrupt from here on must not take its files away.
        if stored is entry:
            self._delete(self.unused)
        return Committed(stored.version, stored)

    def _send(self, base: LogEntry, entry: LogEntry, data: bytes) -> Created:
        return self.log.sequence.create(
            entry.version, data, after=base.version, is_ours=lambda found: self._is_ours(entry, found)
        )

    def _is_version(self, number: int, data: bytes) -> bool:
        """Whether another's entry is a version, so that ours isn't; not if it may be a stray under a freed name."""
        if not self.log.sequence.newer_bucket(number):
            return True
        with suppress(DamagedError, NewerFormatError):
            return on_chain(self.log, self.log.decode(number, data)) is True
        return False

    def _is_ours(self, entry: LogEntry, data: bytes) -> bool:
        try:
            return self.log.decode(entry.version, data).commit_id == entry.commit_id
        except NewerFormatError:
            return False  # a later release wrote it; reading the latest will say so
        except DamagedError:
            return entry.commit_id.encode() in data  # another's, too, may be damaged; the latest will tell

    def failed(self, error: BaseException) -> None:
        """Leave nothing behind if it is certain that nothing landed; else say that it isn't."""
        if not self.unclear:
            self._discard_scratch()
            self._delete(self._paths())
        elif isinstance(error, Exception) and not isinstance(error, CommitUnknownError):
            raise self.unknown(str(error)) from error
        elif not isinstance(error, Exception):
            error.add_note(str(self.unknown("it was interrupted")))

    def unknown(self, why: str) -> CommitUnknownError:
        """Return the error for a commit that may have landed."""
        commit_id = self.intent.commit_id.hex()
        return CommitUnknownError(
            f"{self.change.operation} of {self.log.location} may have been committed or not ({why}); look for the"
            f" commit id {commit_id} in the table's history, or commit again with the same idempotency key",
            table=self.log.location,
            commit_id=commit_id,
        )

    def _discard_scratch(self) -> None:
        if self.scratch is not None:
            with suppress(StorageError):  # cleaned later; it must not hide why the commit failed
                self.scratch.discard()

    def _paths(self) -> list[str]:
        return [file.path for file in self.change.adds]

    def _delete(self, paths: Sequence[str]) -> None:
        with suppress(StorageError):  # cleaned later
            self.log.store.delete(paths)


def next_entry(
    base: LogEntry, rebased: Rebased, run: _Run, scratch: Scratch, *, changes_rows: bool
) -> LogEntry:
    """Return the entry that follows `base`, complete."""
    change, intent, version = run.change, run.intent, base.version + 1
    clock_us = run.clock()
    time_us = max(clock_us, base.time_us)
    recent, key_lists = push(
        base,
        intent.commit_id,
        intent.key,
        time_us=time_us,
        clock_us=clock_us,
        scratch=scratch,
        limits=run.log.limits,
    )
    data = base.data
    if changes_rows:
        told = (change.operation, intent.message, intent.properties)
        data = DataVersion(version, time_us, *told, rebased.added, rebased.removed, intent.who)
    return rebased.entry.with_(
        version=version,
        commit_id=intent.commit_id.hex(),
        parent_commit_id=base.commit_id or None,
        clock_us=clock_us,
        time_us=time_us,
        operation=change.operation,
        data=data,
        retained=rebased.entry.retained.with_next(version),
        recent=recent,
        key_lists=key_lists,
    )
