from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_dagster import AtioIOManager, AtioResource
from atio_dagster.reads import Wanted, wanted_by
from tests.support.dagster_runs import Materialize, Refusal


def counting(store: AtioResource) -> dg.AssetsDefinition:
    """An asset with a higher number each time."""

    @dg.asset
    def counted() -> Any:
        table = store.table("counted")
        return pd.DataFrame({"n": [table.snapshot().version + 1 if table.exists() else 1]})

    return counted


def test_a_run_reads_what_it_wrote(materialize: Materialize, store: AtioResource) -> None:
    """Whatever others commit meanwhile, an input that the run made is the version that it made."""
    seen: list[int] = []

    @dg.asset(deps=["counted"])
    def meddler() -> None:
        for number in (100, 101):
            store.table("counted").append(pd.DataFrame({"n": [number]}))

    @dg.asset(deps=["meddler"])
    def down(counted: pd.DataFrame) -> None:
        seen.extend(counted["n"])

    up = counting(store)
    materialize(up, meddler, down)
    assert seen == [1]
    assert store.table("counted").read()["n"].tolist() == [1, 100, 101]
    materialize(up, meddler, down, only=[down])
    assert seen == [1, 1, 100, 101]


def mending_job() -> dg.JobDefinition:
    """A job whose second step needs more rows: named here, so that Dagster can make it again."""

    @dg.asset
    def few() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    @dg.asset
    def down(few: pd.DataFrame) -> pd.DataFrame:
        if len(few) == 1:
            raise ValueError("too few")
        return few

    resources = {"io_manager": AtioIOManager(base_path=dg.EnvVar("ATIO_TEST_TABLES"))}
    job = dg.define_asset_job("mending", executor_def=dg.in_process_executor)
    return dg.Definitions(assets=[few, down], jobs=[job], resources=resources).resolve_job_def("mending")


def test_a_re_execution_sees_what_was_mended(
    store: AtioResource, real_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that are executed again, after one that isn't, read its table as it is now."""
    monkeypatch.setenv("ATIO_TEST_TABLES", store.base_path)
    job = dg.reconstructable(mending_job)
    with dg.execute_job(job, real_instance) as first:
        assert not first.success
    store.table("few").append(pd.DataFrame({"n": [2]}))
    again = dg.ReexecutionOptions(parent_run_id=first.run_id, step_selection=["down"])
    with dg.execute_job(job, real_instance, reexecution_options=again) as second:
        assert second.success
    assert store.table("down").read()["n"].tolist() == [1, 2]


def test_an_input_pinned_to_a_version(
    materialize: Materialize, store: AtioResource, refusal: Refusal
) -> None:
    """Metadata on an input names the version to read; one that never was is an error."""
    seen: list[int] = []

    @dg.asset(ins={"counted": dg.AssetIn(metadata={"atio/version": 2})})
    def down(counted: pd.DataFrame) -> None:
        seen.extend(counted["n"])

    @dg.asset(ins={"counted": dg.AssetIn(metadata={"atio/version": 9})})
    def future(counted: pd.DataFrame) -> None: ...

    up = counting(store)
    for _ in range(3):
        materialize(up)
    materialize(up, down)
    assert seen == [2]
    assert refusal(up, future, only=[future]).cls_name == "VersionNotFoundError"


def test_an_asset_that_was_never_made(refusal: Refusal, store: AtioResource) -> None:
    """An input without a table is an error that says which asset to materialise."""

    @dg.asset
    def down(counted: pd.DataFrame) -> None: ...

    error = refusal(counting(store), down, only=[down])
    assert error.cls_name == "TableNotFoundError"
    assert "the asset counted has no table yet" in error.message


def test_an_ops_input_is_what_its_run_wrote(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """What an op hands on is its own run's, even if another run of the job has written since; never another's."""
    seen: list[Any] = []
    path = ("_atio_ops", "flow", "one", "result")

    @dg.op
    def one() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    @dg.op(ins={"after": dg.In(dg.Nothing), "frame": dg.In(pd.DataFrame)})
    def two(frame: pd.DataFrame) -> None:
        seen.extend(frame["n"])

    @dg.op(ins={"after": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing), config_schema={"expire": bool})
    def another_run(context: dg.OpExecutionContext) -> None:
        store.table_at(path).overwrite(pd.DataFrame({"n": [2]}), properties={"dagster/run_id": "another"})
        if context.op_config["expire"]:
            store.table_at(path).expire(keep_last=1)

    @dg.job(resource_defs={"io_manager": AtioIOManager(base_path=store.base_path)})
    def flow() -> Any:
        made = one()
        two(frame=made, after=another_run(made))

    config = {"ops": {"another_run": {"config": {"expire": False}}}}
    assert flow.execute_in_process(instance=instance, run_config=config).success
    assert seen == [1]
    config["ops"]["another_run"]["config"]["expire"] = True
    result = flow.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    assert "run the whole job again" in str(result.failure_data_for_node("two"))
    assert seen == [1]


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (None, Wanted(None, by_key=False)),
        (Any, Wanted(None, by_key=False)),
        (pd.DataFrame, Wanted("pandas", by_key=False)),
        (type("Mine", (pd.DataFrame,), {}), Wanted("pandas", by_key=False)),
        (pl.LazyFrame, Wanted("polars-lazy", by_key=False)),
        (pa.RecordBatchReader, Wanted("arrow-reader", by_key=False)),
        (pl.DataFrame | None, Wanted("polars", by_key=False)),
        (dict, Wanted(None, by_key=True)),
        (dict[str, pa.Table], Wanted("arrow", by_key=True)),
        (dict[str, pl.DataFrame] | None, Wanted("polars", by_key=True)),
        (dict[str, Any], Wanted(None, by_key=True)),
        (Path, Wanted("path", by_key=False)),
        (np.ndarray, Wanted("object", by_key=False)),
        (list[pd.DataFrame], Wanted("object", by_key=False)),
        (dict[str, int], Wanted("object", by_key=True)),
    ],
)
def test_annotations(annotation: Any, wanted: Wanted) -> None:
    """An annotation says which frame is loaded, or an object or a path; and whether partitions come by key."""
    assert wanted_by(annotation) == wanted
