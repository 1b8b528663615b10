"""The snapshots of an Iceberg table that lead to its current one, read by the library `pyiceberg`.

A catalogue knows which metadata file counts; without one it is the one that `version-hint.text` names, else the one
with the highest number, if only one has that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from atio_core.errors import DamagedError, InvalidInputError
from atio_core.migration.iceberg_nulls import lost_nulls
from atio_core.migration.source import OldVersion, Source, moment

_NAME = re.compile(r"v?(\d+)(-[^/]*)?\.metadata\.json")
_HINT = "version-hint.text"


def metadata_file(folder: str) -> str | None:
    """Return the metadata file of the Iceberg table in a folder; None if there is no such table.

    Raises:
        InvalidInputError: Nothing says which of several counts.
        DamagedError: The one that counts can't be read: an older one would tell of rows as they were.
    """
    inside = Path(folder, "metadata")
    files = {
        path: int(match[1]) for path in sorted(inside.glob("*.json")) if (match := _NAME.fullmatch(path.name))
    }
    readable = {path for path in files if _is_iceberg(path)}
    if not readable:
        return None
    hint = inside / _HINT
    told = hint.read_text(errors="replace").strip() if hint.is_file() else ""
    if (named := inside / f"v{told}.metadata.json") in files:
        return _readable(named, readable)
    highest = [path for path, number in files.items() if number == max(files.values())]
    if len(highest) > 1:
        raise InvalidInputError(
            f"{folder} has several metadata files with the highest number: {', '.join(path.name for path in highest)};"
            " give the path of the one that the table's catalogue names, instead of the folder's"
        )
    return _readable(highest[0], readable)


def _readable(path: Path, readable: Collection[Path]) -> str:
    if path not in readable:
        raise DamagedError(
            f"{path} names the Iceberg table's current version and can't be read; give the path of an older metadata"
            " file, if that is what is to be taken over",
            path=str(path),
        )
    return str(path)


def read_source(location: str) -> Source:
    """Return what an Iceberg table holds, by its metadata file.

    Raises:
        InvalidInputError: `pyiceberg` isn't installed.
        DamagedError: It can't read the table.
    """
    try:
        library: Any = import_module("pyiceberg.table")
        errors: Any = import_module("pyiceberg.exceptions")
    except ImportError as error:
        raise InvalidInputError(
            f"{location} is of an Iceberg table, which takes the library pyiceberg: pip install pyiceberg"
        ) from error
    try:
        table: Any = library.StaticTable.from_metadata(location)
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
            versions.append(_old_version(table, snapshot, tags))
    empty = _empty(table)
    if table.current_snapshot() is None:
        versions.append(empty)
    return Source("iceberg", location, tuple(versions), unreadable=unreadable, beginning=empty.id)


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


def _old_version(table: Any, snapshot: Any, tags: dict[int, tuple[str, ...]]) -> OldVersion:
    id_: int = snapshot.snapshot_id
    return OldVersion(
        id=f"iceberg {table.metadata.table_uuid} {id_}",
        number=id_,
        time=moment(snapshot.timestamp_ms / 1000),
        message=None,
        opened=partial(_rows, table, id_),
        tags=tags.get(id_, ()),
        partition_by=tuple(_partition_columns(table, id_)),
    )


def _empty(table: Any) -> OldVersion:
    """What a table is that never had a row: its columns."""
    return OldVersion(
        id=f"iceberg {table.metadata.table_uuid} without rows",
        number=None,
        time=moment(table.metadata.last_updated_ms / 1000),
        message=None,
        opened=partial(_rows, table, None),
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


def _rows(table: Any, snapshot: int | None) -> AbstractContextManager[Any]:
    return nullcontext(table.scan(snapshot_id=snapshot).to_arrow_batch_reader())


def _is_iceberg(path: Path) -> bool:
    """Whether a file says of itself that it is Iceberg's; atio 2 and 3 have such names too."""
    try:
        told: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and "format-version" in told
