"""What DuckDB and Spark read of mirrors, in an environment of their own: they take other releases than this one's."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atio_core.table import Table
from tests.atio_core.mirrors.engines import CARRIED, NESTED, rows
from tests.support.engine_reader import BY_ROWS

ROOT = Path(__file__).parents[3]
READERS = ROOT / ".venv-readers/bin/python"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not READERS.exists(), reason="make soak makes .venv-readers, where these engines are"),
]
Rows = list[dict[str, Any]]


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Sequence[tuple[str, str, Any, list[str]]]], list[Rows]]:
    """Return what engines read: each job is an engine, a kind of mirror, a place, and the columns' names."""

    def run(jobs: Sequence[tuple[str, str, Any, list[str]]]) -> list[Rows]:
        outs = [tmp_path / f"read-{number}" for number in range(len(jobs))]
        told = [[*job[:3], str(out)] for job, out in zip(jobs, outs, strict=True)]
        (tmp_path / "jobs.json").write_text(json.dumps(told))
        script = ROOT / "tests/support/engine_reader.py"
        done = subprocess.run(
            [READERS, script, tmp_path / "jobs.json"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-5000:]
        return [
            rows(pq.read_table(out, partitioning=None).rename_columns(job[3]))
            for job, out in zip(jobs, outs, strict=True)
        ]

    return run


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_every_value_is_what_other_engines_read(
    engine: str, tmp_path: Path, read: Callable[..., list[Rows]]
) -> None:
    """Of each type that can be carried, they read just what is there; behind an erasing too."""
    names = [*CARRIED.column_names, *NESTED.column_names]
    places = ("a b", "flat", "nested", "times", "moved")
    wide, flat, nested, times, moved = (Table(tmp_path / name) for name in places)
    wide.append(pa.table([*CARRIED.columns, *NESTED.columns], names))
    wide.to_delta()
    for id_ in (1, 4):
        ids = pa.array([id_, id_ + 1, id_ + 2])
        flat.append(CARRIED.drop_columns(["uint32", "naive_ms"]).set_column(0, "id", ids))
        nested.append(NESTED.append_column("id", ids))
    nested.rename_column("struct", "renamed")
    times.append(CARRIED.select(["id", "naive_ms"]))
    changed(moved)
    jobs: list[tuple[str, str, Any, list[str]]] = []
    for kind, table in (("iceberg", flat), ("iceberg", nested), (BY_ROWS, times), ("iceberg", moved)):
        location = table.to_iceberg(history=table is moved).location
        jobs.append((engine, kind, location, table.snapshot().schema.names))
    for table in (wide, moved):
        uris = deltalake.DeltaTable(table.path).file_uris()
        place = [urllib.parse.unquote(uri) for uri in uris] if engine == "spark" else table.path
        jobs.append((engine, "delta", place, table.snapshot().schema.names))
    expected = [rows(one.read(output_as="arrow")) for one in (flat, nested, times, moved, wide, moved)]
    for found, wanted in zip(read(jobs), expected, strict=True):
        assert found == wanted


def changed(table: Table) -> None:
    """Mirror a table that rows were erased from, and goes on."""
    for number, name in enumerate(("Kim", "Lee", "Zoe")):
        table.append(pa.table({"id": [number], "name": [name]}))
        if number == 1:
            table.erase([("name", "==", "Kim")], tags="all")
        table.to_delta(history=True)
        table.to_iceberg(history=True)
