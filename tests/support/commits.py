"""Commits without frames: data files that hold one word each, and what must be true of a table of such files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from atio_core.changes.append import Append
from atio_core.changes.descriptors import describe
from atio_core.changes.overwrite import Overwrite
from atio_core.changes.overwrite_partitions import OverwritePartitions
from atio_core.changes.restore import Restore
from atio_core.changes.rewrite import Rewrite
from atio_core.changes.schema import FIELD_ID, WrittenSchema
from atio_core.changes.tag import SetTag
from atio_core.format.digest import digest
from atio_core.format.kept_json import KeptRecord
from atio_core.format.keys_arrow import decode_keys
from atio_core.format.names import data_path
from atio_core.format.staged_json import StagedChange
from atio_core.log.commit import Committed, commit
from atio_core.log.commit_log import CommitLog, no_table
from atio_core.log.file_list import files_of
from atio_core.log.intent import make_intent
from atio_core.log.kept import keep
from atio_core.log.limits import Limits
from atio_core.maintenance.expiry import expire
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.policies import Policies
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry, PartitionField, Totals, empty_entry
from atio_core.model.ids import uuid7
from atio_core.retention import require_policy
from atio_core.storage.base import ObjectStore
from atio_core.table import Table

SMALL = Limits(per_bucket=4, recent=4, inline_files=2, inline_tags=1, fanout=2, manifest_files=8)
"""Bounds that make the rare paths common."""

START_US = 1_700_000_000_000_000
SECOND_US = 1_000_000


def _schema(*columns: str) -> WrittenSchema:
    ids = [{FIELD_ID: str(number).encode()} for number in range(1, len(columns) + 1)]
    fields = [pa.field(name, pa.string(), metadata=one) for name, one in zip(columns, ids, strict=True)]
    return WrittenSchema.of(pa.schema(fields))


SCHEMA = _schema("word")
WIDE = _schema(
    "word", *[f"{number * 7919:x}{number * 104729:o}{number * 1299709:b}" for number in range(150)]
)
"""A schema so large that it lies in a file."""


@dataclass(slots=True)
class Writer:
    """Who commits to a table: its store, its clock, its limits.

    Attributes:
        store: The table's store.
        now_us: What its clock shows.
        limits: Bounds of an entry.
        schema: What it says that its files are written with.
    """

    store: ObjectStore
    now_us: int = START_US
    limits: Limits = SMALL
    schema: WrittenSchema = SCHEMA
    pauses: list[int] = field(default_factory=list[int])

    @property
    def log(self) -> CommitLog:
        """The table's log."""
        return CommitLog(self.store, self.limits)

    def clock(self) -> int:
        """Tell the time."""
        return self.now_us

    def file(self, word: str, partition: tuple[Any, ...] = (), *, not_before_us: int = 0) -> DataFile:
        """Write a data file of one word."""
        data = word.encode()
        fields = tuple(f"p{number}" for number in range(len(partition)))
        path = data_path(fields, partition, uuid7(self.clock, not_before_us=not_before_us))
        self.store.put(path, data)
        return DataFile(path, "word", len(data), 1, digest(data), 0, digest(b""), 0, partition)

    def append(self, *words: str, **options: Any) -> Committed:
        """Append files of one word each."""
        return self.commit(self.appending(*[self.file(word) for word in words]), **options)

    def appending(self, *files: DataFile) -> Append:
        """Return an append of files."""
        return Append(files, self.schema, _content(files), self.limits)

    def overwrite(self, *words: str, **options: Any) -> Committed:
        """Overwrite all rows by files of one word each."""
        return self.commit(self.overwriting(*[self.file(word) for word in words]), **options)

    def overwriting(self, *files: DataFile) -> Overwrite:
        """Return an overwrite by files."""
        return Overwrite(files, self.schema, _content(files), self.limits)

    def rewriting(self, base: LogEntry, operation: str, word: str, *instead: DataFile) -> Rewrite:
        """Return a change that puts files in the place of the file with a word, if there is such a file."""
        if not base.is_there:
            raise no_table(self.store.location, base)
        found = [file for file in files_of(self.store, base) if self.store.read(file.path).decode() == word]
        return Rewrite(
            operation=operation,
            seen=base,
            store=self.store,
            replaced={file.path: instead for file in found},
            lists=frozenset(ref.path for ref in base.manifests),
            behind=(),
            reads=lambda file: operation != "compact" and file.digest == digest(word.encode()),
            schema=self.schema,
            content=None if operation == "compact" else digest(word.encode()),
            limits=self.limits,
        )

    def replace(self, partitions: dict[Any, Sequence[str]], **options: Any) -> Committed:
        """Overwrite some partitions."""
        files = [self.file(word, (value,)) for value, words in partitions.items() for word in words]
        values = frozenset((value,) for value in partitions)
        fields = (PartitionField("p0"),)
        change = OverwritePartitions(files, values, fields, self.schema, _content(files), self.limits)
        return self.commit(change, **options)

    def staged(self, change: Append | Overwrite) -> StagedChange:
        """Stage a change whose files are written."""
        base = self.log.find_latest() or empty_entry("")
        files = describe(change)
        stage_id, table = uuid7(self.clock, not_before_us=base.horizon_us), base.table_id or None
        versions = base.version, base.data.version
        return StagedChange(stage_id, table, *versions, change.operation, Totals.of(files.files), files)

    def keep(self, change: Append | Overwrite, until_us: int) -> str:
        """Keep a change whose files are written; returns the id of the stage."""
        record = KeptRecord(self.staged(change), until_us)
        keep(self.log, record)
        return str(record.staged.id)

    @property
    def table(self) -> Table:
        """The table, as users have it."""
        return Table(store=self.store, limits=self.limits, clock=self.clock)

    def restore(self, version: int, **options: Any) -> Committed:
        """Make a version's content the latest."""
        return self.commit(Restore(self.log, version), **options)

    def tag(self, name: str, version: int, *, force: bool = False) -> Committed:
        """Protect a version from expiry."""
        return self.commit(SetTag(self.log, name, version, force=force))

    def lease(self, version: int, until_us: int) -> Committed:
        """Protect a version from expiry for a while."""
        return self.commit(SetTag(self.log, "lease", version, force=True, until_us=until_us))

    def commit(self, change: Any, *, base: LogEntry | None = None, **options: Any) -> Committed:
        """Commit a change."""
        intent = make_intent(self.clock, **options)
        return commit(self.log, change, intent, base=base, clock=self.clock, pause=self.pauses.append)

    def expire(
        self, keep_last: int | None = 1, *, grace_us: int | None = None, dry_run: bool = False, **policy: Any
    ) -> ExpiryReport:
        """Expire."""
        policies = Policies(require_policy(None, keep_last=keep_last, **policy))
        return expire(
            self.log, policies, grace_us=grace_us, dry_run=dry_run, clock=self.clock, pause=self.pauses.append
        )

    def words(self, entry: LogEntry | None = None) -> list[str]:
        """Return the rows of an entry, the latest if none is given."""
        entry = entry or self.log.latest()
        return [self.store.read(file.path).decode() for file in files_of(self.store, entry)]


