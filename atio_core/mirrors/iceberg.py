"""Show versions of a table to readers of Iceberg: metadata in a folder of its own, over the same files.

1. See that all can be carried; else nothing is written.
2. Keep the entries that are to be shown (`keeping.py`).
3. Write the lists of their files, but for those that the mirror has already; then create the next state, if its name is
   free. Another who was faster is followed.
4. Tell the catalogue, if there is one. Let go what the mirror showed before. Delete states before the last two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atio_core.errors import CommitConflictError, InvalidInputError, VersionExpiredError
from atio_core.format.names import ICEBERG, iceberg_state_path
from atio_core.log.commit_log import CommitLog
from atio_core.mirrors.contents import Contents, contents_of
from atio_core.mirrors.iceberg_schema import highest_id, iceberg_schema
from atio_core.mirrors.iceberg_state import IcebergFolder, IcebergState
from atio_core.mirrors.mirror_tags import MirrorTags
from atio_core.mirrors.report import MirrorReport
from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock

if TYPE_CHECKING:
    from atio_core.mirrors.iceberg_files import FileLists

_ROUNDS = 100
_PARENT = "parent-snapshot-id"
_LAST_PARTITION = 999  # what Iceberg has for a table without partitions


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A version that is to be shown: what it has, its columns, and a digest of both."""

    contents: Contents
    schema: dict[str, Any]
    digest: str

    @classmethod
    def of(cls, contents: Contents) -> _Wanted:
        schema = iceberg_schema(contents)
        told = json.dumps([schema, [file.path for file in contents.files]])
        return cls(contents, schema, hashlib.sha256(told.encode()).hexdigest()[:32])

    def shown_as(self, snapshots: dict[int, dict[str, Any]], tags: MirrorTags) -> int | None:
        """The id of the snapshot that shows it already."""
        facts = {"atio.version": str(self.contents.version), "atio.digest": self.digest}
        return next(
            (
                id_
                for id_, one in snapshots.items()
                if facts.items() <= one["summary"].items() and tags.had(id_)
            ),
            None,
        )


def mirror(
    log: CommitLog, clock: Clock, choose: Callable[[], Sequence[LogEntry]], tell: Callable[[str], None]
) -> MirrorReport:
    """Make a mirror, or bring it up to date.

    Args:
        log: The table's log.
        clock: Where the time comes from.
        choose: Looks up what is to be shown now; the last one is what readers get if they ask for none.
        tell: Tells others of a state, by its URI, before what was shown before may go.

    Raises:
        NotPreservableError: A column can't be carried; nothing was written.
        InvalidInputError: The table has no place that others know; or pyiceberg isn't installed.
        AlreadyExistsError: Something else lies where the mirror is to be.
        VersionExpiredError: What was to be shown has expired.
    """
    uri = uri_of(log.location)
    _require_library()
    for _ in range(_ROUNDS):
        entries = choose()
        with suppress(VersionExpiredError):  # as for Delta: an expiry was faster
            if (report := _mirror(log, clock, entries, tell, uri)) is not None:
                return report
    raise CommitConflictError(
        f"others mirrored the table {log.location} at the same time, again and again; nothing is left undone",
        table=log.location,
    )


def _mirror(
    log: CommitLog, clock: Clock, entries: Sequence[LogEntry], tell: Callable[[str], None], uri: str
) -> MirrorReport | None:
    """Show entries; None if another was faster."""
    wanted = [_Wanted.of(contents_of(log, entry)) for entry in entries]
    folder = IcebergFolder(log.store, log.latest().table_id, clock)
    state, tags = folder.read(), MirrorTags(log, "iceberg", clock)
    ids = [one.shown_as(state.snapshots, tags) or one.contents.entry.version for one in wanted]
    unchanged = list(state.snapshots) == ids and state.current == ids[-1] and all(map(tags.had, ids))
    if not unchanged:
        tags.keep(ids)
        state = _next_state(folder, state, wanted, ids, uri)
        if not folder.append(state):
            folder.clean(state.number)
            return None
    path = iceberg_state_path(state.number)
    tell(f"{uri}/{path}")
    tags.settle(ids)
    folder.clean(state.number)
    return MirrorReport(
        table=log.location,
        kind="iceberg",
        location=f"{uri}/{path}" if "://" in log.location else f"{log.location}/{path}",
        versions=tuple(one.contents.version for one in wanted),
        files=len(wanted[-1].contents.files),
        unchanged=unchanged,
    )


