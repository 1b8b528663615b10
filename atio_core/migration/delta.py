"""A Delta table's latest version, read by the library `deltalake`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from importlib import import_module
from typing import Any

from atio_core.errors import DamagedError, InvalidInputError
from atio_core.migration.source import OldVersion, Source, moment

_MAPPING = "delta.columnMapping.mode"


def read_source(folder: str) -> Source:
    """Return the latest version of a Delta table.

    Raises:
        InvalidInputError: `deltalake` isn't installed, or would give nulls for columns that were renamed.
        DamagedError: It can't read the table.
    """
    try:
        library: Any = import_module("deltalake")
        errors: Any = import_module("deltalake.exceptions")
    except ImportError as error:
        raise InvalidInputError(
            f"{folder} is a Delta table, which takes the library deltalake: pip install deltalake"
        ) from error
    try:
        table: Any = library.DeltaTable(folder)
        history: list[dict[str, Any]] = table.history(1)
        metadata: Any = table.metadata()
        number: int = table.version()
        dataset: Any = (
            table.to_pyarrow_dataset()
        )  # which refuses what it would read wrongly, as deletion vectors
    except errors.DeltaError as error:
        raise DamagedError(f"the Delta table {folder} can't be read: {error}", path=folder) from error
    if (mode := metadata.configuration.get(_MAPPING, "none")) != "none":
        raise InvalidInputError(
            f"the columns of the Delta table {folder} have other names in its files ({_MAPPING} is {mode!r}), and"
            " deltalake gives nulls for them as Arrow. By what made it, write it to a Delta table without, and take"
            " that over. Nothing was written"
        )
    stamp = history[0].get("timestamp") if history else None
    version = OldVersion(
        id=f"delta {metadata.id} {number}",
        number=number,
        time=None if stamp is None else moment(stamp / 1000),
        message=None,
        opened=partial(_rows, dataset),
        partition_by=tuple(metadata.partition_columns),
    )
    return Source("delta", folder, (version,))


def _rows(dataset: Any) -> AbstractContextManager[Any]:
    return nullcontext(dataset.scanner().to_reader())
