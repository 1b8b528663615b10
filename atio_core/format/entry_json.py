"""Log entries as bytes: one line of JSON that ends with a digest of all that stands before it.

    {"format":1,"table":"…","version":7,…,"digest":"xxh3-128:…"}

The digest covers the bytes up to the comma before `"digest"`. Fields at their default are left out, so that small
entries stay small; readers fill them in. Times are microseconds since 1970 (UTC).
"""

from __future__ import annotations

import base64
import itertools
import operator
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from atio_core.errors import NewerFormatError
from atio_core.format.records import (
    file_from_json,
    file_to_json,
    inside,
    stats_from_json,
    stats_to_json,
    text_of,
)
from atio_core.format.seal import open_sealed, seal
from atio_core.format.tags_json import tags_from_json, tags_to_json
from atio_core.model.entry import (
    NO_KEY,
    DataVersion,
    KeyListRef,
    LogEntry,
    PartitionField,
    Recent,
    SchemaRef,
    TagListRef,
    Tags,
    Totals,
)
from atio_core.model.manifest import ManifestRef
from atio_core.model.outline import NamedFile, Outline
from atio_core.model.ranges import VersionRanges

FORMAT = 1
_Decoded = TypeVar("_Decoded", LogEntry, Outline)


def encode_entry(entry: LogEntry) -> bytes:
    """Return the bytes of an entry."""
    return seal(_to_json(entry))


def decode_entry(data: bytes, *, path: str, version: int, table: str) -> LogEntry:
    """Return the entry that bytes hold.

    Args:
        data: The whole object.
        path: Its name, for messages.
        version: The version that its name stands for.
        table: The table's location, for messages.

    Raises:
        DamagedError: The bytes are not what was written, or belong under another name.
        NewerFormatError: A later release wrote them.
    """
    return _decode(_from_json, data, path, version, table)


class Outlines:
    """Decodes entries in outline: what many of them name is kept once."""

    def __init__(self) -> None:
        self._manifests: dict[str, ManifestRef] = {}
        self._files: dict[str, NamedFile] = {}

    def decode(self, data: bytes, *, path: str, version: int, table: str) -> Outline:
        """Return the outline of the entry that bytes hold. Takes and raises what `decode_entry` does."""
        return _decode(self._from_json, data, path, version, table)

    def _from_json(self, fields: dict[str, Any]) -> Outline:
        number, time_us, operation, *_ = fields["data"]
        schemas = [ref["path"] for ref in fields["schemas"].values() if "path" in ref]
        return Outline(
            table_id=text_of(fields["table"]),
            version=fields["version"],
            commit_id=text_of(fields["commit"]),
            data=DataVersion(number, time_us, operation),
            totals=Totals(*fields["totals"]),
            manifests=tuple(map(self._manifest, fields["manifests"])),
            files=tuple(
                self._file(one["path"], one["size"], one.get("late", False)) for one in fields["files"]
            ),
            schemas=tuple(self._file(path, 0) for path in schemas),
            other_lists=tuple(self._file(path, size) for path, _, size, *_ in _other_lists(fields)),
            reader_features=tuple(fields.get("reader_features", ())),
        )

    def _manifest(self, fields: list[Any]) -> ManifestRef:
        path, digest_, size, files, rows, bytes_, level, *_ = fields
        found = self._manifests.get(path)
        if found is None or (found.digest, found.size) != (digest_, size):
            found = ManifestRef(inside(path), digest_, size, files, rows, bytes_, level)
            self._manifests[path] = found
        return found

    def _file(self, path: str, size: int, late: bool = False) -> NamedFile:  # noqa: FBT001, FBT002 - as the record has it
        found = self._files.get(path)
        if found is None or (found.size, found.late) != (size, late):
            found = self._files[path] = NamedFile(inside(path), size, late)
        return found


