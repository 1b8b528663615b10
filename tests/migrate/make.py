"""Writes tables by the predecessor, `atio` 2.1.0 or 3.1.0, and what that package reads out of them.

Run it in an environment of that package (the names collide with ours):

- `uv venv v2 && uv pip install --python v2 atio==2.1.0 pandas polars pyarrow`, then `v2/bin/python make.py`;
- `uv venv v3 && uv pip install --python v3 atio==3.1.0 "numpy<2" tqdm "pandas<3" "pyarrow<22" polars`, likewise.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

logging.disable(logging.CRITICAL)
HOME = Path(__file__).parent / "tables"


def write_2(atio: Any, table: str) -> None:
    """Appends of rows, which come first; columns that come and go; frames of both libraries."""
    rows = pd.DataFrame(
        {
            "n": pd.array([1, None], "Int64"),
            "text": ["x", None],
            "kind": pd.Categorical(["u", "v"]),
            "at": pd.to_datetime(["2024-01-01 12:00", "NaT"]),
        },
        index=pd.Index(["first", "second"], name="key"),
    )
    atio.write_snapshot(rows, table)
    atio.write_snapshot(rows.iloc[:1].assign(n=pd.array([3], "Int64")), table, mode="append")
    atio.write_snapshot(rows.iloc[1:].assign(extra=0.5).drop(columns="text"), table, mode="append")
    atio.write_snapshot(pl.DataFrame({"p": [1, 2], "q": ["a", None]}), table)
    atio.write_snapshot(pl.DataFrame({"p": [3], "q": ["b"]}), table, mode="append")


def write_3(atio: Any, table: str) -> None:
    """Appends of columns, tags, a version deleted, one brought back, a rollback, an array, a model."""
    rows = pd.DataFrame({"n": [1, 2], "text": ["x", None]}, index=[5, 6])
    atio.write_snapshot(rows, table, message="the first")
    atio.write_snapshot(pd.DataFrame({"n": [9]}), table)
    atio.write_snapshot(rows, table)
    atio.delete_version(table, 2)
    atio.write_snapshot(pd.DataFrame({"more": [0.5, None]}), table, mode="append", message="a column more")
    atio.write_snapshot(np.arange(6).reshape(3, 2), table)
    atio.revert(table, 1)
    atio.write_snapshot(pl.DataFrame({"last": [1]}), table)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.pth")
        model.write_bytes(bytes(range(256)) * 4)
        atio.write_model_snapshot(str(model), table)
    atio.tag_version(table, 4, "best")
    atio.tag_version(table, 1, "1.0")
    atio.rollback(table, 4)


def read(atio: Any, table: Path) -> dict[str, Any]:
    """Return what the package reads: the rows of each version as CSV, and the current version."""
    found: dict[str, Any] = {}
    for path in table.glob("metadata/v*.metadata.json"):
        number = int(path.name.split(".")[0][1:])
        told = json.loads((table / json.loads(path.read_text())["snapshot_filename"]).read_text())
        frame = None if "files" in told else atio.read_table(str(table), version=number)
        found[str(number)] = {
            "time": told["timestamp"],
            "message": told.get("message"),
            "csv": None if frame is None else frame.to_csv(),
        }
    return {
        "current": json.loads((table / "_current_version.json").read_text())["version_id"],
        "versions": found,
    }


def main() -> None:
    """Write the table of the package that is installed."""
    atio: Any = import_module("atio")
    name = version("atio")
    table = HOME / f"atio-{name}"
    shutil.rmtree(table, ignore_errors=True)
    (write_2 if name.startswith("2") else write_3)(atio, str(table))
    expected = HOME / f"atio-{name}.json"
    expected.write_text(json.dumps(read(atio, table), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
