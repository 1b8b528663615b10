"""A polars LazyFrame of a version: it reads what a query needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from atio_core.reading.rows import no_frame, scan_frames
from atio_core.reading.selection import Selection, Version, narrowed


def lazy_frame(version: Version, selection: Selection) -> Any:
    """Return a polars LazyFrame that reads what it needs of a selection, each time it is computed."""
    from polars.io.plugins import register_io_source

    empty = no_frame(version.source.schema, selection.columns, "polars")

    def frames(columns: list[str] | None, predicate: Any, rows: int | None, _: int | None) -> Iterator[Any]:
        some, _filtered = narrowed(version, selection, names=columns, wanted=predicate, limit=rows)
        for frame in version.guarded(scan_frames(version, some, "polars")):
            wanted = frame if columns is None else frame.select(columns)
            yield wanted if predicate is None else wanted.filter(predicate)

    return register_io_source(frames, schema=dict(empty.schema), validate_schema=True, is_pure=True)
