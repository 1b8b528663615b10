import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg

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
