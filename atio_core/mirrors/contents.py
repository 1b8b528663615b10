"""What a mirror has to show of a version: its columns and its files. And what no mirror can show, whoever reads it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, NoReturn

import pyarrow as pa

from atio_core.data.schema.conform import field_id, storage_type
from atio_core.data.schema.layout import Column, Layout, layout_of
from atio_core.errors import InvalidInputError, NotPreservableError
from atio_core.log.commit_log import CommitLog, no_table
from atio_core.log.file_list import files_of
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS, LogEntry

_MOST_MS = (2**63 - 1) // 1000


@dataclass(frozen=True, slots=True)
class Contents:
    """What a version has.

    Attributes:
        table: The path of the table.
        entry: The version's entry.
        schema: Its stored columns; each field carries its id.
        schemas: Those that its files were written with, by number.
        files: The records of its files, in the order of their rows.
    """

    table: str
    entry: LogEntry
    schema: pa.Schema
    schemas: dict[int, pa.Schema]
    files: tuple[DataFile, ...]

    @property
    def version(self) -> int:
        """The number of the data version."""
        return self.entry.data.version

    def refuse(self, column: str, what: str) -> NoReturn:
        """Say which column can't be carried, and why."""
        raise NotPreservableError(
            f"column {column!r} of version {self.version} of the table {self.table} {what}. Nothing was written",
            table=self.table,
            version=self.version,
            column=column,
        )


def contents_of(log: CommitLog, entry: LogEntry) -> Contents:
    """Return what a version has.

    Raises:
        InvalidInputError: It holds an object, which isn't in Parquet.
        TableNotFoundError: It ended the table.
        NotPreservableError: A column's stored values aren't what they mean, or are beyond others' range.
        VersionExpiredError: It has just expired.
    """
    from atio_core.changes.schema import read_schema

    if not entry.is_there:
        raise no_table(log.location, entry)
    if entry.kind != ROWS:
        raise InvalidInputError(
            f"version {entry.data.version} of the table {log.location} holds an object ({entry.kind}), which other"
            " engines don't know; mirror tables of rows",
            table=log.location,
        )
    files = files_of(log.store, entry)
    used = {file.schema for file in files} | {entry.schema}
    schemas = {number: read_schema(log.store, entry.schemas[number], entry.version) for number in used}
    found = Contents(log.location, entry, schemas[entry.schema], schemas, files)
    _require_plain(found)
    _require_in_range(found)
    return found


def _require_plain(contents: Contents) -> None:
    """Refuse what others would read as other values than it stands for, or take for another column."""
    layout = layout_of(contents.schema)
    for column in (*layout.columns, *layout.index):
        if (what := _code_of(layout, column)) is not None:
            contents.refuse(
                column.name, f"holds {what}, which others would take for plain values; convert it first"
            )
    seen: dict[str, str] = {}
    for name in contents.schema.names:
        if (other := seen.setdefault(name.casefold(), name)) != name:
            contents.refuse(name, f"differs from {other!r} in upper and lower case alone; rename one of them")


def _require_in_range(contents: Contents) -> None:
    """Refuse times in milliseconds that are none in microseconds, which is what others make of them."""
    for number, schema in contents.schemas.items():
        fields = [field for field in schema if _is_milliseconds(field.type)]
        for field, file in itertools.product(fields, contents.files):
            stats = file.stats.get(field_id(field) or 0)
            bounds = (stats.low, stats.high) if stats and file.schema == number else ()
            if any(isinstance(one, int) and not -_MOST_MS <= one <= _MOST_MS for one in bounds):
                contents.refuse(
                    field.name,
                    "holds times too far away for microseconds, in which others count; leave them out",
                )


def _is_milliseconds(t: Any) -> bool:
    """Say whether values of a stored type are times that count milliseconds."""
    t = storage_type(t)
    t = t.value_type if pa.types.is_dictionary(t) else t
    return pa.types.is_timestamp(t) and t.unit == "ms"


def _code_of(layout: Layout, column: Column) -> str | None:
    """What the stored values of a column stand for, if it isn't themselves."""
    described: Any = column.type
    if layout.library != "pandas":
        return None
    if isinstance(described, str):
        return "complex numbers" if described.startswith("complex") else None
    if described == {"object": "json"}:
        return "Python objects"
    if "period" in described:
        return "periods"
    if "category" not in described:
        return None
    from atio_core.data.frames.frames_pandas import stored_categories
    from atio_core.data.frames.pandas_index import build_dtype

    return (
        "categories of mixed values" if stored_categories(build_dtype(described).categories) is None else None
    )


def ids_by_name(schema: pa.Schema) -> dict[str, int | None]:
    """Return the ids of a schema's columns, by their names."""
    return {field.name: field_id(field) for field in schema}
