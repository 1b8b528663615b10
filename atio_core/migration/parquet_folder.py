"""A folder of Parquet files, with or without hive partitions (`day=2024-01-01/`), as one version."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from atio_core.errors import DamagedError, InvalidInputError, StorageError
from atio_core.migration.old_place import OldPlace
from atio_core.migration.source import OldVersion, Source
from atio_core.storage.base import Listed
from atio_core.storage.buckets.bucket import BucketStore
from atio_core.storage.local_refusals import refusals, refused
from atio_core.storage.object_file import ObjectFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

_HIDDEN = (".", "_")


def read_source(place: OldPlace) -> Source:
    """Return what a folder holds. Files and folders whose names begin with `.` or `_` don't count, as everywhere.

    Raises:
        InvalidInputError: There are no Parquet files.
        DamagedError: A file can't be read, or has columns that don't go with the others'.
        StorageError: The bucket, or the disk, can't be read.
    """
    import pyarrow as pa

    folder = place.location
    files = _files_here(folder) if place.bucket is None else _files_in(place.bucket)
    if not files:
        raise InvalidInputError(
            f"{folder} holds no table that is known: it has neither _current_version.json nor _delta_log, and no"
            " Parquet files"
        )
    try:
        dataset, fields = _dataset(place, list(files))
    except StorageError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise DamagedError(f"the files in {folder} can't be read together: {error}", path=folder) from error
    version = OldVersion(
        id=f"parquet {hashlib.sha256(repr([*files.values()]).encode(errors='surrogateescape')).hexdigest()[:32]}",
        number=None,
        time=None,
        message=None,
        opened=lambda: place.rows(dataset.scanner().to_reader()),
        partition_by=fields,
    )
    return Source("parquet", folder, (version,))


def _files_here(folder: str) -> dict[str, object]:
    """Return the paths of the files, in the order of their names, and what tells one state of each from another."""
    found: list[str] = []
    seen: set[str] = set()
    with refusals("read", folder):
        # Else it passes over what it may not list, and over links to folders.
        for path, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
            if (real := os.path.realpath(path)) in seen:
                raise InvalidInputError(
                    f"a link leads to {real} ({path}), whose files would count twice, or without an end: remove it"
                )
            seen.add(real)
            folders[:] = [name for name in folders if not name.startswith(_HIDDEN)]
            found += [str(Path(path, name)) for name in names if _counts(name)]
        stats = {path: Path(path).stat() for path in sorted(found)}
    return {
        path: (os.path.relpath(path, folder), stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()
    }


def _raise(error: OSError) -> None:
    raise refused(error, "list", error.filename) from error


def _files_in(bucket: BucketStore) -> dict[str, object]:
    """Return the names of the files in a bucket, likewise."""
    if bucket.flat is None:
        found = [Listed(name, str(bucket.size(name))) for name in sorted(bucket.list())]
    else:
        found = sorted(bucket.flat.listed(""), key=lambda one: one.name)
    names = ((one.name.split("/"), one) for one in found)
    return {
        one.name: (one.name, one.mark)
        for (*folders, name), one in names
        if _counts(name) and not any(folder.startswith(_HIDDEN) for folder in folders)
    }


def _counts(name: str) -> bool:
    return name.lower().endswith((".parquet", ".parq", ".pq")) and not name.startswith(_HIDDEN)


def _dataset(place: OldPlace, files: Sequence[str]) -> tuple[ds.Dataset, tuple[str, ...]]:
    """Return all files as one, with the columns of each of them, and which columns the folders' names give."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

    if place.bucket is None:
        system, base = LocalFileSystem(), place.location
    else:
        system, base = PyFileSystem(FSSpecHandler(_BucketFiles(place.bucket))), ""
    stored = pa.unify_schemas([_schema(path, system) for path in files], promote_options="permissive")
    options = ds.FileSystemFactoryOptions(
        partition_base_dir=base, partitioning=_partitioning(files, base, stored), exclude_invalid_files=False
    )
    factory = ds.FileSystemDatasetFactory(system, list(files), ds.ParquetFileFormat(), options)
    whole = factory.inspect(promote_options="permissive")
    added = [field for field in whole if field.name not in stored.names]
    dataset = factory.finish(pa.unify_schemas([stored, pa.schema(added)]))
    return dataset, _told_by_folders(dataset, system)


def _partitioning(files: Sequence[str], base: str, stored: pa.Schema) -> Any:
    """Return how folders' names are read: as the types of the columns in the files, if all of them stand there too."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    folders = {folder for path in files for folder in Path(path.removeprefix(base)).parts[:-1]}
    names = {unquote(folder.partition("=")[0]) for folder in folders if "=" in folder}
    fields = [field for field in stored if field.name in names]
    if len(fields) < len(names) or any(pa.types.is_dictionary(field.type) for field in fields):
        return ds.HivePartitioning.discover()
    return ds.HivePartitioning(pa.schema(fields))


def _told_by_folders(dataset: ds.Dataset, system: Any) -> tuple[str, ...]:
    """Return the columns that folders' names tell of.

    Raises:
        DamagedError: A file has such a column too, with another value, which would be lost.
    """
    import pyarrow.dataset as ds

    fragments: list[Any] = list(dataset.get_fragments())
    names: set[str] = set()
    for fragment in fragments:
        told: dict[str, Any] = ds.get_partition_keys(fragment.partition_expression)
        names |= told.keys()
        for name in told.keys() & set(fragment.physical_schema.names):
            _require_same(fragment.path, name, told[name], system)
    return tuple(name for name in dataset.schema.names if name in names)


def _require_same(path: str, name: str, value: Any, system: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    own = pq.read_table(path, columns=[name], filesystem=system, partitioning=None).column(name)
    try:
        same = not len(own) or own.unique().to_pylist() == [pa.scalar(value).cast(own.type).as_py()]
    except pa.ArrowException:  # they are of other types
        same = False
    if not same:
        raise DamagedError(
            f"{path} has other values in its column {name!r} than its folder's name tells ({value!r}), and only one of"
            " them can be right: rename the folder, or take the files over from folders without '='",
            path=path,
        )


class _BucketFiles:
    """What pyarrow asks of a file system by fsspec's names, to read files that it is given the names of."""

    protocol = "atio"

    def __init__(self, bucket: BucketStore) -> None:
        self._bucket = bucket

    def info(self, path: str) -> dict[str, Any]:
        return {"type": "file", "size": self._bucket.size(path)}

    def isfile(self, _path: str) -> bool:
        return True

    def open(self, path: str, mode: str) -> ObjectFile:  # noqa: ARG002 - pyarrow asks for "rb"
        return ObjectFile(self._bucket, path)


def _schema(path: str, system: Any) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path, filesystem=system)
    except StorageError:
        raise
    except (
        OSError,
        ValueError,
        pa.ArrowException,
    ) as error:  # names of columns that are no text: a ValueError
        if isinstance(error, OSError) and error.errno:  # the system's, of which pyarrow's own have none
            raise refused(error, "read", path) from error
        raise DamagedError(f"{path} is no Parquet file: {error}", path=path) from error
