"""Nulls of lists of a fixed size: releases of pyarrow before 26 write them into Parquet, and then can't read the file.

`pyarrow.parquet` fails with "Expected all lists to be of size=2 but index 1 had size=0". A table must not get such a
file, so the writer refuses these values where the release is as old as that.
"""

from __future__ import annotations

import pyarrow as pa

from atio_core.errors import NotPreservableError

READS_NULLS = int(pa.__version__.partition(".")[0]) >= 26  # noqa: PLR2004 - the release that mended it
"""Whether this pyarrow can read what it writes."""


def require_readable(rows: pa.Table) -> None:
    """Raise `NotPreservableError` if this pyarrow couldn't read rows back from Parquet."""
    field = None if READS_NULLS else column_with_null(rows)
    if field is not None:
        raise NotPreservableError(
            f"Column {field.name!r}, {field.type}, holds a null, which pyarrow {pa.__version__} writes and can't read. "
            "Upgrade to pyarrow 26, or convert it to lists of any size.",
            column=field.name,
        )


def column_with_null(rows: pa.Table) -> pa.Field | None:
    """Return the first column with a list of a fixed size that is null, at any depth; None if there is none.

    Example:
        >>> pairs = pa.list_(pa.int8(), 2)
        >>> column_with_null(pa.table({"a": [1], "b": pa.array([None], pairs)})).name
        'b'
    """
    for field in rows.schema:
        if _holds_fixed(field.type) and any(_has_null(chunk) for chunk in rows.column(field.name).chunks):
            return field
    return None


def _holds_fixed(t: pa.DataType) -> bool:
    inside = (t.field(position).type for position in range(t.num_fields)) if pa.types.is_nested(t) else ()
    return pa.types.is_fixed_size_list(t) or any(_holds_fixed(kind) for kind in inside)


def _has_null(array: pa.Array) -> bool:
    """Say whether a list of a fixed size is null, or part of a null struct."""
    if pa.types.is_fixed_size_list(array.type):
        return array.null_count > 0 or _has_null(array.flatten())
    if pa.types.is_struct(array.type):
        return any(_has_null(child) for child in array.flatten())  # which are null where the struct is
    if pa.types.is_map(array.type):
        start, stop = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return _has_null(array.items.slice(start, stop - start))
    if pa.types.is_nested(array.type):  # any other list; its flatten leaves out what nulls cover
        return _has_null(array.flatten())
    return False
