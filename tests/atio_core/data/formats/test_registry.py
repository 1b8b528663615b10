from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from atio_core.data.formats.registry import FORMATS, Choice, choose
from atio_core.data.kinds import Kind
from atio_core.errors import InvalidInputError, UnsupportedFormatError
from tests.support.writers import EVERY, OBJECTS, WRITTEN, frame

EVERY_FORMAT = "parquet, csv, json, jsonl, excel, feather"


def test_every_writer_of_frames_is_compared_with_its_library() -> None:
    """Each writer of eager frames has its library's own call beside it in the tests, each other one an object."""
    kinds = {"pandas", "polars", "arrow"}
    assert {(name, takes) for name, takes in EVERY if takes in kinds} == set(WRITTEN)
    assert {takes for _, takes in EVERY} == set(OBJECTS)


@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "a.parquet": ("parquet", None),
        "a.pq": ("parquet", None),
        "a.csv": ("csv", None),
        "a.json": ("json", None),
        "a.jsonl": ("jsonl", None),
        "a.ndjson.gz": ("jsonl", "gzip"),
        "a.xlsx": ("excel", None),
        "a.feather": ("feather", None),
        "a.arrow": ("feather", None),
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


@pytest.mark.parametrize(("name", "takes"), EVERY, ids=str)
def test_the_format_that_is_named_counts(name: str, takes: Any) -> None:
    """With `format=`, or another name of it, the suffix doesn't decide."""
    for given in (name, *FORMATS[name].aliases):
        for path in ("a.dat", "a", "a.html"):
            choice = choose(OBJECTS[takes](), path, given, {})
            assert (choice.format, choice.writer) == (name, FORMATS[name].writers[takes])


@pytest.mark.parametrize("name", ["a.xls", "a.foo", "a", ".csv", "a.gz", "a.csv.tar"])
def test_a_suffix_that_names_no_format_is_refused(name: str) -> None:
    """A name without a known suffix is refused, with all suffixes and formats that there are for the object."""
    with pytest.raises(UnsupportedFormatError, match=r"\.parquet, \.pq, \.csv, \.json, \.jsonl") as caught:
        choose(frame("pandas"), name, None, {})
    assert EVERY_FORMAT in str(caught.value)
    assert "pandas.DataFrame can be written as" in str(caught.value)
    assert "npy" not in str(caught.value)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["nothing", "CSV", "", ".csv", 3])
def test_a_format_that_is_none_is_refused(name: Any) -> None:
    """An unknown format is refused, with all that there are for the object."""
    with pytest.raises(UnsupportedFormatError, match=EVERY_FORMAT):
        choose(frame("pandas"), "a.csv", name, {})


@pytest.mark.parametrize("name", ["a.xls", "a.xlsm", "a.ods", "a.XLSB"])
def test_a_workbook_of_another_kind_is_refused(name: str) -> None:
    """No .xlsx file is written under the name of a relative that Excel would then refuse to open."""
    with pytest.raises(UnsupportedFormatError, match=r"excel files are \.xlsx"):
        choose(frame("pandas"), name, "excel", {})


@pytest.mark.parametrize("name", ["a.pkl", "a.pickle", "a.pkl.gz"])
def test_a_pickle_has_to_be_named(name: str) -> None:
    """A suffix alone makes no pickle; the error says why, and what to do."""
    with pytest.raises(UnsupportedFormatError, match="runs what is in it: give format='pickle'"):
        choose({1}, name, None, {})
    assert choose({1}, name, "pickle", {}).format == "pickle"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("a.parquet.gz", "pandas", "drop the last suffix"),
        ("a.feather.zst", "arrow", "drop the last suffix"),
        ("a.xlsx.zip", "polars", "drop the last suffix"),
        ("a.csv.xz", "polars", r"\.gz, \.zst"),
        ("a.jsonl.bz2", "polars", r"\.gz, \.zst"),
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


REFUSED: dict[str, tuple[Callable[[], object], str, str]] = {
    "list as csv": (
        lambda: [1, 2],
        "csv",
        r"not|isn't written of builtins.list. .* json, jsonl, pickle.*DataFrame",
    ),
    "text as parquet": (lambda: "a", "parquet", r"can be written as json, pickle, text"),
    "bytes as csv": (lambda: b"a", "csv", r"can be written as pickle, bytes"),
    "bytes as json": (lambda: b"a", "json", "bytes"),
    "array as feather": (lambda: np.zeros(2), "feather", r"parquet, csv, json, jsonl, excel, npy, pickle"),
    "series as parquet": (lambda: pd.Series([1]), "parquet", r"pandas.DataFrame\(it\)"),
    "frame as npy": (lambda: frame("pandas"), "npy", "parquet, csv"),
    "frame as text": (
        lambda: frame("polars"),
        "text",
        "polars.dataframe.frame.DataFrame can be written as parquet",
    ),
    "none as csv": (lambda: None, "csv", "NoneType"),
    "class as csv": (lambda: pd.DataFrame, "csv", "builtins.type"),
    "dict of numbers as excel": (lambda: {"a": 1}, "excel", "json, pickle"),
    "dict of numbers as npz": (lambda: {"a": 1}, "npz", "json, pickle"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_object_that_no_writer_takes_is_refused(case: str) -> None:
    """What a format can't hold is refused, with what the object could be written as."""
    make, name, said = REFUSED[case]
    with pytest.raises(UnsupportedFormatError, match=said) as caught:
        choose(make(), "a", name, {})
    assert "writer=" in str(caught.value)


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
