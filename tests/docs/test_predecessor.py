"""What the predecessor's page shows runs as it stands there, but for the import.

The examples of a workflow share a folder and their names, as they do for a reader of that page. Where an example takes
something for granted (a frame, a folder), `GIVEN` has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import atio_core as atio

GIVEN = """
import numpy as np
import pandas as pd
import atio_core as atio
"""

USERS = """
df = pd.DataFrame({
    "name": ["Alice", "Bob", "Charlie"],
    "age": [25, 30, 35],
    "city": ["Seoul", "Busan", "Incheon"]
})
"""


@dataclass(frozen=True, slots=True)
class Example:
    """Code of that page, and what must be true after it.

    Attributes:
        code: As it stands there, but for the import.
        check: Gets the names that the code left, in the folder in which it ran.
    """

    code: str
    check: Callable[[dict[str, Any]], None]


def _files(names: dict[str, Any]) -> None:
    df = names["df"]
    assert pd.read_parquet("users.parquet").equals(df)
    assert pd.read_csv("users.csv").equals(df)
    assert pd.read_excel("users.xlsx", sheet_name="Users").drop(columns="Unnamed: 0").equals(df)


def _progress(names: dict[str, Any]) -> None:
    assert len(pd.read_parquet("big_data.parquet")) == 3
    assert pl.read_parquet("data.parquet").equals(names["polars_df"])


def _snapshots(names: dict[str, Any]) -> None:
    table = atio.Table("my_table")
    assert [(snapshot.version, snapshot.operation) for snapshot in table.history()] == [
        (2, "append"),
        (1, "overwrite"),
    ]
    assert names["latest_data"]["name"].tolist() == ["Alice", "Bob", "Charlie", "David"]
    assert names["version_1_data"].equals(names["df"])
    assert isinstance(names["polars_data"], pl.DataFrame)
    assert names["polars_data"]["age"].to_list() == [25, 30, 35, 40]


def _formats(names: dict[str, Any]) -> None:
    df = names["df"]
    assert pd.read_parquet("data.parquet").equals(df)
    assert np.allclose(pd.read_csv("data.csv")["value"], df["value"])
    assert pd.read_excel("data.xlsx", sheet_name="Sheet1")["category"].tolist() == df["category"].tolist()
    assert pd.read_json("data.json", orient="records")["id"].tolist() == list(range(1000))


def _workflow(names: dict[str, Any]) -> None:
    assert names["latest"]["value"].tolist() == [100, 150]
    assert names["version_1"]["value"].tolist() == [100]
    assert len(atio.Table("daily_data").history()) == 2


def _large(names: dict[str, Any]) -> None:
    assert len(pd.read_parquet("large_data.parquet")) == 1_000_000


EXAMPLES = {
    "files": Example(
        USERS
        + """
atio.write(df, "users.parquet", format="parquet")
atio.write(df, "users.csv", format="csv", index=False)
atio.write(df, "users.xlsx", format="excel", sheet_name="Users")
""",
        _files,
    ),
    "progress and polars": Example(
        USERS
        + """
large_df = df
atio.write(large_df, "big_data.parquet", format="parquet", show_progress=True)

atio.write(df, "data.parquet", format="parquet", verbose=True)

import polars as pl
polars_df = pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
atio.write(polars_df, "data.parquet", format="parquet")
""",
        _progress,
    ),
    "snapshots": Example(
        USERS
        + """
atio.write_snapshot(df, "my_table", mode="overwrite", format="parquet")

new_data = pd.DataFrame({"name": ["David"], "age": [40], "city": ["Daejeon"]})
atio.write_snapshot(new_data, "my_table", mode="append", format="parquet")

latest_data = atio.read_table("my_table", output_as="pandas")

version_1_data = atio.read_table("my_table", version=1, output_as="pandas")

polars_data = atio.read_table("my_table", output_as="polars")

from datetime import timedelta

atio.expire_snapshots("my_table", keep_for=timedelta(days=7), dry_run=True)

atio.expire_snapshots("my_table", keep_for=timedelta(days=7), dry_run=False)
""",
        _snapshots,
    ),
    "formats": Example(
        """
df = pd.DataFrame({
    "id": range(1000),
    "value": np.random.randn(1000),
    "category": np.random.choice(["A", "B", "C"], 1000)
})

atio.write(df, "data.csv", format="csv", index=False)
atio.write(df, "data.parquet", format="parquet")
atio.write(df, "data.xlsx", format="excel", sheet_name="Sheet1")
atio.write(df, "data.json", format="json", orient="records")
""",
        _formats,
    ),
    "workflow": Example(
        """
from datetime import timedelta

df1 = pd.DataFrame({"date": ["2024-01-01"], "value": [100]})
atio.write_snapshot(df1, "daily_data", mode="overwrite")

df2 = pd.DataFrame({"date": ["2024-01-02"], "value": [150]})
atio.write_snapshot(df2, "daily_data", mode="append")

latest = atio.read_table("daily_data", output_as="pandas")
print(f"latest: {latest}")

version_1 = atio.read_table("daily_data", version=1, output_as="pandas")
print(f"version 1: {version_1}")

atio.expire_snapshots("daily_data", keep_for=timedelta(days=30), dry_run=True)
""",
        _workflow,
    ),
    "large": Example(
        """
large_df = pd.DataFrame({
    "id": range(1000000),
    "value": np.random.randn(1000000)
})

atio.write(large_df, "large_data.parquet", format="parquet", show_progress=True, verbose=True)
""",
        _large,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_predecessor_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes from the predecessor changes one line, the import, and gets what its page says."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(GIVEN + EXAMPLES[name].code, name, "exec"), names)  # noqa: S102 - our own text
    EXAMPLES[name].check(names)
