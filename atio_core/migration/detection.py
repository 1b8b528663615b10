"""What wrote a folder: its names tell."""

from __future__ import annotations

from atio_core.errors import InvalidInputError
from atio_core.format.names import META
from atio_core.migration import iceberg
from atio_core.migration.old_place import METADATA_FILE, OldPlace


def kind_of(place: OldPlace) -> tuple[str, OldPlace]:
    """Return what wrote a table, and the place by which that is read.

    Args:
        place: Its folder, or an Iceberg table's metadata file.

    Returns:
        "atio" (2 or 3), "delta", "iceberg" or "parquet"; and the folder, or Iceberg's metadata file.

    Raises:
        InvalidInputError: It is a table of this package; or nobody can tell which of its files count.
    """
    if place.location.endswith(METADATA_FILE):
        return "iceberg", place
    names = place.names()
    if META in names:
        raise InvalidInputError(
            f"{place.location} is a table of this atio already: there is nothing to take over"
        )
    if "_current_version.json" in names:
        if place.bucket is not None:
            raise InvalidInputError(
                f"{place.location} is a table of atio 2 or 3, which are taken over from a disk: copy its folder to one"
            )
        return "atio", place
    if "_delta_log" in names:
        return "delta", place
    if (metadata := iceberg.metadata_file(place)) is not None:
        return "iceberg", place.at(metadata)
    if ".hoodie" in names or any(name.endswith(METADATA_FILE) for name in place.names("metadata")):
        raise InvalidInputError(
            f"{place.location} is a table whose Parquet files alone don't say which rows count: of Hudi, or of"
            " atio 2 or 3 whose _current_version.json is missing. Write it to a folder of Parquet files by what made it"
        )
    return "parquet", place
