"""Copy a table with its history: versions keep their numbers, times and tags. Each byte is checked on the way.

1. Choose what the copy retains, and read its entries. If that is all that the latest retains, the copy's log holds the
   same entries. Else a closing entry follows the newest version chosen, and retains those chosen alone, as an expiry's.
2. Copy the files that these reach, then the entries, oldest first: so what is there of the log can be read at any time.

What is there already with the right digest is passed over: so a copy that was broken off goes on, and an older copy is
brought up to date. If versions expire meanwhile, it starts over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from atio_core.amounts import counted, readable_bytes
from atio_core.errors import AlreadyExistsError, DamagedError, NotFoundError, VersionExpiredError
from atio_core.format.digest import digest, named, running_digest
from atio_core.format.entry_json import encode_entry
from atio_core.log.commit import version_of
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import files_of, missing_file
from atio_core.log.key_list import push
from atio_core.log.lookup import history
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import NO_KEY, LogEntry, Tags
from atio_core.model.ids import Clock, uuid7
from atio_core.model.ranges import VersionRanges
from atio_core.model.tag_name import is_mirrors
from atio_core.storage.base import ObjectStore
from atio_core.storage.files.new_folder import NewFolder
from atio_core.storage.tar import TarWriter

_ROUNDS = 10
_STEP_BYTES = 1 << 20
Fill = Callable[[Callable[[memoryview], int]], object]


class Destination(Protocol):
    """Where a copy goes."""

    def has(self, name: str, expected: str) -> bool:
        """Say whether a file is there, and has this digest."""
        ...

    def add(self, name: str, size: int, fill: Fill) -> None:
        """Make a file of so many bytes durably; `fill` writes it by the function that it is given."""
        ...

    def add_entry(self, name: str, data: bytes) -> None:
        """Make a log entry, if it isn't there."""
        ...


