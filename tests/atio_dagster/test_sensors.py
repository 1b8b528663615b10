import json
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

import atio_core as atio
from atio_core.errors import InvalidInputError
from atio_dagster import AtioIOManager, AtioResource, AtioTable, build_snapshot_sensor
from tests.support.dagster_runs import Materialize, versions_of


class Daemon:
    """What Dagster's daemon does with a sensor: it keeps the cursor, and launches no key twice."""

    def __init__(self, sensor: dg.SensorDefinition, store: AtioResource) -> None:
        self.sensor, self.store = sensor, store
        self.cursor: str | None = None
        self.result: Any = None
        self.keys: set[str] = set()

    def tick(self) -> list[dg.RunRequest]:
        """Evaluate the sensor; returns the runs that it asked for, but for those that were asked for before."""
        needed = {"atio": self.store} if self.sensor.required_resource_keys else {}
        with dg.build_sensor_context(cursor=self.cursor, resources=needed) as context:
            self.result = self.sensor(context)
        self.cursor = self.result.cursor
        fresh = [one for one in self.result.run_requests if one.run_key not in self.keys]
        self.keys |= {one.run_key for one in fresh}
        return fresh


def asked(requests: list[dg.RunRequest]) -> list[Any]:
    """The versions that runs were asked for."""
    return [json.loads(one.tags["atio/versions"]) for one in requests]


def test_each_version_once(store: AtioResource) -> None:
    """Each version is asked for once, in order, however many came between two looks, and after the cursor was lost."""
    daemon = Daemon(build_snapshot_sensor("raw/orders", target="*"), store)
    assert daemon.tick() == []
    versions_of(store, "raw/orders", 3)
    assert asked(daemon.tick()) == [{"raw/orders": number} for number in (1, 2, 3)]
    assert daemon.tick() == []
    store.table("raw/orders").append(pd.DataFrame({"n": [9]}))
    assert asked(daemon.tick()) == [{"raw/orders": 4}]
    daemon.cursor = None
    assert daemon.tick() == []
    assert len(daemon.result.run_requests) == 1  # with a key that Dagster knows


