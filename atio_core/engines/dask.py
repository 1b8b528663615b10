"""Tables from and to Dask: partitions are staged on the workers, and committed by whoever called.

The scheduler hands over one result for each partition, however often a worker was killed, or a partition was worked on
twice. What the other tries have staged is in no version, and goes with an expiry.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from atio_core.arguments import refusal, repeatable, require_choice
from atio_core.data.schema.layout import layout_of
from atio_core.engines.dask_index import divisions_of
from atio_core.errors import InvalidInputError, NotPreservableError, TableNotFoundError
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.log.lookup import AnyVersion
from atio_core.model.entry import ROWS
from atio_core.model.ids import system_clock
from atio_core.storage.buckets.fsspec_paths import Place
from atio_core.table import Table

if TYPE_CHECKING:
    from atio_core.format.staged_json import StagedChange
    from atio_core.read_tasks import ReadTask
    from atio_core.snapshot import Snapshot, Verify

_MODES = ("append", "overwrite", "overwrite_partitions")
"""The changes that several parts make together."""

_KEPT = ("keep", "until", "keep_for")


def write_dask(frame: Any, table: Table | Place, mode: str = "append", **options: Any) -> Snapshot:
    """Write a Dask DataFrame as one version: each partition is staged by the worker that has it, and committed here.

    Only descriptors of some kilobytes come back. The rows are in the order of the partitions; those without rows bring
    no file. All partitions must have the same columns and types.

    Args:
        frame: A Dask DataFrame.
        table: The table, or its path, which must lead all workers to the same place.
        mode: "append", "overwrite" or "overwrite_partitions": the method of `Table` that is meant.
        **options: Those of the method, such as `partition_by`; and of the commit, such as `idempotency_key`, which a
            driver needs that may run twice.

    Returns:
        The new version.

    Raises:
        InvalidInputError: That is no Dask DataFrame, or there is no such mode or option; nothing was committed.
        SchemaMismatchError: The partitions don't fit the table, or each other; nothing was committed.
        StagedFilesExpiredError: The first parts had waited for the last ones longer than the table's grace period when
            an expiry ran; nothing was committed.
        As for `Table.stage`, on the workers, and `Table.commit`.

    Example:
        >>> import dask.dataframe as dd, pandas as pd
        >>> frame = dd.from_pandas(pd.DataFrame({"a": [1, 2, 3]}), npartitions=2)
        >>> write_dask(frame, "memory://write-dask-example", mode="overwrite").rows
        3
    """
    said: Any = {key: one for key, one in options.items() if key in CommitOptions.__annotations__}
    make_intent(system_clock, **said)  # refuses what makes no sense before the workers begin
    own = {key: one for key, one in options.items() if key not in said}
    target = _table(table)
    return target.commit(stage_dask(frame, target, mode, **own), **said)


def stage_dask(frame: Any, table: Table | Place, mode: str = "append", **options: Any) -> list[StagedChange]:
    """Stage a Dask DataFrame, and leave its commit to somebody else, such as the IO manager of a Dagster asset.

    Args:
        frame: As for `write_dask`.
        table: As for `write_dask`.
        mode: As for `write_dask`.
        **options: Those of the method.

    Returns:
        Descriptors for one `Table.commit`.

    Raises:
        As for `write_dask`, of what isn't said of a commit.

    Example:
        >>> import atio_core as atio, dask.dataframe as dd, pandas as pd
        >>> table = atio.Table("memory://stage-dask-example")
        >>> staged = stage_dask(dd.from_pandas(pd.DataFrame({"a": [1, 2, 3]}), npartitions=2), table)
        >>> len(staged), table.exists(), table.commit(staged).rows
        (2, False, 3)
    """
    import dask
    import dask.dataframe as dd
    from dask.dataframe.dispatch import make_meta

    target = _table(table)
    name = require_choice("mode", mode, _MODES)
    if not isinstance(frame, dd.DataFrame):
        raise refusal("frame", "a Dask DataFrame", frame)
    if kept := [key for key in _KEPT if key in options]:
        raise InvalidInputError(
            f"{kept[0]} is said of a stage that is kept under an id, and partitions are committed at once; leave it out"
        )
    texts = _texts_of(target)
    stage = dask.delayed(_stage_some, pure=False)
    parts = zip(frame.to_delayed(), _counted(frame), strict=True)
    found = dask.compute(*[stage(part, rows, target, name, options, texts) for part, rows in parts])
    staged: list[StagedChange] = [one for one in found if one is not None]
    return staged or [_stage(make_meta(frame), target, name, options, texts)]


def read_dask(
    table: Table | Place,
    version: AnyVersion | None = None,
    *,
    columns: Sequence[Any] | None = None,
    partitions: Collection[Any] | None = None,
    filter: Any = None,  # noqa: A002 - every library calls it so
    verify: Verify = "always",
) -> Any:
    """Return a version as a Dask DataFrame: each of its partitions reads some of the files, where it is needed.

    All of it is of the version that is the latest now, or is named, whatever is committed until it is computed; that
    version must be retained as long. Columns that a computation doesn't need aren't read. The index is that of
    `Table.read`, but that a filter leaves gaps in one that was 0 … n-1. Its divisions are known where files tell them:
    of a range, of whole numbers and of times, if these rise from file to file.

    Args:
        table: The table, or its path.
        version: As for `Table.snapshot`.
        columns: As for `Table.read`.
        partitions: As for `Table.read`.
        filter: As for `Table.read`. Files in which no row can match become no partition.
        verify: As for `Table.read`.

    Returns:
        A Dask DataFrame of pandas frames, with one partition at least.

    Raises:
        As for `Table.snapshot` and `Snapshot.read`.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> _ = atio.write_snapshot(pd.DataFrame({"a": [1, 2, 3]}), "memory://read-dask-example")
        >>> int(read_dask("memory://read-dask-example")["a"].sum().compute())
        6
    """
    import dask
    import dask.dataframe as dd

    snapshot = _table(table).snapshot(version)
    columns, partitions, filter = map(repeatable, (columns, partitions, filter))  # noqa: A001 - see above
    tasks = snapshot.read_tasks(columns=columns, partitions=partitions, filter=filter, verify=verify)
    empty = snapshot.read(columns=columns, limit=0)
    with dask.config.set({"dataframe.convert-string": False}):  # the types are the table's
        return dd.from_map(
            _read, [*map(_Named, tasks)], meta=empty, divisions=divisions_of(tasks), label="read-atio"
        )


def _table(given: Table | Place) -> Table:
    return given if isinstance(given, Table) else Table(given)


def _counted(frame: Any) -> list[range | None]:
    """Return which labels each partition has if the index of the frame counts its rows, as far as Dask knows."""
    low, *others, high = frame.divisions
    if low != 0 or not isinstance(high, int):
        return [None] * frame.npartitions
    return [range(start, stop) for start, stop in itertools.pairwise([low, *others, high + 1])]


def _stage_some(part: Any, counted: range | None, *how: Any) -> StagedChange | None:
    """Stage a partition; none that has no rows, of which nothing tells what a column of objects would hold."""
    import pandas as pd

    if not len(part):
        return None
    try:
        return _stage(part, *how)
    except NotPreservableError:
        if counted is None or not part.index.identical(pd.RangeIndex(counted)):
            raise
    return _stage(part.reset_index(drop=True), *how)  # its rows change places: all are counted anew


def _stage(
    part: Any, table: Table, mode: str, options: dict[str, Any], texts: frozenset[Any]
) -> StagedChange:
    return cast("StagedChange", table.stage(_with_texts(part, texts), mode, **options))


def _texts_of(table: Table) -> frozenset[Any]:
    """Return the labels of the columns, and of the index, that are pandas' `str` in a table."""
    try:
        snapshot = table.snapshot()
    except TableNotFoundError:
        return frozenset()
    if snapshot.kind != ROWS or layout_of(snapshot.schema).library != "pandas":
        return frozenset()
    frame = snapshot.read(limit=0)
    types = [*frame.dtypes.items(), (frame.index.name, frame.index.dtype)]
    return frozenset(label for label, dtype in types if dtype == "str")


def _with_texts(part: Any, labels: frozenset[Any]) -> Any:
    """Give text the type that it has in the table: Dask makes a nullable string of pandas' `str`."""
    import pandas as pd

    nullable = pd.StringDtype(na_value=pd.NA)
    part = part.astype(
        {label: "str" for label, one in part.dtypes.items() if one == nullable and label in labels}
    )
    if part.index.dtype == nullable and part.index.name in labels:
        part.index = part.index.astype("str")
    return part


@dataclass(frozen=True, slots=True)
class _Named:
    """A task that Dask has a name for: reads of the same rows are one to it."""

    task: ReadTask

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        from dask.base import tokenize

        task, entry = self.task, self.task.part.entry
        paths = [file.path for file in task.files]
        return entry.table_id, entry.commit_id, paths, task.columns, tokenize(task.filter), task.verify


def _read(named: _Named, columns: list[Any] | None = None) -> Any:
    """Read a partition; Dask says which columns it needs."""
    return named.task.read("pandas", columns=columns)
