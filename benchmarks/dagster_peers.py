"""What becomes of rows under the failures that Dagster's users report, with our IO manager and its peers'.

Each scenario is told for each manager that is installed: what was kept, lost, doubled or refused.

(No `from __future__ import annotations` here: Dagster wants to see the classes of an asset's inputs, not their names.)
"""

import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.dagster_managers import MANAGERS, Manager, installed, missing
from benchmarks.measure import Result, absolute

_PROCESSES = 8
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
GOOD = ("kept", "as written", "its own", "a dict", f"{_PROCESSES} of {_PROCESSES}")
"""What it may come to."""

Scenario = Callable[[Manager, Path], str]


def run(folder: Path) -> Iterator[Result]:
    """Print the table; a scenario in which ours isn't as good as can be counts as a failure."""
    warnings.simplefilter("ignore")
    managers = list(installed())
    print("\nDagster: what becomes of rows")
    if absent := missing():
        print(f"Not installed, and left out: {', '.join(absent)}.")
    failed = 0
    for title, scenario in SCENARIOS.items():
        print(f"\n{title}")
        for manager in managers:
            told = _tried(scenario, manager, folder)
            failed += manager is MANAGERS[0] and told not in GOOD
            print(f"  {manager.title:<34}{told}", flush=True)
    yield absolute("Dagster: scenarios in which ours loses or doubles rows", 0.5, "", [float(failed)])


def _tried(scenario: Scenario, manager: Manager, folder: Path) -> str:
    place = Path(tempfile.mkdtemp(dir=folder)).absolute()
    try:
        return scenario(manager, place)
    except Exception as error:  # noqa: BLE001 - any of theirs; that is what is told
        while error.__cause__ is not None:
            error = error.__cause__  # type: ignore[assignment]
        return f"refused: {type(error).__name__}: {' '.join(str(error).split())[:80]}"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _asset(manager: Manager, rows: Callable[[Any], Any], **options: Any) -> Any:
    """An asset `rows` that returns what a function makes of its context."""

    def made(context: dg.AssetExecutionContext) -> Any:
        return rows(context)

    made.__annotations__["return"] = options.pop("returns", manager.frame)
    return dg.asset(made, name="rows", **options)


def _read(manager: Manager, asset: Any, resources: dict[str, Any], **options: Any) -> list[int]:
    """What a run of its own reads of the asset."""
    found: list[int] = []

    def reader(rows: Any) -> None:
        found.extend(sorted(rows["n"]))

    reader.__annotations__["rows"] = manager.frame
    reading = dg.asset(reader, io_manager_key="memory")
    _materialize([asset, reading], resources, selection=[reading], **options)
    return found


def _materialize(assets: list[Any], resources: dict[str, Any], **options: Any) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            assets,
            resources=resources | {"memory": dg.mem_io_manager},
            instance=instance,
            run_config=_QUIET,
            **options,
        )


def _retried(manager: Manager, folder: Path) -> str:
    """A step that appends fails once after its rows were stored, and is retried."""
    if manager.appends is None:
        return "can't append"
    attempts: list[int] = []

    def made() -> Iterator[Any]:
        yield dg.Output(manager.frame({"n": [1, 2]}), "rows")  # stored before the function goes on
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("the step has failed here")
        yield dg.Output(None, "then")

    outs = {
        "rows": dg.AssetOut(metadata=dict(manager.appends), dagster_type=manager.frame),
        "then": dg.AssetOut(io_manager_key="memory"),
    }
    asset = dg.multi_asset(outs=outs, retry_policy=dg.RetryPolicy(max_retries=1))(made)
    resources = {"io_manager": manager.make(folder, "append")}
    _materialize([asset], resources)
    found = _read(manager, asset, resources)
    return "as written" if found == [1, 2] else f"{len(found)} rows for 2"


def _other_partitions(manager: Manager, folder: Path) -> str:
    """A run for two partitions, beside a third that is there."""
    definition = dg.StaticPartitionsDefinition(["a", "b", "c"])

    def rows(context: Any) -> Any:
        return manager.frame({"key": context.partition_keys, "n": [1] * len(context.partition_keys)})

    asset = _asset(
        manager,
        rows,
        partitions_def=definition,
        metadata={"partition_expr": "key"},
    )
    resources = {"io_manager": manager.make(folder, "overwrite")}
    _materialize([asset], resources, partition_key="c")
    _materialize([asset], resources, tags=dict(zip(_RANGE, ("a", "b"), strict=True)))
    found = _read(manager, asset, resources)
    return "kept" if found == [1, 1, 1] else f"{len(found)} rows for 3"


