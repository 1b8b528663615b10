"""The history of a table, printed."""

from __future__ import annotations

from atio_core.amounts import readable_bytes
from atio_core.arguments import require_whole
from atio_core.cli.on_disk import require_on_disk
from atio_core.cli.output import print_json, print_table
from atio_core.cli.plain import told_minute
from atio_core.cli.version_json import told_change, version_json
from atio_core.format.names import TEMPORARY
from atio_core.log.commit_log import CommitLog
from atio_core.log.lookup import Found, history
from atio_core.model.entry import ROWS, LogEntry
from atio_core.storage.locate import locate
from atio_core.version_facts import EntryFacts


def list_history(table: str, *, limit: int | None, json: bool) -> None:
    """Print the versions of a table that can be read, the newest first.

    It does as `Table.history`, without what writes: this is the command that people wait for most.

    Args:
        table: The table's folder.
        limit: So many at most.
        json: Print JSON, for programs.

    Raises:
        InvalidInputError: `limit` is negative, or no table can be there.
        As for `Table.history`.
    """
    most = None if limit is None else require_whole("--limit", limit, least=0)
    own = CommitLog(locate(require_on_disk(table), temporary=TEMPORARY))
    versions = [_Listed(own, found) for found in history(own)[:most]]
    if json:
        print_json([version_json(version) for version in versions])
        return
    print_table(
        ("version", "time (UTC)", "operation", "rows", "change", "size", "tags, message"),
        [_row(version) for version in versions],
        right=("version", "rows", "change", "size"),
    )


class _Listed(EntryFacts):
    """A version in the history, without all that reads its rows."""

    def __init__(self, log: CommitLog, found: Found) -> None:
        self._log, self._entry, self._latest = log, found.entry, found.latest
        self.version = found.entry.data.version

    @property
    def entry(self) -> LogEntry:
        """The log entry."""
        return self._entry


def _row(version: EntryFacts) -> tuple[str, ...]:
    tags = "".join(f"[{tag}] " for tag in version.tags)
    return (
        str(version.version),
        told_minute(version.time),
        version.operation,
        f"{version.rows:,}" if version.entry.kind == ROWS else version.entry.kind,
        told_change(version.added.rows, version.removed.rows),
        readable_bytes(version.bytes),
        f"{tags}{version.message or ''}",
    )
