# pyright: reportCallIssue=false, reportArgumentType=false
# ^ pandas' stubs know its usual arguments only
from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.testing import assert_frames_equal

GOOD: dict[str, Any] = {
    "pandas": pd.DataFrame({"k": ["a", "b"], "x": [0.5, None]}),
    "polars": pl.DataFrame({"k": ["a", "b"], "x": [0.5, None]}),
    "arrow": pa.table({"k": ["a", "b"], "x": [0.5, None]}),
}
BAD: dict[str, Any] = {
    "pandas": pd.DataFrame({"k": ["a", None], "x": [0.5, None]}),
    "polars": pl.DataFrame({"k": ["a", None], "x": [0.5, None]}),
    "arrow": pa.table({"k": ["a", None], "x": [0.5, None]}),
}


def table(data: Any = GOOD["pandas"], not_null: Any = ("k",)) -> Table:
    """Return a new table with columns that take no nulls."""
    made = Table(store=MemoryStore("t"))
    made.append(data, not_null=not_null)
    return made


@pytest.mark.parametrize("library", list(GOOD))
def test_nulls_are_refused_whoever_writes(library: Any) -> None:
    """A column that takes no nulls is held at every write, of any library; values come back as they were."""
    made = table(GOOD[library])
    assert made.snapshot().not_null == ("k",)
    assert_frames_equal(GOOD[library], made.read(output_as=library))
    for bad in BAD.values():
        for write in (
            made.append,
            made.overwrite,
            lambda data: made.overwrite(data, where=[("k", "==", "a")]),
        ):
            with pytest.raises(atio.SchemaMismatchError, match=r"'k'.*no nulls.* but the data has 1"):
                write(bad)
    made.append(GOOD[library])
    assert len(made.history()) == 2


def test_it_is_held_by_every_change(tmp_path: Path) -> None:
    """Updates, partitions, modes, staged changes and transactions can't bring a null either; nothing is committed."""
    made = Table(tmp_path)
    good = pd.DataFrame({"k": ["a"], "n": [1.5], "day": ["x"]})
    made.overwrite(good, not_null=["k", "n"], partition_by=["day"])
    changes: list[Any] = [
        lambda: made.update([("k", "==", "a")], {"k": None}),
        lambda: made.update([("k", "==", "a")], {"n": float("nan")}),
        lambda: made.append(good.assign(n=float("nan"))),
        lambda: made.append(good[["n", "day"]], schema_mode="add"),
        lambda: made.append(good.assign(k=pd.Series([None], dtype=object)), schema_mode="widen"),
        lambda: made.overwrite_partitions(good.assign(k=None).astype({"k": "str"})),
        lambda: made.stage(good.assign(k=None).astype({"k": "str"})),
        lambda: made.append(
            pl.DataFrame({"k": ["b"], "n": [None], "day": ["y"]}, schema_overrides={"n": pl.Float64})
        ),
    ]
    for change in changes:
        with pytest.raises(atio.InvalidInputError, match=r"null|missing|None"):
            change()
    with made.transaction() as several:
        several.rename_column("n", "number")
        with pytest.raises(atio.SchemaMismatchError, match="'number' takes no nulls"):
            several.append(good.assign(n=float("nan")).rename(columns={"n": "number"}))
    assert made.read()["number"].tolist() == [1.5]
    assert made.snapshot().not_null == ("k", "number")


def test_it_goes_with_its_column() -> None:
    """A rename, a move and a wider type keep it; a drop ends it; an older version says what it said."""
    made = table(pd.DataFrame({"k": pd.array([1], "Int32"), "x": ["a"]}))
    made.rename_column("k", "key")
    made.move_column("key", to=-1)
    made.append(pd.DataFrame({"x": ["b"], "key": pd.array([2**40], "Int64")}), schema_mode="widen")
    assert (made.snapshot().not_null, made.snapshot(1).not_null) == (("key",), ("k",))
    with pytest.raises(atio.SchemaMismatchError, match="no nulls"):
        made.append(pd.DataFrame({"x": ["c"], "key": pd.array([None], "Int64")}))
    made.drop_column("key")
    made.append(pd.DataFrame({"x": ["c"], "key": pd.array([None], "Int64")}), schema_mode="add")
    assert made.snapshot().not_null == ()
    assert made.restore(1).not_null == ("k",)


def test_a_full_overwrite_keeps_it_or_says_anew() -> None:
    """It stays over an overwrite for the columns that are still there, unless that says otherwise."""
    made = table()
    kept = made.overwrite(pd.DataFrame({"k": [1], "y": [2]}))
    assert kept.not_null == ("k",)
    assert made.overwrite(pd.DataFrame({"k": ["a"]}), not_null=[]).not_null == ()
    assert made.overwrite(pd.DataFrame({"k": ["a"], "y": [2]}), not_null=["y", "k"]).not_null == ("k", "y")
    made.append(pd.DataFrame({"k": ["a"], "y": [2]}), not_null=["k", "y"])
    with pytest.raises(atio.InvalidInputError, match=r"takes no nulls in \['k', 'y'\], and not in \['k'\]"):
        made.append(pd.DataFrame({"k": ["a"], "y": [2]}), not_null=["k"])
    assert made.overwrite(pd.DataFrame({"z": [1]})).not_null == ()


def test_what_names_no_column_is_refused(tmp_path: Path) -> None:
    """Labels that none or several columns have, text for a list, or where it can't be said: nothing is written."""
    made = Table(tmp_path)
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    for data, labels in ((GOOD["pandas"], ["y"]), (twice, ["a"]), (GOOD["pandas"], "k"), (GOOD["pandas"], 1)):
        with pytest.raises(atio.InvalidInputError):
            made.append(data, not_null=labels)
    with pytest.raises(atio.SchemaMismatchError, match="takes no nulls in the table, but the data has 1"):
        made.append(BAD["polars"], not_null=["k"])
    with pytest.raises(atio.InvalidInputError, match="an object has none"):
        made.overwrite(b"bytes", not_null=["a"])
    assert list(tmp_path.iterdir()) == []
    made.append(GOOD["pandas"])
    with pytest.raises(atio.InvalidInputError, match="can't be had with where"):
        made.overwrite(GOOD["pandas"], where=[("k", "==", "a")], not_null=["k"])