def _failed_write(manager: Manager, folder: Path) -> str:
    """A run whose rows can't be stored, over rows that are there."""

    class Unstorable:
        def __reduce__(self) -> Any:
            raise OSError("no space is left")

    given: list[Any] = [manager.frame({"n": [1, 2]})]
    asset = _asset(manager, lambda _: given[0])
    resources = {"io_manager": manager.make(folder, "overwrite")}
    _materialize([asset], resources)
    _read(manager, asset, resources)  # it can
    given[0] = manager.frame({"n": [3, Unstorable()]}, **_objects(manager))
    failed = _materialize([asset], resources, raise_on_error=False)
    if failed.success:
        return "stored what it can't read"
    try:
        found = _read(manager, asset, resources)
    except Exception as error:  # noqa: BLE001 - any of theirs
        return f"lost: {type(error).__name__} at the next read"
    return "kept" if found == [1, 2] else f"lost: {len(found)} rows for 2"


def _objects(manager: Manager) -> dict[str, Any]:
    import polars as pl

    return {"schema": {"n": pl.Object}} if manager.frame is pl.DataFrame else {}


def _another_run(manager: Manager, folder: Path) -> str:
    """Another run stores other rows between two steps of a run."""
    given = [1]
    asset = _asset(manager, lambda _: manager.frame({"n": [given[0]]}))
    resources = {"io_manager": manager.make(folder, "overwrite")}
    found: list[int] = []

    @dg.asset(deps=[asset], io_manager_key="memory")
    def meanwhile() -> None:
        given[0] = 2
        _materialize([asset], resources)

    def down(rows: Any) -> None:
        found.extend(rows["n"])

    down.__annotations__["rows"] = manager.frame
    last = dg.asset(down, deps=[meanwhile], io_manager_key="memory")
    _materialize([asset, meanwhile, last], resources)
    return "its own" if found == [1] else "the other run's rows"


def _one_partition(manager: Manager, folder: Path) -> str:
    """All partitions as a dict, of an asset that has one."""
    asset = _asset(
        manager,
        lambda context: manager.frame({"key": [context.partition_key], "n": [1]}),
        partitions_def=dg.StaticPartitionsDefinition(["a"]),
        metadata={"partition_expr": "key"},
    )
    resources = {"io_manager": manager.make(folder, "overwrite")}
    _materialize([asset], resources, partition_key="a")
    found: list[Any] = []

    def reader(rows: Any) -> None:
        found.append(rows)

    reader.__annotations__["rows"] = dict[str, manager.frame]
    reading = dg.asset(reader, io_manager_key="memory")
    _materialize([asset, reading], resources, selection=[reading])
    return "a dict" if isinstance(found[0], dict) else f"a bare {type(found[0]).__name__}"


def _first_writes(manager: Manager, folder: Path) -> str:
    """Eight processes store a partition each, at once, where nothing is yet."""
    number = str(MANAGERS.index(manager))
    command = [sys.executable, "-m", "benchmarks.dagster_peers", number, str(folder)]
    started = [
        subprocess.Popen(
            [*command, f"p{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for number in range(_PROCESSES)
    ]
    for process in started:
        assert process.stdout is not None  # noqa: S101 - as it was started
        process.stdout.readline()  # it is ready
    for process in started:
        process.communicate(b"go\n")
    went = sum(process.returncode == 0 for process in started)
    return f"{went} of {_PROCESSES}"


def _store_one(manager: Manager, folder: Path, key: str) -> None:
    """In a process of its own: store a partition, as soon as all are ready."""
    keys = [f"p{number}" for number in range(_PROCESSES)]
    asset = _asset(
        manager,
        lambda context: manager.frame({"key": [context.partition_key], "n": [1]}),
        partitions_def=dg.StaticPartitionsDefinition(keys),
        metadata={"partition_expr": "key"},
    )
    resources = {"io_manager": manager.make(folder, "overwrite")}
    print("ready", flush=True)
    sys.stdin.readline()
    _materialize([asset], resources, partition_key=key)


SCENARIOS: dict[str, Scenario] = {
    "a step that appends is retried after its rows were stored": _retried,
    "a run for the partitions a and b, beside c": _other_partitions,
    "rows that can't be stored, over rows that are there": _failed_write,
    "a run whose input another run has stored anew meanwhile": _another_run,
    "an input of all partitions as a dict, of one partition": _one_partition,
    f"the first writes of {_PROCESSES} processes, a partition each": _first_writes,
}

if __name__ == "__main__":
    _store_one(MANAGERS[int(sys.argv[1])], Path(sys.argv[2]), sys.argv[3])
