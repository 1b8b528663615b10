"""Rows of a version as texts, which nobody sees who hasn't asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from atio_core.model.entry import ROWS
from atio_core.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLED_VERSIONS = 20
_LONGEST = 200


def sample_facts(snapshots: Sequence[Snapshot], rows: int) -> dict[str, Any]:
    """Return the first rows of the newest versions, by the versions' numbers.

    Args:
        snapshots: The newest first.
        rows: So many of each; 0 for none.
    """
    if not rows:
        return {}
    there = (snapshot for snapshot in snapshots if snapshot.entry.is_there and snapshot.kind == ROWS)
    return {
        str(snapshot.version): told_rows(snapshot.read("batches", limit=rows), rows)
        for snapshot in islice(there, _SAMPLED_VERSIONS)
    }


def told_rows(reader: pa.RecordBatchReader, most: int) -> dict[str, Any]:
    """Return the first rows of a stream as texts: the names of the columns, and their cells, None for a null."""
    from atio_core.data.schema.cells import text_cells

    rows: list[list[str | None]] = []
    for batch in reader:
        left = most - len(rows)
        if left <= 0:
            break
        columns = [text_cells(column) for column in batch.slice(0, left).columns]
        rows += [list(map(_cell, row)) for row in zip(*columns, strict=True)]
    return {"columns": list(reader.schema.names), "rows": rows}


def shortened(text: str) -> str:
    """Return a text, or its beginning if it is long."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _cell(text: str | None) -> str | None:
    return None if text is None else shortened(text)
