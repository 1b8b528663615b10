"""What belongs to a piece of data and not to its table: the info kept with each data file.

| key | what |
|---|---|
| `range_index` | bounds of a pandas range but 0 … n-1: `start`, `step`, `stop`; `default` if cut from one that was |
| `freq`, `freq_<level>` | the frequency of a pandas index of times, or of a level of one |
| `gapped_levels` | levels of a pandas MultiIndex whose nullable numbers are NumPy's, with labels missing |
| `attrs`, `unique_labels` | `df.attrs`; true if `df.flags` allows no duplicate labels |
| `missing` | by column name in the file, which missing value an object column has where that isn't None |
| `metadata`, `field_metadata` | of an Arrow schema, and of its fields by their position |

A range's `kept` says which of its labels the rows have, if some between are gone: a bit for each label, the first one
the highest of its byte, as zlib and base64.
"""

from __future__ import annotations

import base64
import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from atio_core.data.schema.labels import canonical_json
from atio_core.data.schema.layout import Layout, physical_names
from atio_core.errors import NotPreservableError

FILLER = "rows"


@dataclass(frozen=True, slots=True)
class Piece:
    """A frame, ready to be written.

    Attributes:
        table: Its stored columns, under unique names. The schema's metadata holds the layout (`layout.py`).
        info: What belongs to this piece and not to the table, as JSON.
    """

    table: pa.Table
    info: dict[str, Any]


def piece_of(
    layout: Layout, arrays: Sequence[Any], nullable: Sequence[bool], rows: int, info: dict[str, Any]
) -> Piece:
    """Return a piece of these columns, each of which says whether it may have nulls.

    Rows without any column are told by a column of nulls that belongs to no one.
    """
    columns = [*layout.columns, *layout.index]
    fields = [
        pa.field(column.name, array.type, nullable=may)
        for column, array, may in zip(columns, arrays, nullable, strict=True)
    ]
    if not columns:
        fields, arrays = [pa.field(FILLER, pa.null())], [pa.nulls(rows)]
    return Piece(pa.table(list(arrays), schema=pa.schema(fields, metadata=layout.to_metadata())), info)


def named_schema(layout: Layout, fields: Sequence[pa.Field]) -> pa.Schema:
    """Return the schema of a layout whose columns have come, gone or got another label: it gives them their names.

    Args:
        layout: The columns and index levels; their names don't count.
        fields: One for each, in order; their names don't count.
    """
    columns = [*layout.columns, *layout.index]
    names = physical_names([column.value for column in columns])
    named = [replace(column, name=name) for column, name in zip(columns, names, strict=True)]
    width = len(layout.columns)
    made = replace(layout, columns=tuple(named[:width]), index=tuple(named[width:]))
    named_fields = [field.with_name(name) for field, name in zip(fields, names, strict=True)]
    return pa.schema(named_fields or [pa.field(FILLER, pa.null())], metadata=made.to_metadata())


def table_of(arrays: Sequence[Any], schema: pa.Schema, rows: int) -> pa.Table:
    """Return an Arrow table that knows its rows even if it has no columns."""
    if len(schema):
        return pa.table(list(arrays), schema=schema)
    return pa.table({"": pa.nulls(rows)}, metadata=schema.metadata).select([])


Pieces = Sequence[tuple[int, dict[str, Any]]]
"""Rows and info of each piece, in order."""


def slice_info(info: dict[str, Any], offset: int, rows: int) -> dict[str, Any]:
    """Return the info of some of a piece's rows, for a piece that is cut over several files.

    Args:
        info: Of the whole piece.
        offset: The first row.
        rows: How many.

    Example:
        >>> slice_info({}, 10, 5)
        {'range_index': {'start': 10, 'step': 1, 'stop': 15, 'default': True}}
    """
    bounds = info.get("range_index")
    if bounds is None:
        if offset == 0:
            return info
        bounds = {"start": 0, "step": 1, "stop": offset + rows, "default": True}
    if "kept" in bounds:
        return storable_info(_with_labels(info, bounds, labels_kept(bounds)[offset : offset + rows]))
    return _between(info, bounds, offset, rows)


def kept_info(info: dict[str, Any], rows: int, kept: Any) -> dict[str, Any]:
    """Return the info of some rows of a piece, for a frame in memory; `storable_info` makes one for a file of it.

    Args:
        info: Of the whole piece.
        rows: How many rows it has.
        kept: Which of them: numbers from 0, rising; one at least.

    Example:
        >>> kept_info({}, 10, [2, 3])
        {'range_index': {'start': 2, 'step': 1, 'stop': 4, 'default': True}}
    """
    bounds = info.get("range_index", {"start": 0, "step": 1, "stop": rows, "default": True})
    if "kept" in bounds:
        import numpy as np

        return _with_labels(info, bounds, labels_kept(bounds)[np.asarray(kept)])
    return info if len(kept) == rows else _with_labels(info, bounds, kept)


