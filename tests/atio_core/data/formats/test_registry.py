from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.data.formats.registry import FORMATS, Choice, choose, refuse_database
from atio_core.data.kinds import Kind
from atio_core.errors import InvalidInputError, UnsupportedFormatError
from tests.support.writers import frame

EVERY_FORMAT = "parquet, csv, json, excel"


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "a.parquet": ("parquet", None),
        "a.pq": ("parquet", None),
        "a.csv": ("csv", None),
        "a.json": ("json", None),
        "a.xlsx": ("excel", None),
        "A.CSV": ("csv", None),
        "a.b.csv": ("csv", None),
        "a.csv.gz": ("csv", "gzip"),
        "a.CSV.GZ": ("csv", "gzip"),
        "a.json.bz2": ("json", "bz2"),
        "a.csv.xz": ("csv", "xz"),
        "a.csv.zst": ("csv", "zstd"),
        "a.csv.zip": ("csv", "zip"),
    }.items(),
)
def test_the_suffix_names_the_format(name: str, expected: tuple[str, str | None]) -> None:
    """Without `format=`, the name's suffixes say what is written, in capitals too."""
    choice = choose(frame("pandas"), name, None, {})
    assert (choice.format, choice.compression) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_that_is_named_counts(name: str) -> None:
    """With `format=`, the suffix doesn't decide."""
    assert choose(frame("pandas"), "a.dat", name, {}).format == name
    assert choose(frame("pandas"), "a", name, {}).format == name


@pytest.mark.parametrize("name", ["a.xls", "a.txt", "a", ".csv", "a.gz", "a.csv.tar", "a.jsonl"])
def test_a_suffix_that_names_no_format_is_refused(name: str) -> None:
    """A name without a known suffix is refused, with all suffixes and formats that there are."""
    with pytest.raises(UnsupportedFormatError, match=r"\.parquet, \.pq, \.csv, \.json, \.xlsx") as caught:
        choose(frame("pandas"), name, None, {})
    assert EVERY_FORMAT in str(caught.value)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["xml", "CSV", "", ".csv", 3])
def test_a_format_that_is_none_is_refused(name: Any) -> None:
    """An unknown format is refused, with all that there are."""
    with pytest.raises(UnsupportedFormatError, match=EVERY_FORMAT):
        choose(frame("pandas"), "a.csv", name, {})


@pytest.mark.parametrize("name", ["a.xls", "a.xlsm", "a.ods", "a.XLSB"])
def test_a_workbook_of_another_kind_is_refused(name: str) -> None:
    """No .xlsx file is written under the name of a relative that Excel would then refuse to open."""
    with pytest.raises(UnsupportedFormatError, match=r"excel files are \.xlsx"):
        choose(frame("pandas"), name, "excel", {})


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("a.parquet.gz", "pandas", "drop the last suffix"),
        ("a.xlsx.zip", "polars", "drop the last suffix"),
        ("a.csv.xz", "polars", r"\.gz, \.zst"),
        ("a.json.zip", "polars", r"\.bz2, \.gz, \.zst"),
        ("a.csv.zip", "arrow", r"\.bz2, \.gz, \.zst"),
    ],
)
def test_a_compression_that_the_writer_lacks_is_refused(name: str, kind: Kind, said: str) -> None:
    """No uncompressed bytes get under the name of a compressed file."""
    with pytest.raises(UnsupportedFormatError, match=said):
        choose(frame(kind), name, None, {})
    with pytest.raises(UnsupportedFormatError, match=said):
        choose(frame(kind), name, "excel" if "xlsx" in name else name.split(".")[1], {})


@pytest.mark.parametrize("compression", [None, "bz2", {"method": "zip"}, "uncompressed"])
def test_a_name_and_an_option_that_disagree_are_refused(compression: Any) -> None:
    """What the name says of the bytes is true."""
    with pytest.raises(InvalidInputError, match=r"'a\.csv\.gz' says gzip"):
        choose(frame("pandas"), "a.csv.gz", None, {"compression": compression})


