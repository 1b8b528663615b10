import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg

from example_project.definitions import defs

ROOT = Path(__file__).parents[2]


def test_dagster_takes_the_workspace() -> None:
    """Dagster loads the workspace file and finds nothing wrong in its definitions."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    environment = os.environ | {"NO_COLOR": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "All code locations passed validation" in result.stderr + result.stdout


def test_the_web_ui_sends_nothing_and_asks_nothing(tmp_path: Path) -> None:
    """The example's instance reports no usage, and its pages ask no newcomer for an e-mail address."""
    shutil.copy(ROOT / "example_project" / "dagster.yaml", tmp_path)
    instance = dg.DagsterInstance.from_config(str(tmp_path))
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled


def test_the_upkeep_is_scheduled() -> None:
    """The tables are expired each night and maintained each week, and each day's flights have a run of their own."""
    repository = defs.get_repository_def()
    schedules = {one.name: one.cron_schedule for one in repository.schedule_defs}
    assert schedules == {
        "each_day": "0 0 * * *",
        "expire_tables_schedule": "0 4 * * *",
        "maintain_tables_schedule": "0 5 * * 0",
    }


def test_the_gate_is_published_behind_its_checks() -> None:
    """The cleaned flights are published by the two checks that they have to pass."""
    spec = defs.resolve_all_asset_specs()
    [cleaned] = [one for one in spec if one.key == dg.AssetKey(["cleaned", "flights"])]
    assert cleaned.metadata["atio/published_by"] == ["delays_are_minutes", "no_flight_twice"]
