"""Make a damaged table usable again, by one commit; nothing is overwritten or deleted.

1. Look at all that is retained (`maintenance/verification.py`). The newest whole entry says what that is.
2. Entries that are damaged behind it can be read by nobody, so that nobody can commit either. An entry is made up that
   stands in for them: with their number, the content and settings of the newest whole one, and no ids of commits.
3. Of the data versions, the newest one counts whose files are all whole, or can be made anew: its content is the
   latest's from now on.
4. The new entry retains what can be read. Its content is a new data version, unless the latest keeps its own: so no
   number of a lost version is ever taken for another content.

The plan holds for the entry that was looked at; if another commit comes first, all is looked at again. A dry run is the
plan, told. Whoever is killed before the entry is created leaves files that nobody names; after it all is done.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from atio_core.changes.repair import Repair
from atio_core.changes.restore import with_content
from atio_core.errors import CommitConflictError, DamagedError, NotFoundError
from atio_core.format.manifest_arrow import decode_manifest
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog, no_table
from atio_core.log.file_list import read_manifest
from atio_core.log.intent import make_intent
from atio_core.log.scratch import Scratch
from atio_core.maintenance.known_tags import known_tags
from atio_core.maintenance.rebuilding import keys_bytes, manifest_bytes, schema_bytes
from atio_core.maintenance.repair_report import RepairReport
from atio_core.maintenance.verification import verify
from atio_core.maintenance.verify_report import Problem, VerifyReport
from atio_core.model.data_file import DataFile
from atio_core.model.entry import NO_KEY, PRIMARY_KEY, LogEntry, Recent, SchemaRef, Tag, Tags
from atio_core.model.ids import Clock, uuid7
from atio_core.model.ranges import VersionRanges

_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found.

    Attributes:
        log: The table's log.
        newest: The newest whole entry; None if there is none.
        behind: Numbers of the damaged entries behind it, the highest first.
        entries: The whole ones that it retains, by number, itself included.
        problems: What is damaged, by path.
        lists: The data files of each whole manifest.
        tags: All tags of each entry whose list of them is whole, by its number.
    """

    log: CommitLog
    newest: LogEntry | None
    behind: tuple[int, ...]
    entries: Mapping[int, LogEntry]
    problems: Mapping[str, Problem]
    lists: Mapping[str, tuple[DataFile, ...]]
    tags: Mapping[int, Mapping[str, Tag]]

    def of_content(self, newest: LogEntry) -> list[LogEntry]:
        """The entries whose content may be the latest's, the best first: of a dropped table only its own."""
        older = [self.entries[number] for number in sorted(self.entries, reverse=True)]
        return [newest, *(entry for entry in older if entry.is_there and entry is not newest)]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a repair comes to; without a change, to nothing."""

    change: Repair | None
    report: RepairReport


def repair(
    log: CommitLog,
    *,
    dry_run: bool,
    deep: bool,
    forget_keys: bool,
    forget_tags: bool,
    clock: Clock,
    seen: Callable[[int], object] = lambda _: None,
) -> RepairReport:
    """Repair a table.

    Args:
        log: Its log.
        dry_run: Say what would be done, and do nothing.
        deep: Read data files whole; else their ends only.
        forget_keys: Let go lists of idempotency keys that are damaged and can't be made anew.
        forget_tags: Let go a list of tags that is damaged and can't be made anew; those that an older entry knows stay.
        clock: Where the time comes from.
        seen: Called with the size of each file that was checked, from several threads.

    Raises:
        TableNotFoundError: There is no log at all.
        NewerFormatError: An entry needs a later release.
        DamagedError: The newest entry is another table's.
        CommitConflictError: Others committed again and again; nothing was changed.
        CommitUnknownError: The repair may have been committed.
        StorageError: The store failed.
    """
    for _ in range(_ROUNDS):
        looked = _look(log, deep=deep, clock=clock, seen=seen)
        if looked is None:
            continue
        plan = _plan(looked, forget_keys=forget_keys, forget_tags=forget_tags, dry_run=dry_run, clock=clock)
        if dry_run or plan.change is None:
            return plan.report
        message = f"Repaired: {plan.report.headline.rpartition(', ')[2]}"
        intent = make_intent(clock, message=message)
        if not commit(log, plan.change, intent, base=plan.change.base, clock=clock).nothing:
            return plan.report
    raise CommitConflictError(
        f"others committed to {log.location} each time that it had been looked at; nothing was changed: stop the"
        " writers, and repair again",
        table=log.location,
    )


def _look(log: CommitLog, *, deep: bool, clock: Clock, seen: Callable[[int], object]) -> _Looked | None:
    """Look at all; None if a commit came between."""
    newest, behind = _newest(log)
    found = verify(log, every_version=True, deep=deep, values=False, clock=clock, seen=seen)
    if newest is None:
        return _Looked(log, None, behind, {}, _by_path(found), {}, {})
    log.require_own(newest)
    numbers = [number for number in newest.retained if number != newest.version]
    entries = {number: entry for number in numbers if (entry := _whole(log, number)) is not None}
    entries = {n: entry for n, entry in entries.items() if entry.table_id == newest.table_id}
    entries[newest.version] = newest
    problems = _by_path(found)
    try:
        lists = _lists(log, entries.values(), problems)
        tags = _tags(log, entries.values(), problems)
    except NotFoundError:
        return None
    again, _ = _newest(log)
    if again is None or (again.version, again.commit_id) != (newest.version, newest.commit_id):
        return None
    return _Looked(log, newest, behind, entries, problems, lists, tags)


def _lists(
    log: CommitLog, entries: Iterable[LogEntry], problems: Mapping[str, Problem]
) -> dict[str, tuple[DataFile, ...]]:
    refs = {ref.path: ref for entry in entries for ref in entry.manifests if ref.path not in problems}
    return {path: read_manifest(log.store, ref) for path, ref in refs.items()}


def _tags(
    log: CommitLog, entries: Iterable[LogEntry], problems: Mapping[str, Problem]
) -> dict[int, Mapping[str, Tag]]:
    whole = [one for one in entries if one.tags.older is None or one.tags.older.path not in problems]
    return {entry.version: log.tag_lists.of(entry) for entry in whole}


def _by_path(found: VerifyReport) -> dict[str, Problem]:
    return {problem.path: problem for problem in found.problems}


def _newest(log: CommitLog) -> tuple[LogEntry | None, tuple[int, ...]]:
    """The newest whole entry, and the numbers of the damaged ones behind it."""
    behind: list[int] = []
    for number in log.sequence.numbers():
        entry = _whole(log, number)
        if entry is not None:
            return entry, tuple(behind)
        behind.append(number)
    if not behind:
        raise no_table(log.location)
    return None, tuple(behind)


def _whole(log: CommitLog, number: int) -> LogEntry | None:
    with suppress(DamagedError):
        return log.read(number)
    return None


def _plan(looked: _Looked, *, forget_keys: bool, forget_tags: bool, dry_run: bool, clock: Clock) -> _Plan:
    newest, table = looked.newest, looked.log.location
    if newest is None:
        problems, note = (
            tuple(looked.problems.values()),
            "no log entry can be read: bring some back from a backup",
        )
        return _Plan(None, RepairReport(table, dry_run, ok=False, problems=problems, notes=(note,)))
    source, rebuilt = _source(looked, newest)
    whole = source is not None
    source = source or newest  # as it is: what is whole of it can be read, and it can be overwritten
    restores = source is not newest or bool(looked.behind)
    base = _stand_in(looked, newest, clock()) if looked.behind else newest
    base, lists, forgotten, known = _with_key_lists(base, looked, forget_keys=forget_keys)
    rebuilt |= lists
    contents = {one.data.version for one in looked.entries.values()}
    held = contents | looked.entries.keys()
    lost = looked.problems.keys() - rebuilt.keys() if whole else ()
    entry = _content(base, source, lost).with_(retained=VersionRanges.of(looked.entries))
    tags = known_tags(newest, looked.tags, forget=forget_tags)
    gone = tuple(sorted(name for name, tag in tags.found.items() if tag.version not in held))
    scratch = Scratch(looked.log.store, base, clock)
    if tags.others or gone:
        left = {name: tag for name, tag in tags.found.items() if name not in gone}
        old = entry.tagged(Tags()) if tags.others else entry
        entry = looked.log.tag_lists.with_tags(old, left, scratch)
    change = None
    if entry != newest or rebuilt:
        names = _new_names(rebuilt, clock, base.horizon_us)
        objects = scratch.held | {names[path]: data for path, data in rebuilt.items()}
        change = Repair(_renamed(base, names), _renamed(entry, names), objects, restores)
    unread = [number for number in newest.retained if number not in looked.entries]
    anew, forgotten = {*rebuilt, *tags.anew}, (*forgotten, *tags.forgotten)
    report = RepairReport(
        table=table,
        dry_run=dry_run,
        ok=whole and known and not tags.unknown,
        version=None if change is None else base.version + 1,
        restored=source.data.version if restores else None,
        rebuilt=tuple(sorted(anew)),
        unreadable=tuple(sorted({*looked.behind, *unread})),
        superseded=tuple(sorted(version for version in contents if version > source.data.version)),
        tags=gone,
        forgotten=forgotten,
        problems=tuple(_left(looked, None if restores else newest.data.version, anew, forgotten)),
    )
    notes = _notes(looked, report, whole=whole, known=known, tags_known=not tags.unknown)
    return _Plan(change, replace(report, notes=tuple(notes)))


def _new_names(rebuilt: Collection[str], clock: Clock, not_before_us: int) -> dict[str, str]:
    """New names for what was rebuilt, each in the folder of the old one."""
    return {
        path: f"{path.rpartition('/')[0]}/{uuid7(clock, not_before_us=not_before_us)}.arrow"
        for path in rebuilt
    }


def _renamed(entry: LogEntry, names: Mapping[str, str]) -> LogEntry:
    return entry.with_(
        schemas={
            number: ref if ref.path is None else replace(ref, path=names.get(ref.path, ref.path))
            for number, ref in entry.schemas.items()
        },
        manifests=tuple(replace(ref, path=names.get(ref.path, ref.path)) for ref in entry.manifests),
        key_lists=tuple(replace(ref, path=names.get(ref.path, ref.path)) for ref in entry.key_lists),
    )


def _source(looked: _Looked, newest: LogEntry) -> tuple[LogEntry | None, dict[str, bytes]]:
    """The entry whose content is to be the latest's, and what of it is to be made anew."""
    for entry in looked.of_content(newest):
        rebuilt = _rebuilt(looked, entry)
        if rebuilt is not None:
            return entry, rebuilt
    return None, {}


