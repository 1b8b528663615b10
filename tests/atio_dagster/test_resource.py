from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_core.errors import InvalidInputError
from atio_core.retention import DEFAULT_RETENTION, Retention
from atio_dagster import AtioResource
from tests.support.dagster_runs import Materialize

ROWS = pd.DataFrame({"n": [1]})


def test_tables_are_found_wherever_they_lie(store: AtioResource) -> None:
    """Every table below the root is found once, in order, whatever else lies there."""
    for folders in (("b",), ("a", "b"), ("a",), ("_atio_ops", "j", "s", "result")):
        store.table_at(folders).overwrite(ROWS)
    root = Path(store.base_path)
    (root / "no_table" / "_atio" / "log").mkdir(parents=True)
    (root / "no_table" / "_atio" / "log" / "notes.txt").write_text("not an entry")
    (root / "file.parquet").write_bytes(b"")
    found = [Path(table.path).relative_to(root).as_posix() for table in store.tables()]
    assert found == ["_atio_ops/j/s/result", "a", "a/b", "b"]


def test_a_store_without_tables(store: AtioResource) -> None:
    """A root that isn't there yet holds no tables."""
    assert list(store.tables()) == []


def test_keys_of_any_kind(store: AtioResource) -> None:
    """A table is found by an asset key, its parts, or its text."""
    paths = {store.table(key).path for key in (dg.AssetKey(["a", "b"]), ["a", "b"], "a/b")}
    assert paths == {f"{store.base_path}/a/b"}


@pytest.mark.parametrize(
    ("options", "policy"),
    [
        ({}, DEFAULT_RETENTION),
        ({"keep_last": 2}, Retention(keep_last=2)),
        ({"keep_for_hours": 1.5, "keep_last": 2}, Retention(timedelta(minutes=90), 2)),
        (
            {"keep_hourly": 1, "keep_daily": 2, "keep_weekly": 3, "keep_monthly": 4, "keep_yearly": 5},
            Retention(None, None, 1, 2, 3, 4, 5),
        ),
    ],
)
def test_retention(options: Any, policy: Retention) -> None:
    """The rules of the resource become a policy; none at all means 7 days."""
    assert AtioResource(base_path="x", **options).retention == policy


def test_a_wrong_retention_is_refused() -> None:
    """A rule that makes no sense is refused with a reason."""
    with pytest.raises(InvalidInputError, match="keep_last must be a whole number of 1 or more"):
        _ = AtioResource(base_path="x", keep_last=0).retention


@pytest.mark.parametrize(
    "options",
    [
        {"keep_for_hours": -1},
        {"keep_for_hours": float("nan")},
        {"keep_for_hours": 1e300},
        {"grace_minutes": -1},
        {"grace_minutes": float("inf")},
    ],
    ids=str,
)
def test_a_duration_that_makes_no_sense_is_refused(options: Any) -> None:
    """A number that is no duration is refused by the name of its field."""
    store = AtioResource(base_path="x", **options)
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        _ = (store.retention, store.grace)


@pytest.mark.parametrize("path", ["", "  "], ids=["empty", "blank"])
def test_no_root_is_not_the_root_of_the_disk(path: str) -> None:
    """A folder that isn't given (a variable that isn't set) is refused, rather than taken for `/`."""
    for act in (lambda store: store.table("a"), lambda store: list(store.tables())):
        with pytest.raises(InvalidInputError, match="base_path is empty"):
            act(AtioResource(base_path=path))


def test_use_in_an_asset(store: AtioResource, materialize: Materialize, instance: dg.DagsterInstance) -> None:
    """Assets can take the resource, to look at tables and their history."""
    store.table("up").overwrite(ROWS)

    @dg.asset
    def looked(atio: AtioResource) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"rows": atio.table("up").snapshot().rows})

    result = dg.materialize([looked], resources={"atio": store}, instance=instance)
    assert result.asset_materializations_for_node("looked")[0].metadata["rows"].value == 1
