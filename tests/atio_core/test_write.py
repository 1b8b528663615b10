import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import atio_core as atio
from atio_core.data.kinds import Kind
from tests.support.os_calls import watched
from tests.support.writers import PAIRS, WRITTEN, frame

ROOT = Path(__file__).parents[2]


def test_the_result_tells_what_was_written(tmp_path: Path) -> None:
    """The result has the path, format, size, shape and times, and prints as one line."""
    path = tmp_path / "prices.csv"
    result = atio.write(frame("pandas"), path, index=False)
    assert result.path == path
    assert result.format == "csv"
    assert result.bytes == path.stat().st_size
    assert (result.rows, result.columns) == (3, 3)
    assert list(result.seconds) == ["serialise", "sync", "publish"]
    assert all(seconds > 0 for seconds in result.seconds.values())
    line = str(result)
    assert "\n" not in line
    for said in (str(path), "3 rows", "3 columns", "csv", f"{result.bytes} bytes", "sync"):
        assert said in line
    assert pickle.loads(pickle.dumps(result)) == result


def test_the_result_names_the_link(tmp_path: Path) -> None:
    """A file that is written through a link is called as the caller called it."""
    (tmp_path / "link.csv").symlink_to("prices.csv")
    assert atio.write(frame("pandas"), tmp_path / "link.csv").path == tmp_path / "link.csv"
    assert (tmp_path / "prices.csv").read_bytes().startswith(b",product")
    assert (tmp_path / "link.csv").is_symlink()


def test_the_predecessors_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that the first atio documents write the same files, with nothing changed but the import."""
    monkeypatch.chdir(tmp_path)
    df = pd.DataFrame({"name": ["Alice", "Bob"], "age": [25, 30], "city": ["Seoul", "Busan"]})
    atio.write(df, "users.parquet", format="parquet")
    atio.write(df, "users.csv", format="csv", index=False)
    atio.write(df, "users.xlsx", format="excel", sheet_name="Users")
    atio.write(df, "data.json", format="json", orient="records")
    atio.write(df, "big_data.parquet", format="parquet", show_progress=True)
    atio.write(df, "data.parquet", format="parquet", verbose=True)
    atio.write(df, "large_data.parquet", format="parquet", show_progress=True, verbose=True)
    polars_df = pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
    atio.write(polars_df, "polars.parquet", format="parquet")
    for name in ("users", "big_data", "data", "large_data"):
        assert pd.read_parquet(f"{name}.parquet").equals(df)
    assert pd.read_csv("users.csv").equals(df)
    assert pd.read_excel("users.xlsx", sheet_name="Users", index_col=0).equals(df)
    assert pd.read_json("data.json", orient="records").equals(df)
    assert pl.read_parquet("polars.parquet").equals(polars_df)


@pytest.mark.parametrize("name", ["sql", "database"])
def test_a_database_has_no_path(name: str) -> None:
    """A call for a database says so, before it connects."""
    with pytest.raises(atio.InvalidInputError, match="has no target_path"):
        atio.write(frame("pandas"), "a.db", format=name, name="t", con="sqlite://")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"keep_previous": True}, "keep_previous"),
        ({"digest": "sha256"}, "digest"),
        ({"durable": False}, "durable"),
    ],
    ids=["keep_previous", "digest", "durable"],
)
def test_what_is_for_files_is_refused_for_a_database(options: dict[str, Any], said: str) -> None:
    """An option that a database can't follow is no option to ignore."""
    with pytest.raises(atio.InvalidInputError, match=f"has no {said}"):
        atio.write(frame("pandas"), format="sql", name="t", con="sqlite://", **options)


def test_a_missing_target_is_refused() -> None:
    """A call without a path says what is missing."""
    with pytest.raises(atio.InvalidInputError, match="target_path"):
        atio.write(frame("pandas"), format="csv")


def syncs(folder: Path, **options: Any) -> list[str]:
    """The calls of a write that wait for the disk or publish."""
    calls: list[str] = []
    with watched(folder, lambda call: (calls.append(call.name), call.run())[1]):
        atio.write(frame("polars"), folder / "prices.csv", **options)
    return [name for name in calls if name in {"fsync", "replace"}]


def test_a_write_is_durable_unless_told_otherwise(tmp_path: Path) -> None:
    """File and folder are synced around the replacement; with `durable=False` nothing is."""
    assert syncs(tmp_path) == ["fsync", "replace", "fsync"]
    assert syncs(tmp_path, durable=False) == ["replace"]


def test_a_write_loads_no_library_that_it_does_not_need() -> None:
    """To write a polars frame as CSV neither pandas nor pyarrow is loaded."""
    code = (
        "import sys, tempfile, polars, atio_core\n"
        "before = set(sys.modules)\n"
        "atio_core.write(polars.DataFrame({'a': [1]}), tempfile.mkdtemp() + '/a.csv')\n"
        "print({'pandas', 'pyarrow'} & (set(sys.modules) - before))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert ran.stdout == "set()\n"


def test_writers_side_by_side(tmp_path: Path) -> None:
    """Threads that write one file at the same time leave one of the contents, whole, and nothing else."""
    path = tmp_path / "prices.csv"
    contents = [frame("pandas", {"a": [n] * 1000}) for n in range(8)]
    threads = [
        threading.Thread(target=atio.write, args=(made, path), kwargs={"index": False}) for made in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(pd.read_csv(path).equals(made) for made in contents)
    assert list(tmp_path.iterdir()) == [path]


READERS: dict[str, Callable[[Path], Any]] = {kind: WRITTEN["csv", kind].read for _, kind in PAIRS}


@pytest.mark.parametrize("kind", READERS)
def test_the_target_may_be_what_was_read(tmp_path: Path, kind: Kind) -> None:
    """A frame can be written over the file that it came from."""
    path = tmp_path / "prices.csv"
    atio.write(frame("polars"), path)
    once = READERS[kind](path)
    options: dict[str, Any] = {"index": False} if kind == "pandas" else {}
    atio.write(once, path, **options)
    assert READERS[kind](path).equals(once)
    assert os.listdir(tmp_path) == ["prices.csv"]  # noqa: PTH208 - the names alone
