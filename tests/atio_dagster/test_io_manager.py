from pathlib import Path
from typing import Any, Optional

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.errors import InvalidInputError
from atio_dagster import AtioIOManager, AtioResource
from tests.support.dagster_runs import Materialize, Refusal

FRAMES = {
    "pandas": pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "polars": pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "lazy": pl.LazyFrame({"a": [1, 2], "b": ["x", None]}),
    "arrow": pa.table({"a": [1, 2], "b": ["x", None]}),
    "reader": pa.table({"a": [1, 2], "b": ["x", None]}),
}
TYPES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "lazy": pl.LazyFrame,
    "arrow": pa.Table,
    "reader": pa.RecordBatchReader,
}


def as_rows(frame: Any) -> list[dict[str, Any]]:
    """The rows of any frame."""
    if isinstance(frame, pl.LazyFrame):
        return frame.collect().to_dicts()
    if isinstance(frame, pl.DataFrame):
        return frame.to_dicts()
    if isinstance(frame, pa.RecordBatchReader):
        return frame.read_all().to_pylist()
    if isinstance(frame, pa.Table):
        return frame.to_pylist()
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


@pytest.mark.parametrize("loaded", TYPES)
@pytest.mark.parametrize("written", FRAMES)
def test_any_frame_loads_as_any_other(written: str, loaded: str, materialize: Materialize) -> None:
    """Whatever library an asset's frame is of, an input gets it as the type that it is annotated with."""
    seen: list[Any] = []

    @dg.asset
    def up() -> Any:
        return FRAMES[written].to_reader() if written == "reader" else FRAMES[written]

    @dg.asset
    def down(up: TYPES[loaded]) -> None:  # pyright: ignore[reportInvalidTypeForm] # each of them in turn
        seen.append(up)

    materialize(up, down)
    assert isinstance(seen[0], TYPES[loaded])
    assert as_rows(seen[0]) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    ("written", "loaded"),
    [("pandas", "pandas"), ("polars", "polars"), ("lazy", "polars"), ("arrow", "arrow")],
)
@pytest.mark.parametrize("annotation", [None, Any])
def test_without_annotation_the_frame_is_the_writers(
    written: str, loaded: str, annotation: Any, materialize: Materialize
) -> None:
    """An input without an annotation gets a frame of the library that wrote it."""
    seen: list[Any] = []

    @dg.asset
    def up() -> Any:
        return FRAMES[written]

    def take(up: Any) -> Any:
        seen.append(up)

    if annotation is not None:
        take.__annotations__["up"] = annotation
    materialize(up, dg.asset(take))
    assert type(seen[0]) is TYPES[loaded]


@pytest.mark.parametrize("annotation", [Optional[pd.DataFrame], pd.DataFrame | None])  # noqa: UP045
def test_optional_annotations(annotation: Any, materialize: Materialize) -> None:
    """An optional input is loaded like a required one."""
    seen: list[Any] = []

    @dg.asset
    def up() -> Any:
        return FRAMES["polars"]

    @dg.asset
    def down(up: annotation) -> None:  # pyright: ignore[reportInvalidTypeForm] # each of them in turn
        seen.append(up)

    materialize(up, down)
    assert isinstance(seen[0], pd.DataFrame)


def test_pandas_comes_back_equal(materialize: Materialize, store: AtioResource) -> None:
    """A pandas frame comes back with its index, its dtypes and column names that are no text."""
    frame = pd.DataFrame(
        {1: pd.array([1, None], "Int8"), ("a", 2): [1.5, None]}, index=pd.Index(["p", "q"], name="i")
    )

    @dg.asset
    def odd() -> Any:
        return frame

    materialize(odd)
    pd.testing.assert_frame_equal(store.table("odd").read(), frame)


def test_an_annotation_that_no_table_has(refusal: Refusal) -> None:
    """An input annotated with something else than a frame is refused, with what it could be."""

    @dg.asset
    def up() -> Any:
        return FRAMES["pandas"]

    @dg.asset
    def down(up: set) -> None: ...

    error = refusal(up, down)
    assert error.cls_name == "InvalidInputError"
    assert "the input 'up' is annotated with" in error.message
    assert "polars DataFrame" in error.message


