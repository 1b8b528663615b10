"""Lists of data files as Iceberg's metadata names them, in Avro, by the library pyiceberg."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyiceberg.conversions import to_bytes
from pyiceberg.io import InputFile, OutputFile, OutputStream
from pyiceberg.manifest import (
    DataFile as IcebergFile,
)
from pyiceberg.manifest import (
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record

from atio_core.data.schema.conform import field_id, storage_type
from atio_core.mirrors.contents import Contents
from atio_core.model.data_file import ColumnStats, DataFile

_FORMAT = 2
_CODEC = "deflate"


@dataclass(frozen=True, slots=True)
class FileLists:
    """What a snapshot's files are told by.

    Attributes:
        manifest: The bytes of the list of files; none if there are no files.
        manifest_list: The bytes of what names that.
    """

    manifest: bytes
    manifest_list: bytes


def file_lists(
    contents: Contents, schema: dict[str, Any], snapshot: int, sequence: int, *, table: str, manifest: str
) -> FileLists:
    """Return the lists of a version's files.

    Args:
        contents: The version.
        schema: Its columns, as Iceberg describes them.
        snapshot: The id of its snapshot.
        sequence: The snapshot's place among all.
        table: The table's URI.
        manifest: The URI that the list of files will have.
    """
    described = Schema.model_validate(schema)
    types = {field.field_id: field.field_type for field in described.fields}
    files, listed = _Held(manifest), _Held("")
    manifests: list[ManifestFile] = []
    if contents.files:
        spec = UNPARTITIONED_PARTITION_SPEC
        # Made before: pyiceberg raises an error of its own in place of any that comes before the first entry.
        entries = [_entry(contents, file, types, snapshot, table) for file in contents.files]
        with write_manifest(_FORMAT, spec, described, files, snapshot, _CODEC) as writer:
            for entry in entries:
                writer.add_entry(entry)
        manifests.append(writer.to_manifest_file())
    with write_manifest_list(_FORMAT, listed, snapshot, None, sequence, _CODEC) as lists:
        if manifests:
            lists.add_manifests(manifests)
    return FileLists(files.data, listed.data)


def _entry(
    contents: Contents, file: DataFile, types: dict[int, Any], snapshot: int, table: str
) -> ManifestEntry:
    kept = {field_id(field): field.type for field in contents.schemas[file.schema]}
    stats = {column: one for column, one in file.stats.items() if column in types and column in kept}
    bounds = {
        column: _bounds(types[column], storage_type(kept[column]), one) for column, one in stats.items()
    }
    known = {column: both for column, both in bounds.items() if both is not None}
    told = IcebergFile.from_args(
        content=DataFileContent.DATA,
        file_path=f"{table}/{file.path}",
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=file.rows,
        file_size_in_bytes=file.size,
        column_sizes={},
        value_counts=dict.fromkeys(
            (column for column, one in stats.items() if one.nulls is not None), file.rows
        ),
        null_value_counts={column: one.nulls for column, one in stats.items() if one.nulls is not None},
        nan_value_counts={},
        lower_bounds={column: low for column, (low, _) in known.items()},
        upper_bounds={column: high for column, (_, high) in known.items()},
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
        spec_id=0,
    )
    return ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot, data_file=told)


def _bounds(told: Any, kept: Any, stats: ColumnStats) -> tuple[bytes, bytes] | None:
    low, high = stats.low, stats.high
    if low is None or high is None or isinstance(low, bool) or pa.types.is_decimal(kept):
        return None
    if isinstance(low, float) and isinstance(high, float):
        low, high = low or -0.0, high or 0.0  # -0.0 and 0.0 are equal, but not to every reader
    if pa.types.is_timestamp(kept) and kept.unit == "ms":
        low, high = int(low) * 1000, int(high) * 1000
    return to_bytes(told, low), to_bytes(told, high)


class _Held(OutputFile):
    """A file of pyiceberg's that is held in memory."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.data = b""

    def __len__(self) -> int:
        return len(self.data)

    def exists(self) -> bool:
        return bool(self.data)

    def to_input_file(self) -> InputFile:
        raise NotImplementedError("it is only written")

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: ARG002, FBT001, FBT002 - pyiceberg calls it so
        stream: Any = _Kept(self)  # which pyiceberg's protocol would have other names of arguments in
        return stream


class _Kept(io.BytesIO):
    """Bytes that are kept when they are closed."""

    def __init__(self, held: _Held) -> None:
        super().__init__()
        self._held = held

    def close(self) -> None:
        if not self.closed:
            self._held.data = self.getvalue()
        super().close()
