"""A writer of tables that follows `docs/format.md` and shares no code with atio.

It appends files of two columns, an int64 and a large_string, and takes no care of writers beside it.
"""

import base64
import hashlib
import json
import os
import time
import uuid
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from tests.docs.reader_by_page import Json, Reader, digest

HOUR, DAY = 3_600_000_000, 86_400_000_000
LAYOUT = {
    "columns": [{"name": "n", "type": {"arrow": "int64"}}, {"name": "s", "type": {"arrow": "large_string"}}],
    "format": 1,
    "library": "arrow",
}
METADATA = json.dumps(LAYOUT, sort_keys=True, separators=(",", ":")).encode("ascii")
SCHEMA = pa.schema(
    [
        pa.field(name, kind, metadata={"PARQUET:field_id": str(number)})
        for number, (name, kind) in enumerate([("n", pa.int64()), ("s", pa.large_string())], 1)
    ],
    metadata={"atio": METADATA},
)


def uuid7() -> uuid.UUID:
    """RFC 9562, section 5.7."""
    bits = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    bits = bits & ~(0xF << 76) | 7 << 76
    return uuid.UUID(int=bits & ~(3 << 62) | 2 << 62)


def content_of(numbers: list[int | None], texts: list[str | None]) -> str:
    """Digest of the content."""

    def integers(values: list[int]) -> str:
        return digest(b"".join(value.to_bytes(8, "little", signed=True) for value in values))

    def nulls(values: list[Any]) -> str:
        return integers([place for place, value in enumerate(values) if value is None])

    raw = [(text or "").encode() for text in texts]
    n = ["n", "int64", [len(numbers), nulls(numbers), digest(b""), integers([v or 0 for v in numbers])]]
    s = ["s", "string", [len(raw), nulls(texts), integers([len(v) for v in raw]), digest(b"".join(raw))]]
    told = json.dumps([len(raw), digest(METADATA), [n, s]], separators=(",", ":"))
    return digest(told.encode("ascii"))


class _Sink:
    """Keeps what Parquet writes, and where the footer begins."""

    closed = False

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += bytes(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is open."""


def write_file(table: Path, rows: pa.Table, content: str) -> Json:
    """Data file; returns its record, but for the commit's id."""
    sink = _Sink()
    writer = pq.ParquetWriter(sink, rows.schema)
    writer.write_table(rows, row_group_size=2)
    end, size = len(sink.data), 64
    blocks = [sink.data[start : start + size] for start in range(0, end, size)]
    digests = base64.b64encode(b"".join(map(xxhash.xxh3_64_digest, blocks))).decode()
    told = {"algorithm": "xxh3-64", "block_bytes": size, "end": end, "digests": digests}
    writer.add_key_value_metadata({"atio.blocks": json.dumps(told)})
    writer.close()
    path = f"data/{uuid7()}.parquet"
    (table / "data").mkdir(parents=True, exist_ok=True)
    (table / path).write_bytes(sink.data)
    return {
        "path": path,
        "format": "parquet",
        "size": len(sink.data),
        "rows": rows.num_rows,
        "digest": digest(sink.data),
        "footer": [len(sink.data) - end, digest(sink.data[end:])],
        "schema": 1,
        "time": time.time_ns() // 1000,
        "piece": {"content": content},
    }


def append(table: Path, numbers: list[int | None], texts: list[str | None], key: str) -> int:
    """Committing, for a writer that is alone; returns the version."""
    commit_id, record = uuid7().hex, written(table, numbers, texts)
    return add(
        table, record | {"commit": commit_id}, key=hashlib.blake2b(key.encode(), digest_size=16).digest()
    )


def written(table: Path, numbers: list[int | None], texts: list[str | None]) -> Json:
    """Write a data file of these rows; returns its record, but for the commit's id."""
    rows = pa.table([pa.array(numbers, pa.int64()), pa.array(texts, pa.large_string())], schema=SCHEMA)
    return write_file(table, rows, content_of(numbers, texts))


def schema_ref() -> Json:
    """Schema: the reference to the one that all rows have here."""
    plain = SCHEMA.serialize().to_pybytes()
    return {"digest": digest(plain), "inline": base64.b64encode(zlib.compress(plain)).decode()}


def add(table: Path, record: Json, key: bytes) -> int:
    """Commit a data file as an append; returns the version."""
    base = Reader(table).latest() if (table / "_atio/log").exists() else _empty()
    added, content = [1, record["rows"], record["size"]], record["piece"]["content"]
    changed = {
        "operation": "append",
        "data": [base["version"] + 1, now_after(base), "append", "by the page", {}, added, [0, 0, 0]],
        "schema": 1,
        "schemas": {"1": schema_ref()},
        "last": [1, 2],
        "totals": [a + b for a, b in zip(base["totals"], added, strict=True)],
        "content": digest(f"{base['content']} {content}".encode()) if base["version"] else content,
        "files": [*base["files"], record],
    }
    return commit(table, base, record["commit"], changed, key)


def now_after(base: Json) -> int:
    """Log entry: `time`."""
    return max(time.time_ns() // 1000, base["time"])


def commit(table: Path, base: Json, commit_id: str, changed: Json, key: bytes = bytes(16)) -> int:
    """Create the entry that follows another one; returns its version."""
    version, recent = base["version"] + 1, base["recent"]
    at = changed["data"][1] if "data" in changed else now_after(base)
    keys = base64.b64decode(recent["keys"]) if "keys" in recent else bytes(16 * len(recent["times"]))
    entry = base | {
        "version": version,
        "commit": commit_id,
        "parent": base["commit"],
        "clock": at,
        "time": at,
        "retained": [*base["retained"][:-1], [(base["retained"] or [[1]])[-1][0], version]],
        "recent": {
            "commits": base64.b64encode(
                bytes.fromhex(commit_id) + base64.b64decode(recent["commits"])
            ).decode(),
            "times": [at, *(at - last for last in recent["times"][:1]), *recent["times"][1:]],
            "keys": base64.b64encode(key + keys).decode(),
        },
        **changed,
    }
    create(table / "_atio/log", version, entry)
    return version


def create(log: Path, number: int, fields: Json) -> None:
    """Create an object of a log under its number."""
    name = log / f"{999_999 - number // 64:06d}/{63 - number % 64:03d}-{number}.json"
    name.parent.mkdir(parents=True, exist_ok=True)
    with name.open("xb") as file:
        file.write(sealed(fields))


def sealed(fields: Json) -> bytes:
    """Log entry: a JSON line that ends with its digest."""
    told = {name: value for name, value in fields.items() if name != "digest"}
    head = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()[:-1]
    return head + f',"digest":"{digest(head)}"}}\n'.encode()


def _empty() -> Json:
    """Version 0."""
    return {
        "format": 1,
        "table": str(uuid.uuid4()),
        "version": 0,
        "commit": None,
        "time": 0,
        "kind": "table",
        "totals": [0, 0, 0],
        "content": None,
        "manifests": [],
        "files": [],
        "retained": [],
        "horizon": 0,
        "grace": HOUR,
        "key_retention": 30 * DAY,
        "recent": {"commits": "", "times": []},
    }
