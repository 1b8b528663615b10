from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import atio_core as atio
from atio_core.errors import InvalidInputError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from atio_core.table.modes import MODES, change_by_mode


def frame(*values: int) -> pd.DataFrame:
    """Return rows of one column."""
    return pd.DataFrame({"a": list(values)})


def test_each_mode_is_a_method_that_takes_data() -> None:
    """A mode is the name of a method of a table whose first argument is the data."""
    for mode in MODES:
        assert next(iter(inspect.signature(getattr(Table, mode)).parameters.values()), None) is not None
        assert list(inspect.signature(getattr(Table, mode)).parameters)[1] == "data"


def test_a_mode_does_what_the_method_does() -> None:
    """Options of the method and of any commit are handed on."""
    table = Table(store=MemoryStore())
    change_by_mode(table, frame(1, 2), "append", {"message": "m"})
    snapshot = change_by_mode(
        table, frame(3), "overwrite", {"where": [("a", "==", 1)], "expected_version": 1}
    )
    assert (snapshot.operation, snapshot.version) == ("overwrite", 2)
    assert table.read()["a"].tolist() == [2, 3]
    days = Table(store=MemoryStore())
    change_by_mode(days, {"x": frame(1)}, "overwrite_partitions", {"partition_by": ["day"]})
    assert days.snapshot().partition_fields == ("day",)


@pytest.mark.parametrize(
    ("mode", "options", "wrong"),
    [("append", {"where": []}, "where"), ("overwrite", {"name": 1, "con": 2}, "con, name")],
    ids=["append", "overwrite"],
)
def test_options_that_a_mode_lacks_are_refused(
    mode: str, options: dict[str, Any], wrong: str, tmp_path: Path
) -> None:
    """An option of another method is refused with those that there are, before anything is written."""
    with pytest.raises(InvalidInputError, match=f"mode='{mode}' has no option {wrong}; there are .*message"):
        atio.write_snapshot(frame(1), tmp_path / "table", mode=mode, **options)
    assert list(tmp_path.iterdir()) == []