@pytest.mark.parametrize(
    "compression", ["gzip", "infer", {"method": "gzip", "mtime": 1}, {"method": "infer"}]
)
def test_a_name_and_an_option_that_agree_are_taken(compression: Any) -> None:
    """To say twice what the bytes are is no mistake."""
    assert choose(frame("pandas"), "a.csv.gz", None, {"compression": compression}).compression == "gzip"


OTHERS: dict[str, tuple[Callable[[], object], str]] = {
    "list": (lambda: [1, 2], "not of builtins.list"),
    "array": (lambda: np.zeros(2), r"not of numpy.ndarray. .*pandas.DataFrame"),
    "series": (lambda: pd.Series([1]), "pandas.DataFrame"),
    "lazy": (lambda: pl.LazyFrame({"a": [1]}), r"collect\(\)"),
    "reader": (lambda: frame("arrow").to_reader(), r"read_all\(\)"),
    "none": (lambda: None, "NoneType"),
    "class": (lambda: pd.DataFrame, "pandas.DataFrame"),
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("other", OTHERS)
def test_an_object_that_no_writer_takes_is_refused(name: str, other: str) -> None:
    """What is no frame is refused, with what would be and how to get there."""
    make, said = OTHERS[other]
    with pytest.raises(UnsupportedFormatError, match=said) as caught:
        choose(make(), "a", name, {})
    assert "a pandas frame, a polars frame, an Arrow table" in str(caught.value)


def test_whatever_exports_a_stream_is_told_what_to_do() -> None:
    """An object of another library that speaks Arrow is one step away from a table."""

    class Other:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.table({"a": [1]}).__arrow_c_stream__(requested_schema)

    with pytest.raises(UnsupportedFormatError, match=r"pyarrow\.table\(it\)"):
        choose(Other(), "a.csv", None, {})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "a"}, "append to a table"),
        ({"mode": "x"}, "append to a table"),
        ({"path_or_buf": "b.csv"}, "target_path alone"),
        ({"excel_writer": "b.xlsx"}, "target_path alone"),
        ({"file": "b.csv"}, "target_path alone"),
        ({"where": "b"}, "target_path alone"),
        ({"partition_cols": ["a"]}, "write_snapshot"),
        ({"partition_by": "a"}, "write_snapshot"),
        ({"use_pyarrow": True, "pyarrow_options": {"partition_cols": ["a"]}}, "write_snapshot"),
        ({"storage_options": {"key": "s3cret"}}, "this machine"),
        ({"filesystem": "s3"}, "this machine"),
    ],
    ids=str,
)
def test_options_that_undo_the_promise_are_refused(options: dict[str, Any], said: str) -> None:
    """An option that would write elsewhere, to several files, or add to the old one is refused with the reason."""
    with pytest.raises(InvalidInputError, match=said) as caught:
        choose(frame("pandas"), "a.csv", None, options)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "w"},
        {"partition_cols": None, "storage_options": None, "filesystem": None},
        {"credential_provider": "auto", "mkdir": False, "pyarrow_options": {"version": "1.0"}},
        {"index": False, "sheet_name": "a", "orient": "split"},
    ],
    ids=str,
)
def test_harmless_options_are_taken(options: dict[str, Any]) -> None:
    """The same options at their defaults, and all others, are the library's business."""
    assert isinstance(choose(frame("pandas"), "a.csv", None, options), Choice)


@pytest.mark.parametrize("name", ["sql", "database"])
def test_databases_are_refused(name: str) -> None:
    """Who wants a database is told that there are only files."""
    with pytest.raises(UnsupportedFormatError, match=f"doesn't write to databases.*{EVERY_FORMAT}"):
        refuse_database(name)
    refuse_database("csv")
    refuse_database(None)
