"""Frames of pandas, polars and Arrow as columns that Parquet keeps, and back: equal, or refused beforehand (P7).

A frame becomes a `Piece`: a table of stored columns, whose schema says all that belongs to the table it is written to
(types, labels, names), and an info of what belongs to this piece of data alone. Every frame of the same columns has the
same schema, so appends share it.

A set of categories belongs to the type: of a pandas Categorical, a polars Enum and an ordered Arrow dictionary it is
kept in the schema, and a frame with other categories doesn't fit. A polars Categorical and an unordered Arrow
dictionary may grow.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa

from atio_core.arguments import shown
from atio_core.data.frames import across_libraries as conversion
from atio_core.data.frames import frames_arrow
from atio_core.data.frames.fit import SchemaMode, align, evolved_schema, require_values
from atio_core.data.frames.misfit import MisfitError
from atio_core.data.kinds import kind_of
from atio_core.data.schema.labels import label_key
from atio_core.data.schema.layout import Layout, layout_of, places_of
from atio_core.data.schema.pieces import Piece, Pieces, rows_of, slice_info
from atio_core.errors import DamagedError, InvalidInputError

__all__ = [
    "MisfitError",
    "OutputAs",
    "Piece",
    "SchemaMode",
    "align",
    "columns_to_read",
    "evolved_schema",
    "require_values",
    "slice_info",
    "stream_of",
    "to_output",
    "to_piece",
    "unknown_label",
]

OutputAs = Literal["pandas", "polars", "arrow"]


def to_piece(obj: object) -> Piece:
    """Return a frame as a piece.

    Args:
        obj: A pandas or polars frame, lazy ones too, an Arrow table, record batch or reader, or any object that
            exports an Arrow stream of rows.

    Raises:
        NotPreservableError: A part of it couldn't come back equal; the message names the column.
        InvalidInputError: It is no frame, or its rows can't be computed.

    Example:
        >>> import pyarrow as pa
        >>> to_piece(pa.table({"n": [1, 2]})).table.num_rows
        2
    """
    frame: Any = obj
    match kind_of(obj):
        case "pandas":
            from atio_core.data.frames import frames_pandas

            return frames_pandas.to_piece(frame)
        case "polars" | "polars-lazy" as kind:
            from atio_core.data.frames import frames_polars

            return frames_polars.to_piece(frame if kind == "polars" else _collect(frame))
        case "arrow" | "arrow-reader" | "capsule":
            return frames_arrow.to_piece(frame if isinstance(frame, pa.Table) else _read_stream(frame))
        case _:
            raise InvalidInputError(
                f"a {type(obj).__module__}.{type(obj).__qualname__} can't be written as a table; give a pandas or"
                " polars frame (of a single column: series.to_frame()), an Arrow table, record batch or reader, or an"
                " object that exports an Arrow stream of rows; overwrite with format='pickle' keeps anything else"
            )


def _collect(lazy: Any) -> Any:
    from polars.exceptions import PolarsError

    try:
        return lazy.collect(engine="streaming")
    except (PolarsError, OSError) as error:
        raise InvalidInputError(f"the rows of the polars LazyFrame can't be computed: {error}") from error


def stream_of(obj: Any) -> pa.RecordBatchReader:
    """Return the Arrow stream of a record-batch reader, or of an object that exports one.

    Raises:
        InvalidInputError: It is no stream of rows.
    """
    try:
        return obj if isinstance(obj, pa.RecordBatchReader) else pa.RecordBatchReader.from_stream(obj)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise no_rows(obj, error) from error


def _read_stream(obj: Any) -> pa.Table:
    try:
        return pa.table(obj)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise no_rows(obj, error) from error


def no_rows(obj: object, error: Exception) -> InvalidInputError:
    """Return the error for an Arrow stream that breaks, or isn't one of rows."""
    name = f"{type(obj).__module__}.{type(obj).__qualname__}"
    return InvalidInputError(f"the Arrow stream of a {name} can't be read as rows: {error}")


def columns_to_read(schema: pa.Schema, labels: Sequence[Any] | None, output_as: str) -> list[str]:
    """Return the names of the stored columns that some labels need.

    Args:
        schema: The table's.
        labels: The columns that are asked for, in order; None for all. A label that several columns have means all
            of them.
        output_as: For "pandas", the columns of the index are always among them.

    Raises:
        InvalidInputError: No column has this label.

    Example:
        >>> columns_to_read(to_piece(pa.table({"a": [1], "b": [2]})).table.schema, ["b"], "arrow")
        ['b']
    """
    layout = layout_of(schema)
    needed = [layout.columns[position].name for position in _positions(layout, labels)]
    if labels is None or output_as == "pandas":
        needed += [level.name for level in layout.index]
    return list(dict.fromkeys(needed))


def _positions(layout: Layout, labels: Sequence[Any] | None) -> list[int]:
    """Return where the labels are among the columns."""
    if labels is None:
        return list(range(len(layout.columns)))
    if isinstance(labels, (str, bytes)):
        raise InvalidInputError(
            f"columns must be a list of labels, not the text {labels!r}: columns=[{labels!r}]"
        )
    places = places_of(layout.columns)
    positions: list[int] = []
    for label in labels:
        found = places.get(label_key(label))
        if found is None:
            raise InvalidInputError(unknown_label(layout, label))
        positions += found
    return positions


def unknown_label(layout: Layout, label: object) -> str:
    """Return what to say of a label that no column has."""
    known = {str(column.value): column.value for column in layout.columns}
    told = shown(label)
    near = difflib.get_close_matches(told.strip("'"), known, n=3, cutoff=0.5)
    others = ", ".join(repr(known[text]) for text in near or list(known)[:10])
    return f"there is no column {told}; {'near ones are' if near else 'there are'} {others or 'none'}"


def to_output(
    table: pa.Table,
    schema: pa.Schema,
    pieces: Pieces,
    output_as: OutputAs,
    labels: Sequence[Any] | None = None,
) -> Any:
    """Return stored columns as a frame.

    Args:
        table: The stored columns as they were read, the rows of all pieces one after another.
        schema: The table's schema, with its layout; fields may have got metadata.
        pieces: Rows and info of each file, in the order of the rows.
        output_as: The library that the frame is for.
        labels: The columns that are asked for, in order; None for all.

    Raises:
        InvalidInputError: No column has this label, or one has no equal type in this library; the message names it.
        DamagedError: The columns aren't what the schema says.
    """
    layout = layout_of(schema)
    positions = _positions(layout, labels)
    if table.num_columns and table.num_rows != rows_of(pieces):
        raise DamagedError(
            f"{table.num_rows} rows were read where {rows_of(pieces)} are recorded; verify the table"
        )
    match layout.library, output_as:
        case "pandas", "pandas":
            from atio_core.data.frames import pandas_output

            return pandas_output.to_frame(table, layout, positions, pieces)
        case "polars", "polars":
            from atio_core.data.frames import frames_polars

            columns = [layout.columns[position] for position in positions]
            return frames_polars.to_frame(table, columns, rows_of(pieces))
        case "arrow", "arrow":
            return frames_arrow.to_table(table, layout, positions, pieces)
        case _, ("pandas" | "polars" | "arrow"):
            return conversion.to_other(table, layout, positions, pieces, output_as, whole=labels is None)
        case _:
            raise InvalidInputError(f"output_as must be 'pandas', 'polars' or 'arrow', not {output_as!r}")
