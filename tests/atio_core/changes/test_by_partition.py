"""Rows that are given partition by partition, to be added or to replace those with the same key."""

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import atio_core as atio
from atio_core.errors import DuplicateKeyError, InvalidInputError, SchemaMismatchError


def days(**rows: dict[int, int]) -> dict[str, pd.DataFrame]:
    """Rows of some days, each by its id."""
    return {day: pd.DataFrame({"id": list(own), "n": list(own.values())}) for day, own in rows.items()}


def held(table: atio.Table) -> dict[str, dict[int, int]]:
    """What a table holds, by day."""
    found: dict[str, dict[int, int]] = {}
    for [day] in table.snapshot().partitions():
        rows = table.read(partitions=[day])
        found[str(day)] = dict(zip(rows["id"], rows["n"], strict=True))
    return found


@pytest.fixture
def table(tmp_path: Path) -> atio.Table:
    """A table that isn't there yet."""
    return atio.Table(tmp_path / "table")


def test_an_append_makes_one_version(table: atio.Table) -> None:
    """Rows of several partitions are added in one version, also to a table that isn't there yet."""
    first = table.append(days(a={1: 10}, b={2: 20}), partition_by=["day"])
    again = table.append(days(b={3: 30}, c={4: 40}), partition_by=["day"])
    assert (first.version, again.version, again.operation) == (1, 2, "append")
    assert held(table) == {"a": {1: 10}, "b": {2: 20, 3: 30}, "c": {4: 40}}


def test_an_upsert_looks_at_its_own_partitions(table: atio.Table) -> None:
    """A row is replaced where its partition has its key; the same key elsewhere is another row."""
    table.upsert(days(a={1: 10, 2: 20}, b={1: 11}), partition_by=["day"], key=["id"])
    done = table.upsert(days(a={2: 21, 3: 30}, c={1: 12}), partition_by=["day"], key=["id"])
    assert (done.version, done.operation) == (2, "upsert")
    assert held(table) == {"a": {1: 10, 2: 21, 3: 30}, "b": {1: 11}, "c": {1: 12}}
    assert table.upsert(days(a={3: 30}, b={1: 11}), partition_by=["day"], key=["id"]).unchanged


def test_rows_whose_key_is_missing_go_from_these_partitions_alone(table: atio.Table) -> None:
    """With `delete_missing`, only partitions of the mapping lose rows."""
    table.append(days(a={1: 10, 2: 20}, b={1: 11, 2: 21}), partition_by=["day"])
    table.upsert(days(a={2: 22}), partition_by=["day"], key=["id"], delete_missing=True)
    assert held(table) == {"a": {2: 22}, "b": {1: 11, 2: 21}}


@pytest.mark.parametrize("begun", [False, True], ids=["new", "there"])
@pytest.mark.parametrize(("mode", "options"), [("append", {}), ("upsert", {"key": ["id"]})])
def test_it_can_be_kept_and_published(table: atio.Table, mode: str, options: Any, *, begun: bool) -> None:
    """What goes to several partitions is staged, read and published as one change."""
    if begun:
        table.append(days(a={1: 10}), partition_by=["day"])
    stage = table.stage(days(a={2: 20}, b={3: 30}), mode, partition_by=["day"], keep=True, **options)
    assert sorted(stage.read()["n"]) == [10, 20, 30][not begun :]
    table.publish(stage.id)
    assert held(table) == {"a": ({1: 10} if begun else {}) | {2: 20}, "b": {3: 30}}
    assert table.verify().ok


def test_another_change_of_one_of_them_makes_it_again(table: atio.Table) -> None:
    """An upsert that meets another one of the same rows is made again on that, in a transaction and outside."""
    table.append(days(a={1: 10}, b={1: 11}), partition_by=["day"])
    with table.transaction() as changes:
        changes.upsert(days(a={1: 100}, b={1: 110}), partition_by=["day"], key=["id"])
        atio.Table(table.path).upsert(days(b={1: 5, 2: 6}), partition_by=["day"], key=["id"])
    assert held(table) == {"a": {1: 100}, "b": {1: 110, 2: 6}}


def test_frames_of_any_library_go_in(table: atio.Table) -> None:
    """The pieces may be frames of polars, lazy ones too."""
    frame = pl.DataFrame({"id": [1], "n": [10]})
    table.append({"a": frame, "b": frame.lazy()})
    assert table.snapshot().rows == 2


def test_what_makes_no_sense_is_refused(table: atio.Table) -> None:
    """Nothing is written of rows that don't fit, or of a mapping that can't be meant."""
    wrong: list[tuple[type[Exception], str, dict[str, Any], Any]] = [
        (InvalidInputError, "append", {"partition": {"day": "a"}}, days(a={1: 1})),
        (InvalidInputError, "append", {}, {}),
        (InvalidInputError, "append", {}, {"a": [1]}),
        (SchemaMismatchError, "append", {}, days(a={1: 1}) | {"b": pd.DataFrame({"other": [1]})}),
        (InvalidInputError, "upsert", {}, days(a={1: 1})),
        (DuplicateKeyError, "upsert", {"key": ["n"]}, days(a={1: 1}, b={2: 2, 3: 2})),
    ]
    for error, mode, options, data in wrong:
        with pytest.raises(error):
            getattr(table, mode)(data, **options)
    assert not table.exists()
    table.append(pd.DataFrame({"id": [1], "n": [1]}))
    with pytest.raises(InvalidInputError, match="not partitioned, so it has no partitions by partition;"):
        table.append(days(a={1: 1}))
