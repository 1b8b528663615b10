"""See whether all that versions need is there, and is what was written. Nothing is changed; damage is no error here.

1. Entries: the newest number that holds a whole entry is taken for the latest; those above it are damaged. Of the
   versions that it retains, each is read.
2. Schemas, manifests, lists of keys and tags that the entries name, by the digests that they give.
3. Data files that the manifests and entries list, each once: by the digest of the whole file, or of its end; if wished
   for, what the record says of the values too, which are read for that.
4. The records of kept stages, and the files of those that can still be published, like those of versions.
5. What is there beside that: entries that are retained no more, and files that no version reaches.

An expiry may run beside: what is missing counts only if a version that needs it is still retained in the end, or a
stage that needs it can still be published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from atio_core.changes.schema import read_schema
from atio_core.data.object_files.read import StoredFile
from atio_core.data.scan.scan import read_files
from atio_core.data.schema.conform import field_id
from atio_core.errors import AtioError, DamagedError, NotFoundError
from atio_core.format.digest import digest
from atio_core.format.kept_json import KeptRecord
from atio_core.format.names import file_key_of
from atio_core.format.schema_arrow import inline_bytes
from atio_core.log.commit_log import CommitLog, no_table
from atio_core.log.file_list import read_manifest
from atio_core.log.kept import DamagedRecord, each_record, is_open
from atio_core.maintenance.cleaning import file_lines, leftovers, old_entries, unreached
from atio_core.maintenance.expiry_report_lines import FileLine
from atio_core.maintenance.verify_report import Problem, VerifyReport
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS, LogEntry
from atio_core.model.ids import Clock

if TYPE_CHECKING:
    import pyarrow as pa

_FILES_AT_ONCE = 8
_READ_AT_ONCE = 2  # whole files are in memory then
_Check = Callable[[], None]


@dataclass(slots=True)
class _Found:
    """What was found so far.

    Attributes:
        problems: By the name of the file. Which versions need it is added in the end.
        checks: What is to be checked of each file that is named.
        sizes: Its length, by its name.
        files: The data files of each manifest that could be read.
        stages: The kept stages that need a file, by its name; each by its id.
    """

    problems: dict[str, Problem] = field(default_factory=dict[str, Problem])
    checks: dict[str, _Check] = field(default_factory=dict[str, _Check])
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    files: dict[str, tuple[DataFile, ...]] = field(default_factory=dict[str, tuple[DataFile, ...]])
    stages: dict[str, dict[UUID, KeptRecord]] = field(default_factory=dict[str, dict[UUID, KeptRecord]])

    def add(self, path: str, what: str, expected: str, found: str, versions: tuple[int, ...] = ()) -> None:
        self.problems.setdefault(path, Problem(path, what, versions, expected, found))

    def add_error(self, path: str, error: AtioError, versions: tuple[int, ...] = ()) -> None:
        self.problems.setdefault(path, Problem.of(path, error, versions))


def verify(
    log: CommitLog,
    *,
    every_version: bool,
    deep: bool,
    values: bool,
    clock: Clock,
    seen: Callable[[int], object] = lambda _: None,
) -> VerifyReport:
    """Look at a table.

    Args:
        log: Its log.
        every_version: Look at all versions that are retained, at kept stages, and at what belongs to none; else at the
            latest alone.
        deep: Read data files whole; else their ends only.
        values: Compare the number of rows and the statistics with the values.
        clock: Where the time comes from.
        seen: Called with the size of each file that was checked, from several threads.

    Raises:
        TableNotFoundError: There is no log at all.
        NewerFormatError: An entry needs a later release.
        StorageError: The store failed.
    """
    numbers = list(log.sequence.numbers())
    if not numbers:
        raise no_table(log.location)
    found = _Found()
    latest = next((entry for number in numbers if (entry := _entry(log, number, found)) is not None), None)
    entries = [] if latest is None else _entries(log, latest, found, every_version=every_version)
    for entry in entries:
        _name(log, entry, found, deep=deep, values=values)
    if latest is not None and every_version:
        _name_stages(log, latest, found, deep=deep)
    _check(found, seen, _READ_AT_ONCE if values else _FILES_AT_ONCE)
    left = _left(log, found, clock) if latest is not None and every_version and not found.problems else ()
    problems = _with_needs(log, found, entries)
    return VerifyReport(
        table=log.location,
        deep=deep,
        versions=tuple(sorted({entry.data.version for entry in entries})),
        files=len(found.sizes) + len(entries),
        bytes=sum(found.sizes.values()),
        problems=problems,
        old_entries=_old(log, latest) if latest is not None and every_version else (),
        leftovers=left,
    )


def _entry(log: CommitLog, number: int, found: _Found) -> LogEntry | None:
    """An entry, if it is whole; else that it isn't is noted."""
    path = log.sequence.names.name(number)
    try:
        entry = log.read(number)
    except DamagedError as error:
        found.add_error(path, error, (number,))
        return None
    if entry is None:
        found.add(path, "is missing", "a log entry", "nothing", (number,))
    return entry


