from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pandas as pd
import pytest

from atio_core import Store
from atio_core.errors import InvalidInputError
from atio_dagster import AtioIOManager, AtioResource
from atio_dagster.pins import reader_of
from tests.atio_dagster import reading_jobs
from tests.support.dagster_runs import Materialize, Refusal, versions_of


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


@pytest.fixture
def jobs_tables(store: AtioResource, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The tables of `reading_jobs`, with a source of one row."""
    monkeypatch.setenv("ATIO_TEST_TABLES", store.base_path)
    store.table("source").overwrite(pd.DataFrame({"n": [1]}))
    return store.store


def numbers(store: Store, *names: str) -> list[list[int]]:
    """The rows of tables."""
    return [store.table(name).read()["n"].tolist() for name in names]


def test_a_run_never_reads_another_runs_rows(jobs_tables: Store, real_instance: dg.DagsterInstance) -> None:
    """Two runs interleaved: what one writes while the other is at it, the other never reads; the next run does."""
    for number in (1, 2):
        with dg.execute_job(dg.reconstructable(reading_jobs.in_one), real_instance) as run:
            assert run.success
        assert numbers(jobs_tables, "first", "second", "source") == [[number], [number], [number + 1]]


def test_all_processes_and_retries_of_a_run_read_one_version(
    jobs_tables: Store, real_instance: dg.DagsterInstance
) -> None:
    """Steps in processes of their own, and one that is killed and retried, read what the run's first step read."""
    with dg.execute_job(dg.reconstructable(reading_jobs.in_processes), real_instance) as run:
        assert run.success
    assert (Path(jobs_tables.path) / "killed").exists()
    assert numbers(jobs_tables, "first", "second", "killed_once", "source") == [[1], [1], [1], [100]]


@pytest.mark.parametrize(("job", "read"), [(reading_jobs.failing, 2), (reading_jobs.failing_root, 1)])
def test_what_a_re_execution_reads(
    jobs_tables: Store, real_instance: dg.DagsterInstance, job: Any, read: int
) -> None:
    """A re-execution sees what was mended since; with reads="root_run" it reads what the first run read."""
    recon = dg.reconstructable(job)
    with dg.execute_job(recon, real_instance) as run:
        assert not run.success
    again = dg.ReexecutionOptions.from_failure(run.run_id, real_instance)
    with dg.execute_job(recon, real_instance, reexecution_options=again) as second:
        assert second.success
    assert numbers(jobs_tables, "first", "source", "fails_once") == [[1], [2], [read]]


def test_a_root_run_that_nobody_knows_any_more(jobs_tables: Store, real_instance: dg.DagsterInstance) -> None:
    """What a deleted run read can't be told: that is an error, and never another version."""
    recon = dg.reconstructable(reading_jobs.failing_root)
    with dg.execute_job(recon, real_instance) as run:
        assert not run.success
    again = dg.ReexecutionOptions.from_failure(run.run_id, real_instance)
    with dg.execute_job(recon, real_instance, reexecution_options=again) as second:
        assert second.success
    record = real_instance.get_run_by_id(second.run_id)
    assert record is not None
    real_instance.delete_run(run.run_id)
    step = cast("Any", SimpleNamespace(dagster_run=record, instance=real_instance))
    with pytest.raises(InvalidInputError, match="isn't kept any more"):
        reader_of(step, "root_run")
    with pytest.raises(InvalidInputError, match="must be 'run' or 'root_run'"):
        reader_of(step, "parent")
    assert reader_of(step, "run") == second.run_id


def test_a_pinned_version_that_has_expired(store: AtioResource, refusal: Refusal) -> None:
    """A run whose version has expired under it fails, and is never given another one."""

    @dg.asset
    def early(source: pd.DataFrame) -> None: ...

    @dg.asset(deps=["early"])
    def expires() -> None:
        store.table("source").overwrite(pd.DataFrame({"n": [2]}))
        store.table("source").expire(keep_last=1, grace=timedelta(0))

    @dg.asset(deps=["expires"])
    def late(source: pd.DataFrame) -> None: ...

    store.table("source").overwrite(pd.DataFrame({"n": [1]}))
    error = refusal(dg.AssetSpec("source"), early, expires, late)
    assert error.cls_name == "VersionExpiredError"
    assert "keep versions for longer than readers take" in error.message


def test_an_output_that_was_there_already(jobs_tables: Store, real_instance: dg.DagsterInstance) -> None:
    """A re-executed append that adds nothing is read as the version that it repeats, whatever came since."""
    recon = dg.reconstructable(reading_jobs.appending)
    with dg.execute_job(recon, real_instance) as run:
        assert run.success
    jobs_tables.table("events").append(pd.DataFrame({"n": [2]}))
    again = dg.ReexecutionOptions(parent_run_id=run.run_id)
    with dg.execute_job(recon, real_instance, reexecution_options=again) as second:
        assert second.success
    assert numbers(jobs_tables, "events", "reads_events") == [[1, 2], [1]]


def test_a_runs_own_version_is_found_behind_many_others(
    materialize: Materialize, store: AtioResource
) -> None:
    """However many versions others have committed since, the run reads its own."""
    seen: list[int] = []

    @dg.asset(deps=["counted"])
    def meddler() -> None:
        for number in range(40):
            store.table("counted").overwrite(pd.DataFrame({"n": [100 + number]}))

    @dg.asset(deps=["meddler"])
    def down(counted: pd.DataFrame) -> None:
        seen.extend(counted["n"])

    materialize(counting(store), meddler, down)
    assert seen == [1]


class TestNone:
    """What returned None, or was never stored."""

    def test_an_output_of_this_run(self, materialize: Materialize) -> None:
        """An asset that returned None, and was never stored, is None for those that take it."""
        seen: list[Any] = []

        @dg.asset
        def nothing() -> Any:
            return None

        @dg.asset
        def down(nothing: Any) -> None:
            seen.append(nothing)

        materialize(nothing, down)
        assert seen == [None]

    def test_an_optional_input(self, materialize: Materialize, store: AtioResource, refusal: Refusal) -> None:
        """An input that may be None is None where nothing is stored; one that may not be is an error."""
        seen: list[Any] = []

        @dg.asset
        def optional(source: pd.DataFrame | None) -> None:
            seen.append(None if source is None else source["n"].item())

        @dg.asset
        def needs(source: pd.DataFrame) -> None: ...

        source = dg.AssetSpec("source")
        materialize(source, optional)
        assert refusal(source, needs).cls_name == "TableNotFoundError"
        versions_of(store, "source", 1)
        materialize(source, optional)
        assert seen == [None, 1]

    def test_ops(self, store: AtioResource, instance: dg.DagsterInstance) -> None:
        """An op's None is None for the next one, also if an earlier run of the job returned something."""
        seen: list[Any] = []

        @dg.op(config_schema={"value": dg.Noneable(int)})
        def one(context: dg.OpExecutionContext) -> Any:
            return context.op_config["value"]

        @dg.op
        def two(value: Any) -> None:
            seen.append(value)

        @dg.job(resource_defs={"io_manager": AtioIOManager(base_path=store.base_path)})
        def flow() -> None:
            two(one())

        for value in (None, 7, None):
            config = {"ops": {"one": {"config": {"value": value}}}}
            assert flow.execute_in_process(instance=instance, run_config=config).success
        assert seen == [None, 7, None]


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
