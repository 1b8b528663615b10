"""JSON values, text, bytes, pickles and NumPy's own files: what the standard calls would have written."""

import bz2
import gzip
import json
import lzma
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import atio_core as atio

VALUES: list[Any] = [
    {"a": [1, 2.5, None, True, "né"], "b": {}},
    [],
    "text",
    1,
    0.1 + 0.2,
    None,
    False,
    [2**70, -0.0, 1e300],
    "\ud800",
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_json_value_comes_back(tmp_path: Path, value: Any) -> None:
    """Any JSON value is written as `json.dump` writes it, and nothing of it is lost."""
    result = atio.write(value, tmp_path / "a.json", strict=True)
    assert (tmp_path / "a.json").read_text() == json.dumps(value)
    assert json.loads((tmp_path / "a.json").read_text()) == value
    assert (result.rows, result.columns, result.losses) == (None, None, ())


def test_options_of_json(tmp_path: Path) -> None:
    """The options of `json.dump` reach it."""
    options: dict[str, Any] = {"indent": 2, "sort_keys": True, "ensure_ascii": False}
    atio.write({"b": "né", "a": 1}, tmp_path / "a.json", **options)
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == json.dumps({"b": "né", "a": 1}, **options)


@pytest.mark.parametrize("name", ["json", "jsonl"])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_lacks_are_refused(tmp_path: Path, name: str, number: float) -> None:
    """NaN and infinities are no JSON: refused, unless they are asked for."""
    with pytest.raises(atio.InvalidInputError, match="not JSON compliant"):
        atio.write([1, {"a": number}], tmp_path / "a", name)
    assert list(tmp_path.iterdir()) == []
    atio.write([1, {"a": number}], tmp_path / "a", name, allow_nan=True)
    assert str(number).replace("inf", "Infinity").replace("nan", "NaN") in (tmp_path / "a").read_text()


def test_numpy_inside_json(tmp_path: Path) -> None:
    """Numbers and arrays of NumPy are written as Python's own, which is said."""
    value = {"a": np.int64(1), "b": np.array([1.5, 2.0]), "c": np.float32(0.5), "d": np.bool_(1)}
    result = atio.write(value, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1, "b": [1.5, 2.0], "c": 0.5, "d": True}
    assert any("numpy.int64" in str(loss) for loss in result.losses)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": {1: 2}}, "keys come back as text: 1"),
        ([(1, 2)], "tuples come back as lists"),
        ({None: 1}, "keys come back as text: None"),
    ],
)
def test_what_json_changes_is_said(tmp_path: Path, value: Any, said: str) -> None:
    """Keys that aren't text and tuples come back otherwise: said, and refused strictly."""
    (loss,) = atio.write(value, tmp_path / "a.json").losses
    assert str(loss) == said
    with pytest.raises(atio.NotPreservableError, match="come back as"):
        atio.write(value, tmp_path / "a.json", strict=True)


def test_strictness_looks_at_all_of_a_value(tmp_path: Path) -> None:
    """Deep in a large value something is lost: only a strict write looks so far."""
    value = [[(1,)], *range(20_000)]
    assert atio.write(value, tmp_path / "a.json").losses == ()
    with pytest.raises(atio.NotPreservableError, match="tuples"):
        atio.write(value, tmp_path / "a.json", strict=True)


@pytest.mark.parametrize("value", [{1: "a", "1": "b"}, {True: 1, "true": 2}, {None: 1, "null": 2}])
def test_keys_that_become_one_are_refused(tmp_path: Path, value: Any) -> None:
    """Two keys that are written alike would become one."""
    with pytest.raises(atio.NotPreservableError, match="written alike"):
        atio.write(value, tmp_path / "a.json")


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    """A value that JSON has no form for is refused with what to do; the old file stands."""
    (tmp_path / "a.json").write_bytes(b"old")
    with pytest.raises(atio.InvalidInputError, match=r"JSON has no builtins\.set; give default="):
        atio.write({"a": {1}}, tmp_path / "a.json")
    assert (tmp_path / "a.json").read_bytes() == b"old"
    atio.write({"a": {1}}, tmp_path / "a.json", default=list)
    assert (tmp_path / "a.json").read_text() == '{"a": [1]}'


def test_json_lines(tmp_path: Path) -> None:
    """A list is a line for each item."""
    result = atio.write([{"a": 1}, "né\n", None], tmp_path / "a.jsonl", ensure_ascii=False)
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8") == '{"a": 1}\n"né\\n"\nnull\n'
    assert (result.format, result.rows, result.columns) == ("jsonl", 3, None)
    with pytest.raises(atio.InvalidInputError, match="indent is refused"):
        atio.write([{"a": 1}], tmp_path / "a.jsonl", indent=2)


