"""A store's log of releases as `docs/format.md` has it, without a line of atio."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from tests.docs.reader_by_page import Json, Reader, require, unsealed
from tests.docs.writer_by_page import commit, create, sealed, uuid7


def entries(store: Path) -> list[Json]:
    """Releases: all entries, the first one first."""
    log, found = store / "_atio/releases", []
    count = len(list(log.glob("*/*.json")))
    for number in range(1, count + 1):
        path = log / f"{999_999 - number // 64:06d}/{63 - number % 64:03d}-{number}.json"
        found.append(unsealed(path.read_bytes(), path.name))
    require([*range(1, count + 1)], [entry["number"] for entry in found], "the numbers of entries")
    require(1, len({entry["store"] for entry in found}), "the ids of the store")
    require(["begin"], [entry["kind"] for entry in found if entry["kind"] == "begin"], "the beginning")
    return found


def standing(store: Path) -> dict[str, Json]:
    """Releases: those that stand, by name."""
    log = entries(store)
    ended = {entry["dropped"] for entry in log if entry["kind"] == "drop"}
    return {one["name"]: one for one in log if one["kind"] == "release" and one["number"] not in ended}


def rows(store: Path, release: Json, table: str) -> pa.Table:
    """Releases: reading."""
    version, table_id = release["tables"][table]
    reader = Reader(store / table)
    entry, latest = reader.version(version), reader.latest()
    require(table_id, entry["table"], "the table of a release")
    require(
        [version, None, [table.count("/") + 1, release["store"], release["number"], release["id"]]],
        Reader(store / table).tags(latest)[tag_of(release)],
        "the tag of a release",
    )
    return reader.rows(entry)


def make(store: Path, name: str, tables: list[str]) -> int:
    """Releases: making one of the latest versions, for a writer that is alone; returns its number."""
    log = entries(store)
    found = {table: Reader(store / table).latest() for table in tables}
    release = _next(log) | {
        "kind": "release",
        "name": name,
        "tables": {table: [entry["data"][0], entry["table"]] for table, entry in found.items()},
    }
    for table, base in found.items():
        named = [table.count("/") + 1, release["store"], release["number"], release["id"]]
        tags = base.get("tags", {}) | {tag_of(release): [base["data"][0], None, named]}
        commit(store / table, base, uuid7().hex, {"operation": "tag", "tags": tags})
    create(store / "_atio/releases", release["number"], release)
    return release["number"]


def drop(store: Path, name: str) -> None:
    """Releases: dropping."""
    release, log = standing(store)[name], entries(store)
    create(
        store / "_atio/releases", len(log) + 1, _next(log) | {"kind": "drop", "dropped": release["number"]}
    )
    for table in release["tables"]:
        base = Reader(store / table).latest()
        tags = {tag: told for tag, told in base.get("tags", {}).items() if tag != tag_of(release)}
        changed = {"operation": "untag", "tags": tags}
        if "tag_list" in base:
            listed = json.loads((store / table / base["tag_list"][0]).read_bytes())
            gone = {*base.get("untagged", ()), tag_of(release)}.intersection(listed)
            changed |= {"untagged": sorted(gone)}
        commit(store / table, base, uuid7().hex, changed)


def tag_of(release: Json) -> str:
    """Releases: the name of its tags."""
    return f"release/{release['number']}-{release['id'][-8:]}"


def _next(log: list[Json]) -> Json:
    last: dict[str, Any] = log[-1]
    fields = {
        "format": 1,
        "number": last["number"] + 1,
        "store": last["store"],
        "id": uuid7().hex,
        "time": max(time.time_ns() // 1000, last["time"]),
    }
    return fields | ({"retention": last["retention"]} if "retention" in last else {})


def pin(store: Path, reader: str, table: str) -> int:
    """Pins: the version that a reader reads, for one that is alone; it pins the latest if it has no pin."""
    latest = Reader(store / table).latest()
    path = store / f"_atio/runs/{quote(reader, safe='')}/{latest['table']}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        told = {"reader": reader, "table": latest["table"], "version": latest["data"][0]}
        with path.open("xb") as file:
            file.write(sealed({"format": 1, **told, "time": time.time_ns() // 1000}))
    found = unsealed(path.read_bytes(), path.name)
    require((reader, latest["table"]), (found["reader"], found["table"]), "whose pin it is")
    return found["version"]
