"""Every writer of the registry: what its library would have written, and read back by it."""

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.data.formats import compression
from atio_core.data.formats.registry import FORMATS
from atio_core.data.kinds import Kind
from atio_core.testing import assert_frames_equal
from tests.support.writers import PAIRS, WRITTEN, frame

WITH_OPTIONS = [(*pair, options) for pair in PAIRS for options in WRITTEN[pair].options]
COMPRESSED = [(name, kind, way) for name, kind in PAIRS for way in FORMATS[name].writers[kind].compressions]

REPEATING = [case for case in WITH_OPTIONS if WRITTEN[case[:2]].repeats]

each_writer = pytest.mark.parametrize(("name", "kind", "options"), WITH_OPTIONS, ids=str)


@each_writer
def test_what_was_written_is_read_back(
    tmp_path: Path, name: str, kind: Kind, options: dict[str, Any]
) -> None:
    """The library's own reader finds the frame that was written, whatever the options."""
    path = tmp_path / f"prices{WRITTEN[name, kind].suffix}"
    result = atio.write(frame(kind), path, **options)
    assert result.format == name
    assert_frames_equal(frame(kind), WRITTEN[name, kind].read(path))


@pytest.mark.parametrize(("name", "kind", "options"), REPEATING, ids=str)
def test_the_bytes_are_the_librarys_own(
    tmp_path: Path, name: str, kind: Kind, options: dict[str, Any]
) -> None:
    """The file holds the very bytes that the library's own call with these options writes."""
    written = WRITTEN[name, kind]
    own, ours = tmp_path / f"own{written.suffix}", tmp_path / f"ours{written.suffix}"
    written.own(frame(kind), own, **options)
    atio.write(frame(kind), ours, **options)
    assert ours.read_bytes() == own.read_bytes()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("pandas", {"sheet_name": "Users"}),
        ("polars", {"worksheet": "Users"}),
        ("arrow", {"sheet_name": "Users"}),
    ],
)
def test_a_sheet_is_named(tmp_path: Path, kind: Kind, options: dict[str, Any]) -> None:
    """Options of Excel writers reach them."""
    atio.write(frame(kind), tmp_path / "prices.xlsx", **options)
    assert list(pd.read_excel(tmp_path / "prices.xlsx", sheet_name=None)) == ["Users"]


