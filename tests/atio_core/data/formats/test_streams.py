"""Lazy frames, readers and other streams: written piece by piece where the library can, and counted on the way."""

import logging
import threading
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import atio_core as atio
from atio_core import progress
from atio_core.data.formats.base import Takes
from atio_core.data.formats.registry import FORMATS
from atio_core.testing import assert_frames_equal
from tests.support.writers import OBJECTS, WRITTEN, Stream, frame

STREAMS: list[tuple[str, Takes]] = [
    (made.name, takes)
    for made in FORMATS.values()
    for takes in ("polars-lazy", "arrow-reader", "capsule")
    if takes in made.writers
]


@pytest.mark.parametrize(("name", "takes"), STREAMS, ids=str)
def test_a_stream_is_written_as_its_frame(tmp_path: Path, name: str, takes: Takes) -> None:
    """A stream makes a file that is read back as that of the frame with the same rows, which are counted."""
    kind = "polars" if takes == "polars-lazy" else "arrow"
    result = atio.write(OBJECTS[takes](), tmp_path / "a", name)
    assert (result.format, result.rows, result.columns) == (name, 3, 3)
    assert_frames_equal(frame(kind), WRITTEN[name, kind].read(tmp_path / "a"))


@pytest.mark.parametrize("name", ["csv", "json", "jsonl"])
@pytest.mark.parametrize("takes", ["polars-lazy", "arrow-reader"])
def test_streams_are_compressed_too(tmp_path: Path, name: str, takes: Takes) -> None:
    """The suffix compresses a stream as it does a frame."""
    for suffix in ("", ".gz", ".zst"):
        atio.write(OBJECTS[takes](), tmp_path / f"a.{name}{suffix}")
    plain = (tmp_path / f"a.{name}").read_bytes()
    for suffix, way in ((".gz", "gzip"), (".zst", "zstd")):
        assert pa.CompressedInputStream(tmp_path / f"a.{name}{suffix}", way).read() == plain


@pytest.mark.parametrize("name", ["parquet", "csv", "jsonl", "feather"])
def test_an_empty_stream(tmp_path: Path, name: str) -> None:
    """A stream without a batch is a file without rows."""
    made = pa.RecordBatchReader.from_batches(frame("arrow").schema, [])
    assert atio.write(made, tmp_path / "a", name).rows == 0
    lazy = pl.LazyFrame(frame("polars")).filter(pl.col("left") < 0)
    assert atio.write(lazy, tmp_path / "b", name).rows == 0


def test_a_stream_is_asked_for_once(tmp_path: Path) -> None:
    """A query behind a stream runs once."""
    stream = Stream()
    atio.write(stream, tmp_path / "a.parquet")
    assert stream.asked == 1


@pytest.mark.parametrize("name", ["parquet", "csv", "json", "jsonl", "excel", "feather"])
def test_a_query_of_duckdb(tmp_path: Path, name: str) -> None:
    """What DuckDB's query returns can be written as it is."""
    with duckdb.connect() as connection:
        relation = connection.sql("SELECT i AS a, i / 2 AS b FROM range(3000) t(i)")
        result = atio.write(relation, tmp_path / "a", name)
    assert (result.rows, result.columns) == (3000, 2)


def test_small_batches_make_large_row_groups(tmp_path: Path) -> None:
    """Many small batches are put together: readers find few row groups."""
    batches = [pa.record_batch({"a": [n]}) for n in range(1000)]
    made = pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches))
    atio.write(made, tmp_path / "a.parquet")
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 1
    made = pa.RecordBatchReader.from_batches(batches[0].schema, iter(batches))
    atio.write(made, tmp_path / "a.parquet", row_group_size=300, compression="zstd")
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 4


@pytest.mark.parametrize("name", ["parquet", "csv", "feather"])
def test_a_stream_is_never_whole_in_memory(tmp_path: Path, name: str) -> None:
    """A reader's batches are let go one after another."""
    rows, batches = 65_536, 64
    peak = 0

    def made() -> Any:
        nonlocal peak
        for _ in range(batches):
            peak = max(peak, pa.total_allocated_bytes() - before)
            yield pa.record_batch({"a": pa.array(np.arange(rows) * 0.5)})

    before = pa.total_allocated_bytes()
    stream = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.float64()}), made())
    assert atio.write(stream, tmp_path / "a", name).rows == batches * rows
    assert peak < batches * rows * 8 * 0.6


