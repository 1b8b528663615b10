"""Kept stages as `docs/format.md` has them, without a line of atio."""

import base64
import hashlib
import uuid
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.docs.reader_by_page import Json, Reader, digest, require, unsealed
from tests.docs.writer_by_page import add, commit, schema_ref, sealed, uuid7, written


def stages(table: Path) -> dict[str, Json]:
    """Kept stages: those that can be published, by their ids."""
    reader, found = Reader(table), {}
    for path in sorted((table / "_atio/staged").glob("*.json")):
        record = unsealed(path.read_bytes(), path.name)
        require(path.stem, record["staged"]["stage"], "the id of a stage")
        latest = reader.latest()
        if record["until"] >= latest["horizon"] and _key(path.stem) not in reader.known(latest):
            found[path.stem] = record["staged"]
    return found


def rows(table: Path, staged: Json) -> pa.Table:
    """Staged changes: the rows that one brings."""
    reader, change = Reader(table), staged["change"]
    told, inline = change["schema"]
    if inline is None:
        refs = reader.version(staged["entry"])["schemas"].values()
        schema = reader.schema(next(ref for ref in refs if ref["digest"] == told))
    else:
        plain = zlib.decompress(base64.b64decode(inline))
        require(told, digest(plain), "a schema")
        schema = pa.ipc.read_schema(pa.py_buffer(plain))
    files: list[Any] = [[file[name] for file in change["files"]] for name in ("rows", "size")]
    require(staged["totals"], [len(change["files"]), *map(sum, files)], "the totals of a stage")
    return reader.rows_of(change["files"], schema)


def keep(table: Path, numbers: list[int | None], texts: list[str | None], until: int) -> str:
    """Keeping an append, for a writer that is alone; returns the stage's id."""
    latest, stage = Reader(table).latest(), str(uuid7())
    record = written(table, numbers, texts) | {"schema": 0, "commit": stage.replace("-", "")}
    schema = schema_ref()
    staged = {
        "format": 1,
        "stage": stage,
        "table": latest["table"],
        "entry": latest["version"],
        "base": latest["data"][0],
        "operation": "append",
        "totals": [1, record["rows"], record["size"]],
        "change": {
            "files": [record],
            "schema": [schema["digest"], schema["inline"]],
            "content": record["piece"]["content"],
        },
    }
    folder, data = table / "_atio/staged", sealed({"format": 1, "until": until, "staged": staged})
    folder.mkdir(exist_ok=True)
    for suffix in (".pending", ".json"):
        (folder / f"{stage}{suffix}").write_bytes(data)
    return stage


def publish(table: Path, stage: str) -> int:
    """Publishing an append of one file; returns the version."""
    (file,) = stages(table)[stage]["change"]["files"]
    return add(table, file | {"schema": 1, "commit": uuid7().hex, "late": True}, _key(stage))


def drop(table: Path, stage: str) -> int:
    """Dropping; returns the version of the entry."""
    own = uuid.UUID(stage).int
    made = int.from_bytes(_blake2b(stage, b"atio drop"), "big")
    told = made & ~(((1 << 48) - 1) << 80 | 0xF << 76 | 3 << 62)
    number = own >> 80 << 80 | told | 7 << 76 | 2 << 62
    changed = {"operation": "drop_staged"}
    return commit(table, Reader(table).latest(), f"{number:032x}", changed, _key(stage))


def _key(stage: str) -> bytes:
    return _blake2b(stage, b"atio kept")


def _blake2b(stage: str, person: bytes) -> bytes:
    return hashlib.blake2b(uuid.UUID(stage).bytes, digest_size=16, person=person).digest()