@dataclass(frozen=True, slots=True)
class CopyReport:
    """The outcome of a copy. `print` it.

    Attributes:
        table: The path of the table that was copied.
        target: Where to.
        versions: The data versions that the copy retains.
        files: How many files were copied.
        bytes: Their size.
        skipped: How many were there already.
    """

    table: str
    target: str
    versions: tuple[int, ...]
    files: int
    bytes: int
    skipped: int

    def __str__(self) -> str:
        """The report in one sentence."""
        versions, size = counted(len(self.versions), "version"), readable_bytes(self.bytes)
        copied = f"{counted(self.files, 'file')} of {versions}, {size}"
        there = f"; {counted(self.skipped, 'file')} there already" if self.skipped else ""
        return f"Copied {self.table} to {self.target}: {copied}{there}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "table": self.table,
            "target": self.target,
            "versions": list(self.versions),
            "files": self.files,
            "bytes": self.bytes,
            "skipped": self.skipped,
        }


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a copy holds.

    Attributes:
        entries: What the copy retains, oldest first.
        made: Objects that only the copy has.
        log: Names and bytes of its log entries, the oldest first.
    """

    entries: tuple[LogEntry, ...]
    made: dict[str, bytes]
    log: tuple[tuple[str, bytes], ...]


def copy(
    log: CommitLog, destination: Destination, target: str, choose: Callable[[CommitLog], Chosen]
) -> CopyReport:
    """Copy what is chosen.

    Args:
        log: The table's log.
        destination: Where to.
        target: Its name, for messages.
        choose: Says what, of the latest state.

    Raises:
        DamagedError: A file isn't what was written; the copy isn't complete.
        VersionExpiredError: Versions expired faster than they could be copied.
        What `choose` and the destination raise.
    """
    for _ in range(_ROUNDS):
        base = log.latest()
        try:
            return _copied(log, destination, target, choose(log))
        except NotFoundError as error:
            if not log.latest().retained.holds_all(base.retained):
                continue  # what is missing may have expired meanwhile
            if type(error) is not NotFoundError:
                raise
            raise missing_file(log.location, base.version, error, retained=True) from error
    message = f"versions of {log.location} expired faster than they could be copied; try again"
    raise VersionExpiredError(message, table=log.location)


def choose_all(log: CommitLog) -> Chosen:
    """Choose all that the latest retains."""
    base = log.latest()
    older = log.read_retained(base, [number for number in base.retained if number != base.version])
    return Chosen((*older, base), {}, _log_of(log, base, (*older, base)))


def choose_some(versions: Iterable[int] | None, clock: Clock) -> Callable[[CommitLog], Chosen]:
    """Return what chooses some data versions, or the latest alone."""

    def choose(log: CommitLog) -> Chosen:
        found = {one.entry.data.version: one for one in history(log)}
        base = next(iter(found.values())).latest
        wanted = {base.data.version} if versions is None else set(versions)
        for version in wanted - found.keys():
            log.get(version)  # says why not
            raise VersionExpiredError(
                f"{version} is no data version of the table {log.location}; history() lists them",
                table=log.location,
            )
        entries = tuple(found[version].entry for version in sorted(wanted))
        return _closed(log, base, entries, clock)

    return choose


def _closed(log: CommitLog, base: LogEntry, entries: tuple[LogEntry, ...], clock: Clock) -> Chosen:
    """End with an entry that stands for the newest version chosen, and retains the others."""
    *older, newest = entries
    scratch, commit = Scratch(log.store, base, clock), uuid7(clock, not_before_us=base.horizon_us)
    clock_us = clock()
    time_us = max(clock_us, newest.time_us)
    recent, lists = push(
        newest,
        commit.bytes,
        NO_KEY,
        time_us=time_us,
        clock_us=clock_us,
        scratch=scratch,
        limits=log.limits,
    )
    versions = {entry.data.version for entry in entries}
    tags = {
        name: tag
        for name, tag in log.tags_of(base).items()
        if tag.version in versions and tag.release is None and tag.until_us is None and not is_mirrors(name)
    }
    closing = newest.with_(
        version=newest.version + 1,
        commit_id=commit.hex,
        parent_commit_id=newest.commit_id,
        clock_us=clock_us,
        time_us=time_us,
        operation="expire",
        retained=VersionRanges.of(entry.version for entry in older).with_next(newest.version + 1),
        horizon_us=base.horizon_us,
        grace_us=base.grace_us,
        retention=base.retention,
        recent=recent,
        key_lists=lists,
    )
    closing = log.tag_lists.with_tags(closing.tagged(Tags()), tags, scratch)
    name = log.sequence.names.name(closing.version)
    entry_log = (*_log_of(log, newest, entries), (name, encode_entry(closing)))
    return Chosen((*older, closing), scratch.held, entry_log)


def _log_of(log: CommitLog, newest: LogEntry, entries: Iterable[LogEntry]) -> tuple[tuple[str, bytes], ...]:
    """The entries, and others in the newest one's bucket: there are no gaps in it."""
    names = log.sequence.names
    bucket = names.bucket(newest.version)
    numbers = {entry.version for entry in entries}
    numbers |= {
        number
        for number in log.sequence.numbers()
        if names.bucket(number) == bucket and number <= newest.version
    }
    return tuple((names.name(number), log.store.read(names.name(number))) for number in sorted(numbers))


def _copied(log: CommitLog, destination: Destination, target: str, chosen: Chosen) -> CopyReport:
    from atio_core.data.object_files.read import StoredFile

    files, objects = _reached(log, chosen)
    copied: list[int] = []
    for file, version in files.values():
        if not destination.has(file.path, file.digest):
            destination.add(file.path, file.size, StoredFile(log.store, file, version).copy)
            copied.append(file.size)
    for name, expected in objects.items():
        if not destination.has(name, expected):
            data = chosen.made.get(name) or log.store.read(name)
            _require(log, name, expected, digest(data))
            destination.add(name, len(data), lambda write, data=data: write(memoryview(data)))
            copied.append(len(data))
    for name, data in chosen.log:
        destination.add_entry(name, data)
    return CopyReport(
        table=log.location,
        target=target,
        versions=tuple(sorted({entry.data.version for entry in chosen.entries})),
        files=len(copied),
        bytes=sum(copied),
        skipped=len(files) + len(objects) - len(copied),
    )


