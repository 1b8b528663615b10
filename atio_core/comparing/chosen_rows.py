"""Chosen rows of a version, as what a caller wants: all at once, or portion by portion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import pyarrow as pa

from atio_core.arguments import require_choice
from atio_core.data.frames.frames import to_output
from atio_core.reading.rows import arrow_schema, as_frame

if TYPE_CHECKING:
    from atio_core.comparing.multisets import Places
    from atio_core.comparing.rows import Side

RowsAs = Literal["pandas", "polars", "arrow", "batches"]
"""What rows are given as: a library's frame, or `pyarrow.RecordBatch`es with a few row groups in memory."""


def require_rows_as(output_as: object) -> str:
    """Return a name of a form of rows. Raises `InvalidInputError` for any other."""
    return require_choice("output_as", output_as, get_args(RowsAs))


def chosen_rows(side: Side, places: Places, output_as: str) -> Any:
    """Return some rows of a version: a frame, or a reader of batches.

    Args:
        side: The version.
        places: Which ones, in all its files that differ; rising.
        output_as: A name in `RowsAs`.
    """
    source = side.version.source
    if require_rows_as(output_as) != "batches":
        return as_frame(source, list(side.chosen(places)), cast("Any", output_as))
    return pa.RecordBatchReader.from_batches(arrow_schema(source.schema), portions(side, places, "batches"))


def chosen_rows_in_order(side: Side, places: Places, output_as: str) -> Any:
    """Return rows as `chosen_rows` does, in the order of the places, which may be any; all are in memory."""
    import numpy as np

    order = np.argsort(places)
    back = np.argsort(order)
    wanted = "arrow" if require_rows_as(output_as) == "batches" else output_as
    frame = chosen_rows(side, places[order], wanted)
    if wanted == "pandas":
        return frame.iloc[back]
    found = frame[back] if wanted == "polars" else _taken(frame, back)
    return found.to_reader() if output_as == "batches" else found


def _taken(frame: pa.Table, places: Any) -> pa.Table:
    """Return rows in the order of their places; those of types that Arrow can't take from in runs that lie together."""
    import numpy as np

    try:
        return frame.take(pa.array(places))
    except pa.ArrowNotImplementedError:
        runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1)
        return pa.concat_tables(frame.slice(run[0], len(run)) for run in runs)


def portions(side: Side, places: Places, output_as: str) -> Iterator[Any]:
    """Yield rows as frames or record batches, none of them empty; a few row groups are in memory at a time."""
    schema, wanted = side.version.source.schema, "arrow" if output_as == "batches" else output_as
    for portion in side.chosen(places):
        frame = to_output(portion.rows, schema, [(len(portion.kept), {})], cast("Any", wanted))
        yield from frame.combine_chunks().to_batches() if output_as == "batches" else [frame]
