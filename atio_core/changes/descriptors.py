"""What is said of a change whose files are written, so that it can be committed elsewhere, and of several together."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterable
from dataclasses import replace

from atio_core.changes.append import Append
from atio_core.changes.overwrite import Overwrite
from atio_core.changes.overwrite_object import OverwriteObject
from atio_core.changes.overwrite_partitions import OverwritePartitions
from atio_core.changes.rewrite import Rewrite
from atio_core.errors import InvalidInputError
from atio_core.format.digest import digest
from atio_core.format.names import change_path
from atio_core.format.schema_arrow import carried_ref
from atio_core.format.staged_json import StagedChange, decode_change, encode_change
from atio_core.log.change import Change
from atio_core.model.entry import SchemaRef
from atio_core.model.staged import NO_SCHEMA, Replaced, StagedFiles, StoredChange
from atio_core.storage.base import ObjectStore

_DESCRIPTOR_BYTES = 8_192
"""What is longer lies in a file of the table, and the descriptor names it."""


def describe(change: Change) -> StagedFiles:
    """Return what is to be known of a change to commit it elsewhere.

    Raises:
        InvalidInputError: Such a change can't be staged.
    """
    match change:
        case Append() | Overwrite() | OverwritePartitions():
            return _rows(change)
        case OverwriteObject():
            return StagedFiles(tuple(change.files), NO_SCHEMA, change.content, kind=change.kind)
        case Rewrite() if change.schema.grown_from is not None:
            raise InvalidInputError(
                f"{change.operation} of matching rows that changes the table's columns can't be staged; commit it at"
                " once, or change the columns before"
            )
        case Rewrite(content=str(content)):
            replaced = [(path, len(files)) for path, files in change.replaced.items()]
            return StagedFiles(
                files=tuple(change.adds),
                schema=SchemaRef(change.schema.digest),
                content=content,
                fields=change.seen.partition_fields,
                sort_by=change.seen.sort_by,
                replaced=Replaced(tuple(replaced), tuple(sorted(change.lists))),
            )
        case _:
            raise InvalidInputError(f"{change.operation} can't be staged; commit it at once")


def _rows(change: Append | Overwrite | OverwritePartitions) -> StagedFiles:
    written, plain = change.schema, change.schema.plain
    files = StagedFiles(
        files=tuple(change.adds),
        schema=carried_ref(plain) if plain else SchemaRef(written.digest),
        content=change.content,
        fields=change.fields,
        sort_by=change.sort_by,
        grown_from=written.grown_from,
        behind=written.behind,
        new_columns=written.new_columns if written.grown_from else (),
        key_before=written.key_before,
        not_null_before=written.not_null_before,
    )
    match change:
        case Overwrite():
            return replace(files, keeps_columns=change.mode != "replace", begins=change.begins)
        case OverwritePartitions():
            return replace(files, partitions=tuple(change.partitions))
        case Append():
            return files


def shortened(staged: StagedChange, store: ObjectStore) -> StagedChange:
    """Return a descriptor that isn't too long: what is gets a file that lists its change.

    Raises:
        StorageError: The store refused that file; those of the change are gone.
    """
    if isinstance(staged.change, StoredChange) or len(staged.to_json()) <= _DESCRIPTOR_BYTES:
        return staged
    data = encode_change(staged.id, staged.change)
    try:
        store.put(change_path(staged.id), data)
    except BaseException:
        store.delete([file.path for file in staged.change.files])
        raise
    return replace(staged, change=StoredChange(digest(data), len(data)))


def withdraw(staged: StagedChange, store: ObjectStore) -> None:
    """Delete what was staged, by somebody who knows that nobody has tried to commit it, or will.

    Raises:
        StorageError: The store refused; what stays goes with an expiry.
    """
    change, listed = staged.change, []
    if isinstance(change, StoredChange):
        listed = [change_path(staged.id)]
        change = decode_change(store.read(listed[0]))
    store.delete([*(file.path for file in change.files), *listed])


def distinct(staged: Iterable[StagedChange]) -> tuple[StagedChange, ...]:
    """Return staged changes in their order, each once.

    Raises:
        InvalidInputError: There is none, or they are of several kinds, or one id stands for two of them.
    """
    found: dict[uuid.UUID, StagedChange] = {}
    for one in staged:
        if found.setdefault(one.id, one) != one:
            raise InvalidInputError(
                f"two descriptors have the id {one.id} and aren't the same; take them as stage returned them"
            )
    if not found:
        raise InvalidInputError("descriptors is empty: there is nothing to commit; give at least one")
    operations = sorted({one.operation for one in found.values()})
    if len(operations) > 1:
        raise InvalidInputError(
            f"one version can't be made of {' and '.join(operations)}: commit those of each mode by themselves"
        )
    return tuple(found.values())


def key_of(staged: Collection[StagedChange]) -> bytes:
    """Return the key of a commit of these changes that has no other: whoever commits the same ones does it once."""
    ids = b"".join(sorted(one.id.bytes for one in staged))
    return hashlib.blake2b(ids, digest_size=16, person=b"atio staged").digest()