def _reached(log: CommitLog, chosen: Chosen) -> tuple[dict[str, tuple[DataFile, int]], dict[str, str]]:
    """The data files that are to be copied, each with a version that has it; and the digests of the other objects."""
    files: dict[str, tuple[DataFile, int]] = {}
    objects: dict[str, str] = {}
    for entry in chosen.entries:
        files |= {file.path: (file, entry.data.version) for file in files_of(log.store, entry)}
        objects |= {ref.path: ref.digest for ref in entry.schemas.values() if ref.path is not None}
        objects |= {ref.path: ref.digest for ref in (*entry.manifests, *entry.other_lists)}
    return files, objects


def _require(log: CommitLog, name: str, expected: str, found: str) -> None:
    if expected != found:
        message = f"{name} of the table {log.location} is damaged; nothing can be copied that needs it"
        raise DamagedError(message, table=log.location, path=name, expected=expected, found=found)


class FolderDestination:
    """A new folder, in which nothing is yet.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: NewFolder) -> None:
        self._folder = folder
        self._added: set[str] = set()

    def has(self, name: str, expected: str) -> bool:  # noqa: ARG002 - what was added was checked
        """See `Destination`."""
        return name in self._added

    def add(self, name: str, size: int, fill: Fill) -> None:  # noqa: ARG002 - the folder needs no size
        """See `Destination`."""
        self._folder.add_file(name, fill, executable=False)
        self._added.add(name)

    def add_entry(self, name: str, data: bytes) -> None:
        """See `Destination`."""
        self.add(name, len(data), lambda write: write(memoryview(data)))


class TarDestination:
    """A new tar file, in which nothing is yet.

    Args:
        tar: The file.
    """

    def __init__(self, tar: TarWriter) -> None:
        self._tar = tar
        self._added: set[str] = set()

    def has(self, name: str, expected: str) -> bool:  # noqa: ARG002 - what was added was checked
        """See `Destination`."""
        return name in self._added

    def add(self, name: str, size: int, fill: Fill) -> None:
        """See `Destination`."""
        self._tar.add(name, size, fill)
        self._added.add(name)

    def add_entry(self, name: str, data: bytes) -> None:
        """See `Destination`."""
        self.add(name, len(data), lambda write: write(memoryview(data)))


class StoreDestination:
    """A table's place, where a copy of before may be, or a part of one. One copy at a time goes there.

    Args:
        target: The log there.
    """

    def __init__(self, target: CommitLog) -> None:
        self._target = target
        self._store: ObjectStore = target.store

    def has(self, name: str, expected: str) -> bool:
        """See `Destination`."""
        running, start, buffer = running_digest(), 0, memoryview(bytearray(_STEP_BYTES))
        try:
            while count := self._store.read_into(name, start, buffer):
                running.update(buffer[:count])
                start += count
        except NotFoundError:
            return False
        return named(running) == expected

    def add(self, name: str, size: int, fill: Fill) -> None:  # noqa: ARG002 - a store needs no size
        """See `Destination`. What is there of an earlier try goes."""
        self._store.delete([name])
        writer = self._store.open_write(name)
        try:
            fill(writer.write)
            writer.close()
        except BaseException:
            writer.abort()
            raise

    def add_entry(self, name: str, data: bytes) -> None:
        """See `Destination`."""
        number = self._target.sequence.names.parse(name) or 0
        found = self._target.sequence.read(number)
        if found is None:
            self._store.put_if_absent(name, data)
        elif found != data:
            raise _other_table(self._target, name)


def require_copy_of(target: CommitLog, source: CommitLog) -> None:
    """Raise `AlreadyExistsError` unless what is there is a copy of a table, to which nothing was committed since."""
    latest, base = target.find_latest(), source.latest()
    if latest is None:
        return
    found = version_of(source, base, bytes.fromhex(latest.commit_id))
    if latest.table_id != base.table_id or found != latest.version:
        raise _other_table(target, target.sequence.names.name(latest.version))


def _other_table(target: CommitLog, name: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        f"there is another table at {target.location}, or something was committed to the copy there; copy to"
        " another place",
        path=name,
    )
