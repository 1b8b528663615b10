"""What Dagster shows of a materialisation: rows, bytes, columns, version; plain Python values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from atio_core.data.layout import layout_of
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS
from atio_core.snapshot import Snapshot
from atio_dagster.keys import Partitions


def metadata_of(
    snapshot: Snapshot, files: Sequence[DataFile] | None, key: dg.AssetKey | None
) -> dict[str, Any]:
    """Return the metadata of a version that was just written.

    Args:
        snapshot: The version.
        files: The data files of the run's partitions; None if the asset has none.
        key: The asset, if it is one.
    """
    found: dict[str, Any] = {
        "atio/version": snapshot.version,
        "atio/table": dg.MetadataValue.path(snapshot.table),
        "atio/bytes": snapshot.bytes,
        "atio/files": snapshot.files,
        "atio/content": content_of(snapshot, files),
        "dagster/uri": Path(snapshot.table).as_uri(),
        "dagster/storage_kind": "atio",
    }
    if snapshot.kind != ROWS:
        found["atio/kind"] = snapshot.kind
    else:
        found |= {
            "atio/rows_added": snapshot.added.rows,
            "atio/rows_removed": snapshot.removed.rows,
            "dagster/row_count": snapshot.rows,
            "dagster/column_schema": column_schema(snapshot),
        }
    if (
        files is not None and len({file.partition for file in files}) == 1
    ):  # of several, Dagster shows each the same
        found["dagster/partition_row_count"] = sum(file.rows for file in files)
    if key is not None:
        found["dagster/table_name"] = ".".join(key.path)
    return found


def written_files(snapshot: Snapshot, partitions: Partitions | None) -> tuple[DataFile, ...] | None:
    """Return the data files of a run's partitions; None if there are no partitions."""
    return None if partitions is None else snapshot.data_files(list(partitions.values.values()))


def content_of(snapshot: Snapshot, files: Sequence[DataFile] | None) -> str:
    """Return the digest of what a materialisation stored: equal for equal data, whatever was there before."""
    if files is None:
        return snapshot.content or ""
    pieces = sorted({f"{file.partition!r} {file.piece.get('content')}" for file in files})
    return digest("\n".join(pieces).encode())


def column_schema(snapshot: Snapshot) -> dg.TableSchema:
    """Return the columns of a version as Dagster shows them, the levels of a pandas index first."""
    schema, layout = snapshot.schema, layout_of(snapshot.schema)
    levels = [_column(schema.field(level.name), level.value, "level of the index") for level in layout.index]
    return dg.TableSchema(
        [*levels, *(_column(schema.field(column.name), column.value) for column in layout.columns)]
    )


def _column(field: Any, label: Any, description: str | None = None) -> dg.TableColumn:
    return dg.TableColumn(str(label), type=str(field.type), description=description)


def without_overlap(metadata: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata without the keys that the step itself gave: the step's own values win."""
    return {name: value for name, value in metadata.items() if name not in own}


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table in markdown: the first column to the left, the others to the right.

    Example:
        >>> print(markdown_table(["table", "rows"], [["a", 1]]))
        | table | rows |
        | :-- | --: |
        | a | 1 |
    """
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )
