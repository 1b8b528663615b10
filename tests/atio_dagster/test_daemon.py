"""Dagster's daemon, as a deployment has it: a sensor, a queue of runs, backfills, records in PostgreSQL."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

import atio_core as atio
from atio_dagster import AtioResource
from tests.support.database_fixtures import Make

PROJECT = Path(__file__).with_name("daemon_project.py")
ROOT = Path(__file__).parents[2]
SECONDS = 300
KINDS = ["sqlite", "postgresql"]
Done = Callable[[], int]


class Deployment:
    """A Dagster home with a queue of runs, and what runs in it."""

    def __init__(self, folder: Path, tables: str, storage: dict[str, Any]) -> None:
        self.home, self.tables, self.storage = folder, tables, storage
        folder.mkdir()
        self.log = folder / "daemon.log"

    def configure(self, most_runs: int) -> None:
        """Say how many runs of the queue may be in progress."""
        coordinator = {
            "module": "dagster",
            "class": "QueuedRunCoordinator",
            "config": {"max_concurrent_runs": most_runs, "dequeue_interval_seconds": 1},
        }
        config = {
            "telemetry": {"enabled": False},
            "run_coordinator": coordinator,
            "code_servers": {"local_startup_timeout": SECONDS},
            **self.storage,
        }
        (self.home / "dagster.yaml").write_text(json.dumps(config))  # JSON is YAML

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Run a command of Dagster's on the project."""
        given = {
            "DAGSTER_HOME": str(self.home),
            "ATIO_TEST_TABLES": self.tables,
            "PYTHONPATH": str(ROOT),
            "DAGSTER_GRPC_TIMEOUT_SECONDS": str(SECONDS),  # a busy machine
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command, "-f", str(PROJECT)],
                env=os.environ | given | environment,
                stdout=log,
                stderr=log,
            )

    @contextmanager
    def daemon(self, most_runs: int = 8, *, killed: bool = False, **environment: str) -> Iterator[Done]:
        """Run the daemon, until it is told to end, or killed. Yields what tells how many runs have gone well."""
        self.configure(most_runs)
        wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS])
        # Opened first, so that the records exist: the daemon and its code server break them if both make them at once.
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            process = self.start("dagster._daemon", "run", **environment)
            try:
                yield lambda: instance.get_runs_count(wanted)
            finally:
                process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
                process.wait()

    def until(self, met: Callable[[], bool]) -> None:
        """Wait until something is so; fail with what the daemon said."""
        deadline = time.monotonic() + SECONDS
        while not met():
            if time.monotonic() > deadline:
                pytest.fail(self.log.read_text()[-5000:])
            time.sleep(0.2)

    def runs(self) -> list[dg.DagsterRun]:
        """All runs."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            return list(instance.get_runs())


@pytest.fixture(params=["sqlite"])
def deployment(
    request: pytest.FixtureRequest, tmp_path: Path, store: AtioResource, database_of: Make
) -> Deployment:
    """A deployment that keeps its records in a database of a kind."""
    storage: dict[str, Any] = {}
    if request.param == "postgresql":
        pytest.importorskip("dagster_postgres")
        url = database_of("postgresql").url.replace("+psycopg:", "+psycopg2:")
        storage = {"storage": {"postgres": {"postgres_url": url}}}
    return Deployment(tmp_path / "home", store.base_path, storage)


@pytest.fixture
def elsewhere(store: AtioResource) -> atio.Table:
    """The table from outside, with a first version."""
    table = atio.Table(Path(store.base_path) / "elsewhere")
    table.overwrite(pd.DataFrame({"n": [1]}))
    return table


def totals(store: AtioResource) -> list[int]:
    """What the runs have summed up."""
    return sorted(store.table("totals").read()["total"])


def test_a_version_from_outside_goes_through_the_queue(
    deployment: Deployment, store: AtioResource, elsewhere: atio.Table
) -> None:
    """The daemon sees a version that was made outside of Dagster, and has it worked on by one run out of its queue."""
    with deployment.daemon() as done:
        deployment.until(lambda: done() == 1)
    assert len(deployment.runs()) == 1
    assert totals(store) == [1]


@pytest.mark.soak
@pytest.mark.parametrize("deployment", KINDS, indirect=True)
def test_each_version_is_worked_on_once(
    deployment: Deployment, store: AtioResource, elsewhere: atio.Table
) -> None:
    """Each version is worked on by one run that reads just it, though the daemon is killed while runs are queued."""
    with deployment.daemon(most_runs=0, killed=True):
        deployment.until(lambda: len(deployment.runs()) == 1)
        for number in (10, 100):
            elsewhere.append(pd.DataFrame({"n": [number]}))
        deployment.until(lambda: len(deployment.runs()) == 3)
    with deployment.daemon() as done:
        deployment.until(lambda: done() == 3)
        elsewhere.append(pd.DataFrame({"n": [1000]}))
        deployment.until(lambda: done() == 4)
    assert len(deployment.runs()) == 4
    assert totals(store) == [1, 11, 111, 1111]
    with dg.DagsterInstance.from_config(str(deployment.home)) as instance:
        record = instance.get_latest_data_version_record(dg.AssetKey("orders"))
    assert record is not None
    assert (record.event_log_entry.tags or {})["dagster/data_version"] == elsewhere.snapshot().content


@pytest.mark.soak
@pytest.mark.parametrize("deployment", KINDS, indirect=True)
def test_backfills_at_once_make_a_table_together(deployment: Deployment, store: AtioResource) -> None:
    """Eight runs of two backfills that write at once into a table that isn't there yet go well, and lose nothing."""
    parts = [f"part {number}" for number in range(8)]
    with deployment.daemon(ATIO_TEST_TOGETHER="8") as done:
        fill = ("dagster", "job", "backfill", "-j", "fill", "--noprompt", "--partitions")
        asked = [deployment.start(*fill, ",".join(some)) for some in (parts[:4], parts[4:])]
        assert [process.wait() for process in asked] == [0, 0], deployment.log.read_text()
        deployment.until(lambda: all(run.is_finished for run in deployment.runs()))
        assert done() == 8, deployment.log.read_text()[-5000:]
    assert {run.status for run in deployment.runs()} == {dg.DagsterRunStatus.SUCCESS}
    assert sorted(store.table("parts").read()["key"]) == parts
    assert len(store.table("parts").history()) == 8
