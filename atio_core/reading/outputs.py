"""In which form the rows of a version are handed out."""

from __future__ import annotations

from typing import Any

from atio_core.reading.rows import read_batches, read_rows
from atio_core.reading.selection import Selection, Version


def give(version: Version, selection: Selection, output_as: str) -> Any:
    """Return the rows of a selection as what `Snapshot.read` calls `output_as`."""
    match output_as:
        case "pandas" | "polars" | "arrow":
            with version.explaining_missing():
                return read_rows(version, selection, output_as)
        case "batches":
            return read_batches(version, selection)
        case "lazy":
            from atio_core.reading.lazy import lazy_frame

            return lazy_frame(version, selection)
        case _:
            from atio_core.reading.dataset import VersionDataset
            from atio_core.reading.relation import relation_of

            dataset = VersionDataset(version, selection)
            return relation_of(dataset) if output_as == "duckdb" else dataset
