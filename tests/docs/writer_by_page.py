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


def write_file(table: Path, rows: pa.Table, commit: str, content: str) -> Json:
    """Data file; returns its record."""
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
        "commit": commit,
        "time": time.time_ns() // 1000,
        "piece": {"content": content},
    }


def append(table: Path, numbers: list[int | None], texts: list[str | None], key: str) -> int:
    """Committing, for a writer that is alone; returns the version."""
    rows = pa.table([pa.array(numbers, pa.int64()), pa.array(texts, pa.large_string())], schema=SCHEMA)
    commit, content, now = uuid7().hex, content_of(numbers, texts), time.time_ns() // 1000
    record = write_file(table, rows, commit, content)
    base = Reader(table).latest() if (table / "_atio/log").exists() else _empty()
    version = base["version"] + 1
    plain = SCHEMA.serialize().to_pybytes()
    schema = {"digest": digest(plain), "inline": base64.b64encode(zlib.compress(plain)).decode()}
    added = [1, rows.num_rows, record["size"]]
    recent = base["recent"]
    keys = base64.b64decode(recent["keys"]) if "keys" in recent else bytes(16 * len(recent["times"]))
    spans = [*base["retained"][:-1], [(base["retained"] or [[1]])[-1][0], version]]
    entry = base | {
        "version": version,
        "commit": commit,
        "parent": base["commit"],
        "clock": now,
        "time": max(now, base["time"]),
        "operation": "append",
        "data": [version, max(now, base["time"]), "append", "by the page", {}, added, [0, 0, 0]],
        "schema": 1,
        "schemas": {"1": schema},
        "last": [1, 2],
        "totals": [a + b for a, b in zip(base["totals"], added, strict=True)],
        "content": digest(f"{base['content']} {content}".encode()) if base["version"] else content,
        "files": [*base["files"], record],
        "retained": spans,
        "recent": {
            "commits": base64.b64encode(bytes.fromhex(commit) + base64.b64decode(recent["commits"])).decode(),
            "times": [
                max(now, base["time"]),
                *(max(now, base["time"]) - last for last in recent["times"][:1]),
                *recent["times"][1:],
            ],
            "keys": base64.b64encode(hashlib.blake2b(key.encode(), digest_size=16).digest() + keys).decode(),
        },
    }
    entry.pop("digest", None)
    head = json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode()[:-1]
    name = table / f"_atio/log/{999_999 - version // 64:06d}/{63 - version % 64:03d}-{version}.json"
    name.parent.mkdir(parents=True, exist_ok=True)
    with name.open("xb") as file:
        file.write(head + f',"digest":"{digest(head)}"}}\n'.encode())
    return version


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
