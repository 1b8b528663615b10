"""Make an object's bytes anew from what is whole: only if they come out with the digest that the entry gives of them.

- A manifest, from the lists of other versions: a stretch of one, or one without a partition.
- A schema, from an entry or file that has the same, or from a Parquet file that was written with it.
- A list of keys, from the ids that other entries and lists know of the same commits.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from atio_core.errors import DamagedError, NotFoundError
from atio_core.format.digest import digest
from atio_core.format.keys_arrow import decode_keys, encode_keys
from atio_core.format.manifest_arrow import encode_manifest
from atio_core.format.schema_arrow import encode_schema, inline_bytes
from atio_core.model.entry import NO_KEY, KeyListRef, LogEntry, SchemaRef, Totals
from atio_core.model.manifest import ManifestRef, partition_key
from atio_core.storage.base import ObjectStore

if TYPE_CHECKING:
    from atio_core.model.data_file import DataFile

_PARQUET_FILES = 8  # any of those written with a schema tells it


def manifest_bytes(ref: ManifestRef, lists: Iterable[Sequence[DataFile]]) -> bytes | None:
    """Return a manifest's bytes, if a known list of data files holds its own."""
    wanted = Totals(ref.files, ref.rows, ref.bytes)
    for known in lists:
        for files in (*_stretches(known, ref.files), *_without_partitions(known)):
            if Totals.of(list(files)) == wanted and digest(data := encode_manifest(files)) == ref.digest:
                return data
    return None


def _stretches(known: Sequence[DataFile], length: int) -> Iterator[Sequence[DataFile]]:
    for start in range(len(known) - length + 1):
        yield known[start : start + length]


def _without_partitions(known: Sequence[DataFile]) -> Iterator[Sequence[DataFile]]:
    keys = [partition_key(file.partition) for file in known]
    for gone in dict.fromkeys(keys):
        yield [file for file, key in zip(known, keys, strict=True) if key != gone]


def schema_bytes(
    store: ObjectStore, wanted: str, refs: Iterable[SchemaRef], files: Iterable[DataFile]
) -> bytes | None:
    """Return the plain bytes of the schema with a digest.

    Args:
        store: The table's store.
        wanted: The digest.
        refs: References to schemas, in whole entries.
        files: Whole data files that were written with it.
    """
    for ref in refs:
        if ref.digest == wanted:
            with suppress(NotFoundError):
                data = inline_bytes(ref) if ref.path is None else store.read(ref.path)
                if digest(data) == wanted:
                    return data
    for file, _ in zip(files, range(_PARQUET_FILES), strict=False):
        data = _schema_of_file(store, file)
        if digest(data) == wanted:
            return data
    return None


def _schema_of_file(store: ObjectStore, file: DataFile) -> bytes:
    import pyarrow.parquet as pq

    return encode_schema(pq.read_schema(io.BytesIO(store.read(file.path))))


def keys_bytes(store: ObjectStore, ref: KeyListRef, entries: Iterable[LogEntry]) -> bytes | None:
    """Return the bytes of a list of keys, if other entries and lists know all that it held."""
    versions: dict[bytes, int] = {}
    lists: dict[str, KeyListRef] = {}
    for entry in entries:
        lists |= {known.path: known for known in entry.key_lists if known.path != ref.path}
        for ids in (entry.recent.commits, entry.recent.keys):
            _add(versions, ((one, entry.version - place) for place, one in enumerate(ids)), ref)
    for known in lists.values():
        with suppress(NotFoundError, DamagedError):
            data = store.read(known.path)
            if digest(data) == known.digest:
                _add(versions, decode_keys(data).items(), ref)
    if len(versions) != ref.count:
        return None
    data = encode_keys(versions)
    return data if digest(data) == ref.digest else None


def _add(versions: dict[bytes, int], found: Iterable[tuple[bytes, int]], ref: KeyListRef) -> None:
    """Add what the list spans; of an id that came twice the latest version counts."""
    for one, version in found:
        if one != NO_KEY and ref.first_version <= version <= ref.last_version:
            versions[one] = max(version, versions.get(one, 0))
