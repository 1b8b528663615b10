"""Formats that keep types never change a value silently: it is refused, or equal in a form that is said."""

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import atio_core as atio
from tests.support.file_reading import READ
from tests.support.frame_strategies import numpy_arrays, pandas_frames
from tests.support.nasty_others import nested
from tests.support.nasty_pandas import PANDAS
from tests.support.releases import READS_ALL_OF_PANDAS

quiet = pytest.mark.filterwarnings("ignore")
each_typed = pytest.mark.parametrize("name", ["parquet", "feather"])


def assert_equal_values(expected: pd.DataFrame, actual: pd.DataFrame) -> None:
    """Demand that each value is equal, whatever holds it; what is missing may be missing in another way."""
    assert actual.shape == expected.shape
    assert plain(list(actual.columns)) == plain(list(expected.columns))
    assert plain(list(_flat(actual.index))) == plain(list(_flat(expected.index)))
    for position in range(expected.shape[1]):
        assert plain(list(actual.iloc[:, position])) == plain(list(expected.iloc[:, position]))


def _flat(index: pd.Index) -> pd.Index:
    return index.get_level_values(0) if index.nlevels == 1 else index


def plain(value: Any) -> Any:
    """Return a value without its container and what says that it is missing."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if value is pd.NA or value != value else value  # noqa: PLR0124 - NaN and NaT


def written_equally(made: pd.DataFrame, path: Path, name: str) -> None:
    """Write a frame if it isn't refused, and demand that its values come back."""
    with contextlib.suppress(atio.InvalidInputError):
        atio.write(made, path, name)
        assert_equal_values(made, READ[name, "pandas"](path))


@each_typed
@quiet
@pytest.mark.skipif(not READS_ALL_OF_PANDAS, reason="older readers give other values")
@pytest.mark.parametrize("make", PANDAS.values(), ids=PANDAS)
def test_nasty_frames_keep_their_values(tmp_path: Path, name: str, make: Callable[[], pd.DataFrame]) -> None:
    """No nasty frame comes back with another value."""
    written_equally(make(), tmp_path / "prices", name)


@each_typed
@quiet
@given(made=pandas_frames())
def test_any_frame_keeps_its_values(
    tmp_path_factory: pytest.TempPathFactory, name: str, made: pd.DataFrame
) -> None:
    """No frame at all comes back with another value."""
    written_equally(made, tmp_path_factory.getbasetemp() / f"changed-{name}", name)


@quiet
@given(data=st.data())
def test_any_array_comes_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """An array of numbers or times comes back from npy to the bit."""
    array = data.draw(numpy_arrays(data.draw(st.integers(0, 6))))
    path = tmp_path_factory.getbasetemp() / "array"
    assert atio.write(array, path, "npy", strict=True).losses == ()
    back = np.load(path)
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "integers beside None": (lambda: pd.Series([1, None], dtype=object), r"astype\('Int64'\)"),
    "NaN beside NA": (PANDAS["NaN beside NA in Float64"], "NaN comes back as NA"),
    "mixed": (lambda: pd.Series([1, "a"], dtype=object), "no common type"),
    "dicts of other keys": (lambda: pd.Series([{"a": 1}, {"b": 2}]), "would come back as"),
    "lists with gaps": (lambda: pd.Series([[1, None]]), "would come back as"),
    "index of Arrow's 16-bit floats": (
        lambda: pd.DataFrame(
            {"x": [1]}, index=pd.Index([0.5], dtype="halffloat[pyarrow]", name="column 'x'")
        ),
        "no index of 16-bit floats",
    ),
    "numbers of a level with gaps": (
        lambda: pd.DataFrame(
            {"x": [1, 2]},
            index=pd.MultiIndex([[2**53 + 1], ["a"]], [[0, -1], [0, 0]], names=["column 'x'", "b"]),
        ),
        "others as floats",
    ),
    "deeper than readers go": (lambda: pa.table({"x": nested(50)}), "99"),
    "objects deeper than readers go": (
        lambda: pd.DataFrame({"x": [functools.reduce(lambda inner, _: [inner], range(50), 1)]}),
        "99",
    ),
    "complex": (lambda: pd.Series([1j]), "complex128 has no place"),
    "sparse": (lambda: pd.Series(pd.arrays.SparseArray([0, 1])), "Sparse"),
    "large integers": (lambda: pd.Series([2**70], dtype=object), "no common type|too large"),
    "no categories of periods": (
        lambda: pd.Series(pd.Categorical([None], categories=pd.PeriodIndex([], freq="D"))),
        "categories of period",
    ),
    "categories over 2^53 with gaps": (
        lambda: pd.Series(pd.Categorical([2**60 + 1, None])),
        "categories of int64",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_change_is_refused_with_the_column(tmp_path: Path, case: str) -> None:
    """A value that Parquet would change is refused: the error names the column and what to do, nothing is touched."""
    make, said = REFUSED[case]
    path = tmp_path / "prices"
    path.write_bytes(b"old")
    made = make()
    made = made.to_frame("x") if isinstance(made, pd.Series) else made
    with pytest.raises(atio.NotPreservableError, match=said) as caught:
        atio.write(made, path, "parquet")
    assert "column 'x'" in str(caught.value)
    assert "Nothing was written" in str(caught.value)
    assert path.read_bytes() == b"old"


UNLABELLED: Any = [pd.Index([], dtype=np.dtype("i8")), pd.Index(["a"])]
SAID: dict[str, tuple[Callable[[], Any], str]] = {
    "freq": (
        lambda: pd.DataFrame({"x": [1, 2]}, index=pd.date_range("2020", periods=2)),
        "the index: its freq",
    ),
    "list": (lambda: pd.DataFrame({"x": [[1], [2, 3]]}), "column 'x': lists come back as arrays"),
    "level": (
        lambda: pd.DataFrame({"x": [1, 2]}, index=pd.MultiIndex([[1], ["a"]], [[0, -1], [0, 0]])),
        "the index: its whole numbers come back as floats, as labels are missing",
    ),
    "level without any label": (
        lambda: pd.DataFrame({"x": [1]}, index=pd.MultiIndex(UNLABELLED, [[-1], [0]])),
        "the index: its whole numbers come back as floats, as labels are missing",
    ),
    "unit": (lambda: pd.DataFrame({"x": np.array(["2020"], "M8[s]")}), "column 'x': seconds"),
    "category": (lambda: pd.DataFrame({"x": pd.Categorical([1, 2])}), "column 'x': categories of int64"),
    "objects": (
        lambda: pd.DataFrame({"x": pd.Series(["a"], dtype=object)}),
        "column 'x': objects come back as str",
    ),
    "range": (lambda: pd.DataFrame([[1, 2]]), "the column labels: a range"),
    "flags": (
        lambda: pd.DataFrame({"x": [1]}).set_flags(allows_duplicate_labels=False),
        "allows_duplicate_labels",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_another_form_is_said(tmp_path: Path, case: str) -> None:
    """What is equal in another form is written, and said in one line that names the column; strictly it is refused."""
    make, said = SAID[case]
    result = atio.write(make(), tmp_path / "a.parquet")
    assert [str(loss) for loss in result.losses if said in str(loss)], result.losses
    assert f", {len(result.losses)} loss" in str(result)
    with pytest.raises(atio.NotPreservableError, match="strict=True"):
        atio.write(make(), tmp_path / "a.parquet", strict=True)
