"""A folder of Parquet files, with or without hive partitions (`day=2024-01-01/`), as one version."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atio_core.errors import DamagedError, InvalidInputError
from atio_core.migration.source import OldVersion, Source

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds


def read_source(folder: str) -> Source:
    """Return what a folder holds. Files and folders whose names begin with `.` or `_` don't count, as everywhere.

    Raises:
        InvalidInputError: There are no Parquet files.
        DamagedError: A file can't be read, or has columns that don't go with the others'.
    """
    import pyarrow as pa

    files = _files(folder)
    if not files:
        raise InvalidInputError(
            f"{folder} holds no table that is known: it has neither _current_version.json nor _delta_log, and no"
            " Parquet files"
        )
    try:
        dataset, fields = _dataset(folder, files)
    except (OSError, pa.ArrowException) as error:
        raise DamagedError(f"the files in {folder} can't be read together: {error}", path=folder) from error
    version = OldVersion(
        id=f"parquet {_digest(folder, files)}",
        number=None,
        time=None,
        message=None,
        opened=partial(_rows, dataset),
        partition_by=fields,
    )
    return Source("parquet", folder, (version,))


def _files(folder: str) -> list[str]:
    """Return the paths of the files, in the order of their names."""
    found: list[str] = []
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        found += [
            str(Path(path, name))
            for name in names
            if name.lower().endswith((".parquet", ".parq", ".pq")) and not name.startswith((".", "_"))
        ]
    return sorted(found)


def _dataset(folder: str, files: Sequence[str]) -> tuple[ds.Dataset, tuple[str, ...]]:
    """Return all files as one, with the columns of each of them, and which columns the folders' names give."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyarrow.fs import LocalFileSystem

    options = ds.FileSystemFactoryOptions(
        partition_base_dir=folder, partitioning=ds.HivePartitioning.discover(), exclude_invalid_files=False
    )
    factory = ds.FileSystemDatasetFactory(LocalFileSystem(), list(files), ds.ParquetFileFormat(), options)
    stored = pa.unify_schemas([_schema(path) for path in files], promote_options="permissive")
    whole = factory.inspect(promote_options="permissive")
    fields = tuple(field.name for field in whole if field.name not in stored.names)
    schema = pa.unify_schemas([stored, pa.schema([whole.field(name) for name in fields])])
    return factory.finish(schema), fields


def _schema(path: str) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (
        OSError,
        ValueError,
        pa.ArrowException,
    ) as error:  # names of columns that are no text are a ValueError
        raise DamagedError(f"{path} is no Parquet file: {error}", path=path) from error


def _rows(dataset: ds.Dataset) -> AbstractContextManager[Any]:
    return nullcontext(dataset.scanner().to_reader())


def _digest(folder: str, files: Sequence[str]) -> str:
    """Tell one state of the folder from another, by names, sizes and times."""
    stats = [(path, Path(path).stat()) for path in files]
    told = [(os.path.relpath(path, folder), stat.st_size, stat.st_mtime_ns) for path, stat in stats]
    return hashlib.sha256(repr(told).encode(errors="surrogateescape")).hexdigest()[:32]
