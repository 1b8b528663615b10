from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import AtioIOManager, AtioResource, build_restore_job, with_publishing
from tests.support.dagster_runs import values_of

DAYS = dg.StaticPartitionsDefinition(["a/1", "b"])
TWO = {"dagster/asset_partition_range_start": "a/1", "dagster/asset_partition_range_end": "b"}
Restore = Callable[..., dg.ExecuteInProcessResult]


class Project:
    """Assets whose rows are what is given here, and a job that restores them."""

    def __init__(self, store: AtioResource, instance: dg.DagsterInstance) -> None:
        self.store, self.instance, self.number = store, instance, 1

        @dg.asset(code_version="1")
        def up() -> Any:
            return pd.DataFrame({"n": [self.number]})

        @dg.asset(code_version="1")
        def down(up: pd.DataFrame) -> Any:
            return up * 2

        @dg.asset(partitions_def=DAYS)
        def parts(context: dg.AssetExecutionContext) -> Any:
            return {
                key: pd.DataFrame({"n": [self.number if key == "b" else 0]}) for key in context.partition_keys
            }

        self.defs = dg.Definitions(
            assets=[up, down, parts],
            jobs=[build_restore_job(), dg.define_asset_job("both", ["up", "down"])],
            resources={"atio": store, "io_manager": AtioIOManager(resource=store)},
        )

    def make(self, number: int, job: str = "both", **options: Any) -> dg.ExecuteInProcessResult:
        """Materialise assets from a number."""
        self.number = number
        if job == "parts":
            implicit = self.defs.resolve_implicit_global_asset_job_def()
            keys = [dg.AssetKey("parts")]
            return implicit.execute_in_process(
                instance=self.instance, asset_selection=keys, tags=TWO, **options
            )
        return self.defs.resolve_job_def(job).execute_in_process(instance=self.instance, **options)

    def restore(self, **config: Any) -> dg.ExecuteInProcessResult:
        """Run the job."""
        job = self.defs.resolve_job_def("restore_assets")
        return job.execute_in_process(
            instance=self.instance,
            run_config={"ops": {"restore": {"config": config}}},
            raise_on_error=False,
        )

    def rows(self, key: str) -> list[int]:
        """What an asset holds."""
        return self.store.table(key).read()["n"].tolist()

    def tags(self, key: str) -> dict[str, str]:
        """The tags of the latest materialisation."""
        event = self.instance.get_latest_materialization_event(dg.AssetKey(key))
        assert event is not None
        assert event.asset_materialization is not None
        return dict(event.asset_materialization.tags or {})


@pytest.fixture
def project(store: AtioResource, instance: dg.DagsterInstance) -> Project:
    """The assets, and their job."""
    return Project(store, instance)


def error_of(result: dg.ExecuteInProcessResult) -> str:
    """Why the only step failed."""
    [failed] = [event for event in result.all_events if event.is_step_failure]
    return str(failed.step_failure_data.error)


