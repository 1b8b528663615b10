"""Frames of pandas, polars and Arrow as columns that Parquet keeps, and back: equal, or refused before anything is written.

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
from dataclasses import dataclass
from typing import Any, Literal, cast

import pyarrow as pa

from atio_core.data import across, frames_arrow
from atio_core.data.fit import align, schema_fits
from atio_core.data.kinds import kind_of
from atio_core.data.labels import label_key
from atio_core.data.layout import Column, Layout, label_matches, layout_of
from atio_core.data.pieces import Pieces, rows_of, slice_info
from atio_core.errors import DamagedError, InvalidInputError

__all__ = ["OutputAs", "Piece", "align", "columns_to_read", "schema_fits", "slice_info", "to_output", "to_piece"]

OutputAs = Literal["pandas", "polars", "arrow"]
FILLER = "rows"


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame, ready to be written.

    Attributes:
        table: Its stored columns, under unique names. The schema's metadata holds the layout (`layout.py`).
        info: What belongs to this piece and not to the table (`pieces.py`), as JSON.
    """

    table: pa.Table
    info: dict[str, Any]


def to_piece(obj: object) -> Piece:
    """Return a frame as a piece.

    Args:
        obj: A pandas or polars frame, lazy ones too, an Arrow table, record batch or reader, or any object that
            exports an Arrow stream of rows.

    Raises:
        NotPreservableError: A part of it couldn't come back equal; the message names the column.
        InvalidInputError: It is no frame.

    Example:
        >>> import pyarrow as pa
        >>> to_piece(pa.table({"n": [1, 2]})).table.num_rows
        2
    """
    frame: Any = obj
    info: dict[str, Any] = {}
    match kind_of(obj):
        case "pandas":
            from atio_core.data import frames_pandas

            table, info = frames_pandas.to_columns(frame)
        case "polars" | "polars-lazy" as kind:
            from atio_core.data import frames_polars

            table = frames_polars.to_columns(frame.collect(engine="streaming") if kind == "polars-lazy" else frame)
        case "arrow" | "arrow-reader" | "capsule" as kind:
            table, info = frames_arrow.to_columns(_read_stream(frame, kind))
        case _:
            raise InvalidInputError(
                f"a {type(obj).__module__}.{type(obj).__qualname__} can't be written as a table; give a pandas or polars"
                " frame, an Arrow table, record batch or reader, or an object that exports an Arrow stream of rows"
                " (a single column: series.to_frame())"
            )
    return Piece(_with_filler(table, _rows(frame, table)), info)


def _read_stream(obj: Any, kind: str) -> pa.Table:
    try:
        if kind == "arrow-reader":
            return obj.read_all()
        return obj if isinstance(obj, pa.Table) else pa.table(obj)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        name = f"{type(obj).__module__}.{type(obj).__qualname__}"
        raise InvalidInputError(f"the Arrow stream of a {name} can't be read as rows: {error}") from error


def _rows(frame: Any, table: pa.Table) -> int:
    shape = getattr(frame, "shape", None)
    return table.num_rows if table.num_columns or shape is None else shape[0]


def _with_filler(table: pa.Table, rows: int) -> pa.Table:
    """Rows without any column are told by a column of nulls that belongs to no one."""
    if table.num_columns:
        return table
    return pa.table([pa.nulls(rows)], schema=pa.schema([pa.field(FILLER, pa.null())], metadata=table.schema.metadata))


def columns_to_read(schema: pa.Schema, labels: Sequence[Any] | None, output_as: str) -> list[str]:
    """Return the names of the stored columns that some labels need.

    Args:
        schema: The table's.
        labels: The columns that are asked for, in order; None for all. A label that several columns have means all of them.
        output_as: For "pandas", those of the index are always among them.

    Raises:
        InvalidInputError: No column has this label.
    """
    layout = layout_of(schema)
    needed = [column.name for column in _selected(layout, labels)]
    if labels is None or output_as == "pandas":
        needed += [level.name for level in layout.index]
    return list(dict.fromkeys(needed))


def _selected(layout: Layout, labels: Sequence[Any] | None) -> list[Column]:
    if labels is None:
        return list(layout.columns)
    return [(*layout.columns, *layout.index)[position] for position in _positions(layout, labels)]


def _positions(layout: Layout, labels: Sequence[Any] | None) -> list[int]:
    """Return where the labels are among the columns."""
    if labels is None:
        return list(range(len(layout.columns)))
    if isinstance(labels, (str, bytes)):
        raise InvalidInputError(f"columns must be a list of labels, not the single text {labels!r}")
    positions: list[int] = []
    for label in labels:
        found = label_matches(layout.columns, label_key(label))
        if not found:
            raise InvalidInputError(_unknown_label(layout, label))
        positions += found
    return positions


def _unknown_label(layout: Layout, label: object) -> str:
    known = [column.value for column in layout.columns]
    texts = {str(value): value for value in known}
    near = [texts[text] for text in difflib.get_close_matches(str(label), list(texts), n=3, cutoff=0.5)]
    offered = near or known[:10]
    return f"there is no column {label!r}; {'near ones are' if near else 'there are'} {', '.join(map(repr, offered))}"


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
        schema: The table's schema, with its layout.
        pieces: Rows and info of each file, in the order of the rows.
        output_as: The library that the frame is for.
        labels: The columns that are asked for, in order; None for all.

    Raises:
        InvalidInputError: No column has this label, or one has no equal type in this library: read it with the library
            that wrote it.
        DamagedError: The columns aren't what the schema says.
    """
    layout = layout_of(schema)
    positions = _positions(layout, labels)
    if table.num_columns and table.num_rows != rows_of(pieces):
        raise DamagedError(f"{table.num_rows} rows were read where {rows_of(pieces)} are recorded")
    if layout.library == output_as == "pandas":
        from atio_core.data import pandas_output

        return pandas_output.to_frame(table, layout, positions, pieces)
    if layout.library == output_as == "polars":
        from atio_core.data import frames_polars

        columns = [layout.columns[position] for position in positions]
        return frames_polars.to_frame(table, columns, rows_of(pieces))
    if layout.library == output_as == "arrow":
        return frames_arrow.to_table(table, layout, positions, pieces)
    if output_as not in ("pandas", "polars", "arrow"):
        raise InvalidInputError(f"output_as must be 'pandas', 'polars' or 'arrow', not {cast('str', output_as)!r}")
    return across.to_other(table, layout, positions, pieces, output_as, whole=labels is None)
