"""A reader of tables that follows `docs/format.md` and shares no code with atio."""

import base64
import itertools
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

Json = dict[str, Any]
FEATURES = {"objects", "tag_list"}
ENTRY = re.compile(r"\d{3}-([1-9]\d*)\.json")


class DamagedError(Exception):
    """Bytes aren't what the page says."""


class ExpiredError(Exception):
    """The version was there."""


def digest(data: bytes) -> str:
    """Conventions: a digest."""
    return f"xxh3-128:{xxhash.xxh3_128_hexdigest(data)}"


def unsealed(data: bytes, what: str) -> Json:
    """Log entry: a JSON line that ends with its digest."""
    head, _, tail = data.rpartition(b',"digest":"')
    require(f'{digest(head)}"}}\n'.encode(), tail, f"the digest of {what}")
    fields = json.loads(data)
    require(1, fields["format"], "the format")
    return fields


def require(told: object, found: object, what: str) -> None:
    """Hold what is there against what is said."""
    if told != found:
        raise DamagedError(f"{what}: {told} is said, {found} is there")


class Reader:
    """A table in a folder."""

    def __init__(self, table: Path) -> None:
        self.table = table

    def latest(self) -> Json:
        """Reading: the latest version."""
        while True:
            number = next((number for bucket in self._buckets() for number in self._numbers(bucket)), -1)
            data = self._object(number)
            if not self._newer_bucket(number // 64):
                if number < 0:
                    raise FileNotFoundError(self.table)
                if data is not None:
                    return self._entry(number, data)

    def version(self, k: int) -> Json:
        """Reading: version k."""
        name = k
        while True:
            data, latest = self._object(name), self.latest()
            above = [max(first, k) for first, last in latest["retained"] if last >= k]
            if not above:
                raise KeyError(k)
            if above[0] in (name, latest["version"]):
                break
            name = above[0]
        entry = latest if above[0] == latest["version"] else self._entry(name, data or b"")
        if entry["data"][0] > k:
            raise ExpiredError(k)
        return entry

    def rows(self, entry: Json) -> pa.Table:
        """Reading: rows. The stored columns, without the schema's metadata."""
        return self.rows_of(self.records(entry), self.schema(entry["schemas"][str(entry["schema"])]))

    def rows_of(self, records: list[Json], schema: pa.Schema) -> pa.Table:
        """Rows of data files, in a version's columns."""
        parts = [self._file(record, schema) for record in records]
        return pa.concat_tables([schema.empty_table(), *parts]).replace_schema_metadata(None)

    def files(self, entry: Json) -> dict[str, tuple[bytes, bool] | None]:
        """Objects: by name the bytes of each file, and whether it may be run; None for a folder that holds nothing."""
        require(told=True, found="objects" in entry.get("reader_features", ()), what="the features")
        require((0, {}), (entry["schema"], entry["schemas"]), "the schema of an object")
        found: dict[str, tuple[bytes, bool] | None] = {}
        for record in self.records(entry):
            data, piece = self._checked(record["path"], record["digest"]), record.get("piece", {})
            require([0, digest(b"")], record["footer"], "the end of an object's file")
            require((record["size"], 0, 0), (len(data), record["rows"], record["schema"]), "an object's file")
            found[piece.get("name", "")] = None if "folder" in piece else (data, "executable" in piece)
        parts = [[one.get("piece", {}), one["size"], one["digest"]] for one in self.records(entry)]
        text = json.dumps([entry["kind"], parts], separators=(",", ":"), sort_keys=True)
        require(entry["content"], digest(text.encode()), "the content of an object")
        return found

    def records(self, entry: Json) -> list[Json]:
        """Log entry: those of the manifests, then its own."""
        return [*itertools.chain.from_iterable(map(self._manifest, entry["manifests"])), *entry["files"]]

    def known(self, entry: Json) -> set[bytes]:
        """Recent commits and key lists: the ids and keys that an entry knows."""
        recent = entry["recent"]
        lists = [self._checked(ref[0], ref[1]) for ref in entry.get("key_lists", ())]
        joined = base64.b64decode(recent["commits"]) + base64.b64decode(recent.get("keys", ""))
        older = [pa.ipc.open_file(data).read_all().column("id").to_pylist() for data in lists]
        return {joined[at : at + 16] for at in range(0, len(joined), 16)}.union(*older)

    def tags(self, entry: Json) -> Json:
        """Tag list: all tags of an entry."""
        listed: Json = {}
        if "tag_list" in entry:
            path, told, size, count = entry["tag_list"]
            data = self._checked(path, told)
            listed = json.loads(data)
            require([size, count], [len(data), len(listed)], path)
        gone = entry.get("untagged", [])
        require(set(), set(gone) - set(listed), "names that were taken away")
        return {name: tag for name, tag in listed.items() if name not in gone} | entry.get("tags", {})

    def _buckets(self, after: int = -1) -> list[str]:
        names = [path.name for path in (self.table / "_atio/log").glob("[0-9]" * 6)]
        return sorted(name for name in names if 999_999 - int(name) > after)

    def _numbers(self, bucket: str) -> list[int]:
        paths = (self.table / "_atio/log" / bucket).glob("*")
        found = {path: int(match[1]) for path in paths if (match := ENTRY.fullmatch(path.name))}
        return sorted([number for path, number in found.items() if path == self._path(number)], reverse=True)

    def _newer_bucket(self, bucket: int) -> bool:
        newer = self._buckets(bucket)
        return any(map(self._numbers, reversed(newer))) or self._buckets(bucket) != newer

    def _path(self, number: int) -> Path:
        bucket, place = 999_999 - number // 64, 63 - number % 64
        return self.table / f"_atio/log/{bucket:06d}/{place:03d}-{number}.json"

    def _object(self, number: int) -> bytes | None:
        return self._path(number).read_bytes() if self._path(number).exists() else None

    def _entry(self, number: int, data: bytes) -> Json:
        entry = unsealed(data, f"entry {number}")
        require(number, entry["version"], "the number of an entry")
        require(entry["kind"] != "table", "objects" in entry.get("reader_features", ()), "the features")
        require("tag_list" in entry, "tag_list" in entry.get("reader_features", ()), "the features")
        require(set(), set(entry.get("reader_features", [])) - FEATURES, "other features")
        return entry

    def _checked(self, path: str, told: str) -> bytes:
        require(set(), {"", ".", ".."}.intersection(path.split("/")), f"the parts of {path}")
        data = (self.table / path).read_bytes()
        require(told, digest(data), path)
        return data

    def _manifest(self, ref: list[Any]) -> list[Json]:
        table = pa.ipc.open_file(self._checked(ref[0], ref[1])).read_all()
        records = [json.loads(record) for record in table.column("record").to_pylist()]
        sums = [sum(record[what] for record in records) for what in ("rows", "size")]
        require(ref[3:6], [len(records), *sums], ref[0])
        return records

    def schema(self, ref: Json) -> pa.Schema:
        """Schema: by a reference to it."""
        plain = zlib.decompress(base64.b64decode(ref["inline"])) if "inline" in ref else None
        plain = plain or self._checked(ref["path"], ref["digest"])
        require(ref["digest"], digest(plain), "a schema")
        return pa.ipc.read_schema(pa.py_buffer(plain))

    def _file(self, record: Json, schema: pa.Schema) -> pa.Table:
        data = self._checked(record["path"], record["digest"])
        length, told = record["footer"]
        end = data[len(data) - length :]
        require(told, digest(end), "the end of a data file")
        metadata = pq.read_metadata(pa.BufferReader(end))
        require((record["size"], record["rows"]), (len(data), metadata.num_rows), "size and rows")
        self._check_blocks(data, json.loads(metadata.metadata[b"atio.blocks"]), len(data) - length)
        found = pq.read_table(pa.BufferReader(data))
        places = {field.metadata[b"PARQUET:field_id"]: place for place, field in enumerate(found.schema)}
        columns: list[Any] = [pa.nulls(found.num_rows, field.type) for field in schema]
        for at, field in enumerate(schema):
            if (place := places.get(field.metadata[b"PARQUET:field_id"])) is not None:
                columns[at] = found.column(place).cast(field.type)
        return pa.table(columns, schema=schema)

    def _check_blocks(self, data: bytes, blocks: Json, end: int) -> None:
        require(("xxh3-64", end), (blocks["algorithm"], blocks["end"]), "the blocks")
        starts = range(0, end, blocks["block_bytes"])
        parts = [data[start : min(start + blocks["block_bytes"], end)] for start in starts]
        found = b"".join(xxhash.xxh3_64_digest(part) for part in parts)
        require(base64.b64decode(blocks["digests"]), found, "the digests of the blocks")
