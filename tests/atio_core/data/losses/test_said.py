"""What CSV and JSON lose is said, with its column, in one line; and only that."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.data.kinds import Kind
from tests.support.file_reading import OPTIONS
from tests.support.writers import frame

TIMES = pd.to_datetime(["2020-01-01", "2020-01-02"])
PANDAS_CSV: dict[str, tuple[Any, str]] = {
    "empty text": (["", "a"], "'' comes back as missing"),
    "NA": (["NA", "a"], "'NA' comes back as missing"),
    "leading zeros": (["007", "008"], "texts like '007' may come back as another type"),
    "carriage return": (["a\rb", "c"], r"a carriage return ends the row when it is read: 'a\rb'"),
    "all missing": (pd.array([None, None], dtype="str"), "all of it is missing, and comes back as float64"),
    "int8": (np.array([1, 2], "int8"), "int8 isn't kept; readers guess the type"),
    "float32": (np.array([1, 2], "float32"), "float32 isn't kept; readers guess the type"),
    "uint64": (np.array([1, 2], "uint64"), "uint64 isn't kept; readers guess the type"),
    "Int64": (pd.array([1, None], dtype="Int64"), "Int64 isn't kept; readers guess the type"),
    "datetime": (TIMES, "datetime64[us] isn't kept; readers guess the type"),
    "zone": (TIMES.tz_localize("UTC"), "datetime64[us, UTC] isn't kept; readers guess the type"),
    "category": (pd.Categorical(["a", "b"]), "category isn't kept; readers guess the type"),
    "objects": (pd.Series([b"a", 1], dtype=object), "object isn't kept; readers guess the type"),
}
PANDAS_JSON: dict[str, tuple[Any, str]] = {
    "digits": ([0.1 + 0.2, 0.5], "floats are written with 10 digits: 0.30000000000000004"),
    "infinity": ([np.inf, 0.5], "inf is written as null"),
    "whole": ([1.0, 2.0], "whole floats come back as integers"),
    "large": ([1e16, 0.5], "floats are written with 10 digits: 1e+16"),
    "leading zeros": (["007", "008"], "texts like '007' may come back as another type"),
    "Int64": (pd.array([1, None], dtype="Int64"), "Int64 isn't kept; readers guess the type"),
}
POLARS_CSV: dict[str, tuple[Any, str]] = {
    "leading zeros": (pl.Series(["007", "008"]), "texts like '007' may come back as another type"),
    "nulls": (
        pl.Series([None, None], dtype=pl.Int64),
        "begins with nothing but nulls, from which no type is guessed",
    ),
    "category": (
        pl.Series(["a", "b"], dtype=pl.Categorical),
        "Categorical isn't kept; readers guess the type",
    ),
    "small": (pl.Series([1, 2], dtype=pl.Int8), "Int8 isn't kept; readers guess the type"),
}
POLARS_JSON: dict[str, tuple[Any, str]] = {
    "NaN": (pl.Series([float("nan"), 0.5]), "NaN and infinities are written as null"),
    "small": (pl.Series([1, 2], dtype=pl.Float32), "Float32 isn't kept; readers guess the type"),
}
ARROW_CSV: dict[str, tuple[Any, str]] = {
    "null": (pa.array(["a", None]), "nulls come back as empty text"),
    "NaN": (pa.array([float("nan"), 0.5]), "NaN comes back as null"),
    "whole": (pa.array([1.0, 2.0]), "whole floats come back as integers"),
    "day": (pa.array(["2020-01-01", "2020-01-02"]), "texts like '2020-01-01' may come back as another type"),
    "large text": (
        pa.array(["a", "b"], pa.large_string()),
        "large_string isn't kept; readers guess the type",
    ),
}
ARROW_JSON: dict[str, tuple[Any, str]] = {
    "digits": (pa.array([1 / 3, 0.5]), "floats are written with 15 digits: 0.3333333333333333"),
    "null": (pa.array([1, None]), "int64 with nulls comes back as floats or objects"),
}
TABLES: dict[tuple[str, Kind], dict[str, tuple[Any, str]]] = {
    ("csv", "pandas"): PANDAS_CSV,
    ("json", "pandas"): PANDAS_JSON,
    ("jsonl", "pandas"): PANDAS_JSON,
    ("csv", "polars"): POLARS_CSV,
    ("json", "polars"): POLARS_JSON,
    ("jsonl", "polars"): POLARS_JSON,
    ("csv", "arrow"): ARROW_CSV,
    ("json", "arrow"): ARROW_JSON,
    ("jsonl", "arrow"): ARROW_JSON,
}
CASES = [(name, kind, case) for (name, kind), table in TABLES.items() for case in table]


@pytest.mark.parametrize(("name", "kind", "case"), CASES, ids=str)
def test_what_is_lost_is_said(tmp_path: Path, name: str, kind: Kind, case: str) -> None:
    """A loss is one line with the column; the rest of the frame has none; a strict write refuses just that."""
    values, said = TABLES[name, kind][case]
    made = frame(kind, {"x": values, "y": [3, 4]})
    options = OPTIONS.get((name, kind), {})
    result = atio.write(made, tmp_path / "a", name, **options)
    assert [str(loss) for loss in result.losses] == [f"column 'x': {said}"]
    assert str(result).endswith(", 1 loss")
    with pytest.raises(atio.NotPreservableError) as caught:
        atio.write(made, tmp_path / "b", name, strict=True, **options)
    assert f"column 'x': {said}. Nothing was written." in str(caught.value)
    assert not (tmp_path / "b").exists()


LABELS: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "index": (pd.DataFrame({"a": [1]}), {}, "the index: comes back as a column; index=False leaves it out"),
    "index left out": (pd.DataFrame({"a": [1]}, index=["k"]), {"index": False}, "the index: isn't written"),
    "numbers": (
        pd.DataFrame([[1, 2]]),
        {"index": False},
        "the column labels: come back as text, not as int64",
    ),
    "twice": (
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        {"index": False},
        "the column labels: are not unique; readers number those that repeat",
    ),
    "empty": (pd.DataFrame({"": [1]}), {"index": False}, "column '': its name may be read as another"),
    "levels": (
        pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
        {"index": False},
        "the column labels: come back as text, not as MultiIndex",
    ),
    "no rows": (
        pd.DataFrame({"a": [1]})[:0],
        {"index": False},
        "the types of a frame without rows aren't kept",
    ),
    "digits": (
        pd.DataFrame({"a": [0.5]}),
        {"index": False, "float_format": "%.1f"},
        "it is written as float_format='%.1f' says, which readers aren't told",
    ),
}


@pytest.mark.parametrize("case", LABELS)
def test_what_is_lost_of_labels_is_said(tmp_path: Path, case: str) -> None:
    """Index and labels of pandas that CSV can't hold are said."""
    made, options, said = LABELS[case]
    assert said in [str(loss) for loss in atio.write(made, tmp_path / "a.csv", **options).losses]


