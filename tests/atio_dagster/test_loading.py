"""What an input is loaded as, and which columns, rows and partitions of it."""

from typing import Any

import dagster as dg
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import atio_core as atio
from atio_dagster import AtioIOManager, AtioResource
from tests.support.dagster_runs import Materialize, Refusal

ROWS = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, 3.5], "s": ["x", "y", "z"]})
SOURCE = dg.AssetSpec("source")


@pytest.fixture
def seen() -> list[Any]:
    """What the reader has got."""
    return []


def reads(seen: list[Any], annotation: Any, use: Any = lambda value: value, **metadata: Any) -> Any:
    """An asset that notes what it makes of its input."""

    @dg.asset(ins={"source": dg.AssetIn(metadata=metadata)})
    def down(source: annotation) -> None:  # pyright: ignore[reportInvalidTypeForm] # each of them in turn
        seen.append(use(source))

    return down


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The rows of whatever reads."""
    if isinstance(value, duckdb.DuckDBPyRelation):
        return value.to_arrow_table().to_pylist()
    if isinstance(value, ds.Dataset):
        return value.to_table().to_pylist()
    if isinstance(value, atio.Snapshot):
        return value.read("arrow").to_pylist()
    return value.collect().to_dicts() if isinstance(value, pl.LazyFrame) else value.to_dict("records")


@pytest.mark.parametrize(
    "annotation",
    [duckdb.DuckDBPyRelation, ds.Dataset, atio.Snapshot, pl.LazyFrame],
    ids=lambda one: one.__name__,
)
def test_what_reads_as_it_is_asked(
    annotation: Any, seen: list[Any], materialize: Materialize, store: AtioResource
) -> None:
    """DuckDB, Arrow datasets, LazyFrames and a version itself read while the step works."""
    store.table("source").overwrite(ROWS)
    materialize(SOURCE, reads(seen, annotation, rows_of))
    assert seen == [ROWS.to_dict("records")]


def test_a_lazy_frame_reads_what_it_needs(
    seen: list[Any], materialize: Materialize, store: AtioResource
) -> None:
    """A query of a LazyFrame opens just the files that may match: the others may be damaged."""
    store.table("source").append(ROWS)
    damaged = store.table("source").append(ROWS.assign(a=ROWS["a"] + 100))
    (path,) = [file.path for file in damaged.data_files()[1:]]
    with open(f"{store.table('source').path}/{path}", "wb") as file:  # noqa: PTH123 - a path of text
        file.write(b"damaged")

    def query(frame: pl.LazyFrame) -> list[int]:
        return frame.filter(pl.col("a") < 3).select("a").collect()["a"].to_list()

    materialize(SOURCE, reads(seen, pl.LazyFrame, query))
    assert seen == [[1, 2]]


@pytest.mark.parametrize(
    "chosen",
    [
        [("a", ">", 1), ("s", "!=", "z")],
        [["a", ">", 1], ["s", "!=", "z"]],
        [[["a", "==", 2]], [["a", "==", 9]]],
        ["a", "in", [2, 9]],
    ],
    ids=str,
)
def test_columns_and_rows(
    chosen: Any, seen: list[Any], materialize: Materialize, store: AtioResource
) -> None:
    """Metadata choose columns and rows; filters are written with lists as well as tuples, as YAML has them."""
    store.table("source").overwrite(ROWS)
    said = {"atio/columns": ["s", "b"], "atio/filter": chosen}
    for annotation in (pd.DataFrame, pl.LazyFrame, list):
        materialize(SOURCE, reads(seen, annotation, list if annotation is list else rows_of, **said))
    assert seen == [[{"s": "y", "b": 2.5}]] * 3


@pytest.mark.parametrize("said", [{"atio/columns": ["none"]}, {"atio/filter": [("none", ">", 1)]}], ids=str)
def test_columns_that_are_not_there(said: dict[str, Any], refusal: Refusal, store: AtioResource) -> None:
    """A column that isn't there is an error that names it."""
    store.table("source").overwrite(ROWS)
    error = refusal(SOURCE, reads([], pd.DataFrame, **said))
    assert error.cls_name == "InvalidInputError"
    assert "none" in error.message


def test_rows_and_arrays(
    seen: list[Any], materialize: Materialize, refusal: Refusal, store: AtioResource
) -> None:
    """A frame becomes a list of rows, or an array if its columns are numbers of one type."""
    store.table("source").overwrite(ROWS)
    materialize(SOURCE, reads(seen, list[dict[str, Any]]))
    materialize(SOURCE, reads(seen, np.ndarray, lambda array: array.tolist(), **{"atio/columns": ["b"]}))
    assert seen == [ROWS.to_dict("records"), [[1.5], [2.5], [3.5]]]
    assert "choose columns by the metadata" in refusal(SOURCE, reads(seen, np.ndarray)).message


