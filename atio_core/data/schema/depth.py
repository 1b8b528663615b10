"""How deep types lie in each other: pyarrow writes more levels into Parquet than it reads."""

from __future__ import annotations

import pyarrow as pa

MOST = 99
"""Levels that `pyarrow.parquet` reads: a struct is one, a list or a map is two, what lies in the innermost is one."""


def levels(t: pa.DataType) -> int:
    """Return how many levels a column of a type has in Parquet; without recursion, as there may be any number.

    Example:
        >>> levels(pa.list_(pa.struct([("a", pa.int8())])))
        4
    """
    most, below = 1, [(t, 1)]
    while below:
        inner, depth = below.pop()
        most = max(most, depth)
        if isinstance(inner, pa.BaseExtensionType):
            below.append((inner.storage_type, depth))
        elif pa.types.is_dictionary(inner) or pa.types.is_run_end_encoded(inner):
            below.append((inner.value_type, depth))
        elif pa.types.is_map(inner):
            below += [(inner.key_type, depth + 2), (inner.item_type, depth + 2)]
        else:
            own = 1 if pa.types.is_struct(inner) else 2
            below += [(inner.field(place).type, depth + own) for place in range(inner.num_fields)]
    return most
