"""The snapshots of an Iceberg table that lead to its current one, read by the library `pyiceberg`.

A catalogue knows which metadata file counts; without one it is the one that `version-hint.text` names, else the one
with the highest number, if only one has that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from typing import Any

from atio_core.errors import DamagedError, InvalidInputError, StorageError
from atio_core.migration.iceberg_io import IcebergIO
from atio_core.migration.iceberg_nulls import lost_nulls
from atio_core.migration.old_place import OldPlace
from atio_core.migration.source import OldVersion, Source, moment
from atio_core.storage.buckets.bucket import BucketStore

_NAME = re.compile(r"v?(\d+)(-[^/]*)?\.metadata\.json")
_INSIDE = "metadata"
_HINT = "version-hint.text"


def metadata_file(folder: OldPlace) -> str | None:
    """Return the name in a folder of the metadata file of the Iceberg table there; None if there is no such table.

    Raises:
        InvalidInputError: Nothing says which of several counts.
        DamagedError: The one that counts can't be read: an older one would tell of rows as they were.
    """
    names = folder.names(_INSIDE)
    files = {name: int(match[1]) for name in sorted(names) if (match := _NAME.fullmatch(name))}
    readable = {name for name in files if _is_iceberg(folder, name)}
    if not readable:
        return None
    told = folder.read(f"{_INSIDE}/{_HINT}").decode(errors="replace").strip() if _HINT in names else ""
    if (named := f"v{told}.metadata.json") in files:
        return _readable(folder, named, readable)
    highest = [name for name, number in files.items() if number == max(files.values())]
    if len(highest) > 1:
        raise InvalidInputError(
            f"{folder.location} has several metadata files with the highest number: {', '.join(highest)};"
            " give the path of the one that the table's catalogue names, instead of the folder's"
        )
    return _readable(folder, highest[0], readable)


def _readable(folder: OldPlace, name: str, readable: Collection[str]) -> str:
    if name not in readable:
        path = folder.at(f"{_INSIDE}/{name}").location
        raise DamagedError(
            f"{path} names the Iceberg table's current version and can't be read; give the path of an older metadata"
            " file, if that is what is to be taken over",
            path=path,
        )
    return f"{_INSIDE}/{name}"


def read_source(place: OldPlace) -> Source:
    """Return what an Iceberg table holds, by its metadata file.

    Raises:
        InvalidInputError: `pyiceberg` isn't installed.
        DamagedError: It can't read the table.
    """
    location = place.location
    try:
        library: Any = import_module("pyiceberg.table")
        errors: Any = import_module("pyiceberg.exceptions")
    except ImportError as error:
        raise InvalidInputError(
            f"{location} is of an Iceberg table, which takes the library pyiceberg: pip install pyiceberg"
        ) from error
    try:
        table: Any = (
            library.StaticTable.from_metadata(location)
            if place.bucket is None
            else _in_bucket(location, place.bucket)
        )
    except StorageError:
        raise
    except (OSError, ValueError, errors.ValidationError) as error:
        told = " ".join(str(error).split())
        raise DamagedError(f"the Iceberg table {location} can't be read: {told}", path=location) from error
    tags: dict[int, tuple[str, ...]] = {}
    for name, ref in sorted(table.metadata.refs.items()):
        if ref.snapshot_ref_type == "tag":
            tags[ref.snapshot_id] = (*tags.get(ref.snapshot_id, ()), name)
    lost = lost_nulls(table)
    unreadable: dict[int, str] = {}
    versions: list[OldVersion] = []
    for snapshot in reversed(list(_lineage(table))):
        if (reason := _missing(table, snapshot, lost)) is not None:
            unreadable[snapshot.snapshot_id] = reason
        else:
            versions.append(_old_version(place, table, snapshot, tags))
    empty = _empty(place, table)
    if table.current_snapshot() is None:
        versions.append(empty)
    return Source("iceberg", location, tuple(versions), unreadable=unreadable, beginning=empty.id)


def _in_bucket(location: str, bucket: BucketStore) -> Any:
    """Return a table of a bucket, whose files are read as atio reads its own: by the same options."""
    tables: Any = import_module("pyiceberg.table")
    catalogues: Any = import_module("pyiceberg.catalog.noop")
    serializers: Any = import_module("pyiceberg.serializers")
    io = IcebergIO(bucket)
    return tables.StaticTable(
        identifier=("static-table", location),
        metadata=serializers.FromInputFile.table_metadata(io.new_input(location)),
        metadata_location=location,
        io=io,
        catalog=catalogues.NoopCatalog("static-table"),
    )


def _lineage(table: Any) -> Iterator[Any]:
    """The current snapshot, and those that it came from, as far as they are there."""
    snapshot: Any = table.current_snapshot()
    seen: set[int] = set()
    while snapshot is not None:
        if snapshot.snapshot_id in seen:
            location: str = table.metadata_location
            message = f"the Iceberg table {location} can't be read: snapshot {snapshot.snapshot_id} comes from itself"
            raise DamagedError(message, path=location)
        seen.add(snapshot.snapshot_id)
        yield snapshot
        parent = snapshot.parent_snapshot_id
        snapshot = None if parent is None else table.snapshot_by_id(parent)


def _old_version(place: OldPlace, table: Any, snapshot: Any, tags: dict[int, tuple[str, ...]]) -> OldVersion:
    id_: int = snapshot.snapshot_id
    return OldVersion(
        id=f"iceberg {table.metadata.table_uuid} {id_}",
        number=id_,
        time=moment(snapshot.timestamp_ms / 1000),
        message=None,
        opened=partial(_rows, place, table, id_),
        tags=tags.get(id_, ()),
        partition_by=tuple(_partition_columns(table, id_)),
    )


def _empty(place: OldPlace, table: Any) -> OldVersion:
    """What a table is that never had a row: its columns."""
    return OldVersion(
        id=f"iceberg {table.metadata.table_uuid} without rows",
        number=None,
        time=moment(table.metadata.last_updated_ms / 1000),
        message=None,
        opened=partial(_rows, place, table, None),
        partition_by=tuple(_partition_columns(table, None)),
    )


def _partition_columns(table: Any, snapshot: int | None) -> Iterator[str]:
    """The columns by whose values the rows are split; what is computed of a column splits nothing here."""
    names = {field.field_id: field.name for field in table.scan(snapshot_id=snapshot).projection().fields}
    for field in table.spec().fields:
        if str(field.transform) == "identity" and field.source_id in names:
            yield names[field.source_id]


def _missing(table: Any, snapshot: Any, lost: Callable[[str], str | None]) -> str | None:
    """Why a snapshot can't be read, as far as its lists of files tell."""
    try:
        for path, size in _files(table, snapshot):
            found: Any = table.io.new_input(path)
            if not found.exists():
                return f"{path} isn't there"
            if len(found) != size:  # a list that was cut tells of fewer files
                return f"{path} has {len(found)} bytes and should have {size}"
        for task in table.scan(snapshot_id=snapshot.snapshot_id).plan_files():
            path = task.file.file_path
            if (name := lost(path)) is not None:
                return (
                    f"pyiceberg takes null lists and maps of structs for empty ones, as in {name!r} of {path}"
                )
    except Exception as error:  # noqa: BLE001 - damaged lists make the library raise whatever comes; deletes by equality
        return str(error) or type(error).__name__
    return None


def _files(table: Any, snapshot: Any) -> Iterator[tuple[str, int]]:
    """The paths and sizes of the lists of a snapshot, then of the files that they name."""
    for manifest in snapshot.manifests(table.io):
        yield manifest.manifest_path, manifest.manifest_length
    for task in table.scan(snapshot_id=snapshot.snapshot_id).plan_files():
        for one in (task.file, *task.delete_files):
            yield one.file_path, one.file_size_in_bytes


def _rows(place: OldPlace, table: Any, snapshot: int | None) -> AbstractContextManager[Any]:
    return place.rows(table.scan(snapshot_id=snapshot).to_arrow_batch_reader())


def _is_iceberg(folder: OldPlace, name: str) -> bool:
    """Whether a file says of itself that it is Iceberg's; atio 2 and 3 have such names too."""
    try:
        told: object = json.loads(folder.read(f"{_INSIDE}/{name}"))
    except StorageError:  # of a bucket: nobody knows what the file says
        raise
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and "format-version" in told
