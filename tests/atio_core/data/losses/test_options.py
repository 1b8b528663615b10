"""Options of the libraries that readers don't know of: said, refused if strict; the others come back."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.data.kinds import Kind
from tests.support.file_reading import OPTIONS, READ, assert_read_same
from tests.support.writers import frame

ROWS = {"a": [1, 2], "b": ["x", "é,\n"], "c": [1.25, None]}
UNTOLD: list[tuple[str, Kind, dict[str, Any]]] = [
    ("csv", "pandas", {"columns": ["a"]}),
    ("csv", "pandas", {"date_format": "%Y"}),
    ("csv", "pandas", {"decimal": ","}),
    ("csv", "pandas", {"doublequote": False, "escapechar": "\\"}),
    ("csv", "pandas", {"encoding": "utf-16"}),
    ("csv", "pandas", {"errors": "replace"}),
    ("csv", "pandas", {"header": ["p", "q", "r"]}),
    ("csv", "pandas", {"header": False}),
    ("csv", "pandas", {"lineterminator": "a"}),
    ("csv", "pandas", {"na_rep": "x"}),
    ("csv", "pandas", {"quotechar": "'"}),
    ("csv", "pandas", {"quoting": 3, "escapechar": "\\"}),
    ("csv", "pandas", {"sep": ";"}),
    ("csv", "pandas", {"compression": "gzip"}),
    ("csv", "pandas", {"compression": {"method": "zip", "archive_name": "a"}}),
    ("csv", "polars", {"compression": "zstd"}),
    ("csv", "polars", {"date_format": "%Y"}),
    ("csv", "polars", {"float_precision": 1}),
    ("csv", "polars", {"include_header": False}),
    ("csv", "polars", {"line_terminator": "\r\n"}),
    ("csv", "polars", {"null_value": "x"}),
    ("csv", "polars", {"quote_style": "always"}),
    ("csv", "polars", {"quote_style": "never"}),
    ("csv", "polars", {"separator": ";"}),
    ("csv", "arrow", {"delimiter": ";"}),
    ("csv", "arrow", {"include_header": False}),
    ("excel", "pandas", {"columns": ["a"]}),
    ("excel", "pandas", {"float_format": "%.1f"}),
    ("excel", "pandas", {"header": False}),
    ("excel", "pandas", {"na_rep": "x"}),
    ("excel", "pandas", {"startrow": 3}),
    ("excel", "polars", {"include_header": False}),
    ("excel", "polars", {"position": "B2"}),
    ("jsonl", "pandas", {"lines": False}),
    ("jsonl", "pandas", {"compression": "xz"}),
    ("jsonl", "polars", {"compression": "gzip"}),
    ("json", "pandas", {"lines": True}),
    ("json", "pandas", {"compression": "bz2"}),
    ("parquet", "pandas", {"schema": pa.schema({"a": pa.int8()})}),
    ("parquet", "arrow", {"store_schema": False}),
    ("parquet", "arrow", {"flavor": "spark"}),
    ("parquet", "pandas", {"coerce_timestamps": "ms"}),
]
HARMLESS: list[tuple[str, Kind, dict[str, Any]]] = [
    ("csv", "pandas", {"encoding": "utf-8-sig"}),
    ("csv", "pandas", {"lineterminator": "\r\n", "quoting": 1}),
    ("csv", "pandas", {"lineterminator": "\r", "quoting": 2}),
    ("csv", "pandas", {"sep": ",", "header": True, "chunksize": 1}),
    ("csv", "pandas", {"compression": None}),
    ("csv", "pandas", {"compression": "infer"}),
    ("csv", "polars", {"compression": "uncompressed"}),
    ("csv", "polars", {"include_bom": True, "quote_style": "non_numeric"}),
    ("parquet", "pandas", {"compression": "zstd", "row_group_size": 1}),
    ("parquet", "arrow", {"version": "2.6", "use_dictionary": False}),
]


def written(path: Path, name: str, kind: Kind, options: dict[str, Any], *, strict: bool) -> atio.WriteResult:
    """Write the rows."""
    return atio.write(
        frame(kind, ROWS), path, name, strict=strict, **(OPTIONS.get((name, kind), {}) | options)
    )


@pytest.mark.parametrize(("name", "kind", "options"), UNTOLD, ids=str)
def test_options_that_readers_are_not_told_of(
    tmp_path: Path, name: str, kind: Kind, options: dict[str, Any]
) -> None:
    """What is found only by readers that are told of an option is a loss, which names it; strictly it is refused."""
    said = "".join(map(str, written(tmp_path / "said", name, kind, options, strict=False).losses))
    assert all(f"{option}=" in said for option in options)
    with pytest.raises(atio.NotPreservableError, match=next(iter(options))):
        written(tmp_path / "prices", name, kind, options, strict=True)
    assert not (tmp_path / "prices").exists()


@pytest.mark.parametrize(("name", "kind", "options"), HARMLESS, ids=str)
def test_options_that_readers_can_do_without(
    tmp_path: Path, name: str, kind: Kind, options: dict[str, Any]
) -> None:
    """Options that readers need not know of are no loss, and what is written strictly with them comes back."""
    assert written(tmp_path / "prices", name, kind, options, strict=True).losses == ()
    assert_read_same(frame(kind, ROWS), READ[name, kind](tmp_path / "prices"))


@pytest.mark.parametrize("option", ["gzip", {"method": "gzip", "mtime": 1}])
def test_a_compression_that_the_name_tells_is_no_loss(tmp_path: Path, option: object) -> None:
    """Readers find it by the name's last suffix."""
    path = tmp_path / "prices.csv.gz"
    result = atio.write(frame("pandas", ROWS), path, strict=True, index=False, compression=option)
    assert result.losses == ()
    assert_read_same(frame("pandas", ROWS), READ["csv", "pandas"](path))


@pytest.mark.parametrize("name", ["prices.csv", "prices.csv.gz"])
def test_a_compression_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever stands in its place, the refusal is ours."""
    with pytest.raises(atio.InvalidInputError, match="compression"):
        atio.write(frame("pandas", ROWS), tmp_path / name, compression=["gzip"])


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_columns_of_an_array_are_its_names(tmp_path: Path, suffix: str) -> None:
    """Of an array, `columns` gives the names, and loses nothing."""
    result = atio.write(np.array([[0.5]]), tmp_path / f"prices{suffix}", columns=["a"], strict=True)
    assert result.losses == ()