def _rebuilt(looked: _Looked, entry: LogEntry) -> dict[str, bytes] | None:
    """What can't be read of an entry's content, made anew; None if that can't be."""
    made: dict[str, bytes] = {}
    files = list(entry.files)
    for ref in entry.manifests:
        listed = looked.lists.get(ref.path)
        if listed is None:
            data = manifest_bytes(ref, _known_lists(looked))
            if data is None:
                return None
            made[ref.path] = data
            listed = decode_manifest(data)
        files += listed
    if any(file.path in looked.problems for file in files):
        return None
    refs = [ref for one in looked.entries.values() for ref in one.schemas.values()]
    for number, ref in _needed_schemas(entry, files).items():
        if ref.path is not None and ref.path in looked.problems:
            written = [file for file in files if file.schema == number]
            data = schema_bytes(looked.log.store, ref.digest, refs, written)
            if data is None:
                return None
            made[ref.path] = data
    return made


def _needed_schemas(entry: LogEntry, files: list[DataFile]) -> dict[int, SchemaRef]:
    needed = {entry.schema, *(file.schema for file in files)}
    return {number: ref for number, ref in entry.schemas.items() if number in needed}


def _known_lists(looked: _Looked) -> Iterator[tuple[DataFile, ...]]:
    """All stretches of files that are known: of each manifest, and of each version all of them, as far as they are."""
    yield from looked.lists.values()
    for entry in looked.entries.values():
        if all(ref.path in looked.lists for ref in entry.manifests):
            yield (*(file for ref in entry.manifests for file in looked.lists[ref.path]), *entry.files)


