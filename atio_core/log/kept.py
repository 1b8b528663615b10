"""Staged changes that are kept in the table under an id, until they are published, dropped, or their time has passed.

1. The files are written already, and synced.
2. Create `<id>.pending`, which names them and says until when they are kept. From here on cleaning spares them.
3. Read the latest entry. If its horizon has passed a file, or the time, a cleaning may have listed the records before
   (2): take the record away, and fail.
4. Create `<id>.json`, with the same bytes: this makes the stage known. Nobody publishes what has no such record.

Publishing and dropping are commits, with one key for both: the stage's. So one of them wins, and either happens once.
Records are deleted by cleaning alone, once their time is before its horizon (`maintenance/cleaning.py`): a cleaning
that had read its ranges before the publishing must find the record.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from atio_core.errors import DamagedError, NotFoundError, StagedFilesExpiredError, StorageError
from atio_core.format.kept_json import KeptRecord, decode_kept, encode_kept
from atio_core.format.names import STAGED, kept_path, pending_path, stage_id_of
from atio_core.log.commit import version_of
from atio_core.log.commit_log import CommitLog
from atio_core.log.preconditions import is_too_old
from atio_core.model.entry import LogEntry, empty_entry
from atio_core.storage.base import ObjectStore
from atio_core.storage.readback import Answer, create


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it lies in the table.

    Attributes:
        path: Its name.
        size: Its length in bytes.
        record: What it says.
    """

    path: str
    size: int
    record: KeptRecord


@dataclass(frozen=True, slots=True)
class DamagedRecord:
    """A record that isn't what was written.

    Attributes:
        path: Its name.
        size: Its length in bytes.
        stage_id: Whose it was.
        error: What is wrong.
    """

    path: str
    size: int
    stage_id: uuid.UUID
    error: DamagedError


def keep(log: CommitLog, record: KeptRecord) -> None:
    """Keep a staged change whose files are written.

    Raises:
        StagedFilesExpiredError: Cleaning may have taken a file already; the stage isn't kept, and its files are gone.
        StorageError: The store failed. With `unknown=True` the stage may be kept all the same, else its files are gone.
    """
    stage_id, sent = record.staged.id, False
    try:
        data = encode_kept(record)
        _create(log, pending_path(stage_id), data)
        _require_young(log, record)
        sent = True
        _create(log, kept_path(stage_id), data)
    except StorageError as error:
        if not error.unknown:
            _take_away(log.store, record)
        raise
    except BaseException:
        if not sent:  # else Ctrl-C may have come behind the link
            _take_away(log.store, record)
        raise


def find_kept(log: CommitLog, stage_id: uuid.UUID) -> KeptRecord | None:
    """Return the record of a kept stage, or None if there is none of this id, or no longer.

    Raises:
        DamagedError: It isn't what was written.
    """
    path = kept_path(stage_id)
    try:
        data = log.store.read(path)
    except NotFoundError:
        return None
    return decode_kept(data, path=path, stage_id=stage_id, table=log.location)


def kept_stages(log: CommitLog) -> Iterator[KeptRecord]:
    """Yield the records of kept stages, oldest first."""
    for path in log.store.list(STAGED):
        stage_id = stage_id_of(path)
        if stage_id is not None and path == kept_path(stage_id):
            record = find_kept(log, stage_id)
            if record is not None:
                yield record


def each_record(log: CommitLog) -> Iterator[StoredRecord | DamagedRecord]:
    """Yield all records, those of stages that aren't known yet too, but for what is being deleted meanwhile."""
    for path in log.store.list(STAGED):
        stage_id = stage_id_of(path)
        if stage_id is None:
            continue
        with suppress(NotFoundError):  # another cleaner was faster
            data = log.store.read(path)
            try:
                record = decode_kept(data, path=path, stage_id=stage_id, table=log.location)
            except DamagedError as error:
                yield DamagedRecord(path, len(data), stage_id, error)
            else:
                yield StoredRecord(path, len(data), record)


def all_records(log: CommitLog) -> list[StoredRecord]:
    """Return all records, those of stages that aren't known yet too.

    Of a stage with two, one that is whole is enough. What is being deleted meanwhile may or may not be among them.

    Raises:
        DamagedError: Nobody can tell which files a stage needs.
    """
    records = list(each_record(log))
    found = [one for one in records if isinstance(one, StoredRecord)]
    whole = {one.record.staged.id: one.record for one in found}
    for one in records:
        if isinstance(one, DamagedRecord):
            if one.stage_id not in whole:
                raise one.error
            found.append(StoredRecord(one.path, one.size, whole[one.stage_id]))
    return found


def is_open(log: CommitLog, latest: LogEntry, record: KeptRecord) -> bool:
    """Whether a kept stage can be published still: it was neither published nor dropped, and its time hasn't passed.

    Raises:
        DamagedError: A list of older keys can't be read.
    """
    settled = version_of(log, latest, stage_key(record.staged.id), record.staged.entry)
    return settled is None and record.until_us >= latest.horizon_us


def stage_key(stage_id: uuid.UUID) -> bytes:
    """Return the key of the commit that publishes or drops a kept stage."""
    return hashlib.blake2b(stage_id.bytes, digest_size=16, person=b"atio kept").digest()


def drop_id(stage_id: uuid.UUID) -> bytes:
    """Return the id of the commit that drops a kept stage: the log knows by it which of both it was.

    A UUID version 7 with the time of the stage. Whoever drops the stage, it is one and the same commit.
    """
    made = hashlib.blake2b(stage_id.bytes, digest_size=16, person=b"atio drop").digest()
    number = int.from_bytes(made) & (1 << 80) - 1 | stage_id.int >> 80 << 80
    return uuid.UUID(int=number & ~(0xF << 76 | 0b11 << 62) | 7 << 76 | 0b10 << 62).bytes


def _create(log: CommitLog, name: str, data: bytes) -> None:
    created = create(log.store, name, data, after=None, is_ours=lambda found: found == data)
    if created.answer is not Answer.OURS:
        raise StorageError(
            f"a change of the table {log.location} may have been kept under an id or not: the store didn't answer; see"
            " Table.staged, or stage it again",
            table=log.location,
            path=name,
            unknown=True,
        ) from created.cause


def _require_young(log: CommitLog, record: KeptRecord) -> None:
    base = log.find_latest() or empty_entry("")
    for file in record.files.files:
        if is_too_old(file.path, base):
            raise StagedFilesExpiredError(
                f"{file.path} was written before the horizon of the table {log.location}: cleaning may have taken it;"
                " the stage isn't kept: stage the data again, or give the table a longer grace period (set_grace)",
                table=log.location,
                path=file.path,
            )
    if record.until_us < base.horizon_us:
        raise StagedFilesExpiredError(
            f"a change of the table {log.location} can't be kept until a time before its horizon; choose a later one",
            table=log.location,
        )


def _take_away(store: ObjectStore, record: KeptRecord) -> None:
    """Nobody knows the stage: its files go, behind the record that names them."""
    with suppress(StorageError):  # cleaned later; it must not hide why the stage isn't kept
        store.delete([pending_path(record.staged.id), *(file.path for file in record.files.files)])
