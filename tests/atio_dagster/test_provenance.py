import json
import os
from datetime import timedelta
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import AtioIOManager, AtioResource
from atio_dagster.provenance import append_key
from tests.support.dagster_runs import Materialize, Refusal, failing_once

ROWS = pd.DataFrame({"n": [1, 2]})


def test_a_version_says_where_it_comes_from(materialize: Materialize, store: AtioResource) -> None:
    """Each version keeps the run, the job, the step, the asset, its code version and its retention."""

    @dg.asset(key=["raw", "made"], code_version="7", metadata={"atio/retention": {"keep_last": 3}})
    def made() -> Any:
        return ROWS

    result = materialize(made)
    snapshot = store.table("raw/made").snapshot()
    assert snapshot.properties == {
        "dagster/asset_key": '["raw", "made"]',
        "dagster/run_id": result.run_id,
        "dagster/root_run_id": result.run_id,
        "dagster/job_name": result.job_def.name,
        "dagster/step_key": "raw__made",
        "dagster/output": "result",
        "dagster/code_version": "7",
        "atio/retention": '{"keep_last": 3}',
    }
    assert snapshot.message == f"step raw__made of run {result.run_id}"


def test_partition_keys_are_kept(materialize: Materialize, store: AtioResource) -> None:
    """A version keeps the partitions that it replaced: their number, and the keys of the first hundred."""
    numbers = dg.StaticPartitionsDefinition([f"{number:03}" for number in range(120)])

    @dg.asset(partitions_def=numbers)
    def many(context: dg.AssetExecutionContext) -> Any:
        return dict.fromkeys(context.partition_keys, ROWS)

    materialize(many, partition="007")
    materialize(many, between=("000", "119"))
    second, first = (snapshot.properties for snapshot in store.table("many").history())
    assert (json.loads(first["dagster/partition_keys"]), first["dagster/partition_count"]) == (["007"], "1")
    assert len(json.loads(second["dagster/partition_keys"])) == 100
    assert second["dagster/partition_count"] == "120"


def test_a_retention_that_makes_no_sense_is_refused(refusal: Refusal, store: AtioResource) -> None:
    """An asset that declares a wrong retention isn't stored: nobody would know how long it is kept."""

    @dg.asset(metadata={"atio/retention": {"keep": 3}})
    def made() -> Any:
        return ROWS

    assert "atio/retention" in refusal(made).message
    assert not store.table("made").exists()


@dg.asset(name="appended", metadata={"atio/mode": "append"})
def appended_asset() -> Any:
    """Rows that come behind those before."""
    return ROWS


def appending_job() -> dg.JobDefinition:
    """A job that appends to an asset: named here, so that Dagster can make it again."""
    return _appending_by(AtioIOManager)


def _appending_by(manager: type[AtioIOManager]) -> dg.JobDefinition:
    resources = {"io_manager": manager(base_path=dg.EnvVar("ATIO_TEST_TABLES"))}
    job = dg.define_asset_job("appending", executor_def=dg.in_process_executor)
    defs = dg.Definitions(assets=[appended_asset], jobs=[job], resources=resources)
    return defs.resolve_job_def("appending")


class FailingAfterwards(AtioIOManager):
    """Fails once it has committed, if it is told so."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Commit, then fail."""
        super().handle_output(context, obj)
        if "ATIO_TEST_FAILS" in os.environ:
            raise RuntimeError("after the commit")


def failing_job() -> dg.JobDefinition:
    """The same, whose step fails afterwards."""
    return _appending_by(FailingAfterwards)


