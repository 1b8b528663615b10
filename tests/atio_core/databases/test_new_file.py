"""Databases in a file that isn't there yet."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy

import atio_core as atio
from atio_core.databases.read import read_rows

REFUSED: dict[str, tuple[Any, dict[str, Any]]] = {
    "column names": (pa.table([[1], [2]], names=["a", "A"]), {}),
    "key": (pa.table({"a": [1]}), {"if_exists": "upsert", "key": ["b"]}),
    "type": (pa.table({"a": pa.array([1], pa.time64("ns"))}), {"dtype": {"a": sqlalchemy.Date()}}),
    "value": (pa.table({"a": ["x" * 30]}), {"dtype": {"a": sqlalchemy.Integer()}}),
    "loss": (pa.table({"a": pa.array([0], pa.timestamp("us", "Asia/Seoul"))}), {"strict": True}),
}
OF_SQLITE: dict[str, tuple[Any, dict[str, Any]]] = {
    "no such type": (pa.table({"a": [dt.timedelta(1)]}), {}),
    "too large": (pa.table({"a": pa.array([2**64 - 1], pa.uint64())}), {}),
    "NaN": (pa.table({"a": [float("nan")]}), {"strict": True}),
}
WAYS: dict[str, Callable[[Path], Any]] = {
    "sqlite": lambda path: f"sqlite:///{path}",
    "duckdb": lambda path: f"duckdb:///{path}",
    "engine": lambda path: sqlalchemy.create_engine(f"sqlite:///{path}"),
    "url": lambda path: sqlalchemy.make_url(f"sqlite:///{path}"),
}


@pytest.mark.parametrize(
    ("way", "why"),
    [(way, why) for way in WAYS for why in (REFUSED if way == "duckdb" else REFUSED | OF_SQLITE)],
)
def test_a_refusal_makes_no_file(tmp_path: Path, way: str, why: str) -> None:
    """What the data tell is refused before anything is opened: opening makes an empty database."""
    obj, options = (REFUSED | OF_SQLITE)[why]
    with pytest.raises(atio.InvalidInputError):
        atio.write(obj, format="sql", name="t", con=WAYS[way](tmp_path / "new.db"), **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", WAYS)
def test_reading_makes_no_file(tmp_path: Path, way: str) -> None:
    """A database that isn't there has no table, and there is none afterwards."""
    with pytest.raises(atio.TableNotFoundError, match="isn't there"):
        read_rows(WAYS[way](tmp_path / "new.db"), "t")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", WAYS)
def test_what_fits_makes_the_file(tmp_path: Path, way: str) -> None:
    """Frames and streams alike; afterwards a table that is there decides what fits."""
    rows = pa.table({"a": [1, 2]})
    con = WAYS[way](tmp_path / "new.db")
    for name, obj in (("frame", rows), ("stream", rows.to_reader())):
        atio.write(obj, format="sql", name=name, con=con)
        assert read_rows(con, name)["a"].to_pylist() == [1, 2]
    with pytest.raises(atio.SchemaMismatchError):
        atio.write(pa.table({"b": [1]}), format="sql", name="frame", con=con, if_exists="append")
