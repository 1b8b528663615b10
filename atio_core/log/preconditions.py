"""What must be so of a base before a change is applied to it: what the caller expects, and files that are there."""

from __future__ import annotations

from atio_core.errors import CommitConflictError
from atio_core.format.names import file_id_of
from atio_core.log.intent import Intent
from atio_core.model.entry import LogEntry
from atio_core.model.ids import uuid7_time_us


def require_expected(base: LogEntry, intent: Intent, table: str) -> None:
    """Raise `CommitConflictError` if a base isn't the version that the caller expects."""
    expected, found = intent.expected_version, base.data.version
    if expected is not None and expected != found and (expected or base.is_there):
        raise CommitConflictError(
            f"the write to {table} expected version {expected} to be the latest, but it is {found}; nothing was"
            " committed: read it, and decide again",
            table=table,
            version=found,
            winner=found,
        )


def is_too_old(path: str, base: LogEntry) -> bool:
    """Say whether a file that the base doesn't reach may have been taken by cleaning."""
    file_id = file_id_of(path)
    return file_id is None or uuid7_time_us(file_id) < base.horizon_us