def _entries(log: CommitLog, latest: LogEntry, found: _Found, *, every_version: bool) -> list[LogEntry]:
    older = [number for number in latest.retained if number != latest.version] if every_version else []
    entries = [entry for number in older if (entry := _entry(log, number, found)) is not None]
    for entry in entries:
        if entry.table_id != latest.table_id:
            path = log.sequence.names.name(entry.version)
            found.add(path, "is another table's", latest.table_id, entry.table_id, (entry.version,))
    return [*(entry for entry in entries if entry.table_id == latest.table_id), latest]


def _name(log: CommitLog, entry: LogEntry, found: _Found, *, deep: bool, values: bool) -> None:
    """Note what an entry names, and read its manifests for what they name."""
    for ref in entry.schemas.values():
        if ref.path is not None:
            found.checks.setdefault(ref.path, _digest_check(log, ref.path, ref.digest, found))
        elif digest(inline_bytes(ref)) != ref.digest:
            path = log.sequence.names.name(entry.version)
            found.add(path, "holds a damaged schema", ref.digest, digest(inline_bytes(ref)), (entry.version,))
    for listed in entry.other_lists:
        found.checks.setdefault(listed.path, _digest_check(log, listed.path, listed.digest, found))
    for ref in entry.manifests:
        if ref.path in found.files or ref.path in found.problems:
            continue
        try:
            found.files[ref.path] = read_manifest(log.store, ref)
            found.sizes[ref.path] = ref.size
        except (DamagedError, NotFoundError) as error:
            found.add_error(ref.path, error)
    for file in _files(entry, found):
        if file.path not in found.checks:
            found.sizes[file.path] = file.size
            found.checks[file.path] = _file_check(log, file, entry, deep=deep, values=values)


def _name_stages(log: CommitLog, latest: LogEntry, found: _Found, *, deep: bool) -> None:
    """Read the records of kept stages, and note the files of those that can still be published."""
    for one in each_record(log):
        found.sizes[one.path] = one.size
        if isinstance(one, DamagedRecord):
            found.add_error(one.path, one.error)
        elif _is_open(log, latest, one.record):
            for file in one.record.files.files:
                found.sizes[file.path] = file.size
                found.checks.setdefault(file.path, partial(StoredFile(log.store, file, 0).check, deep=deep))
                found.stages.setdefault(file.path, {})[one.record.staged.id] = one.record


def _is_open(log: CommitLog, latest: LogEntry, record: KeptRecord) -> bool:
    try:
        return is_open(log, latest, record)
    except (DamagedError, NotFoundError):  # of a list of keys, which is among the problems itself
        return False


def _files(entry: LogEntry, found: _Found) -> Iterator[DataFile]:
    for ref in entry.manifests:
        yield from found.files.get(ref.path, ())
    yield from entry.files