def _with_labels(info: dict[str, Any], bounds: dict[str, Any], kept: Any) -> dict[str, Any]:
    """Return the info of rows that have these of a range's labels: numbers from 0, rising."""
    bounds = {key: bound for key, bound in bounds.items() if key != "kept"}
    if not len(kept) or kept[-1] - kept[0] == len(kept) - 1:
        return _between(info, bounds, int(kept[0]) if len(kept) else 0, len(kept))
    return {**info, "range_index": {**bounds, "kept": kept}}


def _between(info: dict[str, Any], bounds: dict[str, Any], offset: int, rows: int) -> dict[str, Any]:
    whole = _range(bounds)
    part = whole[offset : offset + rows]
    # The last rows keep a bound that lies between two steps.
    stop = whole.stop if offset + rows == len(whole) else part.stop
    return {**info, "range_index": {**bounds, "start": part.start, "stop": stop}}


def _range(bounds: dict[str, Any]) -> range:
    return range(bounds["start"], bounds["stop"], bounds["step"])


def labels_kept(bounds: dict[str, Any]) -> Any:
    """Return which of a range's labels rows have: an array of numbers from 0."""
    import numpy as np

    kept = bounds["kept"]
    if not isinstance(kept, str):
        return np.asarray(kept)
    packed = np.frombuffer(zlib.decompress(base64.b64decode(kept)), np.uint8)
    return np.flatnonzero(np.unpackbits(packed, count=len(_range(bounds))))


def storable_info(info: dict[str, Any]) -> dict[str, Any]:
    """Return an info as JSON has it: labels that are kept as bits."""
    bounds = info.get("range_index", {})
    if "kept" not in bounds or isinstance(bounds["kept"], str):
        return info
    import numpy as np

    bits = np.zeros(len(_range(bounds)), bool)
    bits[labels_kept(bounds)] = True
    packed = base64.b64encode(zlib.compress(np.packbits(bits).tobytes())).decode()
    return {**info, "range_index": {**bounds, "kept": packed}}


def info_of_rest(info: dict[str, Any], rows: int, kept: Any, *, labelled: bool) -> dict[str, Any]:
    """Return the info of a file of the rows of a piece that are left when others are deleted.

    Args:
        info: Of the whole piece.
        rows: How many rows it has.
        kept: Those that are left: numbers from 0, rising; one at least.
        labelled: Whether rows keep the labels that a pandas range gives them; else what is left counts from 0.

    Example:
        >>> info_of_rest({}, 10, [2, 3], labelled=False)
        {}
    """
    if not labelled:
        return {key: one for key, one in info.items() if key != "range_index"}
    rest = storable_info(kept_info(info, rows, kept))
    bounds: dict[str, Any] = rest.get("range_index", {})
    named = {key: bound for key, bound in bounds.items() if key != "default"}
    return {**rest, "range_index": named} if named else rest


def merged_info(infos: Pieces, *, labelled: bool) -> dict[str, Any] | None:
    """Return the info of the rows of several pieces together; None if one info can't say what theirs do.

    Args:
        infos: Rows and info of each, in the order of the rows.
        labelled: As for `info_of_rest`.

    Example:
        >>> merged_info([(2, {}), (1, {"range_index": {"start": 2, "step": 1, "stop": 3}})], labelled=True)
        {}
    """
    others = [
        {key: one for key, one in info.items() if key not in ("range_index", "content")} for _, info in infos
    ]
    if any(canonical_json(one) != canonical_json(others[0]) for one in others):
        return None
    if not labelled:
        return others[0]
    if any("kept" in info.get("range_index", {}) for _, info in infos):
        return None
    whole = {"start": 0, "step": 1}
    ranges = [_range(info.get("range_index", {**whole, "stop": rows})) for rows, info in infos]
    filled = [one for one in ranges if len(one)] or ranges[:1]
    if any(a.step != b.step or a[-1] + a.step != b.start for a, b in itertools.pairwise(filled)):
        return None
    first, last = filled[0], filled[-1]
    if (first.start, first.step, last.stop) == (0, 1, sum(map(len, filled))):
        return others[0]
    return {**others[0], "range_index": {"start": first.start, "step": first.step, "stop": last.stop}}


def has_default_index(info: dict[str, Any]) -> bool:
    """Say whether a piece had the range from 0, or is cut from such a one."""
    return info.get("range_index", {"default": True}).get("default", False)


