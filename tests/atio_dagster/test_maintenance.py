from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import AtioResource, build_maintenance_job
from tests.support.dagster_runs import output_metadata, values_of

ROWS = pd.DataFrame({"n": range(100)})


@pytest.fixture
def filled(store: AtioResource) -> AtioResource:
    """Three tables of three small files each, and an object, with a retention of one version."""
    for name in "abc":
        for _ in range(3):
            store.table(name).append(ROWS)
    store.table("settings").overwrite({"rate": 1})
    return AtioResource(base_path=store.base_path, keep_last=1)


def maintain(
    store: AtioResource, instance: dg.DagsterInstance, assets: Any = None, **config: Any
) -> dg.ExecuteInProcessResult:
    """Run a maintenance job."""
    job = build_maintenance_job(assets=assets)
    resolved = dg.Definitions(jobs=[job], resources={"atio": store}).resolve_job_def(job.name)
    run_config = {"ops": {"maintain": {"config": config}}}
    return resolved.execute_in_process(instance=instance, run_config=run_config, raise_on_error=False)


def report_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata of the step, whether it failed or not."""
    failure = result.failure_data_for_node("maintain") if not result.success else None
    if failure is not None:
        assert failure.user_failure_data is not None
        return values_of(failure.user_failure_data.metadata)
    return output_metadata(result)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """What the step says of its failure."""
    failure = result.failure_data_for_node("maintain")
    assert failure is not None
    assert failure.user_failure_data is not None
    return failure.user_failure_data.description or ""


def test_small_files_are_merged_and_all_is_read_back(
    filled: AtioResource, instance: dg.DagsterInstance
) -> None:
    """Each table becomes one file, old versions go, everything is read back, and the report tells all three."""
    result = maintain(filled, instance)
    assert result.success
    assert [filled.table(name).snapshot().files for name in "abc"] == [1, 1, 1]
    assert filled.table("a").read()["n"].tolist() == [*range(100)] * 3
    report = report_of(result)
    assert report["versions_removed"] == 6
    assert (report["tables_compacted"], report["files_merged"]) == (3, 6)
    assert f"| {filled.table('a').path} | 3 | 1 |" in report["compaction"]
    assert report["problems"] == 0
    assert report["files_verified"] > 4
    assert f"| {filled.table('settings').path} | 1 |" in report["verification"]


def test_a_dry_run_changes_nothing(filled: AtioResource, instance: dg.DagsterInstance) -> None:
    """A dry run merges and removes nothing, and tells what would be removed."""
    result = maintain(filled, instance, dry_run=True)
    assert result.success
    report = report_of(result)
    assert (report["files_merged"], report["versions_removed"], report["dry_run"]) == (0, 6, True)
    assert [snapshot.files for snapshot in filled.table("a").history()] == [3, 2, 1]


def test_parts_can_be_left_out(filled: AtioResource, instance: dg.DagsterInstance) -> None:
    """Compaction and verification are left out where the run config says so."""
    report = report_of(maintain(filled, instance, compact=False, verify="none"))
    assert filled.table("a").snapshot().files == 3
    assert not {"compaction", "files_merged", "verification", "problems"} & report.keys()


def test_an_unknown_choice_is_refused(filled: AtioResource, instance: dg.DagsterInstance) -> None:
    """Dagster refuses a word that stands for no choice before the run begins."""
    with pytest.raises(dg.DagsterInvalidConfigError):
        maintain(filled, instance, verify="some")


def test_damage_fails_the_step_when_all_else_is_done(
    filled: AtioResource, instance: dg.DagsterInstance
) -> None:
    """A flipped byte is found and told, with the file; the other tables are maintained all the same."""
    data = next(Path(filled.table("b").path).glob("data/*.parquet"))
    held = bytearray(data.read_bytes())
    held[len(held) // 2] ^= 1
    data.write_bytes(held)
    result = maintain(filled, instance)
    assert not result.success
    path = filled.table("b").path
    assert f"{path} could not be compacted" in failure_of(result)
    assert f"{path} is damaged" in failure_of(result)
    report = report_of(result)
    assert report["problems"] == 1
    assert data.name in report["verification"]
    assert [len(filled.table(name).history()) for name in "abc"] == [1, 1, 1]
    assert [filled.table(name).snapshot().files for name in "ac"] == [1, 1]


def test_only_the_latest_or_every_version(filled: AtioResource, instance: dg.DagsterInstance) -> None:
    """Damage to an older version is found where all are read."""
    kept = AtioResource(base_path=filled.base_path, keep_last=9)
    table = kept.table("a")
    table.overwrite(ROWS + 1)
    [file] = table.snapshot(1).data_files()
    (Path(table.path) / file.path).unlink()
    assert maintain(kept, instance, verify="latest").success
    result = maintain(kept, instance, verify="all")
    assert not result.success
    assert "is missing" in report_of(result)["verification"]


def test_only_some_assets(filled: AtioResource, instance: dg.DagsterInstance) -> None:
    """A job for some assets leaves the tables of others alone."""
    assert maintain(filled, instance, assets=[dg.AssetSpec("a"), dg.AssetSpec("never")]).success
    assert [filled.table(name).snapshot().files for name in "abc"] == [1, 3, 3]