def test_a_time_by_its_name(tmp_path: Path) -> None:
    """Pandas takes columns of some names for times when it reads JSON: that is said."""
    made = pd.DataFrame({"created_at": [1]})
    (loss,) = atio.write(made, tmp_path / "a.jsonl").losses
    assert str(loss) == "column 'created_at': read_json takes its values for times, by its name"


@pytest.mark.parametrize("orient", ["split", "index", "columns", "values", None])
def test_an_index_in_json(tmp_path: Path, orient: str | None) -> None:
    """Only some forms of JSON keep rows without an index as they were."""
    assert atio.write(pd.DataFrame({"a": [1]}), tmp_path / "a.json", orient=orient).losses != ()
    for keeps in ("records", "table"):
        assert atio.write(pd.DataFrame({"a": [1]}), tmp_path / "a.json", orient=keeps).losses == ()


def test_texts_far_down_are_looked_at_strictly(tmp_path: Path) -> None:
    """Beyond the first hundred, texts like numbers are only seen by a strict write; they may be read wrong in parts."""
    made = pd.DataFrame({"x": [*["a"] * 200, "007"]})
    assert atio.write(made, tmp_path / "a.csv", index=False).losses == ()
    with pytest.raises(atio.NotPreservableError, match="texts like '007'"):
        atio.write(made, tmp_path / "a.csv", index=False, strict=True)


def test_missing_texts_are_seen_everywhere(tmp_path: Path) -> None:
    """What pandas takes for missing is found in the last row too, and in parts of frames alone."""
    made = pd.DataFrame({"x": [*["a"] * 5000, "NA", "\r"]})
    assert len(atio.write(made, tmp_path / "a.csv", index=False).losses) == 2
    assert atio.write(made[:5000], tmp_path / "a.csv", index=False).losses == ()


def test_losses_cross_processes(tmp_path: Path) -> None:
    """A result with losses can be pickled and compared."""
    result = atio.write(pd.DataFrame({"x": ["NA", "a"]}), tmp_path / "a.csv")
    assert pickle.loads(pickle.dumps(result)) == result
