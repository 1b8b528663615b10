"""Write one object to one file: at any moment the file has its old content or its new one, whole.

1. Decide what is written and how, and refuse what can't be, before anything is made.
2. Let the object's own library write into a temporary file beside the target.
3. Sync it, put it in the target's place, sync the folder (`storage/target.py`).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atio_core.data.formats import registry
from atio_core.data.formats.base import Order
from atio_core.errors import InvalidInputError
from atio_core.progress import Teller, Watched
from atio_core.storage import target as targets

_EXTRAS = (("openpyxl", "excel"), ("xlsxwriter", "excel"), ("pandas", "pandas"))
_OS_ERROR = re.compile(r"\(os error (\d+)\)")  # as Rust says it


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What `write` did. It prints as one line.

    Attributes:
        path: The file, as the caller named it; absolute.
        format: As which it was written.
        bytes: Its size.
        rows: Rows in it, a header not counted.
        columns: Columns of the frame.
        seconds: Time by phase: `serialise`, `sync`, `publish`.
    """

    path: Path
    format: str
    bytes: int
    rows: int
    columns: int
    seconds: Mapping[str, float]

    def __str__(self) -> str:
        phases = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in self.seconds.items())
        return (
            f"{self.path}: {self.rows:,} rows x {self.columns:,} columns as {self.format}, "
            f"{self.bytes:,} bytes in {sum(self.seconds.values()):.3f} s ({phases})"
        )


def write(
    obj: Any,
    target_path: Any = None,
    format: str | None = None,  # noqa: A002 - the name that users know
    *,
    show_progress: bool = False,
    verbose: bool = False,
    durable: bool = True,
    **options: Any,
) -> WriteResult:
    """Write a frame to a file, atomically.

    Args:
        obj: A pandas or polars frame, or an Arrow table.
        target_path: The file to replace or make: `str`, `bytes` or `Path`.
        format: "parquet", "csv", "json" or "excel". By the target's suffix when not given.
        show_progress: Show on stderr how much was written, and how fast: a bar, or lines where there is no terminal.
        verbose: Tell each step: through the logger `atio`, or on stderr where that shows nothing.
        durable: Wait until the disk holds the file. Else a power loss soon after may leave an empty one.
        **options: For the writer of the frame's own library: `index=False`, `sheet_name=`, `orient=`, …

    Returns:
        What was written, where and how fast.

    Raises:
        UnsupportedFormatError: No writer for this format and object.
        InvalidInputError: The target can't be a file, an option is refused, or the library's writer failed.
        StorageError: The disk refused. The old file stands, unless `unknown` is True: then the new one does,
            but may not survive a power loss.

    Example:
        >>> import pyarrow as pa, tempfile
        >>> result = write(pa.table({"price": [1, 2]}), tempfile.mkdtemp() + "/prices.csv")
        >>> result.rows
        2
    """
    registry.refuse_database(format)
    if target_path is None:
        raise InvalidInputError("write needs target_path, the file to write. Give a path.")
    target = targets.find_target(target_path)
    choice = registry.choose(obj, target.name, format, options)
    rows, columns = obj.shape
    teller = Teller(verbose=verbose, show_progress=show_progress)
    seconds: dict[str, float] = {}
    with targets.replacement(target) as new:
        teller.step("%s: %s writes into %s", target.path, choice.writer.call, new.temporary)
        with _timed(seconds, "serialise"), teller.watch(Watched(target.name, "bytes", new.size)):
            _serialise(obj, choice, Order(new.file, target.name, choice.compression, options), target.path)
        with _timed(seconds, "sync"):
            new.sync(durably=durable)
        speed = new.size() / 1e6 / max(1e-9, sum(seconds.values()))
        teller.step("%s: %s bytes written and synced, %.1f MB/s", target.path, f"{new.size():,}", speed)
        with _timed(seconds, "publish"):
            new.publish(durably=durable)
        teller.step("%s: published in %.3f s", target.path, seconds["publish"])
    result = WriteResult(Path(target.path), choice.format, new.size(), rows, columns, seconds)
    teller.result(result)
    return result


def _serialise(obj: Any, choice: registry.Choice, order: Order, path: str) -> None:
    """Let the library write. What it raises becomes an error that says what stands and what to do."""
    try:
        choice.writer.write(obj, order)
    except MemoryError:
        raise
    except BaseException as error:
        panic = type(error).__name__ == "PanicException"  # polars'; it is no Exception
        if not (panic or isinstance(error, Exception)):
            raise  # Ctrl-C, an exit
        if (refusal := _system_error(error)) is not None:
            raise targets.storage_error("Writing", path, refusal) from error
        raise InvalidInputError(_explain(error, choice.writer.call, path), path=path) from error


def _system_error(error: BaseException) -> OSError | None:
    """What the system said, however the library wraps it."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    if error.args and isinstance(error.args[0], OSError):  # xlsxwriter
        return error.args[0]
    if number := _OS_ERROR.search(str(error)):  # polars
        return OSError(int(number[1]), os.strerror(int(number[1])))
    return error if isinstance(error, OSError) else None


def _explain(error: BaseException, call: str, path: str) -> str:
    stands = "What was there stands unchanged."
    if isinstance(error, ImportError):
        extra = next((extra for library, extra in _EXTRAS if library in str(error)), None)
        advice = f"Install it with: pip install 'atio[{extra}]'" if extra else "Install it"
        return f"{call} needs a library to write {path!r}: {error} {stands} {advice}."
    what = f"{type(error).__name__}: {error}".rstrip(".")
    return f"{call} could not write {path!r}: {what}. {stands} Mend the data or the options."


@contextlib.contextmanager
def _timed(seconds: dict[str, float], phase: str) -> Generator[None]:
    start = time.perf_counter()
    yield
    seconds[phase] = time.perf_counter() - start
