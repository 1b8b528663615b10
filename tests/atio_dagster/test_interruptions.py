"""Writes that are cut off, fail or meet others: the old version stands, and the next run goes through."""

import errno
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest
from dagster import DagsterExecutionInterruptedError

from atio_core.errors import CommitUnknownError, StorageError
from atio_dagster import AtioIOManager, AtioResource
from tests.crash.test_full_disk import fill, needs_mount, on_small_disk
from tests.support.crowd import run_together
from tests.support.dagster_runs import Materialize, Refusal
from tests.support.os_calls import Call, watched

OLD, NEW = pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [3]})
CUTS: dict[str, BaseException] = {
    "termination": DagsterExecutionInterruptedError(),
    "keyboard": KeyboardInterrupt(),
    "memory": MemoryError(),
    "disk": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
}
PROCESSES = 8


def store_output(base: str, frame: Any, partition: str | None = None, **metadata: Any) -> None:
    """Have the manager store a frame, without a run around it."""
    context = dg.build_output_context(
        asset_key="made",
        name="result",
        partition_key=partition,
        definition_metadata={f"atio/{name}": value for name, value in metadata.items()},
    )
    AtioIOManager(base_path=base).handle_output(context, frame)


def numbers(store: AtioResource) -> list[int]:
    """The rows of the latest version."""
    return sorted(store.table("made").read(output_as="arrow")["n"].to_pylist())


@pytest.mark.parametrize(
    ("cut", "partition"),
    [*((cut, None) for cut in CUTS), ("termination", "p")],
    ids=[*CUTS, "in a partition"],
)
def test_cut_off_at_any_call(cut: str, partition: str | None, store: AtioResource) -> None:
    """Wherever a write is cut off, the old rows or the new ones are there, whole, and it goes through afterwards."""
    store_output(store.base_path, OLD, partition)
    calls = 0
    while cut_off(CUTS[cut], calls, partial(store_output, store.base_path, NEW, partition), store):
        assert numbers(store) in ([1, 2], [3])
        store_output(store.base_path, NEW, partition)
        assert numbers(store) == [3]
        store_output(store.base_path, OLD, partition)
        calls += 1
    assert calls > 5
    assert store.table("made").verify().ok


def cut_off(error: BaseException, calls: int, act: Callable[[], None], store: AtioResource) -> bool:
    """Raise in the call after so many that change the disk; return whether there were as many."""
    made = 0

    def cutting(call: Call) -> Any:
        nonlocal made
        made += 1
        if made == calls + 1:
            raise error
        return call.run()

    try:
        with watched(Path(store.base_path), cutting):
            act()
    except (type(error), StorageError, CommitUnknownError):
        return True
    return made > calls


@pytest.mark.parametrize("kind", ["pickle", "generator", "lazy"])
def test_a_failed_write_leaves_the_old_rows(
    kind: str, materialize: Materialize, refusal: Refusal, store: AtioResource
) -> None:
    """What can't be stored, or fails half way, takes nothing away."""

    def broken() -> Iterator[pd.DataFrame]:
        yield NEW
        raise RuntimeError("half way")

    def failing(_: Any) -> int:
        raise RuntimeError("half way")

    outputs: dict[str, Any] = {
        "pickle": lambda: {"unpicklable": lambda: None},
        "generator": broken,
        "lazy": lambda: pl.LazyFrame({"n": [1]}).select(
            pl.col("n").map_elements(failing, return_dtype=pl.Int64)
        ),
    }
    given: list[Any] = [OLD]

    @dg.asset
    def made() -> Any:
        return given.pop()

    materialize(made)
    given.append(outputs[kind]())
    refusal(made, pickles=kind == "pickle")
    assert numbers(store) == [1, 2]
    assert store.table("made").snapshot().version == 1
    given.append(NEW)
    materialize(made)
    assert numbers(store) == [3]


@needs_mount
def test_a_full_disk(tmp_path: Path) -> None:
    """However little room there is, the old rows stay, nothing is left behind, and with room it goes through."""
    run_together([partial(on_small_disk, tmp_path / "disk", with_little_room)])


def with_little_room(disk: Path) -> None:
    """Store with no room at all, then with a page more each time, until it is enough."""
    store = AtioResource(base_path=str(disk / "tables"))
    store_output(store.base_path, OLD)
    pages, enough = 0, False
    while not enough:
        fill(disk, pages)
        files = {path for path in Path(store.base_path).rglob("*") if path.is_file()}
        try:
            store_output(store.base_path, NEW)
        except StorageError:
            assert numbers(store) == [1, 2]
            assert {path for path in Path(store.base_path).rglob("*") if path.is_file()} == files
            pages += 1
        else:
            enough = True
        (disk / "filler").unlink()
    assert numbers(store) == [3]
    assert pages >= 2


def test_first_writes_of_many_processes(store: AtioResource) -> None:
    """Runs that store at once into tables that aren't there all succeed, and no row of theirs is lost or doubled."""
    run_together([partial(first_write, store.base_path, number) for number in range(PROCESSES)])
    for name in ("overwrite", "append", "upsert", "parted"):
        snapshot = store.table(name).snapshot()
        rows = sorted(snapshot.read("arrow")["n"].to_pylist())
        assert snapshot.version == PROCESSES
        assert rows == list(range(PROCESSES)) or (name == "overwrite" and len(rows) == 1), name


def first_write(base: str, number: int) -> None:
    """Materialise a row in each mode, and a partition, in a run of one's own."""
    keys = dg.StaticPartitionsDefinition([str(n) for n in range(PROCESSES)])

    def in_mode(mode: str) -> Any:
        @dg.asset(name=mode, metadata={"atio/mode": mode, "atio/key": ["n"]})
        def made() -> Any:
            return pd.DataFrame({"n": [number]})

        return made

    @dg.asset(partitions_def=keys)
    def parted() -> Any:
        return pd.DataFrame({"n": [number]})

    assets: list[Any] = [*map(in_mode, ("overwrite", "append", "upsert")), parted]
    resources = {"io_manager": AtioIOManager(base_path=base)}
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(assets, resources=resources, instance=instance, partition_key=str(number))
    assert run.success