def test_versions_that_come_while_it_looks(store: AtioResource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that is committed between the sensor's own reads hides none before it; nor does a drop."""
    table, history = store.table("orders"), atio.Table.history
    daemon = Daemon(build_snapshot_sensor("orders", target="*"), store)
    versions_of(store, "orders", 1)
    daemon.tick()
    meanwhile = [table.drop, lambda: table.append(pd.DataFrame({"n": [3]}))]

    def busy(of: Any, **options: Any) -> Any:
        if meanwhile:
            meanwhile.pop()()
        return history(of, **options)

    monkeypatch.setattr(atio.Table, "history", busy)
    versions_of(store, "orders", 1)
    assert asked(daemon.tick()) == [{"orders": 2}, {"orders": 3}]
    assert daemon.tick() == []


def test_the_first_look(store: AtioResource) -> None:
    """Of a table that is there already, the first look asks for the latest version alone."""
    versions_of(store, "orders", 3)
    daemon = Daemon(build_snapshot_sensor("orders", target="*"), store)
    assert asked(daemon.tick()) == [{"orders": 3}]
    assert daemon.tick() == []


def test_what_is_no_new_version(store: AtioResource) -> None:
    """Tags, leases, a compaction and an expiry are no new versions; neither is that a table was dropped."""
    versions_of(store, "orders", 2)
    table = store.table("orders")
    daemon = Daemon(build_snapshot_sensor("orders", target="*"), store)
    daemon.tick()
    table.append(pd.DataFrame({"n": [3]}))
    daemon.tick()
    table.tag("good", 1)
    table.compact()
    table.expire(atio.Retention(keep_last=1))
    assert daemon.tick() == []
    table.drop()
    assert daemon.tick() == []
    again = table.overwrite(pd.DataFrame({"n": [4]}))
    assert asked(daemon.tick()) == [{"orders": again.version}]


def test_another_table_in_its_place(store: AtioResource, tmp_path: Path) -> None:
    """A table that was deleted by hand and made anew is another one: its versions are new from the first on."""
    versions_of(store, "orders", 2)
    daemon = Daemon(build_snapshot_sensor("orders", target="*"), store)
    daemon.tick()
    Path(store.table("orders").path).rename(tmp_path / "away")
    assert daemon.tick() == []
    versions_of(store, "orders", 2)
    assert asked(daemon.tick()) == [{"orders": 1}, {"orders": 2}]


def test_many_versions(store: AtioResource) -> None:
    """Of very many versions, some are asked for at each look, until none is left."""
    daemon = Daemon(build_snapshot_sensor("orders", target="*"), store)
    daemon.tick()
    versions_of(store, "orders", 30)
    found = [daemon.tick() for _ in range(3)]
    assert [len(one) for one in found] == [25, 5, 0]
    assert asked(found[0] + found[1]) == [{"orders": number} for number in range(1, 31)]


def test_versions_that_runs_make(store: AtioResource, materialize: Materialize) -> None:
    """What Dagster's own runs write asks for no run, unless somebody wants that."""

    @dg.asset
    def orders() -> Any:
        return pd.DataFrame({"n": [1]})

    outside = Daemon(build_snapshot_sensor(orders), store)
    every = Daemon(build_snapshot_sensor([orders], outside_only=False, name="every"), store)
    materialize(orders)
    store.table("orders").append(pd.DataFrame({"n": [2]}))
    materialize(orders)
    assert asked(outside.tick() + every.tick()) == [
        {"orders": 3}
    ]  # a first look: the latest, which a run made
    store.table("orders").append(pd.DataFrame({"n": [2]}))
    materialize(orders)
    assert asked(outside.tick()) == [{"orders": 4}]
    assert asked(every.tick()) == [{"orders": 4}, {"orders": 5}]


def test_the_run_reads_the_version(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """A run reads the version that it was asked for, whatever came since; what takes the table is what is run."""
    seen: list[list[int]] = []

    @dg.asset
    def below(orders: pd.DataFrame) -> None:
        seen.append(orders["n"].tolist())

    orders = dg.AssetSpec("orders")
    sensor = build_snapshot_sensor(orders)
    defs = dg.Definitions(
        assets=[orders, below],
        sensors=[sensor],
        resources={"atio": store, "io_manager": AtioIOManager(resource=store)},
    )
    daemon = Daemon(sensor, store)
    daemon.tick()
    versions_of(store, "orders", 2)
    job = defs.resolve_job_def(str(sensor.job_name))
    for request in daemon.tick():
        job.execute_in_process(instance=instance, tags=dict(request.tags))
    assert seen == [[1], [2]]


def test_several_tables_and_requests(store: AtioResource) -> None:
    """One sensor watches several tables, and asks for what it is told to, each with a key of its own."""

    def days(snapshot: atio.Snapshot) -> list[dg.RunRequest]:
        return [dg.RunRequest(partition_key=f"{snapshot.rows} {day}", tags={"day": day}) for day in "ab"]

    daemon = Daemon(build_snapshot_sensor(["one", "two"], target="*", requests=days, name="both"), store)
    daemon.tick()
    versions_of(store, "two", 1)
    versions_of(store, "one", 1)
    found = daemon.tick()
    assert [(one.partition_key, one.tags["day"]) for one in found] == [("1 a", "a"), ("1 b", "b")] * 2
    assert asked(found) == [{"one": 1}] * 2 + [{"two": 1}] * 2
    assert len(daemon.keys) == 4


@pytest.mark.parametrize(
    ("given", "keys"),
    [(None, 0), ([], 0), ([dg.RunRequest(), dg.RunRequest(run_key="0"), dg.RunRequest(run_key="a")], 3)],
    ids=["none", "empty", "own keys"],
)
def test_what_is_asked_for(given: Any, keys: int, store: AtioResource) -> None:
    """A version may ask for no run; and a request's own key is never taken for another's place in the list."""
    daemon = Daemon(build_snapshot_sensor("orders", target="*", requests=lambda _: given), store)
    daemon.tick()
    versions_of(store, "orders", 1)
    assert (len(daemon.tick()), len(daemon.keys)) == (keys, keys)
    assert daemon.tick() == []


@pytest.mark.parametrize("cursor", ["5", "x", "[]", '{"orders": 5}', '{"orders": ["a", null]}'])
def test_a_cursor_that_is_none_is_refused(cursor: str, store: AtioResource) -> None:
    """Somebody may have set it by hand: the error says what to do."""
    daemon = Daemon(build_snapshot_sensor("orders", target="*"), store)
    daemon.cursor = cursor
    with pytest.raises(InvalidInputError, match="is no cursor of this sensor: reset it"):
        daemon.tick()


def test_dagster_is_told(tmp_path: Path, store: AtioResource) -> None:
    """Of a table that is written elsewhere, Dagster is told of each version and its data version."""
    table = atio.Table(tmp_path / "elsewhere")
    sensor = build_snapshot_sensor(AtioTable("orders", table.path), target="*")
    assert sensor.required_resource_keys == set()
    daemon = Daemon(sensor, store)
    table.overwrite(pd.DataFrame({"n": [1]}))
    assert asked(daemon.tick()) == [{"orders": 1}]
    [event] = daemon.result.asset_events
    assert event.tags["dagster/data_version"] == table.snapshot().content
    assert event.metadata["dagster/row_count"].value == 1


def test_what_is_refused(materialize: Materialize) -> None:
    """A sensor of nothing, several tables without a name, and a tag that can't be meant are refused."""
    with pytest.raises(InvalidInputError, match="of no table"):
        build_snapshot_sensor([], target="*")
    with pytest.raises(InvalidInputError, match="needs a name"):
        build_snapshot_sensor(["one", "two"], target="*")

    @dg.asset
    def up() -> Any:
        return pd.DataFrame({"n": [1]})

    @dg.asset
    def down(up: pd.DataFrame) -> None: ...

    materialize(up)
    result = materialize(up, down, only=[down], tags={"atio/versions": "3"}, raise_on_error=False)
    assert not result.success
