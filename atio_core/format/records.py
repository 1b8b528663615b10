"""Data file records as JSON values, the same in entries and in manifests. Fields at their default are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atio_core.format.names import is_inside
from atio_core.model.data_file import ColumnStats, DataFile
from atio_core.model.manifest import Span


def file_to_json(file: DataFile) -> dict[str, Any]:
    """Return a record as a JSON value."""
    record: dict[str, Any] = {
        "path": file.path,
        "format": file.format,
        "size": file.size,
        "rows": file.rows,
        "digest": file.digest,
        "footer": [file.footer_size, file.footer_digest],
        "schema": file.schema,
        "commit": file.commit_id,
        "time": file.time_us,
    }
    if file.partition:
        record["partition"] = list(file.partition)
    if file.stats:
        record["stats"] = stats_to_json(file.stats)
    if file.late:
        record["late"] = True
    if file.piece:
        record["piece"] = file.piece
    return record


def file_from_json(record: dict[str, Any]) -> DataFile:
    """Return the record that a JSON value stands for. Raises ValueError, KeyError or TypeError if it is none."""
    footer_size, footer_digest = record["footer"]
    return DataFile(
        path=inside(record["path"]),
        format=record["format"],
        size=record["size"],
        rows=record["rows"],
        digest=record["digest"],
        footer_size=footer_size,
        footer_digest=footer_digest,
        schema=record["schema"],
        partition=tuple(record.get("partition", ())),
        stats=stats_from_json(record.get("stats", {})),
        commit_id=record["commit"],
        time_us=record["time"],
        late=record.get("late", False),
        piece=record.get("piece", {}),
    )


def stats_to_json(stats: Mapping[int, ColumnStats]) -> dict[str, Any]:
    """Return the bounds of columns as a JSON value."""
    return {str(column): [s.nulls, s.low, s.high] for column, s in stats.items()}


def stats_from_json(fields: dict[str, Any]) -> dict[int, ColumnStats]:
    """Return the bounds that a JSON value stands for."""
    return {int(column): ColumnStats(*bounds) for column, bounds in fields.items()}


def span_to_json(span: Span) -> list[Any]:
    """Return what is known of several files as a JSON value."""
    return [span.rows, span.partitions, span.schema, stats_to_json(span.stats)]


def span_from_json(fields: list[Any]) -> Span:
    """Return what a JSON value says of several files."""
    rows, partitions, schema, stats = fields
    return Span(rows, tuple((low, high) for low, high in partitions), schema, stats_from_json(stats))


def inside(path: str) -> str:
    """Return a path that stays inside the table. Raises ValueError for another."""
    if not is_inside(path):
        raise ValueError(f"the path {path!r} leaves the table")
    return path


def text_of(value: object) -> str:
    """Return a JSON value that is text. Raises TypeError if it is none."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value
