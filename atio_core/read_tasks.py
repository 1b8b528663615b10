"""A version cut into tasks: each is small, goes to a worker by pickle, and reads its part of the rows there by itself.

A task knows its files: it looks up no version and no list of files, so that as many workers as one likes start at once
and all read the same version. Read as pandas frames, the parts one behind the other have the index of the whole.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from atio_core.arguments import repeatable
from atio_core.reading import BATCH_ROWS, Output, Verify
from atio_core.row_aggregates import RowAggregates

if TYPE_CHECKING:
    import pyarrow as pa

    from atio_core.model.data_file import DataFile
    from atio_core.model.entry import LogEntry
    from atio_core.reading.rows import Scan
    from atio_core.reading.selection import Selection

_Result = TypeVar("_Result")
_TASK_BYTES = 32 << 20  # as stored; in memory some times as much, of which a worker holds a few


class Part(Protocol):
    """A version as if it had some of its files alone."""

    read: Callable[..., Any]
    scan: Callable[..., Scan]

    @property
    def entry(self) -> LogEntry:
        """Its log entry, with these files."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """The version's."""
        ...

    @property
    def rows(self) -> int:
        """How many the files have."""
        ...


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A part of a version's rows, to be read anywhere. Made by `Snapshot.read_tasks`, not by hand.

    It reads as long as the version is retained: what takes long reads under a tag, or a lease.

    Attributes:
        part: The version, as if it had these files alone.
        columns: Labels of the columns; None for all.
        filter: Which rows.
        verify: Whether digests are checked.
        first_row: How many rows the files of the tasks before have.
        counts_rows: Whether the index of a pandas frame counts the rows on from there, and says nothing else.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> snapshot = atio.write_snapshot(pd.DataFrame({"a": [1, 2]}), "memory://read-task-example")
        >>> [task.read("arrow").to_pydict() for task in snapshot.read_tasks()]
        [{'a': [1, 2]}]
    """

    part: Part
    columns: tuple[Any, ...] | None
    filter: Any
    verify: Verify
    first_row: int
    counts_rows: bool

    @property
    def files(self) -> tuple[DataFile, ...]:
        """The records of its data files, in the order of their rows."""
        return self.part.entry.files

    def read(self, output_as: Output = "pandas", *, columns: Sequence[Any] | None = None) -> Any:
        """Return the rows.

        Args:
            output_as: As for `Snapshot.read`.
            columns: Some of the task's own columns; all of them if None.

        Raises:
            As for `Snapshot.read`.
        """
        found = self.part.read(
            output_as, columns=self._wanted(columns), filter=self.filter, verify=self.verify
        )
        if output_as == "pandas" and self.counts_rows:
            found.index += self.first_row
        return found

    def scan(self, *, columns: Sequence[Any] | None = None, batch_rows: int = BATCH_ROWS) -> Scan:
        """Return the rows batch by batch: see `Snapshot.scan`.

        Args:
            columns: As for `read`.
            batch_rows: At most so many rows in a batch.

        Raises:
            As for `Snapshot.scan`.
        """
        return self.part.scan(
            columns=self._wanted(columns), filter=self.filter, batch_rows=batch_rows, verify=self.verify
        )

    def _wanted(self, columns: Sequence[Any] | None) -> Sequence[Any] | None:
        own = None if self.columns is None else list(self.columns)
        return own if columns is None else columns


class TaskReads(RowAggregates):
    """Cuts the reading of a version into tasks."""

    @abstractmethod
    def _anew(self, act: Callable[[], _Result]) -> _Result:
        """Do something with the version's files, or with those that a compaction has put in their places."""

    @abstractmethod
    def _with_files(self, files: tuple[DataFile, ...]) -> Part:
        """The version as if it had these files alone."""

    def read_tasks(
        self,
        *,
        columns: Sequence[Any] | None = None,
        partitions: Collection[Any] | None = None,
        filter: Any = None,  # noqa: A002 - every library calls it so
        verify: Verify = "always",
    ) -> list[ReadTask]:
        """Return what workers read by themselves: together all rows, each of them once, in order.

        The files are chosen here, once: those that can't have a row that matches are in no task. A task has some tens
        of megabytes of files, or one file that is larger.

        Args:
            columns: As for `read`.
            partitions: As for `read`.
            filter: As for `read`. It goes along with the tasks, so it has to pickle if they are to.
            verify: As for `read`.

        Returns:
            One task at least, so that there are columns if there are no rows.

        Raises:
            As for `read`, of what can be told without opening a data file.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> snapshot = atio.write_snapshot(pd.DataFrame({"a": [1, 2, 3]}), "memory://read-tasks-example")
            >>> tasks = snapshot.read_tasks(filter=[("a", ">", 1)])
            >>> pd.concat([task.read() for task in tasks])["a"].tolist()
            [2, 3]
        """
        columns, partitions, filter = map(repeatable, (columns, partitions, filter))  # noqa: A001 - see above
        selection = self._selection(columns, partitions, filter, None)
        bundles, counts = self._anew(lambda: self._bundles(selection, verify))
        chosen = None if selection.columns is None else tuple(selection.columns)
        tasks: list[ReadTask] = []
        first_row = 0
        for files in bundles:
            tasks.append(ReadTask(self._with_files(files), chosen, filter, verify, first_row, counts))
            first_row += sum(file.rows for file in files)
        return tasks

    def _bundles(self, selection: Selection, verify: Verify) -> tuple[list[tuple[DataFile, ...]], bool]:
        """Return the files of each task, and whether their rows are just counted."""
        from atio_core.data.frames.frames import columns_to_read
        from atio_core.reading.selection import files_to_read
        from atio_core.reading.split import bundled, counts_rows, with_own_range

        with self._explaining_missing():
            version = self._readable(verify)
            columns_to_read(version.source.schema, selection.columns, "pandas")  # refuses what isn't there
            files: Sequence[DataFile] = files_to_read(version, selection)
            counts = counts_rows(version.source, files)
            if not counts:
                files = with_own_range(version.source, files)
            return list(bundled(files, _TASK_BYTES)), counts