@pytest.mark.parametrize(
    ("stored", "rows"),
    [
        ([{"a": 1}, {"a": 2, "b": "x"}], [{"a": 1, "b": None}, {"a": 2, "b": "x"}]),
        ({"a": [1, 2], "b": ["x", None]}, [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        (np.array([[1, 2], [3, 4]]), [{"0": 1, "1": 2}, {"0": 3, "1": 4}]),
        (np.array([True, False]), [{"0": True}, {"0": False}]),
    ],
    ids=["rows", "columns", "matrix", "vector"],
)
def test_objects_as_frames(
    stored: Any, rows: Any, seen: list[Any], materialize: Materialize, store: AtioResource
) -> None:
    """JSON rows, JSON columns and arrays are loaded as any frame that is asked for."""
    store.table("source").overwrite(stored)
    materialize(SOURCE, reads(seen, pl.DataFrame, lambda frame: frame.to_dicts()))
    materialize(SOURCE, reads(seen, pl.LazyFrame, rows_of))
    materialize(SOURCE, reads(seen, pa.Table, lambda table: table.to_pylist()))
    materialize(SOURCE, reads(seen, pa.RecordBatchReader, lambda reader: reader.read_all().to_pylist()))
    materialize(SOURCE, reads(seen, pd.DataFrame, len))
    assert seen == [rows, rows, rows, rows, 2]


@pytest.mark.parametrize(
    "stored", ["text", {"a": [1], "b": [1, 2]}, [1, 2], [], {"a": 1}, np.zeros((1, 1, 1))], ids=str
)
def test_objects_that_are_no_frame(stored: Any, refusal: Refusal, store: AtioResource) -> None:
    """Anything else is refused as a frame, with its kind."""
    store.table("source").overwrite(stored)
    assert "is no frame, but of kind" in refusal(SOURCE, reads([], pd.DataFrame)).message


class TestMappedPartitions:
    """Partitions that are mapped to an input."""

    @pytest.fixture
    def hours(self, store: AtioResource) -> AtioResource:
        """A table of three partitions."""
        frames = {key: pd.DataFrame({"n": [number]}) for number, key in enumerate("abc")}
        store.table("source").overwrite_partitions(frames, partition_by=("partition",))
        return store

    def run(self, hours: AtioResource, annotation: Any, keys: list[str], use: Any, **metadata: Any) -> Any:
        """Load partitions as an annotation asks for."""
        seen: list[Any] = []
        parts = dg.StaticPartitionsDefinition(["a", "b", "c"])
        mapping = dg.SpecificPartitionsPartitionMapping(keys)

        @dg.asset(ins={"source": dg.AssetIn(partition_mapping=mapping, metadata=metadata)})
        def down(source: annotation) -> None:  # pyright: ignore[reportInvalidTypeForm] # each of them in turn
            seen.append(use(source))

        source = dg.AssetSpec("source", partitions_def=parts)
        resources = {"io_manager": AtioIOManager(base_path=hours.base_path)}
        with dg.DagsterInstance.ephemeral() as instance:
            dg.materialize([source, down], resources=resources, instance=instance)
        return seen[0]

    @pytest.mark.parametrize("keys", [["b"], ["c", "a"]], ids=str)
    def test_a_dict_stays_a_dict(self, hours: AtioResource, keys: list[str]) -> None:
        """One partition comes as a dict, too, if the annotation says so, and may be None."""
        for annotation in (dict[str, pl.DataFrame], dict[str, pl.DataFrame] | None):
            found = self.run(
                hours, annotation, keys, lambda frames: {k: f["n"].item() for k, f in frames.items()}
            )
            assert found == {key: "abc".index(key) for key in sorted(keys)}

    @pytest.mark.parametrize("keys", [["b"], ["c", "a"]], ids=str)
    def test_a_list_of_frames(self, hours: AtioResource, keys: list[str]) -> None:
        """A list has a frame for each partition, in the order of the definition."""
        found = self.run(hours, list[pd.DataFrame], keys, lambda frames: [f["n"].item() for f in frames])
        assert found == ["abc".index(key) for key in sorted(keys)]

    def test_one_frame(self, hours: AtioResource) -> None:
        """A frame has the rows of just the partitions that are mapped, lazily too, and filtered."""
        found = self.run(hours, pd.DataFrame, ["a", "c"], lambda frame: frame["n"].tolist())
        assert found == [0, 2]
        assert self.run(hours, pl.LazyFrame, ["b"], rows_of) == [{"n": 1}]
        some = {"atio/filter": ["n", ">", 0]}
        assert self.run(hours, list[dict], ["a", "c"], list, **some) == [{"n": 2}]

    def test_only_the_partitions_are_read(self, hours: AtioResource) -> None:
        """Files of other partitions aren't opened: they may be damaged."""
        table = hours.table("source")
        (file,) = table.snapshot().data_files(["b"])
        with open(f"{table.path}/{file.path}", "wb") as damaged:  # noqa: PTH123 - a path of text
            damaged.write(b"damaged")
        assert self.run(hours, pd.DataFrame, ["a", "c"], lambda frame: frame["n"].tolist()) == [0, 2]
