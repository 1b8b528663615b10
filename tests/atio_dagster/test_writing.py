from typing import Any

import dagster as dg
import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core import StagedChange
from atio_core.engines import stage_dask
from atio_dagster import AtioResource
from tests.support.dagster_runs import Materialize, Refusal, failing_once, materialized

LETTERS = dg.StaticPartitionsDefinition(["a", "b/..", "c"])


def outputs(*given: Any, **options: Any) -> Any:
    """An asset that returns one value after another."""
    left = list(given)
    said = {f"atio/{name}": options.pop(name) for name in list(options) if name != "partitions_def"}

    @dg.asset(name="made", metadata=said, **options)
    def made() -> Any:
        return left.pop(0)

    return made


def rows_of(store: AtioResource, partition: str | None = None) -> list[tuple[Any, ...]]:
    """The rows of the latest version."""
    chosen = None if partition is None else [partition]
    read = store.table("made").snapshot().read("arrow", partitions=chosen).to_pylist()
    return [tuple(row.values()) for row in read]


def people(**names: str) -> pd.DataFrame:
    """Rows with an id and a name."""
    return pd.DataFrame({"id": [int(key[1:]) for key in names], "name": list(names.values())})


class TestModes:
    """What becomes of the rows that are there."""

    def test_overwrite(self, materialize: Materialize, store: AtioResource) -> None:
        """Unless something else is said, an output replaces its table."""
        asset = outputs(people(_1="Ada", _2="Bob"), people(_3="Cy"))
        for _ in range(2):
            materialize(asset)
        assert rows_of(store) == [(3, "Cy")]

    @pytest.mark.parametrize(
        "made_as",
        [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table],
        ids=["pandas", "polars", "lazy", "arrow"],
    )
    def test_append(self, made_as: Any, materialize: Materialize, store: AtioResource) -> None:
        """Each run's rows come behind those before, whatever frame they are."""
        asset = outputs(made_as({"n": [1]}), made_as({"n": [2]}), mode="append")
        for _ in range(2):
            materialize(asset)
        assert rows_of(store) == [(1,), (2,)]

    @pytest.mark.parametrize(
        "made_as",
        [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas],
        ids=["pandas", "polars", "arrow"],
    )
    def test_upsert(
        self,
        made_as: Any,
        materialize: Materialize,
        store: AtioResource,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """Rows with a key that is there replace it, the others are added, none is doubled or lost."""
        first, second = people(_1="Ada", _2="Bob"), people(_2="Rob", _3="Cy")
        asset = outputs(made_as(first), made_as(second), made_as(second), mode="upsert", key=["id"])
        for _ in range(2):
            materialize(asset)
        assert rows_of(store) == [(1, "Ada"), (2, "Rob"), (3, "Cy")]
        materialize(asset)
        assert store.table("made").snapshot().version == 2  # nothing new: no version
        assert "no version was made" in capfd.readouterr().err

    def test_upsert_by_the_primary_key(self, materialize: Materialize, store: AtioResource) -> None:
        """Without a key, that of the table counts."""
        store.table("made").append(people(_1="Ada"), key=["id"])
        materialize(outputs(people(_1="Eve"), mode="upsert"))
        assert rows_of(store) == [(1, "Eve")]

    def test_upsert_without_any_key_is_refused(self, refusal: Refusal, store: AtioResource) -> None:
        """Where nothing says which rows are the same, nothing is written."""
        assert "give key=" in refusal(outputs(people(_1="Ada"), mode="upsert")).message
        assert not store.table("made").exists()

    @pytest.mark.parametrize("mode", ["append", "upsert"])
    def test_an_object_has_no_rows_to_add(self, mode: str, refusal: Refusal, store: AtioResource) -> None:
        """What is no frame can only replace what is there."""
        asset = outputs({"a": 1}, mode=mode, key=["a"])
        assert refusal(asset).cls_name == "InvalidInputError"
        assert not store.table("made").exists()


class TestArrangement:
    """How rows lie, and which columns there are."""

    @pytest.mark.parametrize("mode", ["overwrite", "append", "upsert"])
    def test_partition_columns_and_order(
        self, mode: str, materialize: Materialize, store: AtioResource
    ) -> None:
        """A table is partitioned by columns, and sorted, as the asset says, in every mode."""
        frame = pd.DataFrame({"zone": ["eu", "us", "eu"], "id": [3, 2, 1]})
        asset = outputs(frame, mode=mode, key=["zone", "id"], partition_by=["zone"], sort_by=["id"])
        materialize(asset)
        snapshot = store.table("made").snapshot()
        assert (snapshot.partition_fields, snapshot.sort_by) == (("zone",), ("id",))
        assert rows_of(store, "eu") == [("eu", 1), ("eu", 3)]

    def test_schema_modes(self, materialize: Materialize, refusal: Refusal, store: AtioResource) -> None:
        """A new column is refused by an append, unless the asset says that columns may be added."""
        more = pd.DataFrame({"n": [2], "m": ["x"]})
        materialize(outputs(pd.DataFrame({"n": [1]}), mode="append"))
        assert "schema_mode='add'" in refusal(outputs(more, mode="append")).message
        materialize(outputs(more, mode="append", schema_mode="add"))
        assert rows_of(store) == [(1, None), (2, "x")]
        assert refusal(outputs(more, mode="append", schema_mode="replace")).cls_name == "InvalidInputError"

    def test_an_overwrite_that_may_not_change_columns(
        self, materialize: Materialize, refusal: Refusal
    ) -> None:
        """With the schema mode "exact", an overwrite keeps the table's columns, or is refused."""
        materialize(outputs(pd.DataFrame({"n": [1]}), schema_mode="exact"))
        other = pd.DataFrame({"m": [1]})
        assert "schema_mode='add'" in refusal(outputs(other, schema_mode="exact")).message

    def test_a_format(self, materialize: Materialize, store: AtioResource, refusal: Refusal) -> None:
        """An object is kept in the format that is said, if that keeps it."""
        materialize(outputs("text", format="json"))
        assert store.table("made").snapshot().kind == "json"
        assert refusal(outputs(np.arange(3), format="json")).cls_name == "UnsupportedFormatError"

    def test_rows_that_are_there_already(self, materialize: Materialize, store: AtioResource) -> None:
        """Equal content is a version that shares the files, or, where the asset says so, none."""
        frame = people(_1="Ada")
        for said in ({}, {}, {"if_unchanged": "skip"}):
            materialize(outputs(frame.copy(), **said))
        assert [snapshot.version for snapshot in store.table("made").history()] == [2, 1]
        assert len({file.path for one in store.table("made").history() for file in one.data_files()}) == 1


class TestPartitions:
    """The same of assets with partitions of Dagster's."""

    def test_append(self, materialize: Materialize, store: AtioResource) -> None:
        """Rows are added to the run's partitions, all of them in one version."""
        frames = {key: pd.DataFrame({"n": [1]}) for key in ("a", "b/..")}
        asset = outputs(pd.DataFrame({"n": [0]}), frames, mode="append", partitions_def=LETTERS)
        materialize(asset, partition="a")
        materialize(asset, between=("a", "b/.."))
        assert store.table("made").snapshot().version == 2
        assert (rows_of(store, "a"), rows_of(store, "b/..")) == ([(0,), (1,)], [(1,)])

    def test_upsert(self, materialize: Materialize, store: AtioResource) -> None:
        """Late rows replace those of the same key in their partition, and no others."""
        given: list[Any] = [
            {key: people(_1="Ada", _2="Bob") for key in ("a", "b/..")},
            people(_2="Rob", _3="Cy"),
            {key: people(_1=key) for key in ("b/..", "c")},
        ]
        asset = outputs(*given, mode="upsert", key=["id"], partitions_def=LETTERS)
        materialize(asset, between=("a", "b/.."))
        materialize(asset, partition="a")
        materialize(asset, between=("b/..", "c"))
        assert rows_of(store, "a") == [(1, "Ada"), (2, "Rob"), (3, "Cy")]
        assert rows_of(store, "b/..") == [(1, "b/.."), (2, "Bob")]
        assert rows_of(store, "c") == [(1, "c")]
        assert store.table("made").snapshot().version == 3

    @pytest.mark.parametrize("mode", ["overwrite", "append", "upsert"])
    def test_the_order_of_rows(self, mode: str, materialize: Materialize, store: AtioResource) -> None:
        """Each partition is sorted as the asset says."""
        asset = outputs(
            people(_2="Bob", _1="Ada"), mode=mode, key=["id"], sort_by=["id"], partitions_def=LETTERS
        )
        materialize(asset, partition="a")
        assert rows_of(store, "a") == [(1, "Ada"), (2, "Bob")]

    def test_equal_rows(self, materialize: Materialize, store: AtioResource) -> None:
        """A partition that is replaced by what it holds makes no version where the asset says so."""
        frame = people(_1="Ada")
        asset = outputs(frame, frame.copy(), if_unchanged="skip", partitions_def=LETTERS)
        for _ in range(2):
            materialize(asset, partition="a")
        assert store.table("made").snapshot().version == 1

    def test_other_partitions_beside_them_are_refused(self, refusal: Refusal) -> None:
        """A table has one set of partitions: Dagster's, or columns."""
        asset = outputs(people(_1="Ada"), partition_by=["id"], partitions_def=LETTERS)
        assert "beside partitions of Dagster's" in refusal(asset, partition="a").message


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"mode": "upsert", "schema_mode": "add"}, "schema_mode='add'"),
        ({"mode": "append", "schema_mode": "replace"}, "schema_mode='replace'"),
        ({"mode": "append", "format": "json"}, "not as 'json'"),
    ],
)
def test_what_does_not_go_together_is_refused(
    said: dict[str, Any], told: str, refusal: Refusal, store: AtioResource
) -> None:
    """A setting that the mode can't heed is refused, not ignored."""
    assert told in refusal(outputs(people(_1="Ada"), key=["id"], **said)).message
    assert not store.table("made").exists()


