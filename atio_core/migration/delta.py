"""A Delta table's latest version, read by the library `deltalake`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from atio_core.errors import InvalidInputError
from atio_core.migration.old_place import OldPlace
from atio_core.migration.source import OldVersion, Source, moment
from atio_core.storage.buckets.bucket_options import RETRIES
from atio_core.storage.buckets.fsspec_options import PROFILE

_MAPPING = "delta.columnMapping.mode"


def read_source(place: OldPlace) -> Source:
    """Return the latest version of a Delta table.

    Raises:
        InvalidInputError: `deltalake` isn't installed, or would give nulls for columns that were renamed, or other
            bytes for those that the table is partitioned by.
        DamagedError: It can't read the table.
    """
    import pyarrow as pa

    folder = place.location
    try:
        library: Any = import_module("deltalake")
        errors: Any = import_module("deltalake.exceptions")
    except ImportError as error:
        raise InvalidInputError(
            f"{folder} is a Delta table, which takes the library deltalake: pip install deltalake"
        ) from error
    try:
        table: Any = library.DeltaTable(*_opening(place))
        history: list[dict[str, Any]] = table.history(1)
        metadata: Any = table.metadata()
        number: int = table.version()
        # This refuses what it would read wrongly, as deletion vectors.
        dataset: Any = table.to_pyarrow_dataset()
    except (errors.DeltaError, OSError) as error:
        raise place.damaged(error) from (error if place.bucket is None else None)
    if (mode := metadata.configuration.get(_MAPPING, "none")) != "none":
        raise InvalidInputError(
            f"the columns of the Delta table {folder} have other names in its files ({_MAPPING} is {mode!r}), and"
            " deltalake gives nulls for them as Arrow. By what made it, write it to a Delta table without, and take"
            " that over. Nothing was written"
        )
    for name in metadata.partition_columns:
        if pa.types.is_binary(dataset.schema.field(name).type):
            raise InvalidInputError(
                f"the Delta table {folder} is partitioned by {name!r}, of bytes, which deltalake gives as others. By"
                " what made it, write it to a Delta table that isn't, and take that over. Nothing was written"
            )
    stamp = history[0].get("timestamp") if history else None
    version = OldVersion(
        id=f"delta {metadata.id} {number}",
        number=number,
        time=None if stamp is None else moment(stamp / 1000),
        message=None,
        opened=lambda: place.rows(dataset.scanner().to_reader()),
        partition_by=tuple(metadata.partition_columns),
    )
    return Source("delta", folder, (version,))


def _opening(place: OldPlace) -> tuple[str, None, dict[str, str] | None]:
    """What the library is to open. It opens buckets as obstore does, and knows the same options."""
    if place.bucket is None:
        return place.location, None, None
    options = {name: value for name, value in place.bucket.storage_options.items() if name not in RETRIES}
    if (profile := options.pop(PROFILE, None)) is not None:
        options["aws_profile"] = profile
    return place.location.replace("r2://", "s3://", 1), None, options
