"""Work on files, several at a time: what reads a file, changes rows and writes another keeps one processor busy.

Of small files more are worked on than there are processors: each mostly waits until the disk holds what was written,
and a disk writes for several in one go. To change 214 files of half a MiB took 0.65 of the time by 8 threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Self

from atio_core.cores import CORES
from atio_core.model.data_file import DataFile

_WORKERS = min(8, CORES)
_LEAST_BYTES = 1 << 20  # a few files of less aren't worth threads
_FEW = 8
_SMALL_AT_ONCE = 8
_SMALL_BYTES = 16 << 20  # of files at a time, if they are more than there are processors
_MOST_BYTES = 64 << 20  # of files at a time; in memory they are several times as large
_VALUE_BYTES = 2  # of a value at least: those that repeat take hardly any in a file, but about 8 in memory


def weight(files: Iterable[DataFile], columns: int) -> int:
    """Return about how many bytes files have that are worked on, however small their values are packed.

    Args:
        files: Their records.
        columns: How many each has.
    """
    return sum(max(file.size, file.rows * columns * _VALUE_BYTES) for file in files)


class FileWorkers:
    """A block at whose end all work is done; what failed first is raised, and no more is begun.

    Work on the first few small files is done at once.

    Args:
        workers: So many large files at a time; of small ones some more.

    Example:
        >>> done = []
        >>> with FileWorkers() as workers:
        ...     workers.do(5 << 20, lambda: done.append("large"))
        >>> done
        ['large']
    """

    def __init__(self, workers: int = _WORKERS) -> None:
        self._workers = workers
        self._done_here = 0
        self._pool: ThreadPoolExecutor | None = None
        self._sizes: dict[Future[object], int] = {}  # of what isn't done

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for all work; after a failure for that which has begun."""
        try:
            while kind is None and self._sizes:
                self._wait()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    def do(self, size: int, work: Callable[[], object]) -> None:
        """Do some work, now or until the end of the block.

        Args:
            size: Of the files that it reads, in bytes (`weight`).
            work: What to do.

        Raises:
            What it has raised, or work before it.
        """
        if size < _LEAST_BYTES and self._done_here < _FEW:
            self._done_here += 1
            work()
            return
        while self._sizes and not self._has_room(size):
            self._wait()
        if self._pool is None:
            threads = max(self._workers, _SMALL_AT_ONCE)
            self._pool = ThreadPoolExecutor(threads, thread_name_prefix="atio-change")
        self._sizes[self._pool.submit(work)] = size

    def _has_room(self, size: int) -> bool:
        """Say whether work on files of this size may begin beside what is under way."""
        together = size + sum(self._sizes.values())
        most = max(self._workers, _SMALL_AT_ONCE) if together <= _SMALL_BYTES else self._workers
        return len(self._sizes) < most and together <= _MOST_BYTES

    def _wait(self) -> None:
        done, _ = wait(self._sizes, return_when=FIRST_COMPLETED)
        for future in done:
            del self._sizes[future]
            future.result()