def test_none_stores_nothing(materialize: Materialize, store: AtioResource) -> None:
    """An asset that returns None leaves its table as it is, and whoever takes it gets the latest version."""
    outcomes: list[Any] = [FRAMES["pandas"], None]
    seen: list[int] = []

    @dg.asset
    def sometimes() -> Any:
        return outcomes.pop(0)

    @dg.asset
    def down(sometimes: pd.DataFrame) -> None:
        seen.append(len(sometimes))

    materialize(sometimes, down)
    result = materialize(sometimes, down)
    assert [snapshot.version for snapshot in store.table("sometimes").history()] == [1]
    assert seen == [2, 2]
    assert "atio/version" not in result.asset_materializations_for_node("sometimes")[0].metadata


def test_none_after_a_retry(materialize: Materialize, store: AtioResource) -> None:
    """A step that fails and returns None when it is tried again stores nothing, and succeeds."""
    attempts = iter([RuntimeError("once"), None])

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
    def sometimes() -> Any:
        outcome = next(attempts)
        if outcome is not None:
            raise outcome

    assert materialize(sometimes).success
    assert not store.table("sometimes").exists()


def test_each_materialisation_is_one_version(materialize: Materialize, store: AtioResource) -> None:
    """Each run adds one version, and every older one can still be read."""
    numbers = iter([1, 2, 3])

    @dg.asset
    def counted() -> Any:
        return pd.DataFrame({"n": [next(numbers)]})

    for _ in range(3):
        materialize(counted)
    table = store.table("counted")
    assert [snapshot.version for snapshot in table.history()] == [3, 2, 1]
    assert [table.read(version=version)["n"].item() for version in (1, 2, 3)] == [1, 2, 3]


def test_columns_of_an_input(materialize: Materialize) -> None:
    """An input takes just the columns that its metadata names, under atio's name or Dagster's own."""
    seen: list[list[str]] = []

    @dg.asset
    def up() -> Any:
        return FRAMES["pandas"]

    @dg.asset(ins={"up": dg.AssetIn(metadata={"atio/columns": ["b"]})})
    def one(up: pl.DataFrame) -> None:
        seen.append(up.columns)

    @dg.asset(ins={"up": dg.AssetIn(metadata={"columns": ["a"]})})
    def other(up: pd.DataFrame) -> None:
        seen.append(list(up.columns))

    materialize(up, one, other)
    assert sorted(seen) == [["a"], ["b"]]


def test_multi_assets_and_results(materialize: Materialize, store: AtioResource) -> None:
    """Multi-assets, `Output` and `MaterializeResult` store their values and keep their own metadata."""

    @dg.multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
    def both() -> Any:
        yield dg.MaterializeResult(asset_key="left", value=FRAMES["pandas"], metadata={"mine": 1})
        yield dg.MaterializeResult(
            asset_key="right", value=FRAMES["polars"], metadata={"dagster/row_count": 7}
        )

    @dg.asset
    def single() -> dg.Output[pa.Table]:
        return dg.Output(FRAMES["arrow"], metadata={"mine": 2})

    @dg.asset
    def nothing() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"mine": 3})

    result = materialize(both, single, nothing)
    told = {event.asset_key.to_user_string(): event.metadata for event in _materializations(result)}
    assert {name: told[name]["mine"].value for name in ("left", "single", "nothing")} == {
        "left": 1,
        "single": 2,
        "nothing": 3,
    }
    assert told["right"]["dagster/row_count"].value == 7
    assert {table.path.rpartition("/")[2] for table in store.tables()} == {"left", "right", "single"}