def _decode(
    parse: Callable[[dict[str, Any]], _Decoded], data: bytes, path: str, version: int, table: str
) -> _Decoded:
    def read(fields: dict[str, Any]) -> _Decoded | None:
        _require_format(fields["format"], version, table)
        entry = parse(fields)
        return entry if entry.version == version else None

    return open_sealed(
        data,
        read,
        what=f"the log entry {path} of the table {table}",
        advice="bring the file back from a backup, or read another version",
        kind="a log entry",
        table=table,
        version=version,
        path=path,
    )


def _require_format(number: int, version: int, table: str) -> None:
    if number > FORMAT:
        raise NewerFormatError(
            f"version {version} of the table {table} was written in format {number}, and this release reads formats up"
            f" to {FORMAT}; upgrade atio",
            table=table,
            version=version,
        )


def _to_json(entry: LogEntry) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "format": FORMAT,
        "table": entry.table_id,
        "version": entry.version,
        "commit": entry.commit_id,
        "parent": entry.parent_commit_id,
        "clock": entry.clock_us,
        "time": entry.time_us,
        "operation": entry.operation,
        "data": _data_to_json(entry.data),
        "kind": entry.kind,
        "schema": entry.schema,
        "schemas": {str(number): _schema_to_json(ref) for number, ref in entry.schemas.items()},
        "last": [entry.last_schema, entry.last_column],
        "totals": _totals_to_json(entry.totals),
        "retained": entry.retained.spans,
        "horizon": entry.horizon_us,
        "grace": entry.grace_us,
        "key_retention": entry.key_retention_us,
        "recent": _recent_to_json(entry.recent),
        "manifests": [_manifest_to_json(ref) for ref in entry.manifests],
        "files": [file_to_json(file) for file in entry.files],
    }
    optional: dict[str, Any] = {
        "partition_fields": [[f.name, f.column] for f in entry.partition_fields],
        "sort_by": entry.sort_by,
        "content": entry.content,
        "retention": entry.retention,
        "tags": tags_to_json(entry.tags.named),
        "untagged": entry.tags.gone,
        "tag_list": _tag_list_to_json(entry.tags.older),
        "key_lists": [_key_list_to_json(ref) for ref in entry.key_lists],
        "reader_features": entry.reader_features,
        "writer_features": entry.writer_features,
    }
    return fields | {name: value for name, value in optional.items() if value}


def _from_json(fields: dict[str, Any]) -> LogEntry:
    last_schema, last_column = fields["last"]
    return LogEntry(
        table_id=text_of(fields["table"]),
        version=fields["version"],
        commit_id=text_of(fields["commit"]),
        parent_commit_id=fields["parent"],
        clock_us=fields["clock"],
        time_us=fields["time"],
        operation=fields["operation"],
        data=_data_from_json(fields["data"]),
        kind=fields["kind"],
        schema=fields["schema"],
        schemas={int(number): _schema_from_json(ref) for number, ref in fields["schemas"].items()},
        last_schema=last_schema,
        last_column=last_column,
        partition_fields=tuple(
            PartitionField(name, column) for name, column in fields.get("partition_fields", ())
        ),
        sort_by=tuple(fields.get("sort_by", ())),
        manifests=tuple(_manifest_from_json(ref) for ref in fields["manifests"]),
        files=tuple(file_from_json(record) for record in fields["files"]),
        totals=Totals(*fields["totals"]),
        content=fields.get("content"),
        tags=Tags(
            tags_from_json(fields.get("tags", {})),
            tuple(fields.get("untagged", ())),
            _tag_list_from_json(fields.get("tag_list")),
        ),
        retained=_ranges(fields["retained"]),
        horizon_us=fields["horizon"],
        grace_us=fields["grace"],
        retention=dict(fields.get("retention", {})),
        key_retention_us=fields["key_retention"],
        recent=_recent_from_json(fields["recent"]),
        key_lists=tuple(_key_list_from_json(ref) for ref in fields.get("key_lists", ())),
        reader_features=tuple(fields.get("reader_features", ())),
        writer_features=tuple(fields.get("writer_features", ())),
    )