def _stand_in(looked: _Looked, newest: LogEntry, now_us: int) -> LogEntry:
    """An entry for the damaged ones. One may have been an expiry's, so the horizon is what that one's would be now."""
    number = looked.behind[0]
    lost = number - newest.version
    horizon_us = (now_us - newest.grace_us) // 1000 * 1000
    old = newest.recent
    return newest.with_(
        version=number,
        commit_id="",
        horizon_us=max(horizon_us, *(entry.horizon_us for entry in looked.entries.values())),
        recent=Recent(
            (NO_KEY,) * lost + old.commits,
            (NO_KEY,) * lost + old.keys,
            (newest.time_us,) * lost + old.times_us,
        ),
    )


def _content(base: LogEntry, source: LogEntry, lost: Collection[str]) -> LogEntry:
    """The base with an entry's content, without schemas that are lost, for no file needs these."""
    entry = with_content(base, source).with_feature(PRIMARY_KEY, needed=PRIMARY_KEY in source.writer_features)
    return entry.with_(schemas={n: ref for n, ref in entry.schemas.items() if ref.path not in lost})


def _with_key_lists(
    entry: LogEntry, looked: _Looked, *, forget_keys: bool
) -> tuple[LogEntry, dict[str, bytes], tuple[str, ...], bool]:
    """The entry with the lists of keys that can be had, those made anew, those forgotten, and whether all are had.

    With a list all before it are forgotten: what an entry knows has no gaps.
    """
    made: dict[str, bytes] = {}
    last_lost = -1
    for place, ref in enumerate(entry.key_lists):
        if ref.path in looked.problems:
            data = keys_bytes(looked.log.store, ref, looked.entries.values())
            if data is None:
                last_lost = place
            else:
                made[ref.path] = data
    if last_lost < 0 or not forget_keys:
        return entry, made, (), last_lost < 0
    gone = tuple(ref.path for ref in entry.key_lists[: last_lost + 1])
    kept = entry.with_(key_lists=entry.key_lists[last_lost + 1 :])
    return kept, {path: data for path, data in made.items() if path not in gone}, gone, True