def _next_state(
    folder: IcebergFolder, before: IcebergState, wanted: Sequence[_Wanted], ids: Sequence[int], uri: str
) -> IcebergState:
    """Write the lists of files that are missing, and return the state that names all."""
    known = before.snapshots
    sequence = before.told.get("last-sequence-number", 0)
    snapshots: list[dict[str, Any]] = []
    for one, id_ in zip(wanted, ids, strict=True):
        if id_ in known and known[id_]["summary"]["atio.digest"] == one.digest:
            snapshot = known[id_]
        else:
            sequence += 1
            snapshot = _snapshot(folder, one, id_, (before.number + 1, sequence), uri)
        alone = {key: value for key, value in snapshot.items() if key != _PARENT}  # Java takes no null for it
        parent = {_PARENT: snapshots[-1]["snapshot-id"]} if snapshots else {}
        snapshots.append(alone | parent)
    newest = wanted[-1].contents.entry
    lists = " ".join(one["summary"]["atio.lists"] for one in snapshots)
    schemas = {one.contents.entry.schema: one.schema for one in wanted}
    told: dict[str, Any] = {
        "format-version": 2,
        "table-uuid": newest.table_id,
        "location": f"{uri}/{ICEBERG.partition('/')[0]}",
        "last-sequence-number": sequence,
        "last-updated-ms": max(snapshot["timestamp-ms"] for snapshot in snapshots),
        "last-column-id": max(newest.last_column, highest_id(schemas.values())),
        "current-schema-id": newest.schema,
        "schemas": list(schemas.values()),
        "default-spec-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "last-partition-id": _LAST_PARTITION,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": {"atio.lists": lists},
        "current-snapshot-id": ids[-1],
        "refs": {"main": {"snapshot-id": ids[-1], "type": "branch"}},
        "snapshots": snapshots,
        "snapshot-log": [],
        "metadata-log": [],
    }
    return IcebergState(before.number + 1, told)


def _snapshot(
    folder: IcebergFolder, one: _Wanted, id_: int, place: tuple[int, int], uri: str
) -> dict[str, Any]:
    from atio_core.mirrors.iceberg_files import file_lists

    number, sequence = place
    manifest, listed = folder.new_list(number), folder.new_list(number)
    made: FileLists = file_lists(
        one.contents, one.schema, id_, sequence, table=uri, manifest=f"{uri}/{manifest}"
    )
    if made.manifest:
        folder.add_list(manifest, made.manifest)
    folder.add_list(listed, made.manifest_list)
    entry = one.contents.entry
    return {
        "snapshot-id": id_,
        "sequence-number": sequence,
        "timestamp-ms": entry.data.time_us // 1000,
        "manifest-list": f"{uri}/{listed}",
        "schema-id": entry.schema,
        "summary": {
            "operation": "append",
            "total-records": str(entry.totals.rows),
            "total-data-files": str(entry.totals.files),
            "atio.version": str(entry.data.version),
            "atio.digest": one.digest,
            "atio.lists": f"{manifest} {listed}",
        },
    }


def uri_of(location: str) -> str:
    """The table's place as Iceberg's readers name it. They take a file's URI without escapes."""
    if location.startswith("memory://"):
        raise InvalidInputError(
            f"{location} is this process's own memory, where no reader of Iceberg finds anything"
        )
    if location.startswith("az://"):
        raise InvalidInputError(
            f"{location} is a URL that readers of Iceberg don't know: open the table by the other one of Azure's,"
            " abfss://container@account.dfs.core.windows.net/…, to mirror it"
        )
    if location.startswith("r2://"):
        return f"s3{location.removeprefix('r2')}"  # which is what its readers call it
    return location if "://" in location else f"file://{Path(location).absolute()}"


def _require_library() -> None:
    if find_spec("pyiceberg") is None:
        raise InvalidInputError("a mirror for Iceberg takes the library pyiceberg: pip install pyiceberg")
