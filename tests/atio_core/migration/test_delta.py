"""The latest version of a Delta table is taken over as a first version."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.errors import DamagedError, InvalidInputError
from atio_core.storage.memory import MemoryStore


@pytest.fixture
def delta() -> Any:
    """The library, where it is installed."""
    return pytest.importorskip("deltalake")


def test_the_latest_version_becomes_the_first(delta: Any, tmp_path: Path) -> None:
    """Rows and partitions are those of the latest version; its time is in the properties."""
    for rows, mode in (({"n": [0]}, "append"), ({"n": [1, 2], "d": ["x", None]}, "overwrite")):
        options = {"schema_mode": "overwrite", "partition_by": ["d"]} if mode == "overwrite" else {}
        delta.write_deltalake(tmp_path / "old", pa.table(rows), mode=mode, **options)
    table = atio.Table(store=MemoryStore("new"))
    made = atio.from_delta(tmp_path / "old", table)
    assert (made.kind, made.versions, atio.migrate(tmp_path / "old", table).written) == ("delta", {1: 1}, 0)
    rows = sorted(table.read(output_as="arrow").to_pylist(), key=lambda row: row["n"])
    assert rows == [{"n": 1, "d": "x"}, {"n": 2, "d": None}]
    assert table.snapshot().partition_fields == ("d",)
    assert "migrated.time" in table.snapshot().properties


def test_a_log_that_cannot_be_read_is_told(delta: Any, tmp_path: Path) -> None:
    """A damaged table is refused before anything is written."""
    delta.write_deltalake(tmp_path / "old", pa.table({"n": [0]}))
    next((tmp_path / "old/_delta_log").glob("*.json")).write_text("no")
    with pytest.raises(DamagedError, match="old can't be read"):
        atio.migrate(tmp_path / "old", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_without_the_library_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only Delta tables need deltalake."""
    monkeypatch.setitem(sys.modules, "deltalake", None)
    (tmp_path / "old/_delta_log").mkdir(parents=True)
    with pytest.raises(InvalidInputError, match="pip install deltalake"):
        atio.migrate(tmp_path / "old", tmp_path / "new")


def test_columns_that_were_renamed_are_refused(delta: Any, tmp_path: Path) -> None:
    """Columns whose names in the files are others come out of deltalake as nulls: they aren't taken for values."""
    delta.write_deltalake(tmp_path / "old", pa.table({"n": [1]}))
    log = next((tmp_path / "old/_delta_log").glob("*.json"))
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        if "protocol" in line:
            line["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        if "metaData" in line:
            schema = json.loads(line["metaData"]["schemaString"])
            mapping = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "n"}
            schema["fields"][0] |= {"name": "renamed", "metadata": mapping}
            line["metaData"]["schemaString"] = json.dumps(schema)
            line["metaData"]["configuration"] = {"delta.columnMapping.mode": "name"}
    log.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(InvalidInputError, match="other names in its files"):
        atio.from_delta(tmp_path / "old", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_partitions_of_bytes_are_refused(delta: Any, tmp_path: Path) -> None:
    """Bytes by which a table is partitioned come out of deltalake as others: they aren't taken for values."""
    delta.write_deltalake(tmp_path / "old", pa.table({"b": [b"\xff"], "n": [1]}), partition_by=["b"])
    with pytest.raises(InvalidInputError, match="partitioned by 'b', of bytes"):
        atio.from_delta(tmp_path / "old", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_is_gone_is_told(delta: Any, tmp_path: Path) -> None:
    """Rows that can't be read while they are written are damage, and nothing was committed."""
    delta.write_deltalake(tmp_path / "old", pa.table({"n": [1]}))
    next((tmp_path / "old").glob("*.parquet")).unlink()
    with pytest.raises(DamagedError, match="old can't be read"):
        atio.from_delta(tmp_path / "old", tmp_path / "new")
    assert not atio.Table(tmp_path / "new").exists()
