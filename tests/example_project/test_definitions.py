import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

import dagster as dg
import pytest

from example_project.definitions import defs

ROOT = Path(__file__).parents[2]


def test_dagster_takes_the_workspace() -> None:
    """Dagster loads the workspace file and finds nothing wrong in its definitions."""
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    environment = os.environ | {"NO_COLOR": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "All code locations passed validation" in result.stderr + result.stdout


@pytest.mark.skipif(dg.__version__ < "1.13", reason="the command dg asked for a folder of definitions")
def test_dg_finds_nothing_wrong() -> None:
    """`dg check defs` takes the project, its YAML and its definitions."""
    dg_command = Path(sys.executable).with_name("dg")
    environment = {"VIRTUAL_ENV": str(Path(sys.executable).parents[1]), "NO_COLOR": "1"}
    result = subprocess.run(
        [str(dg_command), "check", "defs"],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    for told in ("All component YAML validated", "All definitions loaded"):
        assert told in result.stderr + result.stdout


@pytest.mark.slow
def test_dagster_dev_comes_up(tmp_path: Path) -> None:
    """`dagster dev`, as `make ui` starts it, serves the assets, runs its daemon, and ends when it is told to."""
    shutil.copy(ROOT / "example_project" / "dagster.yaml", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"DAGSTER_HOME": str(tmp_path), "ATIO_EXAMPLE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", "-p", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log)
    try:
        asked = (
            "{assetNodes {assetKey {path}} instance {daemonHealth {allDaemonStatuses {healthy required}}}}"
        )
        deadline, found = time.monotonic() + 300, dict[str, Any]()
        while not found.get("assetNodes") or not _all_healthy(found):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            found = _answer(f"http://127.0.0.1:{port}/graphql", asked)
        assert ["cleaned", "flights"] in [node["assetKey"]["path"] for node in found["assetNodes"]]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0


def _answer(address: str, asked: str) -> dict[str, Any]:
    """What the server answers to a query of GraphQL; nothing if there is none yet."""
    request = urllib.request.Request(  # noqa: S310 - it is ours, http on this machine
        address, json.dumps({"query": asked}).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer).get("data") or {}
    except URLError:
        time.sleep(0.5)
        return {}


def _all_healthy(found: dict[str, Any]) -> bool:
    daemons = found["instance"]["daemonHealth"]["allDaemonStatuses"]
    return all(one["healthy"] for one in daemons if one["required"])


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