@pytest.mark.parametrize("name", ["parquet", "csv", "feather", "jsonl", "json", "excel"])
def test_a_stream_that_fails_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    """A query that fails half way leaves the old file alone, and its own error is the cause."""

    def batches() -> Any:
        yield frame("arrow").to_batches()[0]
        raise RuntimeError("the server went away")

    path = tmp_path / "a"
    path.write_bytes(b"old")
    made = pa.RecordBatchReader.from_batches(frame("arrow").schema, batches())
    with pytest.raises(atio.InvalidInputError, match="the server went away"):
        atio.write(made, path, name)
    lazy = pl.LazyFrame({"a": ["x"]}).select(pl.col("a").cast(pl.Int64))
    with pytest.raises(atio.InvalidInputError, match=r"InvalidOperationError|ComputeError"):
        atio.write(lazy, path, name)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["parquet", "json"])
def test_a_missing_source_is_no_fault_of_the_disk(tmp_path: Path, name: str) -> None:
    """A lazy frame over a file that is gone is an error in the data, not of the target's disk."""
    (tmp_path / "source.csv").write_text("a\n1\n")
    lazy = pl.scan_csv(tmp_path / "source.csv")
    lazy.collect_schema()
    (tmp_path / "source.csv").unlink()
    with pytest.raises(atio.InvalidInputError, match=r"source\.csv"):
        atio.write(lazy, tmp_path / "a", name)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_the_rows_of_a_stream(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`show_progress` tells how many rows of a stream were really written so far."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.001)
    told = threading.Event()
    emit = logging.StreamHandler.emit  # type: ignore[var-annotated]

    def listen(handler: Any, record: logging.LogRecord) -> None:
        emit(handler, record)
        if "3 rows" in record.getMessage():
            told.set()

    def batches() -> Any:
        yield frame("arrow").to_batches()[0]
        yield frame("arrow").to_batches()[0][:0]  # who asks for the second has written the first
        assert told.wait(60)

    monkeypatch.setattr(logging.StreamHandler, "emit", listen)
    made = pa.RecordBatchReader.from_batches(frame("arrow").schema, batches())
    assert atio.write(made, tmp_path / "a.csv", show_progress=True).rows == 3
    assert "writing a.csv: 3 rows" in capsys.readouterr().err


def test_a_sink_that_would_not_run_is_refused(tmp_path: Path) -> None:
    """`lazy=True` would write nothing."""
    with pytest.raises(atio.InvalidInputError, match="lazy=True is refused"):
        atio.write(OBJECTS["polars-lazy"](), tmp_path / "a.parquet", lazy=True)
    assert list(tmp_path.iterdir()) == []


def test_options_of_streams(tmp_path: Path) -> None:
    """Options reach the sinks and pyarrow's writers."""
    atio.write(OBJECTS["polars-lazy"](), tmp_path / "a.csv", separator=";")
    assert (tmp_path / "a.csv").read_text().startswith("product;price;left\n")
    atio.write(OBJECTS["arrow-reader"](), tmp_path / "a.csv", delimiter=";")
    options = pc.ParseOptions(delimiter=";", newlines_in_values=True)
    assert pc.read_csv(tmp_path / "a.csv", parse_options=options).num_columns == 3
    atio.write(OBJECTS["arrow-reader"](), tmp_path / "a.arrow", compression="uncompressed")
    assert feather.read_table(tmp_path / "a.arrow").equals(frame("arrow"))


def test_values_of_a_stream_cannot_be_vouched_for(tmp_path: Path) -> None:
    """Strict CSV of a stream is refused where its values decide what readers guess; strict Parquet isn't."""
    for takes in ("polars-lazy", "arrow-reader", "capsule"):
        with pytest.raises(atio.NotPreservableError, match="values stream by"):
            atio.write(OBJECTS[takes](), tmp_path / "a.csv", strict=True)
        assert atio.write(OBJECTS[takes](), tmp_path / "a.parquet", strict=True).losses == ()
