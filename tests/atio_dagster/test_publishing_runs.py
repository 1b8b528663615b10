"""Publishing in runs that are killed, retried and executed again, in an instance on disk."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import AtioIOManager, AtioResource, with_publishing

PROJECT = Path(__file__).with_name("gated_project.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def tables(store: AtioResource, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the project's tables."""
    folder = Path(store.base_path)
    folder.mkdir()
    monkeypatch.setenv("ATIO_TEST_TABLES", store.base_path)
    return folder


@pytest.mark.parametrize(
    "moment",
    [
        "after gated",
        *(
            pytest.param(moment, marks=pytest.mark.soak)
            for moment in ("before gated", "before late", "after late")
        ),
    ],
)
def test_a_killed_publication(moment: str, store: AtioResource, tables: Path, tmp_path: Path) -> None:
    """A process killed while it publishes is retried in another one, which publishes, and releases, once."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environment = os.environ | {"DAGSTER_HOME": str(home), "ATIO_TEST_KILL": moment, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dagster", "job", "execute", "-f", str(PROJECT), "-j", "in_processes"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert (tables / "killed").exists()
    [release] = store.store.releases()
    assert dict(release.tables) == {"late": 1}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for name in ("gated", "late"):
            assert [snapshot.version for snapshot in store.table(name).history()] == [1]
            records = instance.fetch_materializations(dg.AssetKey(name), limit=10).records
            told = [record.asset_materialization for record in records]
            assert [one.metadata["atio/publication"].value for one in told if one] == ["published", "staged"]


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file: as long as it is there, what looks for it in the jobs of this module fails."""
    found = tmp_path / "failing"
    found.touch()
    monkeypatch.setenv("ATIO_FAILING", str(found))
    return found


def gated_job() -> dg.JobDefinition:
    """A job with a check that fails as long as a file says so: named here, so that Dagster can make it again."""

    @dg.asset(metadata={"atio/publish": "after_checks", "atio/mode": "append"})
    def added() -> Any:
        return pd.DataFrame({"n": [1]})

    @dg.asset
    def below(added: pd.DataFrame) -> Any:
        return added

    @dg.asset_check(asset=added, blocking=True)
    def holds(added: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=len(added) > 0 and not Path(os.environ["ATIO_FAILING"]).exists())

    @dg.asset_check(asset=added, blocking=True)
    def holds_too(added: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=len(added) > 0)

    defs = dg.Definitions(
        assets=[added, below],
        asset_checks=[holds, holds_too],
        jobs=[dg.define_asset_job("gating", executor_def=dg.in_process_executor)],
        resources={"io_manager": AtioIOManager(base_path=dg.EnvVar("ATIO_TEST_TABLES"))},
    )
    return with_publishing(defs).resolve_job_def("gating")


def test_a_run_executed_again(
    tables: Path, failing: Path, store: AtioResource, real_instance: dg.DagsterInstance
) -> None:
    """From its failure on, an executed run publishes what was staged; as a whole, it adds nothing twice."""
    job = dg.reconstructable(gated_job)

    def execute(parent: Any = None, *steps: str) -> Any:
        again = parent and dg.ReexecutionOptions(parent_run_id=parent.run_id, step_selection=list(steps))
        with dg.execute_job(job, real_instance, reexecution_options=again, raise_on_error=False) as result:
            return result

    first = execute()
    assert not first.success
    assert not store.table("added").exists()
    [staged] = store.table("added").staged()
    still = execute(first, "added_holds", "below")
    assert not still.success
    failing.unlink()
    mended = execute(still, "added_holds", "below")
    assert mended.success
    assert [len(store.table(name).read()) for name in ("added", "below")] == [1, 1]
    assert store.table("added").staged() == []
    properties = store.table("added").snapshot().properties
    assert (properties["dagster/run_id"], properties["dagster/step_key"]) == (first.run_id, "added")
    assert staged.rows == 1

    whole = execute(mended)
    assert whole.success
    assert len(store.table("added").read()) == 1
    [event] = whole.asset_materializations_for_node("added")
    assert event.metadata["atio/repeats_version"].value == 1
    assert execute().success
    assert len(store.table("added").read()) == 2


def released_job() -> dg.JobDefinition:
    """A job of assets that are released together, the second of which fails as long as a file says so."""

    @dg.asset(metadata={"atio/publish": "after_run"})
    def first() -> Any:
        return pd.DataFrame({"n": [1]})

    @dg.asset(metadata={"atio/publish": "after_run"})
    def second(first: pd.DataFrame) -> Any:
        if Path(os.environ["ATIO_FAILING"]).exists():
            raise RuntimeError("not yet")
        return first

    defs = dg.Definitions(
        assets=[first, second],
        jobs=[dg.define_asset_job("releasing", executor_def=dg.in_process_executor)],
        resources={"io_manager": AtioIOManager(base_path=dg.EnvVar("ATIO_TEST_TABLES"))},
    )
    return with_publishing(defs).resolve_job_def("releasing")


def test_a_release_executed_again(
    tables: Path, failing: Path, store: AtioResource, real_instance: dg.DagsterInstance
) -> None:
    """From its failure on, an executed run reads what the first one has staged, and releases all of both."""
    job = dg.reconstructable(released_job)
    with dg.execute_job(job, real_instance, raise_on_error=False) as first:
        assert not first.success
    assert not store.table("first").exists()
    store.table("first").overwrite(pd.DataFrame({"n": [7]}))
    failing.unlink()
    again = dg.ReexecutionOptions(first.run_id, step_selection=["second", "second_published"])
    with dg.execute_job(job, real_instance, reexecution_options=again) as second:
        assert second.success
    [release] = store.store.releases()
    assert (release.name, dict(release.tables)) == (second.run_id, {"first": 2, "second": 1})
    latest = store.store.at("latest")
    assert [latest.read(name)["n"].tolist() for name in ("first", "second")] == [[1], [1]]