def on_cluster(store: AtioResource, frame: pd.DataFrame, mode: str, **options: Any) -> list[StagedChange]:
    """Stage rows of the asset by Dask, each as a part of its own."""
    parts = [frame.iloc[[number]].reset_index(drop=True) for number in range(len(frame))]
    with dask.config.set({"dataframe.convert-string": False}):
        made = dd.from_map(lambda part: part, parts, meta=frame.iloc[:0])
    return stage_dask(made, store.table("made"), mode, **options)


class TestStaged:
    """An asset that was computed, and staged, by the workers of a cluster returns descriptors."""

    def test_parts_are_one_version(self, materialize: Materialize, store: AtioResource) -> None:
        """All that was staged becomes one version of the asset, whose rows Dagster is told."""
        staged = on_cluster(store, people(_1="Ada", _2="Bob"), "overwrite")
        result = materialize(outputs(staged))
        snapshot = store.table("made").snapshot()
        assert (snapshot.version, snapshot.files) == (1, 2)
        assert rows_of(store) == [(1, "Ada"), (2, "Bob")]
        told, _ = materialized(result, "made")
        assert (told["dagster/row_count"], told["atio/version"]) == (2, 1)
        assert snapshot.properties["dagster/asset_key"] == '["made"]'

    def test_one_part(self, materialize: Materialize, store: AtioResource) -> None:
        """A single descriptor does as well."""
        materialize(outputs(store.table("made").stage(people(_1="Ada"), "overwrite")))
        assert rows_of(store) == [(1, "Ada")]

    def test_a_retry_of_an_append_adds_once(self, instance: dg.DagsterInstance, store: AtioResource) -> None:
        """A step that fails after its commit, and is tried again, stages anew, and adds nothing twice."""
        attempts: list[int] = []

        @dg.asset(name="made", metadata={"atio/mode": "append"}, retry_policy=dg.RetryPolicy(max_retries=1))
        def made() -> Any:
            return on_cluster(store, people(_1="Ada", _2="Bob"), "append")

        dg.materialize([made], resources={"io_manager": failing_once(store, attempts)}, instance=instance)
        assert len(attempts) == 2
        assert rows_of(store) == [(1, "Ada"), (2, "Bob")]

    def test_partitions(self, materialize: Materialize, refusal: Refusal, store: AtioResource) -> None:
        """Parts of the run's partition replace it, and nothing else; those of another are refused."""
        how = {"partition_by": ["partition"], "partition": {"partition": "a"}}
        materialize(outputs(people(_9="Eve"), partitions_def=LETTERS), partition="c")
        staged = on_cluster(store, people(_1="Ada", _2="Bob"), "overwrite_partitions", **how)
        materialize(outputs(staged, partitions_def=LETTERS), partition="a")
        assert (rows_of(store, "a"), rows_of(store, "c")) == ([(1, "Ada"), (2, "Bob")], [(9, "Eve")])
        others = on_cluster(store, people(_3="Cy"), "overwrite_partitions", **how)
        error = refusal(outputs(others, partitions_def=LETTERS), partition="c")
        assert "has staged rows of the partition ('a',), and the run is of c" in error.message
        assert rows_of(store, "c") == [(9, "Eve")]

    def test_another_mode_is_refused(self, refusal: Refusal, store: AtioResource) -> None:
        """What was staged has to be what the asset says that it does."""
        error = refusal(outputs(on_cluster(store, people(_1="Ada"), "append")))
        assert "has staged append, and by its mode it does overwrite" in error.message
        assert not store.table("made").exists()