@pytest.mark.parametrize("text", ["", "né\n", "a\r\nb\rc\n", "\ufeff😀\0"])
def test_text(tmp_path: Path, text: str) -> None:
    """Text is written as it is, in UTF-8."""
    result = atio.write(text, tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == text.encode()
    assert (result.format, result.rows, result.columns, result.losses) == ("text", None, None, ())


def test_encodings_of_text(tmp_path: Path) -> None:
    """The options of `Path.write_text` work as there; what an encoding lacks is refused, or said if asked for."""
    atio.write("né\n", tmp_path / "a.txt", encoding="latin-1", newline="\r\n")
    (tmp_path / "own.txt").write_text("né\n", encoding="latin-1", newline="\r\n")
    assert (tmp_path / "a.txt").read_bytes() == (tmp_path / "own.txt").read_bytes()
    with pytest.raises(atio.InvalidInputError, match="'ascii' codec can't encode"):
        atio.write("né", tmp_path / "a.txt", encoding="ascii")
    (loss,) = atio.write("né", tmp_path / "a.txt", encoding="ascii", errors="replace").losses
    assert "errors='replace'" in str(loss)
    assert atio.write("ne", tmp_path / "a.txt", encoding="ascii", errors="replace", strict=True).losses == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\xff",
        bytearray(b"ab"),
        memoryview(b"abcdef")[::2],
        memoryview(np.ones(3).tobytes()).cast("d"),
    ],
)
def test_bytes(tmp_path: Path, data: Any) -> None:
    """Whatever is bytes is written as it is."""
    assert atio.write(data, tmp_path / "a.bin").format == "bytes"
    assert (tmp_path / "a.bin").read_bytes() == memoryview(data).tobytes()
    with pytest.raises(atio.InvalidInputError, match="bytes take no options, but encoding"):
        atio.write(data, tmp_path / "a.bin", encoding="utf-8")


def test_pickle(tmp_path: Path) -> None:
    """Anything is pickled, if it is asked for by name, with pickle's options."""
    made = pd.DataFrame({"a": [{1}, 2j]})
    atio.write(made, tmp_path / "a.pkl", format="pickle", protocol=4)
    assert (tmp_path / "a.pkl").read_bytes() == pickle.dumps(made, protocol=4)
    assert pd.read_pickle(tmp_path / "a.pkl").equals(made)
    atio.write(made, tmp_path / "a.pkl.gz", format="pickle")
    assert pd.read_pickle(tmp_path / "a.pkl.gz").equals(made)
    with pytest.raises(atio.InvalidInputError, match=r"pickle\.dump could not write"):
        atio.write(lambda: 1, tmp_path / "a.pkl", format="pickle")
    assert pd.read_pickle(tmp_path / "a.pkl").equals(made)


OPEN: dict[str, Callable[[Path], bytes]] = {
    ".gz": lambda path: gzip.decompress(path.read_bytes()),
    ".bz2": lambda path: bz2.decompress(path.read_bytes()),
    ".xz": lambda path: lzma.decompress(path.read_bytes()),
    ".zip": lambda path: zipfile.ZipFile(path).read(path.stem),
}


