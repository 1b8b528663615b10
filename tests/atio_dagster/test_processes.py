"""Real runs, in processes of their own, in an instance on disk."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import AtioResource

PROJECT = Path(__file__).with_name("project.py")
ROOT = Path(__file__).parents[2]
Execute = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A Dagster home."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return folder


@pytest.fixture
def execute(home: Path, store: AtioResource) -> Execute:
    """Execute a job of the project as a person would; `kill` names the moment and the table of a kill."""
    Path(store.base_path).mkdir()

    def run(job: str, kill: str = "") -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {
            "DAGSTER_HOME": str(home),
            "ATIO_TEST_TABLES": store.base_path,
            "ATIO_TEST_KILL": kill,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "dagster", "job", "execute", "-f", str(PROJECT), "-j", job]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def versions(store: AtioResource, name: str) -> list[int]:
    """The versions of a table."""
    return [snapshot.version for snapshot in store.table(name).history()]


def begin(store: AtioResource) -> None:
    """Make the first version of both tables, as a run would."""
    store.table("up").overwrite(pd.DataFrame({"n": [1, 2, 3]}))
    store.table("down").overwrite(pd.DataFrame({"twice": [2, 4, 6]}))


def test_killed_runs(execute: Execute, store: AtioResource) -> None:
    """A run killed in the middle of a commit leaves a whole table, and the next run works at once."""
    begin(store)
    marker = Path(store.base_path) / "killed"
    for moment, expected in (("before", [1]), ("after", [2, 1])):
        assert execute("both", kill=f"{moment}:up").returncode == -signal.SIGKILL
        assert versions(store, "up") == expected
        assert store.table("up").read()["n"].tolist() == [1, 2, 3]
        marker.unlink()
    assert execute("both").returncode == 0
    assert versions(store, "up") == [3, 2, 1]
    assert versions(store, "down") == [2, 1]
    assert store.table("down").read()["twice"].tolist() == [2, 4, 6]


@pytest.mark.parametrize("sent", [pytest.param("SIGINT", marks=pytest.mark.soak), "SIGTERM"])
def test_terminated_runs(
    sent: str, execute: Execute, store: AtioResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is told to end in the middle of a commit ends; the old version stands, and the next run works."""
    begin(store)
    monkeypatch.setenv("ATIO_TEST_SIGNAL", sent)
    ended = execute("both", kill="before:up")
    assert ended.returncode != 0, ended.stderr
    assert (Path(store.base_path) / "killed").exists()
    assert (versions(store, "up"), versions(store, "down")) == ([1], [1])
    assert execute("both").returncode == 0
    assert (versions(store, "up"), versions(store, "down")) == ([2, 1], [2, 1])


def test_runs_are_known_to_the_instance(execute: Execute, store: AtioResource, home: Path) -> None:
    """The versions name runs that the instance knows, and the expiration job leaves the last of them."""
    for name in ("up", "down"):
        store.table(name).overwrite(pd.DataFrame({"n": [0]}))
    assert execute("both").returncode == 0
    properties = store.table("down").snapshot().properties
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = instance.get_run_by_id(properties["dagster/run_id"])
        assert run is not None
        assert (run.job_name, properties["dagster/step_key"]) == ("both", "down")
        event = instance.get_latest_materialization_event(dg.AssetKey("down"))
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["atio/version"].value == 2
    expired = execute("expire_tables")
    assert expired.returncode == 0
    assert "removed 1 version" in expired.stderr
    assert versions(store, "up") == versions(store, "down") == [2]


def test_a_step_killed_after_its_append(execute: Execute, store: AtioResource) -> None:
    """A step that is killed after its rows were committed is retried in another process, and adds nothing twice."""
    result = execute("in_processes", kill="after:appended")
    assert result.returncode == 0, result.stderr
    assert (Path(store.base_path) / "killed").exists()
    assert versions(store, "appended") == [1]
    assert store.table("appended").read()["n"].tolist() == [1]
    assert "was appended to" in result.stderr


def test_the_definition_goes_before_what_was_declared_once(execute: Execute, store: AtioResource) -> None:
    """Retention that a definition of the code location declares now counts; so does that it declares none."""
    for name, once in (("kept", 9), ("up", 9), ("unknown", 3)):
        declared = {
            "atio/retention": json.dumps({"keep_last": once}),
            "dagster/asset_key": json.dumps([name]),
        }
        for number in range(4):
            store.table(name).overwrite(pd.DataFrame({"n": [number]}), properties=declared)
    expired = execute("expire_tables")
    assert expired.returncode == 0, expired.stderr
    assert versions(store, "kept") == [4, 3]
    assert versions(store, "up") == [4]
    assert versions(store, "unknown") == [4, 3, 2]
