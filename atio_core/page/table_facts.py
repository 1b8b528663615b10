"""What a page shows of a table, as plain values: its versions, schemas, files, rows and differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from atio_core.errors import NewerFormatError, NotFoundError, VersionExpiredError
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import missing_file
from atio_core.log.lookup import Found, history, too_fast
from atio_core.maintenance.policies import stored_policy
from atio_core.model.entry import LogEntry, Tag
from atio_core.model.ids import Clock
from atio_core.page.column_facts import columns_of
from atio_core.page.difference_facts import Effort, difference_facts
from atio_core.page.file_facts import list_files
from atio_core.page.row_facts import sample_facts
from atio_core.retention import Retention, aged, decide, told_policy
from atio_core.snapshot import Snapshot
from atio_core.times import time_of

MOST_VERSIONS = 1_000
"""So many versions of a table are shown, the newest."""
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What is to be shown.

    Attributes:
        sample: So many rows of a version; 0 for none.
        clock: Where the time comes from.
        default: The policy of tables that have none of their own.
    """

    sample: int
    clock: Clock
    default: Retention | None = None


def table_facts(log: CommitLog, name: str, options: PageOptions, effort: Effort) -> dict[str, Any]:
    """Return what a page shows of a table.

    Args:
        log: The table's log.
        name: What it is called.
        options: What is to be shown.
        effort: How much may be read to compare rows; what is taken is taken off.

    Raises:
        TableNotFoundError: There is no table, and was none.
        DamagedError: A version is damaged.
        VersionExpiredError: Versions expired faster than they could be looked at.
    """
    for _ in range(_ROUNDS):
        found = history(log)
        try:
            facts = _facts(log, found[:MOST_VERSIONS], options, effort)
        except VersionExpiredError:
            continue
        except NotFoundError as error:
            _require_expiry(log, found[:MOST_VERSIONS], error)
        else:
            older = len(found) - len(found[:MOST_VERSIONS])
            return {"name": name, "path": log.location, "older": older, **facts}
    raise too_fast(log, "shown")


def _require_expiry(log: CommitLog, found: Sequence[Found], error: NotFoundError) -> None:
    """Raise `DamagedError` unless a version has been let go meanwhile, so that a missing file is no wonder."""
    for one in found:
        version = one.entry.data.version
        if (entry := log.standing(version)) is None or entry.version != one.entry.version:
            return
    raise missing_file(log.location, found[0].entry.data.version, error, retained=True) from error


def _facts(log: CommitLog, found: Sequence[Found], options: PageOptions, effort: Effort) -> dict[str, Any]:
    entries = [one.entry for one in found]
    snapshots = [Snapshot.of(log, one) for one in found]
    schemas = _Schemas()
    files = list_files(log.store, entries)
    tags = log.tags_of(found[0].latest)
    kept, policy = _kept(log, entries, found[0].latest, tags, options)
    versions = [
        _version(entry, tags, schemas.place(snapshot), kept)
        for entry, snapshot in zip(entries, snapshots, strict=True)
    ]
    for facts, change in zip(versions, files.changes, strict=False):
        facts["files_change"] = change
    return {
        "policy": policy,
        "expired": _expired(entries),
        "tags": _tags(tags),
        "versions": versions,
        "schemas": schemas.facts,
        "files": files.records,
        "samples": sample_facts(snapshots, options.sample),
        "differences": difference_facts(snapshots, files, options.sample, effort),
    }


def _version(
    entry: LogEntry, tags: Mapping[str, Tag], schema: int | None, kept: dict[int, tuple[str, ...]] | None
) -> dict[str, Any]:
    data = entry.data
    return {
        "version": data.version,
        "time_ms": data.time_us // 1000,
        "time": time_of(data.time_us).isoformat(sep=" ", timespec="microseconds").removesuffix("+00:00"),
        "operation": data.operation,
        "who": data.who,
        "message": data.message,
        "properties": data.properties,
        "kind": entry.kind if entry.is_there else "dropped",
        **asdict(entry.totals),
        "added": asdict(data.added),
        "removed": asdict(data.removed),
        "tags": sorted(name for name, tag in tags.items() if tag.version == data.version),
        "kept": None if kept is None else list(kept.get(data.version, ())),
        "schema": schema,
        "sorted_by": list(entry.sort_by),
        "partitioned_by": [field.name for field in entry.partition_fields],
    }


def _tags(tags: Mapping[str, Tag]) -> list[dict[str, Any]]:
    return [
        {
            "tag": name,
            "version": tag.version,
            "until": None if tag.until_us is None else time_of(tag.until_us).isoformat(sep=" "),
        }
        for name, tag in sorted(tags.items())
    ]


def _kept(
    log: CommitLog,
    entries: Sequence[LogEntry],
    latest: LogEntry,
    tags: Mapping[str, Tag],
    options: PageOptions,
) -> tuple[dict[int, tuple[str, ...]] | None, str]:
    """For each version that an expiry would keep now, why; None if nothing says what is kept. And the policy."""
    try:
        policy = stored_policy(latest, log.location) or options.default
    except NewerFormatError:
        return None, "rules of a later release"
    if policy is None:
        return None, told_policy(None)
    named = [(name, tag.version, tag.until_us) for name, tag in tags.items()]
    times = {entry.data.version: entry.data.time_us for entry in entries}
    return decide(aged(times, named), policy, options.clock()), told_policy(policy)


def _expired(entries: Sequence[LogEntry]) -> list[list[int]]:
    """Ranges of numbers of versions that were let go, between those that are shown and before a first one.

    The next data version follows the newest entry of the one before it, unless versions in between were let go.
    """
    gaps = [
        [older.version + 1, newer.data.version - 1]
        for older, newer in pairwise(reversed(entries))
        if newer.data.version > older.version + 1
    ]
    first = entries[-1].data.version
    return [[1, first - 1], *gaps] if len(entries) < MOST_VERSIONS and first > 1 else gaps


class _Schemas:
    """The columns of versions, each list once."""

    def __init__(self) -> None:
        self.facts: list[list[dict[str, Any]]] = []
        self._places: dict[str, int] = {}

    def place(self, snapshot: Snapshot) -> int | None:
        """Where the columns of a version stand in `facts`; None if it has none."""
        entry = snapshot.entry
        if not entry.schema:
            return None
        digest = entry.schemas[entry.schema].digest
        if digest not in self._places:
            self._places[digest] = len(self.facts)
            self.facts.append(columns_of(snapshot.schema))
        return self._places[digest]
