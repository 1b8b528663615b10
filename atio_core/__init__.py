"""Atomic, durable, versioned tables and files on a plain disk.

`import atio_core as atio` loads nothing but this file: each public name brings its module in on first use,
and the libraries behind it no earlier than the data at hand needs them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atio_core.comparing.changes import Changes, RowChange
    from atio_core.comparing.diff import Diff
    from atio_core.errors import (
        AlreadyExistsError,
        AtioError,
        CommitConflictError,
        CommitError,
        CommitUnknownError,
        DamagedError,
        DuplicateKeyError,
        InvalidInputError,
        NewerFormatError,
        NotFoundError,
        NotPreservableError,
        ReleaseNotFoundError,
        SchemaMismatchError,
        StagedFilesExpiredError,
        StageNotFoundError,
        StorageError,
        TableNotFoundError,
        TagNotFoundError,
        UnsupportedFormatError,
        UnsupportedStoreError,
        VersionExpiredError,
        VersionNotFoundError,
    )
    from atio_core.format.staged_json import StagedChange
    from atio_core.functions import expire_snapshots, read_table, write_snapshot
    from atio_core.maintenance.expiry_report import ExpiryReport
    from atio_core.maintenance.lease import Lease
    from atio_core.maintenance.store_report import StoreExpiryReport
    from atio_core.migration import from_delta, from_iceberg, from_parquet, migrate
    from atio_core.open_atomic import open_atomic
    from atio_core.read_tasks import ReadTask
    from atio_core.retention import Retention
    from atio_core.snapshot import Snapshot
    from atio_core.storage.io_stats import IoStats
    from atio_core.store import Release, Store
    from atio_core.table import Table
    from atio_core.table.kept import KeptStage
    from atio_core.write import WriteResult, write

    __version__: str

__all__ = [
    "AlreadyExistsError",
    "AtioError",
    "Changes",
    "CommitConflictError",
    "CommitError",
    "CommitUnknownError",
    "DamagedError",
    "Diff",
    "DuplicateKeyError",
    "ExpiryReport",
    "InvalidInputError",
    "IoStats",
    "KeptStage",
    "Lease",
    "NewerFormatError",
    "NotFoundError",
    "NotPreservableError",
    "ReadTask",
    "Release",
    "ReleaseNotFoundError",
    "Retention",
    "RowChange",
    "SchemaMismatchError",
    "Snapshot",
    "StageNotFoundError",
    "StagedChange",
    "StagedFilesExpiredError",
    "StorageError",
    "Store",
    "StoreExpiryReport",
    "Table",
    "TableNotFoundError",
    "TagNotFoundError",
    "UnsupportedFormatError",
    "UnsupportedStoreError",
    "VersionExpiredError",
    "VersionNotFoundError",
    "WriteResult",
    "expire_snapshots",
    "from_delta",
    "from_iceberg",
    "from_parquet",
    "migrate",
    "open_atomic",
    "read_table",
    "write",
    "write_snapshot",
]

_HOMES = {
    "Changes": "atio_core.comparing.changes",
    "Diff": "atio_core.comparing.diff",
    "ExpiryReport": "atio_core.maintenance.expiry_report",
    "IoStats": "atio_core.storage.io_stats",
    "KeptStage": "atio_core.table.kept",
    "Lease": "atio_core.maintenance.lease",
    "ReadTask": "atio_core.read_tasks",
    "Release": "atio_core.store",
    "Retention": "atio_core.retention",
    "RowChange": "atio_core.comparing.changes",
    "Snapshot": "atio_core.snapshot",
    "StagedChange": "atio_core.format.staged_json",
    "Store": "atio_core.store",
    "StoreExpiryReport": "atio_core.maintenance.store_report",
    "Table": "atio_core.table",
    "WriteResult": "atio_core.write",
    "expire_snapshots": "atio_core.functions",
    "from_delta": "atio_core.migration",
    "from_iceberg": "atio_core.migration",
    "from_parquet": "atio_core.migration",
    "migrate": "atio_core.migration",
    "open_atomic": "atio_core.open_atomic",
    "read_table": "atio_core.functions",
    "write": "atio_core.write",
    "write_snapshot": "atio_core.functions",
}
_ERRORS = "atio_core.errors"  # the home of every other name


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("atio")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, _ERRORS)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        """Keep `atio.write` the function: the import system would put the module `atio_core.write` there."""
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
