"""How deep types lie in each other: pyarrow writes more levels into Parquet than it reads."""

from __future__ import annotations

import pyarrow as pa

from atio_core.data.conform import storage_type
from atio_core.errors import NotPreservableError

MOST = 99
"""Levels that `pyarrow.parquet` reads: a struct is one, a list or a map is two, what lies in the innermost is one."""


def require_shallow(schema: pa.Schema) -> None:
    """Raise `NotPreservableError` if a column couldn't be read back from Parquet for its depth."""
    for field in schema:
        if (found := levels(field.type)) > MOST:
            raise NotPreservableError(
                f"Column {field.name!r} has {found} levels inside each other in Parquet, of which {MOST} can be read "
                "back. Take what lies deepest into a column of its own, or keep it as text.",
                column=field.name,
            )


def levels(t: pa.DataType) -> int:
    """Return how many levels a column of a type has in Parquet.

    Example:
        >>> levels(pa.list_(pa.struct([("a", pa.int8())])))
        4
    """
    t = storage_type(t)
    if not pa.types.is_nested(t):
        return 1
    inside = (t.field(place).type for place in range(t.num_fields))
    if pa.types.is_map(t):
        inside = iter((t.key_type, t.item_type))
    own = 1 if pa.types.is_struct(t) else 2
    return own + max(map(levels, inside), default=0)
