"""Small tables that hold every kind of file, and every way to read them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa

from atio_core.errors import DamagedError
from atio_core.format import schema_arrow
from atio_core.log.limits import Limits
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from tests.support.looking import Contents, contents, retained

LIMITS = Limits(per_bucket=4, recent=2, inline_files=2, inline_tags=1, fanout=2)


@dataclass(frozen=True, slots=True)
class Sample:
    """A table and what it holds.

    Attributes:
        path: Its folder.
        contents: The rows of its versions.
        limits: The bounds that it is written with.
    """

    path: Path
    contents: Contents
    limits: Limits = LIMITS

    def table(self) -> Table:
        """A new handle."""
        return Table(self.path, limits=self.limits)

    def files(self) -> list[str]:
        """The names of all files."""
        return sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_file())

    def latest(self) -> str:
        """The name of the latest entry."""
        return next(name for name in self.files() if name.startswith("_atio/log/"))

    def copy(self, path: Path) -> Sample:
        """The same table in another folder."""
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.path, path)
        return Sample(path, self.contents, self.limits)


@dataclass(frozen=True, slots=True)
class Read:
    """A way to read.

    Attributes:
        version: Which version; the latest if None.
        output: As what.
        options: What is wanted of it.
        first: How many of the version's first rows these are; all of them if None.
    """

    version: int | None
    output: Any = "arrow"
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    first: int | None = None

    def expected(self, sample: Sample) -> list[int]:
        """The rows that it has to return."""
        return sample.contents[self.version or max(sample.contents)][: self.first]

    def of(self, sample: Sample) -> list[int]:
        """Read."""
        found = sample.table().read(self.version, self.output, **self.options)["a"]
        return found.to_pylist() if self.output == "arrow" else list(found)


def ways_to_read(sample: Sample) -> list[Read]:
    """Every way to read each version."""
    reads: list[Read] = []
    for version in (None, *sample.contents):
        reads += [Read(version, output) for output in ("arrow", "pandas", "polars")]
        reads += [Read(version, options={"columns": ["a"]})]
        if sample.table().snapshot(version).partition_fields:
            reads += [Read(version, options={"partitions": ["0"]}, first=1)]
            reads += [Read(version, options={"partitions": ["none"]}, first=0)]
    return reads


def right_or_damaged(act: Callable[[], Any], expected: Any, suspects: set[str]) -> bool:
    """Whether an act returned what it should; else it said that one of the suspects is damaged.

    Raises:
        AssertionError: It did neither.
    """
    try:
        found = act()
    except DamagedError as error:
        named = error.facts["path"]
        if named not in suspects or named not in str(error):
            raise AssertionError(f"{error} (suspects: {suspects})") from error
        return False
    assert found == expected
    return True


def frame(*values: int) -> pa.Table:
    """Rows with two columns."""
    return pa.table({"a": pa.array(values, pa.int64()), "b": [str(value) for value in values]})


def plain(path: Path, start: int = 0) -> Sample:
    """Appended to with keys, expired, appended to again."""
    with _schemas_in_files():
        table = Table(path, limits=LIMITS)
        for number in range(7):
            table.append(frame(start + number), idempotency_key=str(number))
        for name in ("t", "u", "v"):
            table.tag(name)
        table.expire(keep_last=2, grace=timedelta(0))
        table.append(frame(start + 9))
    return Sample(path, contents(table))


def partitioned(path: Path, start: int = 0) -> Sample:
    """Of five partitions, one replaced."""
    with _schemas_in_files():
        table = Table(path, limits=LIMITS)
        for number in range(5):
            table.overwrite_partitions({str(number): frame(start + number)}, idempotency_key=str(number))
        table.overwrite_partitions({"1": frame(start + 9)})
    return Sample(path, contents(table))


MAKERS: dict[str, Callable[[Path, int], Sample]] = {"plain": plain, "partitioned": partitioned}


@contextmanager
def holding(path: Path, data: bytes | None) -> Generator[None]:
    """Within the block a file holds other bytes, or isn't there."""
    original = path.read_bytes()
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(original)


def users(sample: Sample) -> dict[str, Callable[[], Any]]:
    """For each file an act that needs it, and returns what was written as long as the file is right."""
    acts: dict[str, Callable[[], Any]] = {}
    kept = retained(sample.path)
    log = sorted(name for name in sample.files() if name.startswith("_atio/log/"))
    for name in reversed(log):  # oldest first: most files are named by the smallest version that has them
        entry = json.loads((sample.path / name).read_bytes())
        version = entry["data"][0]
        if version not in sample.contents or entry["version"] not in kept:
            continue
        read = Read(version)
        for path in [name, *_paths(sample, entry)]:
            acts.setdefault(path, lambda read=read: read.of(sample) == read.expected(sample))
        if name == log[0]:
            for ref in entry.get("key_lists", ()):
                acts[ref[0]] = lambda: _repeat_first(sample).version == 1
            if "tag_list" in entry:
                acts[entry["tag_list"][0]] = lambda: sorted(sample.table().tags()) == ["t", "u", "v"]
    return acts


def _repeat_first(sample: Sample) -> Snapshot:
    """Do again what made the first version: nothing, as long as its key is found."""
    table = sample.table()
    if table.snapshot().partition_fields:
        return table.overwrite_partitions({"0": frame(0)}, idempotency_key="0")
    return table.append(frame(0), idempotency_key="0")


def _paths(sample: Sample, entry: dict[str, Any]) -> list[str]:
    paths = [ref["path"] for ref in entry["schemas"].values()] + [file["path"] for file in entry["files"]]
    for manifest in entry["manifests"]:
        paths.append(manifest[0])
        paths += pa.ipc.open_file(sample.path / manifest[0]).read_all().column("path").to_pylist()
    return paths


def _schemas_in_files() -> Any:
    return mock.patch.object(schema_arrow, "INLINE_BYTES", 0)
