"""Show versions of a table to readers of Delta: a log beside the table's own, over the same files.

1. See that all can be carried; else nothing is written.
2. Keep the entries that are to be shown (`keeping.py`).
3. For each of them, make the next version of the mirror, by creating its file if the name is free: what it adds and
   removes against the one before. Another who was faster is followed.
4. Let go what the mirror showed before, unless it is to show that still; and tidy its log up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from atio_core.errors import CommitConflictError, VersionExpiredError
from atio_core.log.commit_log import CommitLog
from atio_core.mirrors.contents import Contents, contents_of
from atio_core.mirrors.delta_files import add_of, partition_fields
from atio_core.mirrors.delta_log import FEATURE, DeltaLog
from atio_core.mirrors.delta_schema import delta_fields, needs_ntz
from atio_core.mirrors.delta_state import DeltaState, Shown, Step
from atio_core.mirrors.mirror_tags import MirrorTags
from atio_core.mirrors.report import MirrorReport
from atio_core.model.entry import LogEntry
from atio_core.model.ids import Clock

_ROUNDS = 100


def mirror(
    log: CommitLog, clock: Clock, choose: Callable[[], Sequence[LogEntry]], *, history: bool
) -> MirrorReport:
    """Make a mirror, or bring it up to date.

    Args:
        log: The table's log.
        clock: Where the time comes from.
        choose: Looks up what is to be shown now, oldest first.
        history: Whether what it showed before stays to be read, as far as it is retained.

    Raises:
        NotPreservableError: A column can't be carried; nothing was written.
        AlreadyExistsError: Something else keeps a Delta log there.
        VersionExpiredError: What was to be shown has expired.
    """
    for _ in range(_ROUNDS):
        entries = choose()
        # An expiry was faster, or another mirroring that let it have this.
        with suppress(VersionExpiredError):
            if (report := _mirror(log, clock, entries, history=history)) is not None:
                return report
    raise CommitConflictError(
        f"others mirrored the table {log.location} at the same time, again and again; nothing is left undone",
        table=log.location,
    )


def _mirror(
    log: CommitLog, clock: Clock, entries: Sequence[LogEntry], *, history: bool
) -> MirrorReport | None:
    """Show entries; None if another was faster."""
    delta = DeltaLog(log.store, log.latest().table_id)
    state, tags = delta.read(), MirrorTags(log, "delta", clock)
    steps = list(_steps(log, entries, state, tags, clock() // 1000, history=history))
    if steps:
        tags.keep(step.shown.entry for step in steps)
    if not all(map(delta.append, steps)):
        return None
    shown = _still_shown(log, state, history=history)
    tags.settle(one.entry for one in shown.values())
    delta.tidy(state, set(shown.values()))
    return MirrorReport(
        table=log.location,
        kind="delta",
        location=log.location,
        versions=tuple(sorted(shown)),
        files=len(state.adds),
        unchanged=not steps,
    )


def _steps(
    log: CommitLog,
    entries: Sequence[LogEntry],
    state: DeltaState,
    tags: MirrorTags,
    now_ms: int,
    *,
    history: bool,
) -> Iterator[Step]:
    """Yield the versions of the mirror that are to come; the state is that after them."""
    latest = state.latest
    if history and latest is not None:
        entries = [entry for entry in entries if entry.data.version >= latest.version] or entries[-1:]
    for entry in entries:
        wanted = _Wanted(contents_of(log, entry))
        actions, latest = wanted.actions(state, now_ms), state.latest
        same = latest is not None and latest.version == entry.data.version and tags.had(latest.entry)
        if actions or not same:
            step = Step(
                state.next_version, Shown(entry.data.version, entry.version), entry.data.time_us, actions
            )
            state.take(step)
            yield step


def _still_shown(log: CommitLog, state: DeltaState, *, history: bool) -> dict[int, Shown]:
    """What is kept, by data versions: the latest; with a history all before it that the table still has, too."""
    retained = log.latest().retained
    shown = list(state.shown.values())
    kept = [one for one in shown[:-1] if history and one.entry in retained]
    return {one.version: one for one in (*kept, *shown[-1:])}


class _Wanted:
    """A version that is to be shown.

    Args:
        contents: What it has.

    Raises:
        NotPreservableError: A column can't be carried.
    """

    def __init__(self, contents: Contents) -> None:
        partitions = partition_fields(contents)
        fields = [*delta_fields(contents), *partitions]
        ntz = ["timestampNtz"] if needs_ntz(fields) else []
        self.contents = contents
        self.metadata: dict[str, Any] = {
            "id": contents.entry.table_id,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps({"type": "struct", "fields": fields}),
            "partitionColumns": [field["name"] for field in partitions],
            "configuration": {},
            "createdTime": contents.entry.time_us // 1000,
        }
        self.protocol: dict[str, Any] = {
            "minReaderVersion": 1,
            "minWriterVersion": 7,
            "writerFeatures": [FEATURE],
        }
        if ntz:
            self.protocol |= {"minReaderVersion": 3, "readerFeatures": ntz, "writerFeatures": [*ntz, FEATURE]}
        self.adds = {add["path"]: add for add in (add_of(contents, file) for file in contents.files)}

    def actions(self, state: DeltaState, now_ms: int) -> list[dict[str, Any]]:
        """Return what makes a mirror show this version; none if it does."""
        actions: list[dict[str, Any]] = []
        if not state.protocol or len(self.protocol["writerFeatures"]) > len(state.protocol["writerFeatures"]):
            actions.append({"protocol": self.protocol})
        created = {"createdTime": self.metadata["createdTime"]}
        if state.metadata | created != self.metadata:
            first = state.metadata.get("createdTime", self.metadata["createdTime"])
            actions.append({"metaData": self.metadata | {"createdTime": first}})
        actions += [
            {
                "remove": {
                    "path": path,
                    "deletionTimestamp": now_ms,
                    "dataChange": True,
                    "extendedFileMetadata": True,
                    "partitionValues": add["partitionValues"],
                    "size": add["size"],
                }
            }
            for path, add in state.adds.items()
            if path not in self.adds
        ]
        for path, add in self.adds.items():
            if (told := state.adds.get(path)) is None:
                actions.append({"add": add})
            elif told["stats"] != add["stats"]:
                # There are other columns now, of which it has only nulls, or no bounds.
                actions.append({"add": add | {"dataChange": False}})
        return actions
