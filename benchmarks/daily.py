"""Versions that differ little: the bytes and the time of overwrites that change one percent of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

import atio_core as atio
from benchmarks.measure import Result, absolute, of_pairs, seconds
from benchmarks.tables import large_table

_ROWS = 2_000_000
_DAYS = 30


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    data = large_table(_ROWS)
    table, plain = atio.Table(folder / "daily"), atio.Table(folder / "plain-0")
    first = [(seconds(lambda: table.overwrite(data)), seconds(lambda: plain.append(data)))]
    one = _bytes_below(folder / "daily")
    pairs: list[tuple[float, float]] = []
    random = np.random.default_rng(3)
    for day in range(1, _DAYS + 1):
        data = _changed(data, random)
        beside = atio.Table(folder / f"plain-{day}")
        pairs.append((seconds(lambda: table.overwrite(data)), seconds(lambda: beside.append(data))))  # noqa: B023 # called at once
    size, baseline = (
        f"{_ROWS:,} x {data.num_columns} ({data.nbytes / 1e6:.0f} MB)",
        "the same rows to a new table",
    )
    yield of_pairs(f"overwrite that changes 1 % of {size}", baseline, 1.3, pairs)
    yield absolute(
        f"  {_DAYS} such: bytes of all versions to one's", 1.6, "x", [_bytes_below(folder / "daily") / one]
    )
    yield of_pairs("  the first of them", baseline, None, first)
    whole = "of the same rows in few files"
    reads = [
        (
            seconds(lambda: table.read(output_as="arrow")),
            seconds(lambda: beside.read(output_as="arrow")),
        )
        for _ in range(7)
    ]
    yield of_pairs("  read of the last of them", whole, None, reads)


def _changed(data: pa.Table, random: np.random.Generator) -> pa.Table:
    """Other amounts in one percent of the rows, side by side."""
    count = data.num_rows // 100
    first = int(random.integers(0, data.num_rows - count))
    amounts = data["amount"].to_numpy().copy()
    amounts[first : first + count] = random.random(count)
    return data.set_column(data.schema.get_field_index("amount"), "amount", pa.array(amounts))


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
