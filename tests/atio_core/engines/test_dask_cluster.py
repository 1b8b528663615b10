"""Workers of a real Dask cluster, in processes of their own, that are killed while they stage."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import distributed
import pandas as pd
import pytest

import atio_core as atio
from atio_core.engines import read_dask, write_dask
from atio_core.format import names
from atio_core.storage.local import LocalStore
from tests.support.stores import DyingStore

pytestmark = pytest.mark.soak
PARTS = 12
ROWS = 50
_SETTINGS = {
    "distributed.scheduler.allowed-failures": 100,
    "distributed.deploy.lost-worker-timeout": "1 h",  # or it stops workers that were started again
    "distributed.logging.distributed": "critical",
}


@pytest.fixture(scope="module")
def client() -> Generator[distributed.Client]:
    """A cluster of two workers, each a process that is started again when it dies."""
    with (
        dask.config.set(_SETTINGS),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,  # pyright: ignore[reportArgumentType] - it means none, though its type doesn't say so
            host="127.0.0.1",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def part(number: int) -> pd.DataFrame:
    """The rows of a partition."""
    return pd.DataFrame({"part": number, "row": range(ROWS)})


def frame() -> Any:
    """All rows; each worker makes its own."""
    return dd.from_map(part, range(PARTS), meta=part(0).iloc[:0])


def check(table: atio.Table) -> None:
    """Each row is there once, by any way to read it; what the dead have left goes."""
    expected = pd.concat([part(number) for number in range(PARTS)], ignore_index=True)
    for found in (table.read(), read_dask(table).compute()):
        pd.testing.assert_frame_equal(found.sort_values(["part", "row"], ignore_index=True), expected)
    table.expire(keep_last=1, grace=timedelta(0))
    lying = {path.name for path in Path(table.path).rglob("*.parquet")}
    assert lying == {file.path.rpartition("/")[2] for file in table.snapshot().data_files()}
    assert table.verify().ok


WHENS = ["before open_write", "after open_write", "before write", "before close", "after close"]


@pytest.mark.parametrize("files", [0, PARTS - 3], ids=["early", "late"])
@pytest.mark.parametrize(
    ("mode", "when"),
    [
        *(("append", when) for when in WHENS),
        ("overwrite", "before close"),
        ("overwrite_partitions", "before close"),
    ],
)
def test_workers_are_killed(
    client: distributed.Client, tmp_path: Path, mode: str, when: str, files: int
) -> None:
    """Whenever workers die, the version has each row once: others stage again what these had in hand, or had done."""
    deaths = tmp_path / "deaths"
    local = LocalStore(tmp_path / "table", temporary=names.TEMPORARY)
    store = DyingStore(local, deaths, [when] * 2, files=files)
    options: dict[str, Any] = {"partition_by": ["part"]} if mode == "overwrite_partitions" else {}
    snapshot = write_dask(frame(), atio.Table(store=store), mode, **options)
    assert len(list(deaths.iterdir())) == 2
    assert snapshot.version == 1
    check(atio.Table(tmp_path / "table"))


def test_a_driver_that_died_runs_again(client: distributed.Client, tmp_path: Path) -> None:
    """A driver that was killed before it heard of its commit is started again: the key says that all is there."""
    table = atio.Table(tmp_path / "table")
    first = write_dask(frame(), table, idempotency_key="today")
    again = write_dask(frame(), atio.Table(tmp_path / "table"), idempotency_key="today")
    assert (again.version, again.repeated) == (first.version, True)
    check(table)