def test_ops_of_a_graph(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """What ops hand to each other goes through tables as well, dynamic outputs included."""
    seen: list[Any] = []

    @dg.op(out=dg.DynamicOut())
    def parts() -> Any:
        for letter in "xy":
            yield dg.DynamicOutput(pd.DataFrame({"a": [letter]}), mapping_key=letter)

    @dg.op
    def doubled(part: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([part, part])

    @dg.op
    def collected(frames: list[Any]) -> None:
        seen.extend(sorted("".join(frame["a"]) for frame in frames))

    @dg.job(resource_defs={"io_manager": AtioIOManager(base_path=store.base_path)})
    def flow() -> Any:
        collected(parts().map(doubled).collect())

    for _ in range(2):
        assert flow.execute_in_process(instance=instance).success
    assert seen == ["xx", "yy"] * 2
    assert {"flow/parts/result/x", "flow/doubled%5Bx%5D/result"} <= {
        table.path.split("/_atio_ops/")[1] for table in store.tables()
    }


def test_another_assets_table_is_refused(tmp_path: Path, refusal: Refusal, store: AtioResource) -> None:
    """Where the file system takes two asset keys for one, the second asset can neither write nor read."""
    store.table("Sales").overwrite(FRAMES["pandas"], properties={"dagster/asset_key": '["Sales"]'})
    # As a file system that folds case shows it.
    (tmp_path / "tables" / "Sales").rename(tmp_path / "tables" / "sales")

    @dg.asset
    def sales() -> Any:
        return FRAMES["polars"]

    @dg.asset
    def reader(sales: pd.DataFrame) -> None: ...

    for error in (refusal(sales), refusal(sales, reader, only=[reader])):
        assert error.cls_name == "AlreadyExistsError"
        assert "belongs to the asset Sales" in error.message
    assert store.table("sales").snapshot().version == 1


def test_a_table_written_by_hand_is_taken_over(materialize: Materialize, store: AtioResource) -> None:
    """A table that no asset has written yet becomes the asset's, with its history."""
    store.table("mine").overwrite(FRAMES["pandas"])

    @dg.asset
    def mine() -> Any:
        return FRAMES["pandas"]

    materialize(mine)
    assert store.table("mine").snapshot().version == 2


def test_unit_test_contexts(store: AtioResource) -> None:
    """The manager works with contexts made by hand, for assets, partitions and ops."""
    manager = AtioIOManager(base_path=store.base_path)
    for output in (
        dg.build_output_context(asset_key="plain", name="result"),
        dg.build_output_context(asset_key="nameless"),
        dg.build_output_context(asset_key="parted", name="result", partition_key="p"),
        dg.build_output_context(step_key="step", name="result"),
    ):
        manager.handle_output(output, FRAMES["pandas"])
        assert output.get_logged_metadata()["dagster/row_count"].value == 2
        options: dict[str, Any] = {"upstream_output": output}
        if output.has_asset_key:
            options["asset_key"] = output.asset_key
        if output.has_asset_partitions:
            options["partition_key"] = "p"
        assert len(manager.load_input(dg.build_input_context(**options))) == 2


def test_load_asset_value(
    materialize: Materialize, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Values load outside of runs: the latest version, as the type asked for, or an older one."""
    numbers = iter([1, 2])

    @dg.asset
    def counted() -> Any:
        return pd.DataFrame({"n": [next(numbers)]})

    materialize(counted)
    materialize(counted)
    defs = dg.Definitions(
        assets=[counted], resources={"io_manager": AtioIOManager(base_path=store.base_path)}
    )
    latest: Any = defs.load_asset_value("counted", instance=instance)
    assert latest["n"].tolist() == [2]
    with defs.get_asset_value_loader(instance) as loader:
        pinned = {"atio/version": 1}
        older: Any = loader.load_asset_value(
            "counted", python_type=pl.DataFrame, input_definition_metadata=pinned
        )
    assert older["n"].to_list() == [1]


def test_one_root(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """A manager takes a folder or a resource; with both or neither it is refused."""

    @dg.asset
    def numbers() -> Any:
        return FRAMES["pandas"]

    resources = {"io_manager": AtioIOManager(resource=store)}
    assert dg.materialize([numbers], resources=resources, instance=instance).success
    assert store.table("numbers").exists()
    for wrong in ({}, {"base_path": "x", "resource": store}):
        with pytest.raises(ValueError, match="either base_path or resource"):
            AtioIOManager(**wrong)


def test_the_folder_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """base_path can be an environment variable, read when a run starts."""
    monkeypatch.setenv("ATIO_TEST_TABLES", str(tmp_path / "there"))

    @dg.asset
    def numbers() -> Any:
        return FRAMES["pandas"]

    resources = {"io_manager": AtioIOManager(base_path=dg.EnvVar("ATIO_TEST_TABLES"))}
    assert dg.materialize([numbers], resources=resources, instance=instance).success
    assert atio.read_table(tmp_path / "there" / "numbers").shape == (2, 2)


def test_memory_is_no_place_for_assets() -> None:
    """A base path in memory is refused: each step of a run may be a process of its own."""
    with pytest.raises(InvalidInputError, match="a memory of its own"):
        AtioResource(base_path="memory://x").table("a")


def _materializations(result: dg.ExecuteInProcessResult) -> list[dg.AssetMaterialization]:
    return [event.materialization for event in result.get_asset_materialization_events()]