@pytest.mark.parametrize("ending", OPEN)
@pytest.mark.parametrize(
    ("name", "value"), [("a.txt", "né" * 99), ("a.bin", b"a" * 99), ("a.json", [1]), ("a.jsonl", [1, 2])]
)
def test_values_are_compressed_by_their_suffix(tmp_path: Path, name: str, value: Any, ending: str) -> None:
    """A last suffix compresses values too, into the same bytes each time."""
    atio.write(value, tmp_path / name)
    atio.write(value, tmp_path / f"{name}{ending}")
    once = (tmp_path / f"{name}{ending}").read_bytes()
    assert OPEN[ending](tmp_path / f"{name}{ending}") == (tmp_path / name).read_bytes()
    atio.write(value, tmp_path / f"{name}{ending}")
    assert (tmp_path / f"{name}{ending}").read_bytes() == once


ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "numbers": np.arange(6.0).reshape(2, 3),
    "by column": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "other byte order": np.array([1, 2], dtype=">i4"),
    "text": np.array(["né", ""]),
    "bytes": np.array([b"a", b"bc"]),
    "times": np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
    "structured": np.array([(1, "a")], dtype=[("i", "i2"), ("s", "U3")]),
    "without dimensions": np.array(1.5),
    "empty": np.zeros((0, 3)),
    "three dimensions": np.zeros((1, 2, 3), dtype="c16"),
}
SHAPES = {
    "text": (2, 1),
    "bytes": (2, 1),
    "times": (2, 1),
    "structured": (1, 2),
    "without dimensions": (None, None),
}
SHAPES |= {"empty": (0, 3), "three dimensions": (1, None), "other byte order": (2, 1)}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_come_back_from_npy(tmp_path: Path, case: str) -> None:
    """An array is written as `numpy.save` does, and comes back to the bit."""
    array = ARRAYS[case]
    result = atio.write(array, tmp_path / "a.npy", strict=True)
    np.save(tmp_path / "own.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "own.npy").read_bytes()
    assert (result.rows, result.columns) == SHAPES.get(case, (2, 3))


def test_several_arrays(tmp_path: Path) -> None:
    """A dict of arrays is written as `numpy.savez` does, or compressed."""
    result = atio.write(ARRAYS, tmp_path / "a.npz", strict=True)
    with np.load(tmp_path / "a.npz") as loaded:
        assert {name: loaded[name].tobytes() for name in loaded} == {
            name: a.tobytes() for name, a in ARRAYS.items()
        }
    assert (result.rows, result.columns) == (None, None)
    zeros = {"a": np.zeros(10_000)}
    atio.write(zeros, tmp_path / "a.npz", compressed=True)
    atio.write(zeros, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").stat().st_size < 1000 < (tmp_path / "b.npz").stat().st_size


@pytest.mark.parametrize("name", ["file", "", "a.npy", 1, "allow_pickle"])
def test_names_that_npz_lacks_are_refused(tmp_path: Path, name: Any) -> None:
    """A name under which NumPy wouldn't find the array again is refused."""
    with pytest.raises(atio.InvalidInputError, match="can't be called"):
        atio.write({name: np.zeros(1)}, tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([{}], dtype=object), "allow_pickle=True"),
        (np.ma.masked_array([1, 2], [True, False]), "its mask would be lost"),
        (np.array(["a"], dtype=np.dtypes.StringDType()), "StringDType|pickled"),
    ],
    ids=["objects", "masked", "StringDType"],
)
def test_arrays_that_npy_changes_are_refused(tmp_path: Path, array: Any, said: str) -> None:
    """A mask would be dropped and objects pickled: both are refused, with what to do."""
    for made, name in ((array, "a.npy"), ({"a": array}, "a.npz")):
        with pytest.raises(atio.NotPreservableError, match=said):
            atio.write(made, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_objects_are_pickled_if_asked_for(tmp_path: Path) -> None:
    """NumPy's own option lets objects through."""
    atio.write(np.array([{}], dtype=object), tmp_path / "a.npy", allow_pickle=True)
    assert np.load(tmp_path / "a.npy", allow_pickle=True)[0] == {}


class Named(np.ndarray[Any, Any]):
    """A class of its own."""


@pytest.mark.parametrize("made", [np.zeros(2).view(Named), np.float64(1)], ids=["class", "scalar"])
def test_what_npy_makes_of_others_is_said(tmp_path: Path, made: Any) -> None:
    """A subclass comes back as a plain array, a scalar as one without dimensions."""
    (loss,) = atio.write(made, tmp_path / "a.npy").losses
    assert "comes back as" in str(loss)


FRAMES = {
    "one dimension": (np.array([1, 2]), {}, pd.DataFrame({"0": [1, 2]})),
    "two dimensions": (np.array([[1.5, 2.5]]), {}, pd.DataFrame({"0": [1.5], "1": [2.5]})),
    "columns": (np.array([[1.5, 2.5]]), {"columns": ["x", "y"]}, pd.DataFrame({"x": [1.5], "y": [2.5]})),
    "structured": (
        np.array([(1, 0.5)], dtype=[("i", "i8"), ("f", "f8")]),
        {},
        pd.DataFrame({"i": [1], "f": [0.5]}),
    ),
    "other byte order": (np.array([1, 2], dtype=">i8"), {}, pd.DataFrame({"0": [1, 2]})),
}
READ: dict[str, Callable[[Path], pd.DataFrame]] = {
    "csv": pd.read_csv,
    "parquet": pd.read_parquet,
    "json": lambda path: pd.read_json(path).rename(columns=str),
    "jsonl": lambda path: pd.read_json(path, lines=True).rename(columns=str),
    "excel": lambda path: pd.read_excel(path).rename(columns=str),
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("case", FRAMES)
def test_arrays_as_frames(tmp_path: Path, name: str, case: str) -> None:
    """Arrays are written by pandas, as a frame of their columns, without an index."""
    array, options, expected = FRAMES[case]
    result = atio.write(array, tmp_path / "a", name, **options)
    pd.testing.assert_frame_equal(READ[name](tmp_path / "a").reset_index(drop=True), expected)
    assert (result.rows, result.columns) == expected.shape


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((1, 2, 3)), "3 dimensions"),
        (np.array(1.5), "0 dimensions"),
        (np.ma.masked_array([1], [True]), "masked"),
        (np.zeros(1, dtype=[("a", "f8", 2)]), "fields in its fields"),
        (np.zeros((1, 2)), "could not write|columns"),
    ],
    ids=["three dimensions", "none", "masked", "nested", "wrong columns"],
)
def test_arrays_that_are_no_frames_are_refused(tmp_path: Path, array: Any, said: str) -> None:
    """An array without rows and columns is refused, with what to do."""
    with pytest.raises(atio.InvalidInputError, match=said):
        atio.write(array, tmp_path / "a.csv", columns=["a", "b", "c"])
    assert list(tmp_path.iterdir()) == []