def test_an_asset_goes_back(project: Project) -> None:
    """An asset is brought back to a version, as a new one; Dagster is told, with the data version of the old one."""
    for number in (1, 2):
        project.make(number)
    result = project.restore(assets=["up"], version="1")
    assert result.success
    assert (project.rows("up"), project.rows("down")) == ([1], [4])
    snapshot = project.store.table("up").snapshot()
    assert snapshot.version == 3
    assert snapshot.properties["dagster/asset_key"] == '["up"]'
    assert snapshot.properties["dagster/run_id"] == result.run_id
    tags = project.tags("up")
    assert tags["dagster/data_version"] == project.store.table("up").snapshot(1).content
    assert tags["dagster/data_version_is_user_provided"] == "true"
    event = project.instance.get_latest_materialization_event(dg.AssetKey("up"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = values_of(event.asset_materialization.metadata)
    assert (metadata["atio/version"], metadata["atio/restored_version"]) == (3, 1)


def test_the_version_before(project: Project) -> None:
    """A version may be counted back."""
    for number in (1, 2):
        project.make(number)
    assert project.restore(assets=["up", "down"], version="-2").success
    assert (project.rows("up"), project.rows("down")) == ([1], [2])


def test_an_asset_whose_key_has_a_slash(project: Project) -> None:
    """A `/` within a part of a key is written behind a backslash."""
    table = project.store.table(["raw", "a/b"])
    for number in (1, 2):
        table.overwrite(pd.DataFrame({"n": [number]}))
    assert project.restore(assets=[r"raw/a\/b"], version="1").success
    assert table.read()["n"].tolist() == [1]


def test_lineage_is_right_afterwards(project: Project) -> None:
    """What is downstream was made from another version, and what is restored from the inputs that it had then."""
    for number in (1, 2):
        project.make(number)
    first = [project.store.table(key).snapshot(1).content for key in ("up", "down")]
    project.restore(assets=["down"], version="1")
    tags = project.tags("down")
    assert tags["dagster/data_version"] == first[1]
    assert tags["dagster/input_data_version/up"] == first[0] != project.tags("up")["dagster/data_version"]
    assert tags["dagster/code_version"] == "1"
    project.restore(assets=["up"], version="1")
    assert project.tags("down")["dagster/input_data_version/up"] == project.tags("up")["dagster/data_version"]
    project.make(3)
    assert (project.rows("up"), project.rows("down")) == ([3], [6])


def test_all_assets_of_a_run(project: Project) -> None:
    """All that a run has materialised is brought back to what it was before."""
    project.make(1)
    bad = project.make(2)
    assert project.restore(run_id=bad.run_id).success
    assert (project.rows("up"), project.rows("down")) == ([1], [2])


def test_a_tag_and_a_release(project: Project) -> None:
    """Tags and releases name what to go back to; a release alone names the assets as well."""
    project.make(1)
    project.store.table("up").tag("good")
    project.store.store.create_release("march", ["up", "down"])
    run = project.make(2)
    assert project.restore(assets=["up"], version="good").success
    assert (project.rows("up"), project.rows("down")) == ([1], [4])
    project.make(3)
    assert project.restore(release="march").success
    assert (project.rows("up"), project.rows("down")) == ([1], [2])
    project.make(4)
    assert project.restore(release="march", assets=["down"]).success
    assert (project.rows("up"), project.rows("down")) == ([4], [2])
    assert project.restore(run_id=run.run_id, release="march").success
    assert project.rows("up") == [1]


def test_partitions(project: Project) -> None:
    """Of a partitioned asset, Dagster is told of the partitions that are other than before, and of no others."""
    for number in (1, 2):
        project.make(number, "parts")
    for expected, partitions in ((1, ["b"]), (2, ["b"]), (2, [])):
        result = project.restore(assets=["parts"], version=str(expected))
        assert sorted(project.rows("parts")) == [0, expected]
        events = [event for event in result.all_events if event.is_step_materialization]
        assert [event.step_materialization_data.materialization.partition for event in events] == partitions
    assert project.restore(
        assets=["parts"], version="3"
    ).success  # what was restored can be gone back to as well
    assert sorted(project.rows("parts")) == [0, 1]
    assert project.instance.get_materialized_partitions(dg.AssetKey("parts")) == {"a/1", "b"}


def test_a_dry_run(project: Project) -> None:
    """A dry run tells what would be restored, and changes nothing."""
    for number in (1, 2):
        project.make(number)
    result = project.restore(assets=["up"], version="1", dry_run=True)
    [output] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    report = values_of(output.step_output_data.metadata)
    assert (report["assets"], report["dry_run"]) == (1, True)
    assert "| up | 2 | 1 |" in report["report"]
    assert project.store.table("up").snapshot().version == 2


def test_a_dropped_table(project: Project) -> None:
    """An asset whose table was dropped comes back."""
    project.make(1)
    project.store.table("up").drop()
    assert project.restore(assets=["up"], version="1").success
    assert project.rows("up") == [1]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "nothing is restored"),
        ({"assets": ["up"]}, "to what 'up' is to be restored"),
        ({"assets": ["up"], "version": "1", "release": "march"}, "a version and a release"),
        ({"assets": ["up"], "run_id": "r"}, "assets and a run"),
        ({"run_id": "unknown"}, "there is no run 'unknown'"),
        ({"assets": ["up", "down"], "version": "7"}, "7"),
        ({"assets": ["up"], "version": "fine"}, "fine"),
        ({"release": "march"}, "march"),
    ],
)
def test_what_is_refused(project: Project, config: dict[str, Any], reason: str) -> None:
    """What can't be meant, or isn't there, is refused before any asset is restored."""
    project.make(1)
    result = project.restore(**config)
    assert not result.success
    assert reason in error_of(result)
    assert [project.store.table(key).snapshot().version for key in ("up", "down")] == [1, 1]


def test_nothing_before_the_run(project: Project) -> None:
    """A run that made an asset's first version can't be undone."""
    run = project.make(1)
    assert "made its first version" in error_of(project.restore(run_id=run.run_id))


def test_a_run_that_did_not_change_all(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """What a run published goes back; what it staged alone, found unchanged, or stored elsewhere or not, stays."""
    number = [1]

    def made() -> Any:
        return pd.DataFrame({"n": list(number)})

    def frozen() -> Any:
        return pd.DataFrame({"n": [5]})

    def nothing() -> Any:
        return None

    def asset(function: Any, name: str, *, elsewhere: bool = False, **said: str) -> Any:
        metadata = {f"atio/{option}": value for option, value in said.items()}
        io_manager = "memory" if elsewhere else "io_manager"
        return dg.asset(name=name, metadata=metadata, io_manager_key=io_manager)(function)

    @dg.asset_check(asset="refused", blocking=True)
    def is_one(refused: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=refused["n"].tolist() == [1])

    defs = with_publishing(
        dg.Definitions(
            assets=[
                asset(made, "plain"),
                asset(made, "published", publish="after_checks"),
                asset(made, "refused", publish="after_checks"),
                asset(frozen, "same", if_unchanged="skip"),
                asset(nothing, "none"),
                asset(made, "other", elsewhere=True),
            ],
            asset_checks=[is_one],
            jobs=[build_restore_job()],
            resources={
                "atio": store,
                "io_manager": AtioIOManager(resource=store),
                "memory": dg.mem_io_manager,
            },
        )
    )
    job = defs.resolve_implicit_global_asset_job_def()
    runs: list[Any] = []
    for one in (1, 2):
        number[0] = one
        runs.append(job.execute_in_process(instance=instance, raise_on_error=False))
    assert [run.success for run in runs] == [True, False]
    assert [store.table(name).read()["n"].tolist() for name in ("plain", "published")] == [[2], [2]]
    config = {"ops": {"restore": {"config": {"run_id": runs[1].run_id}}}}
    restore = defs.resolve_job_def("restore_assets")
    assert restore.execute_in_process(instance=instance, run_config=config).success
    names = ("plain", "published", "refused", "same")
    assert [store.table(name).read()["n"].tolist() for name in names] == [[1], [1], [1], [5]]
