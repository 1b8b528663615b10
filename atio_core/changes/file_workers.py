"""Work on files, several at a time: what reads a file, changes rows and writes another keeps one processor busy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Self

from atio_core.cores import CORES

_WORKERS = min(8, CORES)
_LEAST_BYTES = 1 << 20  # less isn't worth a thread
_MOST_BYTES = 64 << 20  # of files at a time; in memory they are several times as large


class FileWorkers:
    """A block at whose end all work is done; what failed first is raised, and no more is begun.

    Work on small files is done at once.

    Args:
        workers: So many files at a time.

    Example:
        >>> done = []
        >>> with FileWorkers() as workers:
        ...     workers.do(5 << 20, lambda: done.append("large"))
        >>> done
        ['large']
    """

    def __init__(self, workers: int = _WORKERS) -> None:
        self._workers = workers
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
            size: Of the files that it reads, in bytes.
            work: What to do.

        Raises:
            What it has raised, or work before it.
        """
        if size < _LEAST_BYTES:
            work()
            return
        while self._sizes and (
            len(self._sizes) >= self._workers or sum(self._sizes.values()) + size > _MOST_BYTES
        ):
            self._wait()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="atio-change")
        self._sizes[self._pool.submit(work)] = size

    def _wait(self) -> None:
        done, _ = wait(self._sizes, return_when=FIRST_COMPLETED)
        for future in done:
            del self._sizes[future]
            future.result()