def _digest_check(log: CommitLog, path: str, expected: str, found: _Found) -> _Check:
    def check() -> None:
        data = log.store.read(path)
        found.sizes[path] = len(data)
        if digest(data) != expected:
            raise DamagedError("", expected=expected, found=digest(data))

    return check


def _file_check(log: CommitLog, file: DataFile, entry: LogEntry, *, deep: bool, values: bool) -> _Check:
    stored = StoredFile(log.store, file, entry.data.version)

    def check() -> None:
        stored.check(deep=deep)
        if values and entry.kind == ROWS:
            _check_values(stored, read_schema(log.store, entry.schemas[file.schema], entry.data.version))

    return check


def _check_values(stored: StoredFile, schema: pa.Schema) -> None:
    from atio_core.data.writing.stats import stats_of_rows

    file = stored.record
    rows = read_files(
        stored.store,
        [file],
        schema=schema,
        schemas={file.schema: schema},
        table=stored.store.location,
        version=stored.version,
    )
    if rows.num_rows != file.rows:
        raise stored.damaged("the number of its rows", str(file.rows), str(rows.num_rows))
    found = stats_of_rows(rows)
    for column, expected in file.stats.items():
        if found.get(column) != expected:
            name = next((field.name for field in schema if field_id(field) == column), column)
            raise stored.damaged(
                f"what is known of the column {name!r}", str(expected), str(found.get(column))
            )


def _check(found: _Found, seen: Callable[[int], object], at_once: int) -> None:
    def run(path: str) -> None:
        try:
            found.checks[path]()
        except (DamagedError, NotFoundError) as error:
            found.add_error(path, error)
        seen(found.sizes.get(path, 0))

    with ThreadPoolExecutor(at_once, thread_name_prefix="atio-verify") as pool:
        for _ in pool.map(run, list(found.checks)):
            pass


def _with_needs(log: CommitLog, found: _Found, entries: Sequence[LogEntry]) -> tuple[Problem, ...]:
    """The problems with what needs the file; what is missing only as far as that is still retained, or kept."""
    if not found.problems:
        return ()
    numbers = log.sequence.numbers()
    now = next((entry for number in numbers if (entry := _entry(log, number, _Found())) is not None), None)

    def is_retained(number: int) -> bool:
        return now is None or number in now.retained

    needed: dict[str, set[int]] = {}
    standing: set[str] = set()
    for entry in entries:
        for path in found.problems.keys() & set(_paths(entry, found)):
            needed.setdefault(path, set()).add(entry.data.version)
            if is_retained(entry.version):
                standing.add(path)
    problems: list[Problem] = []
    for path, problem in sorted(found.problems.items()):
        kept = found.stages.get(path, {})
        stages = tuple(str(one) for one in kept if now is None or _is_open(log, now, kept[one]))
        if (
            problem.what != "is missing"
            or path in standing
            or stages
            or any(map(is_retained, problem.versions))
        ):
            versions = tuple(sorted({*problem.versions, *needed.get(path, ())}))
            problems.append(replace(problem, versions=versions, stages=stages))
    return tuple(problems)


def _paths(entry: LogEntry, found: _Found) -> Iterable[str]:
    yield from (ref.path for ref in entry.schemas.values() if ref.path is not None)
    yield from (ref.path for ref in (*entry.other_lists, *entry.manifests))
    yield from (file.path for file in _files(entry, found))


def _old(log: CommitLog, latest: LogEntry) -> tuple[str, ...]:
    return tuple(
        log.sequence.names.name(number) for number in old_entries(log, latest.version, latest.retained)
    )


def _left(log: CommitLog, found: _Found, clock: Clock) -> tuple[FileLine, ...]:
    """What no version reaches. With a problem nobody knows all that versions reach, so then it isn't asked for."""
    reached = {key for path in (*found.checks, *found.files) if (key := file_key_of(path)) is not None}
    return file_lines(leftovers(log, unreached(log, reached).ours), clock())
