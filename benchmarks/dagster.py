"""Dagster: what assets cost beside its own manager of pickles, many partitions, and an expiry of many tables.

Net of the in-memory manager, so that what Dagster itself does isn't counted. Dagster's manager syncs nothing; ours is
synced.

(No `from __future__ import annotations` here: Dagster wants to see the class of an asset's context, not its name.)
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import atio_core as atio
from atio_dagster import AtioIOManager, AtioResource, build_expiration_job
from benchmarks.measure import Result, absolute, of_pairs, seconds, sync_path

_ROWS = 1_000_000
_PARTITIONS = 1_000
_TABLES, _VERSIONS = 500, 100
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_KEYS = [f"part-{number:04}" for number in range(_PARTITIONS)]


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    # One in memory: what Dagster itself writes for each partition would drown what the managers do.
    with dg.DagsterInstance.ephemeral() as instance:
        yield from _two_assets(folder, instance)
        yield _partition_by_partition(folder, instance)
        yield _one_backfill(folder, instance)
        yield _expiration(folder, instance)


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _frame() -> pd.DataFrame:
    random = np.random.default_rng(1)
    columns: dict[str, Any] = {f"i{number}": random.integers(0, 1 << 40, _ROWS) for number in range(4)}
    columns |= {f"f{number}": random.random(_ROWS) for number in range(4)}
    columns["text"] = pd.Series(random.integers(0, 50_000, _ROWS)).astype(str)
    columns["at"] = pd.Series(random.integers(0, 1 << 50, _ROWS)).astype("datetime64[us]")
    return pd.DataFrame(columns)


def _two_assets(folder: Path, instance: dg.DagsterInstance) -> Iterator[Result]:
    pandas = _frame()
    for name, frame, goal in (("pandas", pandas, 0.8), ("polars", pl.from_pandas(pandas), 0.5)):
        up, down = _up_and_down(frame)

        def once(manager: Any, assets: list[Any]) -> Callable[[], object]:
            return lambda: dg.materialize(assets, resources={"io_manager": manager}, instance=instance)

        managers = (
            AtioIOManager(base_path=str(folder / f"ours-{name}")),
            dg.FilesystemIOManager(base_dir=str(folder / f"theirs-{name}")),
            dg.mem_io_manager,
        )
        acts = [once(manager, [up, down]) for manager in managers]
        for act in acts:
            act()
        pairs: list[tuple[float, float]] = []
        for _ in range(5):
            ours, theirs, none = (seconds(act) for act in acts)
            pairs.append((ours - none, theirs - none))
        work = f"Dagster: two assets of {_ROWS:,} x 10, {name}, net of the in-memory manager"
        yield of_pairs(work, "its pickles, not synced", goal, pairs)


def _up_and_down(frame: Any) -> tuple[dg.AssetsDefinition, dg.AssetsDefinition]:
    kind = type(frame)

    @dg.asset
    def up() -> Any:
        return frame

    def down(up: Any) -> Any:
        return up

    down.__annotations__["up"] = kind
    made: Any = (up, dg.asset(down))
    return made


def _tiny(definition: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(name="tiny", partitions_def=definition)
    def made(context: dg.AssetExecutionContext) -> Any:
        frames = {key: pd.DataFrame({"n": [1, 2, 3]}) for key in context.partition_keys}
        return frames if len(frames) > 1 else next(iter(frames.values()))

    found: Any = made
    return found


def _partition_by_partition(folder: Path, instance: dg.DagsterInstance) -> Result:
    asset = _tiny(dg.StaticPartitionsDefinition(_KEYS))
    ours = AtioIOManager(base_path=str(folder / "ours-tiny"))
    theirs = dg.FilesystemIOManager(base_dir=str(folder / "theirs-tiny"))

    def one(manager: Any, key: str) -> Callable[[], object]:
        return lambda: dg.materialize(
            [asset], resources={"io_manager": manager}, instance=instance, partition_key=key
        )

    blocks: list[tuple[float, float]] = []
    sums = [0.0, 0.0]
    for number, key in enumerate(_KEYS):
        for place, manager in enumerate((ours, theirs)):
            sums[place] += seconds(one(manager, key))
        if number % 200 == 199:  # noqa: PLR2004 - a ratio for each 200
            blocks.append((sums[0], sums[1]))
            sums = [0.0, 0.0]
    work = f"Dagster: {_PARTITIONS:,} tiny partitions of an asset, one run each, by 200"
    return of_pairs(work, "its pickles, not synced", 1.3, blocks)


def _one_backfill(folder: Path, instance: dg.DagsterInstance) -> Result:
    asset = _tiny(dg.StaticPartitionsDefinition(_KEYS))
    tags: dict[str, str] = dict(zip(_RANGE, (_KEYS[0], _KEYS[-1]), strict=True))

    def materialize(manager: Any) -> Callable[[], object]:
        return lambda: dg.materialize(
            [asset], resources={"io_manager": manager}, instance=instance, tags=tags
        )

    pairs: list[tuple[float, float]] = []
    for number in range(3):
        ours = seconds(materialize(AtioIOManager(base_path=str(folder / f"ours-range-{number}"))))
        none = seconds(materialize(dg.mem_io_manager))
        by_hand = _new(folder / f"by-hand-{number}")
        pairs.append((ours - none, seconds(lambda by_hand=by_hand: _files_by_hand(by_hand))))
    work = f"Dagster: a backfill of {_PARTITIONS:,} partitions in one run, net of the in-memory manager"
    return of_pairs(work, "so many files by hand, synced", 0.6, pairs)


def _files_by_hand(folder: Path) -> None:
    table = pa.table({"n": [1, 2, 3]})
    for key in _KEYS:
        path = folder / f"{key}.parquet"
        pq.write_table(table, path)
        sync_path(path)
    sync_path(folder)


def _expiration(folder: Path, instance: dg.DagsterInstance) -> Result:
    """Make many tables with many versions by copying one, then expire all of them."""
    import shutil

    root = folder / "store"
    first = atio.Table(root / "table-000")
    for number in range(_VERSIONS):
        first.overwrite(pa.table({"n": [number]}))
    for number in range(1, _TABLES):
        shutil.copytree(root / "table-000", root / f"table-{number:03}")
    job = build_expiration_job()
    store = AtioResource(base_path=str(root), keep_last=1)
    resolved = dg.Definitions(jobs=[job], resources={"atio": store}).resolve_job_def(job.name)
    taken = seconds(lambda: resolved.execute_in_process(instance=instance))
    left = sum(len(table.history()) for table in store.tables())
    if left != _TABLES:
        raise AssertionError(f"{left} versions are left of {_TABLES} tables")
    return absolute(
        f"Dagster: the expiration job over {_TABLES} tables of {_VERSIONS} versions", 30.0, "s", [taken]
    )