def _left(
    looked: _Looked, kept: int | None, rebuilt: Collection[str], forgotten: tuple[str, ...]
) -> Iterator[Problem]:
    """What is damaged still: what was made anew has another name for the latest alone."""
    for path, problem in looked.problems.items():
        others = tuple(version for version in problem.versions if version != kept)
        if path in forgotten or (path in rebuilt and not others):
            continue
        yield replace(problem, versions=others) if path in rebuilt else problem


def _notes(
    looked: _Looked, report: RepairReport, *, whole: bool, known: bool, tags_known: bool
) -> Iterator[str]:
    if not whole:
        yield "no version is whole: bring files back from a backup, or overwrite the table"
    if looked.behind:
        yield (
            "what the damaged log entries changed is lost, and so are their idempotency keys: a retry of such a write"
            " writes it again"
        )
    if report.superseded:
        yield (
            "the keys of versions that aren't in the latest any more are remembered: to do such a write again, give it"
            " another key"
        )
    if report.unreadable:
        yield "the next expiry takes the files that only unreadable versions need: if there is a backup, use it first"
    if not known:
        yield (
            "lists of idempotency keys can't be made anew: bring them back from a backup, or repair with"
            " forget_keys=True; then a retry of a write with one of these keys writes once more"
        )
    if not tags_known:
        yield (
            "the list of tags can't be made anew: bring it back from a backup, or repair with forget_tags=True; then"
            " tags that no older log entry knows are gone, and expiry may take their versions"
        )
    if report.problems:
        yield "a damaged file can be brought back from a backup at any time: its name and content never change"