def _unzip(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        assert name == path.name.removesuffix(".zip")
        return archive.read(name)


DECOMPRESS: dict[str, Callable[[Path], bytes]] = {
    "gzip": lambda path: gzip.decompress(path.read_bytes()),
    "bz2": lambda path: bz2.decompress(path.read_bytes()),
    "xz": lambda path: lzma.decompress(path.read_bytes()),
    "zstd": lambda path: pa.CompressedInputStream(path, "zstd").read(),
    "zip": _unzip,
}


@pytest.mark.parametrize(("name", "kind", "way"), COMPRESSED, ids=str)
def test_the_suffix_compresses(tmp_path: Path, name: str, kind: Kind, way: str) -> None:
    """A file whose name ends as a compressed one is compressed so, and holds the bytes of the plain one."""
    if kind != "polars" and way == "zstd" and not (kind == "arrow" and name == "csv"):
        pytest.importorskip("zstandard", reason="pandas needs it for .zst")
    (ending,) = [end for end, known in compression.SUFFIXES.items() if known == way]
    plain, packed = tmp_path / f"prices.{name}", tmp_path / f"prices.{name}{ending}"
    atio.write(frame(kind), plain)
    atio.write(frame(kind), packed)
    assert DECOMPRESS[way](packed) == plain.read_bytes()


def test_a_compression_of_pandas_keeps_its_details(tmp_path: Path) -> None:
    """Pandas' dict of details goes with what the suffix says."""
    for name in ("a.csv.gz", "b.csv.gz"):
        atio.write(frame("pandas"), tmp_path / name, compression={"method": "infer", "mtime": 1})
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert pd.read_csv(tmp_path / "a.csv.gz").shape == (3, 4)


def test_a_compression_without_a_suffix(tmp_path: Path) -> None:
    """A compression that is asked for in words is applied under any name that doesn't say another."""
    atio.write(frame("pandas"), tmp_path / "prices.csv", compression="gzip", index=False)
    assert_frames_equal(frame("pandas"), pd.read_csv(tmp_path / "prices.csv", compression="gzip"))
    atio.write(frame("pandas"), tmp_path / "dump", "csv", compression={"method": "zip", "archive_name": "x"})
    with zipfile.ZipFile(tmp_path / "dump") as archive:
        assert archive.namelist() == ["x"]


def test_no_name_of_ours_gets_into_a_compressed_file(tmp_path: Path) -> None:
    """The temporary file's name is nobody's business."""
    atio.write(frame("pandas"), tmp_path / "prices.csv.gz")
    assert b".tmp" not in (tmp_path / "prices.csv.gz").read_bytes()


def test_arrow_as_json_is_exact(tmp_path: Path) -> None:
    """Integers with nulls stay integers, floats keep what fits, times their unit; nested values stay nested."""
    table = pa.table(
        {
            "count": [2**60, None],
            "rate": [0.123456789012345, None],
            "time": pa.array([datetime(2013, 1, 1, 5, 17, 0, 123456, UTC), None]),
            "tags": [["a"], []],
        }
    )
    atio.write(table, tmp_path / "a.json")
    first, second = json.loads((tmp_path / "a.json").read_text())
    assert first == {
        "count": 2**60,
        "rate": 0.123456789012345,
        "time": "2013-01-01T05:17:00.123456000Z",
        "tags": ["a"],
    }
    assert second == {"count": None, "rate": None, "time": None, "tags": []}


def test_arrow_keeps_the_columns_of_an_index(tmp_path: Path) -> None:
    """A table that came from pandas has its index as a column, and so has the file."""
    table = pa.Table.from_pandas(pd.DataFrame({"price": [1.5]}, index=pd.Index(["pen"], name="product")))
    atio.write(table, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [{"price": 1.5, "product": "pen"}]


@pytest.mark.parametrize("name", [name for name, kind in PAIRS if kind == "arrow"])
def test_a_record_batch_is_a_small_table(tmp_path: Path, name: str) -> None:
    """A record batch is written as the table with the same rows."""
    written = WRITTEN[name, "arrow"]
    path = tmp_path / f"prices{written.suffix}"
    result = atio.write(frame("arrow").to_batches()[0], path)
    assert (result.rows, result.columns) == (3, 3)
    assert_frames_equal(frame("arrow"), written.read(path))


def test_write_options_of_pyarrow(tmp_path: Path) -> None:
    """Pyarrow's object of CSV options is taken as well as the options themselves."""
    import pyarrow.csv as pc

    atio.write(frame("arrow"), tmp_path / "a.csv", write_options=pc.WriteOptions(delimiter=";"))
    atio.write(frame("arrow"), tmp_path / "b.csv", delimiter=";")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (
        b'"pen";1.5;3' in (tmp_path / "a.csv").read_bytes()
        or b"pen;1.5;3" in (tmp_path / "a.csv").read_bytes()
    )


@pytest.mark.parametrize(("name", "kind"), PAIRS, ids=str)
def test_empty_frames(tmp_path: Path, name: str, kind: Kind) -> None:
    """A frame without rows is written too."""
    path = tmp_path / f"prices{WRITTEN[name, kind].suffix}"
    result = atio.write(frame(kind)[:0], path)
    assert (result.rows, result.columns) == (0, 3)
    assert result.bytes == path.stat().st_size


def test_a_subclass_writes_as_it_likes(tmp_path: Path) -> None:
    """The frame's own method is called, so that a subclass writes its own way."""

    class Loud(pd.DataFrame):
        def to_csv(self, *args: Any, **options: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            return pd.DataFrame(self).rename(columns=str.upper).to_csv(*args, **options)

    atio.write(Loud({"price": [1]}), tmp_path / "a.csv", index=False)
    assert (tmp_path / "a.csv").read_text() == "PRICE\n1\n"


def test_polars_writes_with_its_own_threads(tmp_path: Path) -> None:
    """A frame of many rows comes back whole from polars' writers, which write to the descriptor itself."""
    many = pl.DataFrame({"a": range(200_000)}).with_columns(b=pl.col("a").cast(pl.String))
    for name in ("a.csv", "a.parquet", "a.json", "a.csv.gz"):
        atio.write(many, tmp_path / name)
    assert pl.read_csv(tmp_path / "a.csv", schema=many.schema).equals(many)
    assert pl.read_csv(tmp_path / "a.csv.gz", schema=many.schema).equals(many)
    assert pl.read_parquet(tmp_path / "a.parquet").equals(many)
    assert pl.read_json(tmp_path / "a.json").equals(many)