def named_range(info: dict[str, Any], rows: int) -> dict[str, Any]:
    """Return the info of a piece that says its range's bounds, so that they don't hang on the pieces before it.

    Args:
        info: Of the piece.
        rows: How many rows it has.

    Example:
        >>> named_range({}, 2)
        {'range_index': {'start': 0, 'step': 1, 'stop': 2}}
    """
    bounds = info.get("range_index", {"start": 0, "step": 1, "stop": rows})
    return {**info, "range_index": {key: bound for key, bound in bounds.items() if key != "default"}}


def moved_info(
    info: dict[str, Any], places: Mapping[int, int], before: Sequence[str], after: Sequence[str]
) -> dict[str, Any]:
    """Return the info of a piece whose columns stand elsewhere, or have other names.

    Args:
        info: Of the piece.
        places: For each column that is still there, by its old place, its new one.
        before: The old names, by place.
        after: The new ones.

    Example:
        >>> moved_info({"missing": {"a": "NaN", "b": "NA"}}, {0: 1}, ["a", "b"], ["c", "d"])
        {'missing': {'d': 'NaN'}}
    """
    moved = dict(info)
    if "missing" in info:
        names = {before[old]: after[new] for old, new in places.items()}
        moved["missing"] = {names[name]: value for name, value in info["missing"].items() if name in names}
    if "field_metadata" in info:
        kept = {int(old): value for old, value in info["field_metadata"].items()}
        moved["field_metadata"] = {str(places[old]): value for old, value in kept.items() if old in places}
    return moved


def joined(pieces: Sequence[Piece]) -> Piece | None:
    """Return pieces that follow each other as one; None if what belongs to each can't be said of all.

    Args:
        pieces: Of one schema; one at least.

    Example:
        >>> ones = Piece(pa.table({"n": [1]}), {})
        >>> joined([ones, ones]).table.num_rows
        2
    """
    first, *others = pieces
    rows, bounds = first.table.num_rows, first.info.get("range_index")
    alike = canonical_json(_without_range(first.info))
    for other in others:
        theirs = other.info.get("range_index")
        if canonical_json(_without_range(other.info)) != alike:
            return None
        if bounds is not None or theirs is not None:
            bounds = _one_range(bounds or {"start": 0, "step": 1, "stop": rows}, theirs)
            if bounds is None:
                return None
        rows += other.table.num_rows
    info = _without_range(first.info) | ({} if bounds is None else {"range_index": bounds})
    return Piece(pa.concat_tables([piece.table for piece in pieces]), info)


def _without_range(info: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in info.items() if key != "range_index"}


def _one_range(bounds: dict[str, Any], behind: dict[str, Any] | None) -> dict[str, Any] | None:
    """The bounds of two ranges of which the second goes on where the first ends; None if it doesn't."""
    if behind is None or "kept" in bounds or "kept" in behind or bounds["step"] != behind["step"]:
        return None
    one = _range(bounds)
    if not len(one) or one[-1] + one.step != behind["start"]:
        return None
    return {**bounds, "stop": behind["stop"]}


def split_info(info: dict[str, Any], *, in_order: bool) -> Callable[[int, int, int], dict[str, Any]]:
    """Return what gives the info of some of a piece's rows, for a piece that is split by the values of its rows.

    Args:
        info: Of the whole piece.
        in_order: The rows keep their order.

    Returns:
        A function of the place of the first row in the new order, of that among the rows that it stays with, and of
        the number of rows.

    Raises:
        NotPreservableError: Its range index would become numbers out of order.

    Example:
        >>> split_info({}, in_order=False)(7, 0, 5)
        {}
    """
    bounds = info.get("range_index")
    if bounds is None or bounds.get("default"):  # counts anew
        own = _without_range(info)
        return lambda _, offset, rows: slice_info(own, offset, rows)
    if not in_order:
        raise NotPreservableError(
            f"the frame's index is a range from {bounds['start']} to {bounds['stop']}, which can't be kept when rows"
            " are brought into another order; write frame.reset_index(drop=True), or with drop=False to keep it as a"
            " column. Nothing was written"
        )
    return lambda start, _, rows: slice_info(info, start, rows)


def rows_of(pieces: Pieces) -> int:
    """Return how many rows the pieces have."""
    return sum(rows for rows, _ in pieces)


def shared(pieces: Pieces, key: str) -> Any:
    """Return what all pieces have under a key; None if they differ, or lack it."""
    found = [info.get(key) for _, info in pieces]
    first = found[0] if found else None
    alike = canonical_json(first)
    return first if all(one is first or canonical_json(one) == alike for one in found) else None
