"""A change whose version must hold the primary key: no two rows have the same values in its columns.

The rows of the base hold it. So what is to be looked at are the files that the change brings: their rows among each
other, and against those files of the base whose bounds may hold one of their keys. Of these the columns of the key are
read, and nothing else. After a lost race only what others have added meanwhile is looked at, found by comparing lists
of files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from atio_core.changes.restore import Restore
from atio_core.changes.rewrite import Rewrite
from atio_core.changes.schema import key_columns, read_schema, with_key_feature
from atio_core.changes.several import Several
from atio_core.data.keys.key_match import Keys
from atio_core.data.keys.key_rows import KeyRows
from atio_core.data.keys.primary_key import key_ids, key_of
from atio_core.data.scan.source import Source
from atio_core.errors import NotFoundError
from atio_core.log.change import Change, Rebased
from atio_core.log.file_list import difference, files_of
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import PRIMARY_KEY, LogEntry
from atio_core.storage.base import ObjectStore


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found to hold the key.

    Attributes:
        base: The version that the change was applied to.
        schema: The digest of the new version's.
        came: The files that the change brings.
    """

    base: LogEntry
    schema: str
    came: frozenset[str]


class Keyed:
    """A change, refused where it would break the primary key.

    Args:
        change: The change.
        store: Where the files of the table can be read.
    """

    def __init__(self, change: Change, store: ObjectStore) -> None:
        self._change = change
        self._store = store
        self._found: _Found | None = None

    @property
    def operation(self) -> str:
        """See `Change`."""
        return self._change.operation

    @property
    def changes_rows(self) -> bool:
        """See `Change`."""
        return self._change.changes_rows

    @property
    def adds(self) -> Sequence[DataFile]:
        """See `Change`."""
        return self._change.adds

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            DuplicateKeyError: Rows would have the same key.
            InvalidInputError: Rows are to have a key, and one has a null or NaN there.
            What the change raises.
        """
        rebased = self._change.rebase(base, scratch)
        if rebased is None:
            return None
        entry = with_key_feature(rebased.entry, base, scratch)
        if PRIMARY_KEY in entry.writer_features and _may_double(self._change):
            self._require_held(base, entry, scratch)
        return replace(rebased, entry=entry)

    def require_distinct(self, base: LogEntry, scratch: Scratch) -> None:
        """Raise `DuplicateKeyError` if the rows that the change brings have a key twice; the table isn't looked at."""
        if not _may_double(self._change):
            return
        rebased = self._change.rebase(base, scratch)
        entry = base if rebased is None else with_key_feature(rebased.entry, base, scratch)
        if PRIMARY_KEY in entry.writer_features:
            _, came = difference(base, entry, scratch, scratch)
            rows = self._rows(entry, scratch)
            for block in rows.blocks(came):
                rows.require_behind(block)

    def _require_held(self, base: LogEntry, entry: LogEntry, scratch: Scratch) -> None:
        rows = self._rows(entry, scratch)
        gone, came = difference(base, entry, scratch, scratch)
        # By another key nobody has looked at the rows that stay.
        if key_columns(base, scratch) != key_ids(rows.source.schema):
            gone, came = (), files_of(scratch, entry)
        digest, paths = entry.schemas[entry.schema].digest, frozenset(file.path for file in came)
        newer = self._newer(base, digest, paths)
        left = paths | {file.path for file in gone}
        for block in rows.blocks(came):
            if newer is None:
                rows.require_behind(block)
                others = _files_near(entry, scratch, rows, block.keys)
            else:
                others = newer
            rows.require_apart(block.keys, [file for file in others if file.path not in left])
        self._found = _Found(base, digest, paths)

    def _rows(self, entry: LogEntry, scratch: Scratch) -> KeyRows:
        schemas = {number: read_schema(scratch, ref, entry.version) for number, ref in entry.schemas.items()}
        schema, store = schemas[entry.schema], scratch.over(self._store)
        return KeyRows(Source(store, schema, schemas, scratch.location, entry.version), key_of(schema))

    def _newer(self, base: LogEntry, schema: str, came: frozenset[str]) -> Sequence[DataFile] | None:
        """Return the files that the base has beside those that were looked at already; None for all of its files."""
        found = self._found
        if found is None or found.schema != schema or not came <= found.came:
            return None
        try:
            _, newer = difference(found.base, base, self._store, self._store)
        except NotFoundError:  # a list of the version before has expired
            return None
        return newer


def _files_near(entry: LogEntry, scratch: Scratch, rows: KeyRows, keys: Keys) -> Sequence[DataFile]:
    """Return the files of a version that may hold one of some keys, by what is known of several at once."""
    row_filter, known = rows.filter(keys), rows.source.schemas
    return files_of(
        scratch,
        entry,
        lambda ref: row_filter.manifest_may_match(ref, known),
        lambda span: row_filter.manifest_may_match(span, known),
    )


def _may_double(change: Change) -> bool:
    """Say whether a change may bring a key that other rows have."""
    match change:
        case Several(changes):
            return any(map(_may_double, changes))
        case Restore():  # the rows of that version have held its key since it was committed
            return False
        case Rewrite():
            return change.may_double and change.changes_rows
        case _:
            return change.changes_rows