class TestAppends:
    """Assets that append: each run's rows are there once."""

    @pytest.fixture
    def appended(self) -> dg.AssetsDefinition:
        """An asset that appends."""

        @dg.asset(metadata={"atio/mode": "append"})
        def appended() -> Any:
            return ROWS

        return appended

    def test_each_run_adds(
        self, appended: dg.AssetsDefinition, materialize: Materialize, store: AtioResource
    ) -> None:
        """A new run adds its rows."""
        for _ in range(2):
            materialize(appended)
        assert store.table("appended").read()["n"].tolist() == [1, 2, 1, 2]

    def test_a_retried_step_adds_once(self, materialize: Materialize, store: AtioResource) -> None:
        """A step that fails after its rows were committed, and is tried again, adds nothing twice."""
        attempts: list[int] = []

        @dg.asset(metadata={"atio/mode": "append"}, retry_policy=dg.RetryPolicy(max_retries=1))
        def appended() -> Any:
            return ROWS

        result = dg.materialize([appended], resources={"io_manager": failing_once(store, attempts)})
        assert len(attempts) == 2
        assert store.table("appended").read()["n"].tolist() == [1, 2]
        metadata = result.asset_materializations_for_node("appended")[0].metadata
        assert metadata["atio/repeats_version"].value == metadata["atio/version"].value == 1

    def test_a_re_execution_adds_once(
        self, store: AtioResource, real_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Executing a run again adds nothing, even when its version has expired: its rows are those of its root run."""
        monkeypatch.setenv("ATIO_TEST_TABLES", store.base_path)
        job = dg.reconstructable(appending_job)
        with dg.execute_job(job, real_instance) as first:
            assert first.success
        again = dg.ReexecutionOptions(parent_run_id=first.run_id)
        with dg.execute_job(job, real_instance, reexecution_options=again) as second:
            assert second.success
        with dg.execute_job(job, real_instance) as third:
            assert third.success
        assert store.table("appended").read()["n"].tolist() == [1, 2, 1, 2]
        runs = [snapshot.properties["dagster/root_run_id"] for snapshot in store.table("appended").history()]
        assert runs == [third.run_id, first.run_id]
        store.table("appended").expire(keep_last=1)
        with dg.execute_job(job, real_instance, reexecution_options=again) as late:
            assert late.success
        [event] = late.asset_materializations_for_node("appended")
        assert (event.metadata["atio/repeats_version"].value, event.metadata["atio/version"].value) == (1, 2)
        assert event.metadata["atio/rows_added"].value == 0

    def test_the_clock_of_the_database_may_be_ahead(
        self, appended: dg.AssetsDefinition, store: AtioResource, instance: dg.DagsterInstance
    ) -> None:
        """Keys are looked for from well before the run was noted: its time is another machine's."""
        seen: list[Any] = []

        class Looking(AtioIOManager):
            def handle_output(self, context: dg.OutputContext, obj: object) -> None:
                seen.append(append_key(context, None, "root_run")["key_not_before"])

        resources = {"io_manager": Looking(base_path=store.base_path)}
        run = dg.materialize([appended], resources=resources, instance=instance)
        record = instance.get_run_record_by_id(run.run_id)
        assert record is not None
        assert seen == [record.create_timestamp - timedelta(days=1)]

    def test_partitions_are_told_apart(self, materialize: Materialize, store: AtioResource) -> None:
        """A run of one partition, and one of a range that has it, add their rows; a retry of the range doesn't."""
        attempts: list[int] = []

        @dg.asset(
            partitions_def=dg.StaticPartitionsDefinition(["a", "b"]),
            metadata={"atio/mode": "append"},
            retry_policy=dg.RetryPolicy(max_retries=1),
        )
        def parted(context: dg.AssetExecutionContext) -> Any:
            return dict.fromkeys(context.partition_keys, ROWS)

        tags = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "b"}
        result = dg.materialize([parted], resources={"io_manager": failing_once(store, attempts)}, tags=tags)
        assert (len(attempts), store.table("parted").snapshot().rows) == (2, 4)
        for event in result.asset_materializations_for_node("parted"):
            assert event.metadata["atio/repeats_version"].value == 1
        materialize(parted, partition="a")
        assert store.table("parted").snapshot().rows == 6

    def test_outputs_are_told_apart(self, store: AtioResource, instance: dg.DagsterInstance) -> None:
        """Outputs of one step, and the parts of a dynamic one, that append to tables of their own are all added."""

        @dg.op(out=dg.DynamicOut(metadata={"atio/mode": "append"}))
        def parts() -> Any:
            for letter in "xy":
                yield dg.DynamicOutput(ROWS, mapping_key=letter)

        @dg.op(out={name: dg.Out(metadata={"atio/mode": "append"}) for name in ("left", "right")})
        def both(part: pd.DataFrame) -> Any:
            yield dg.Output(part, "left")
            yield dg.Output(part, "right")

        @dg.job(resource_defs={"io_manager": AtioIOManager(base_path=store.base_path)})
        def flow() -> Any:
            parts().map(lambda part: both(part).left)

        assert flow.execute_in_process(instance=instance).success
        assert {table.path.split("/flow/")[1]: table.snapshot().rows for table in store.tables()} == {
            "parts/result/x": 2,
            "parts/result/y": 2,
            "both%5Bx%5D/left": 2,
            "both%5Bx%5D/right": 2,
            "both%5By%5D/left": 2,
            "both%5By%5D/right": 2,
        }

    def test_each_re_execution_may_add(
        self, store: AtioResource, real_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the scope "run" each re-execution adds its rows, if a person says so at its launch."""
        monkeypatch.setenv("ATIO_TEST_TABLES", store.base_path)
        job = dg.reconstructable(appending_job)
        with dg.execute_job(job, real_instance) as first:
            assert first.success
        again = dg.ReexecutionOptions(parent_run_id=first.run_id)
        with dg.execute_job(
            job, real_instance, reexecution_options=again, tags={"atio/append_scope": "run"}
        ) as second:
            assert second.success
        assert store.table("appended").snapshot().rows == 4

    def test_a_re_execution_from_the_failure(
        self, store: AtioResource, real_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where a step failed after its rows were committed, a re-execution from there adds nothing, and says so."""
        monkeypatch.setenv("ATIO_TEST_TABLES", store.base_path)
        monkeypatch.setenv("ATIO_TEST_FAILS", "yes")
        job = dg.reconstructable(failing_job)
        with dg.execute_job(job, real_instance, raise_on_error=False) as first:
            assert not first.success
        assert store.table("appended").snapshot().rows == 2
        monkeypatch.delenv("ATIO_TEST_FAILS")
        options = dg.ReexecutionOptions.from_failure(first.run_id, real_instance)
        with dg.execute_job(job, real_instance, reexecution_options=options) as second:
            assert second.success
        assert store.table("appended").snapshot().rows == 2
        [event] = second.asset_materializations_for_node("appended")
        assert event.metadata["atio/repeats_version"].value == 1
        told = [record.user_message for record in real_instance.all_logs(second.run_id)]
        assert any("was appended to" in message and "as version 1" in message for message in told)