def _content(files: Sequence[DataFile]) -> str:
    return digest("".join(file.digest for file in files).encode())


def commit_ids(store: ObjectStore, entry: LogEntry) -> dict[int, bytes]:
    """Return the commit ids of all versions that an entry knows of, by version."""
    known = {entry.version - place: one for place, one in enumerate(entry.recent.commits)}
    for ref in entry.key_lists:
        commits: dict[int, list[bytes]] = {}
        for one, version in decode_keys(store.read(ref.path)).items():
            commits.setdefault(version, []).append(one)
        for version, ids in commits.items():
            assert version not in known, f"two lists hold version {version}"
            # A UUID 7; a key's digest seldom looks so.
            known[version] = next(one for one in ids if one[6] >> 4 == 7)
    return known


def verify(store: ObjectStore, limits: Limits = SMALL) -> dict[int, list[str]]:
    """Return the rows of each retained entry; fail if anything that one of them needs is missing or wrong."""
    log = CommitLog(store, limits)
    latest = log.find_latest()
    if latest is None:
        return {}
    rows: dict[int, list[str]] = {}
    entries: dict[int, LogEntry] = {}
    for version in latest.retained:
        entry = log.read(version)
        assert entry is not None, f"version {version} is retained, and its entry is gone"
        assert entry.table_id == latest.table_id
        before = entries.get(version - 1)
        assert before is None or entry.parent_commit_id == before.commit_id
        files = files_of(store, entry)
        assert Totals.of(files) == entry.totals
        assert all(digest(store.read(file.path)) == file.digest for file in files)
        assert len({file.path for file in files}) == len(files), "a file is in the table twice"
        for ref in (*entry.other_lists, *_schemas(entry)):
            assert digest(store.read(ref.path)) == ref.digest
        entries[version] = entry
        rows[version] = Writer(store, limits=limits).words(entry)
    assert entries[latest.version] == latest
    return rows


def needed(store: ObjectStore, limits: Limits = SMALL) -> set[str]:
    """Return the names of all objects that a retained version needs, its own entry among them."""
    log = CommitLog(store, limits)
    latest = log.latest()
    entries = [entry for version in latest.retained if (entry := log.read(version))]
    names = {log.sequence.names.name(entry.version) for entry in entries}
    for entry in entries:
        files = (*files_of(store, entry), *entry.manifests, *entry.other_lists, *_schemas(entry))
        names |= {one.path for one in files}
    return names


def _schemas(entry: LogEntry) -> list[Any]:
    return [ref for ref in entry.schemas.values() if ref.path is not None]


def refused(act: Callable[[], Any], *kinds: type[BaseException]) -> BaseException | None:
    """Return the error of one of these kinds that an act raises, or None."""
    try:
        act()
    except kinds as error:
        return error
    return None
