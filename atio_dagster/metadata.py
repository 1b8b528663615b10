"""What Dagster shows of a materialisation: rows, bytes, columns, version; plain Python values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from atio_core.data.schema.layout import layout_of
from atio_core.format.digest import digest
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS
from atio_core.snapshot import Snapshot
from atio_dagster.keys import Partitions


def metadata_of(
    snapshot: Snapshot,
    files: Sequence[DataFile] | None,
    key: dg.AssetKey | None,
    before: Snapshot | None = None,
) -> dict[str, Any]:
    """Return the metadata of a version that was just written.

    Args:
        snapshot: The version.
        files: The data files of the run's partitions; None if the asset has none.
        key: The asset, if it is one.
        before: The version that was the latest before it; None if that isn't known, or there was none.
    """
    found: dict[str, Any] = {
        "atio/version": snapshot.version,
        "atio/table": dg.MetadataValue.path(snapshot.table),
        "atio/bytes": snapshot.bytes,
        "atio/files": snapshot.files,
        "atio/content": content_of(snapshot, files),
        "dagster/uri": _uri(snapshot.table),
        "dagster/storage_kind": "atio",
        **_since(before, snapshot),
        **_seconds(snapshot.seconds),
    }
    if snapshot.kind != ROWS:
        found["atio/kind"] = snapshot.kind
    else:
        found |= {
            "atio/rows_added": 0 if snapshot.unchanged else snapshot.added.rows,
            "atio/rows_removed": 0 if snapshot.unchanged else snapshot.removed.rows,
            "dagster/row_count": snapshot.rows,
            "dagster/column_schema": column_schema(snapshot),
        }
    if files is not None and len({file.partition for file in files}) == 1:  # each of several gets its own
        found["dagster/partition_row_count"] = sum(file.rows for file in files)
    if key is not None:
        found["dagster/table_name"] = ".".join(key.path)
    return found


def _since(before: Snapshot | None, snapshot: Snapshot) -> dict[str, Any]:
    """Return what is different from the version before, but for its rows."""
    if before is None:
        return {}
    found: dict[str, Any] = {"atio/version_before": before.version}
    if ROWS == snapshot.kind == before.kind:
        now, then = _types(snapshot), _types(before)
        changes = {
            "atio/columns_added": [name for name in now if name not in then],
            "atio/columns_removed": [name for name in then if name not in now],
            "atio/columns_retyped": [name for name in now if then.get(name, now[name]) != now[name]],
        }
        found |= {name: dg.MetadataValue.json(columns) for name, columns in changes.items() if columns}
    return found


def _types(snapshot: Snapshot) -> dict[str, str]:
    return {column.name: column.type for column in column_schema(snapshot).columns}


def _seconds(by_phase: Mapping[str, float]) -> dict[str, Any]:
    if not by_phase:
        return {}
    rounded = {phase: round(seconds, 6) for phase, seconds in by_phase.items()}
    return {
        "atio/seconds": round(sum(by_phase.values()), 6),
        "atio/seconds_by_phase": dg.MetadataValue.json(rounded),
    }


def written_files(snapshot: Snapshot, partitions: Partitions | None) -> tuple[DataFile, ...] | None:
    """Return the data files of a run's partitions; None if there are no partitions."""
    return None if partitions is None else snapshot.data_files(list(partitions.values.values()))


def content_of(snapshot: Snapshot, files: Sequence[DataFile] | None) -> str:
    """Return the digest of what a materialisation stored: equal for equal data, whatever was there before.

    Of partitions it is that of their pieces: what one commit wrote into one of them, whose files all have its digest. A
    file that was written anew in part has one of its own.
    """
    if files is None:
        return snapshot.content or ""
    pieces = {(file.partition, file.piece.get("content") or file.digest, file.commit_id) for file in files}
    return digest("\n".join(sorted(f"{partition!r} {content}" for partition, content, _ in pieces)).encode())


def partition_rows(files: Sequence[DataFile], partitions: Partitions) -> dict[str, int]:
    """Return the number of rows in each partition, by its key in Dagster."""
    rows = dict.fromkeys(partitions.values.values(), 0)
    for file in files:
        rows[tuple(str(value) for value in file.partition)] += file.rows
    return {name: rows[values] for name, values in partitions.values.items()}


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


def _uri(place: str) -> str:
    return place if "://" in place else Path(place).as_uri()