def _totals_to_json(totals: Totals) -> list[int]:
    return [totals.files, totals.rows, totals.bytes]


def _ranges(spans: Iterable[Iterable[int]]) -> VersionRanges:
    return VersionRanges(tuple((low, high) for low, high in spans))


def _data_to_json(data: DataVersion) -> list[Any]:
    added, removed = _totals_to_json(data.added), _totals_to_json(data.removed)
    who = [] if data.who is None else [data.who]
    return [data.version, data.time_us, data.operation, data.message, data.properties, added, removed, *who]


def _data_from_json(fields: list[Any]) -> DataVersion:
    version, time_us, operation, message, properties, added, removed, *who = fields
    totals = Totals(*added), Totals(*removed)
    return DataVersion(version, time_us, operation, message, properties, *totals, *who)


def _schema_to_json(ref: SchemaRef) -> dict[str, Any]:
    if ref.inline is not None:
        return {"digest": ref.digest, "inline": _base64(ref.inline)}
    return {"digest": ref.digest, "path": ref.path}


def _schema_from_json(fields: dict[str, Any]) -> SchemaRef:
    if "inline" in fields:
        return SchemaRef(fields["digest"], inline=base64.b64decode(fields["inline"], validate=True))
    return SchemaRef(fields["digest"], path=inside(fields["path"]))


def _manifest_to_json(ref: ManifestRef) -> list[Any]:
    known = [ref.schema, stats_to_json(ref.stats)] if ref.schema else []
    return [ref.path, ref.digest, ref.size, ref.files, ref.rows, ref.bytes, ref.level, ref.partitions, *known]


def _manifest_from_json(fields: list[Any]) -> ManifestRef:
    path, digest_, size, files, rows, bytes_, level, partitions, *known = fields
    bounds = tuple((low, high) for low, high in partitions)
    ref = ManifestRef(inside(path), digest_, size, files, rows, bytes_, level, bounds)
    return replace(ref, schema=known[0], stats=stats_from_json(known[1])) if known else ref


def _recent_to_json(recent: Recent) -> dict[str, Any]:
    times = recent.times_us
    steps = [*times[:1], *(later - earlier for later, earlier in itertools.pairwise(times))]
    fields: dict[str, Any] = {"commits": _base64(b"".join(recent.commits)), "times": steps}
    if any(key != NO_KEY for key in recent.keys):
        fields["keys"] = _base64(b"".join(recent.keys))
    return fields


def _recent_from_json(fields: dict[str, Any]) -> Recent:
    commits = _sixteens(fields["commits"])
    keys = _sixteens(fields["keys"]) if "keys" in fields else (NO_KEY,) * len(commits)
    times = itertools.accumulate(fields["times"], operator.sub)
    return Recent(commits, keys, tuple(times))


def _key_list_to_json(ref: KeyListRef) -> list[Any]:
    span = [ref.first_version, ref.last_version, ref.first_time_us, ref.last_time_us]
    return [ref.path, ref.digest, ref.size, ref.count, *span]


def _key_list_from_json(fields: list[Any]) -> KeyListRef:
    return KeyListRef(inside(fields[0]), *fields[1:])


def _tag_list_to_json(ref: TagListRef | None) -> list[Any]:
    return [] if ref is None else [ref.path, ref.digest, ref.size, ref.count]


def _tag_list_from_json(fields: list[Any] | None) -> TagListRef | None:
    return None if fields is None else TagListRef(inside(fields[0]), *fields[1:])


def _other_lists(fields: dict[str, Any]) -> list[list[Any]]:
    """References to the lists of keys and of tags: both begin with path, digest and size."""
    return [*fields.get("key_lists", ()), *([fields["tag_list"]] if "tag_list" in fields else [])]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _sixteens(text: str) -> tuple[bytes, ...]:
    data = base64.b64decode(text, validate=True)
    return tuple(data[at : at + 16] for at in range(0, len(data), 16))
