"""What a process does that appends to a table in a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

import atio_core as atio


def append_rows(place: str, storage_options: Mapping[str, Any], first: int, count: int) -> list[int]:
    """Append so many rows, one by one, and return the versions that they became."""
    table = atio.Table(place, storage_options=storage_options)
    return [table.append(pa.table({"n": [first + number]})).version for number in range(count)]
