"""What wrote a folder: its names tell."""

from __future__ import annotations

from pathlib import Path

from atio_core.errors import InvalidInputError
from atio_core.format.names import META
from atio_core.migration import iceberg

METADATA_FILE = ".metadata.json"


def kind_of(place: str) -> tuple[str, str]:
    """Return what wrote a table, and the place by which that is read.

    Args:
        place: Its folder, or an Iceberg table's metadata file.

    Returns:
        "atio" (2 or 3), "delta", "iceberg" or "parquet"; and the folder, or Iceberg's metadata file.

    Raises:
        InvalidInputError: It is a table of this package; or nobody can tell which of its files count.
    """
    if place.endswith(METADATA_FILE):
        return "iceberg", place
    names = {path.name for path in Path(place).iterdir()}
    if META in names:
        raise InvalidInputError(f"{place} is a table of this atio already: there is nothing to take over")
    if "_current_version.json" in names:
        return "atio", place
    if "_delta_log" in names:
        return "delta", place
    if (metadata := iceberg.metadata_file(place)) is not None:
        return "iceberg", metadata
    if ".hoodie" in names or any(Path(place, "metadata").glob(f"*{METADATA_FILE}")):
        raise InvalidInputError(
            f"{place} is a table whose Parquet files alone don't say which rows count: of Hudi, or of"
            " atio 2 or 3 whose _current_version.json is missing. Write it to a folder of Parquet files by what made it"
        )
    return "parquet", place
