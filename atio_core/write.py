"""Write one object to one file: at any moment the file has its old content or its new one, whole.

Tables of databases are written by `databases/write.py`.

1. Decide what is written and how, and refuse what can't be, before anything is made.
2. Let the object's own library write into a temporary file beside the target.
3. Sync it, put it in the target's place, sync the folder (`storage/files/replacement.py`).
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, cast

from atio_core.amounts import counted
from atio_core.arguments import refusal, require_flag
from atio_core.data.formats import compression, registry
from atio_core.data.formats.base import Writer
from atio_core.data.losses.loss import Loss, refuse_all
from atio_core.data.write_request import WriteRequest
from atio_core.errors import AtioError, InvalidInputError
from atio_core.progress import Teller, Watched
from atio_core.storage.files import checksum
from atio_core.storage.files import target as targets
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import Replacement, replacement

_EXTRAS = (("openpyxl", "excel"), ("xlsxwriter", "excel"), ("pandas", "pandas"))
_OS_ERROR = re.compile(r"\(os error (\d+)\)")  # as Rust says it


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What `write` did. It prints as one line.

    Attributes:
        path: The file, as the caller named it; absolute. None for a table of a database.
        format: As which it was written.
        bytes: Its size; None for a table.
        rows: Rows in it, a header not counted; None for what has none.
        columns: Columns of the frame; None for what has none.
        seconds: Time by phase: `serialise`, `digest` if asked for, `sync`, `publish`; of a
            table: `prepare`, `load`, `commit`.
        previous: What the file that was replaced is called now, if it was kept.
        digest: Of the file's bytes, if asked for: "sha256:2cf24d…".
        skipped: Whether nothing was written, since the file was there.
        losses: What won't be read back as it was, as far as the format, the types and a look at texts tell.
        table: The table of a database that was written to.
        committed: False if the write is part of a transaction of the caller's, whose commit decides.
        done_before: When the write with this idempotency key was done, if it was before: nothing was changed now.
    """

    path: Path | None
    format: str
    bytes: int | None
    rows: int | None
    columns: int | None
    seconds: Mapping[str, float]
    previous: Path | None = None
    digest: str | None = None
    skipped: bool = False
    losses: tuple[Loss, ...] = ()
    table: str | None = None
    committed: bool = True
    done_before: str | None = None

    def __str__(self) -> str:
        if self.skipped:
            return f"{self.path}: skipped, since it is there already"
        if self.done_before is not None:
            return f"{self.table}: nothing was changed, this idempotency_key was used at {self.done_before}"
        phases = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in self.seconds.items())
        counts = ((self.rows, "row"), (self.columns, "column"))
        shape = " x ".join(counted(n, name) for n, name in counts if n is not None)
        lost = f", {len(self.losses)} loss{'' if len(self.losses) == 1 else 'es'}" if self.losses else ""
        size = "" if self.bytes is None else f", {self.bytes:,} bytes"
        note = "" if self.committed else "; not committed yet: your transaction decides"
        return (
            f"{self.path or self.table}: {f'{shape} ' if shape else ''}as {self.format}{size} "
            f"in {sum(self.seconds.values()):.3f} s ({phases}){lost}{note}"
        )


def write(
    obj: Any,
    target_path: Any = None,
    format: str | None = None,  # noqa: A002 - the name that users know
    *,
    show_progress: bool = False,
    verbose: bool = False,
    durable: bool = True,
    if_exists: str | None = None,
    keep_previous: bool | int | str | bytes | os.PathLike[Any] = False,
    mkdir: bool = False,
    digest: str | None = None,
    strict: bool = False,
    writer: Callable[..., object] | None = None,
    **options: Any,
) -> WriteResult:
    """Write an object to a file or to a table of a database, atomically.

    Args:
        obj: A pandas or polars frame, an Arrow table or stream, a NumPy array, a dict of frames or arrays, a JSON
            value, text, bytes, or anything with a method that the format names.
        target_path: The file to replace or make: `str`, `bytes` or `Path`.
        format: "parquet", "csv", "json", "jsonl", "excel", "feather", "npy", "npz", "pickle", "text" or "bytes". By
            the target's suffix when not given. Of another name: "png" calls `obj.to_png`, `write_png` or `save_png`.
            "sql" or "database" for a table of a database, with `name=`, `con=` and what else
            `docs/guide/databases.md` tells.
        show_progress: Show on stderr how much was written, and how fast: a bar, or lines where there is no terminal.
        verbose: Tell each step: through the logger `atio`, or on stderr where that shows nothing.
        durable: Wait until the disk holds the file. Else a power loss soon after may leave an empty one.
        if_exists: What to do if there is a file: "replace" it (the default), "fail", or "skip" the writing. Of several
            processes that write with "fail" or "skip" at once, exactly one makes the file. If there is a table: "fail"
            (the default there, as in pandas and polars), "replace", "append", "truncate", "upsert" or "overwrite".
        keep_previous: Keep the file that is replaced: True as `<name>.previous`, a path under that, a number of
            them as `<name>.previous.<n>`, the newest with the highest n.
        mkdir: Make folders that are missing.
        digest: An algorithm of `hashlib`, such as "sha256": the result has the digest of the bytes.
        strict: Refuse, before anything is written, what wouldn't be read back as it was. All texts are looked at
            then; else the first 100 say whether readers of CSV, JSON and Excel would take a column of texts for
            numbers. Of a JSON value the first 10,000 values are looked at, all if strict.
        writer: The caller's own: it gets the open file, whose `name` is a path to it, and the options.
        **options: For the writer of the object's own library: `index=False`, `sheet_name=`, `orient=`, …

    Returns:
        What was written, where and how fast.

    Raises:
        UnsupportedFormatError: No writer for this format and object.
        NotPreservableError: The format exists to keep types, and would change a value; or `strict`, and something
            is lost.
        AlreadyExistsError: The file is there, and `if_exists` is "fail".
        InvalidInputError: The target can't be a file, an option is refused, or the library's writer failed.
        StorageError: The disk refused. The old file stands, unless `unknown` is True: then the new one does,
            but may not survive a power loss.

    Example:
        >>> import pyarrow as pa, tempfile
        >>> result = write(pa.table({"price": [1, 2]}), tempfile.mkdtemp() + "/prices.csv")
        >>> result.rows
        2
    """
    if format is not None and not isinstance(cast("object", format), str):
        raise refusal("format", "the name of a format", format)
    teller = Teller(
        verbose=require_flag("verbose", verbose), show_progress=require_flag("show_progress", show_progress)
    )
    if format in registry.DATABASES:
        options |= {"strict": strict} | ({} if if_exists is None else {"if_exists": if_exists})
        only_files = {
            "target_path": target_path,
            "keep_previous": keep_previous,
            "mkdir": mkdir,
            "digest": digest,
            "writer": writer,
            "durable=False": not durable,
        }
        return _write_table(obj, str(format), options, only_files, teller)
    if target_path is None:
        raise InvalidInputError("write needs target_path, the file to write. Give a path.")
    if digest is not None:
        checksum.check_name(digest)
    publication = plan_publication(
        target_path,
        durable=durable,
        if_exists="replace" if if_exists is None else if_exists,
        keep_previous=keep_previous,
        mkdir=mkdir,
    )
    target = publication.target
    name = target.name
    choice = registry.choose(obj, name, format, options, writer)
    if publication.is_skipped():
        return _skipped(target.path, choice.format, teller)
    clock = _Clock()
    rows_written = _RowCounter()
    old = None if target.old is None else target.file
    request = WriteRequest(name, options, choice.compression, strict, old, wrote=rows_written.add)
    with _Explained(choice.writer, target.path) as explained:
        prepared = choice.writer.prepare(obj, request)
        losses = _losses(choice.writer, prepared, request)
        rows, columns = choice.writer.shape(prepared)
    with replacement(publication) as new:
        teller.step("%s: %s writes into %s", target.path, choice.writer.call, new.temporary)
        watched = Watched(name, "bytes", new.size)
        if choice.writer.streams:
            watched = Watched(name, "rows", rows_written.count)
        if choice.writer.by_path:
            request = replace(request, path=new.temporary)
        with teller.watch(watched), explained:
            choice.writer.write(prepared, new.file, request)
        clock.end("serialise")
        found = _publish(new, digest, clock, teller)
    if not new.published:
        return _skipped(target.path, choice.format, teller)
    previous = None if new.previous is None else Path(new.previous)
    rows = rows_written.count() if choice.writer.streams else rows
    path, size, seconds = _as_path(target_path, target.path), new.size(), clock.seconds
    result = WriteResult(path, choice.format, size, rows, columns, seconds, previous, found, losses=losses)
    teller.result(result)
    return result


def _write_table(
    obj: Any, format_name: str, options: Mapping[str, Any], only_files: Mapping[str, Any], teller: Teller
) -> WriteResult:
    """Write to a table of a database (`databases/write.py`)."""
    from atio_core.databases import write as databases

    for name, value in only_files.items():
        if value is not None and value is not False:
            raise InvalidInputError(f"A database has no {name}: that is for files. Drop it.")
    done = databases.write_table(obj, options, teller)
    result = WriteResult(
        None,
        format_name,
        None,
        done.rows,
        done.columns,
        done.seconds,
        losses=tuple(Loss(None, text) for text in done.losses),
        table=done.table,
        committed=done.committed,
        done_before=done.done_before,
    )
    teller.result(result)
    return result


def _publish(new: Replacement, digest: str | None, clock: _Clock, teller: Teller) -> str | None:
    """Sync and publish what was written; returns its digest, if asked for."""
    path, found = new.target.path, None
    if digest is not None:
        found = new.digest(digest)
        clock.end("digest")
    new.sync()
    clock.end("sync")
    if teller.is_heard:
        speed = new.size() / 1e6 / max(1e-9, sum(clock.seconds.values()))
        teller.step("%s: %s bytes written and synced, %.1f MB/s", path, f"{new.size():,}", speed)
    new.publish()
    clock.end("publish")
    if new.published:
        teller.step("%s: published in %.3f s", path, clock.seconds["publish"])
    return found


def _as_path(given: object, path: str) -> Path:
    """The path, as an object: making one takes longer than much else here."""
    return given if isinstance(given, Path) and str(given) == path else Path(path)


def _skipped(path: str, format_name: str, teller: Teller) -> WriteResult:
    result = WriteResult(Path(path), format_name, 0, 0, 0, {}, skipped=True)
    teller.step("%s", result)
    return result


class _RowCounter:
    """Rows that a stream has written so far; another thread may look."""

    def __init__(self) -> None:
        self._rows = 0
        self._lock = threading.Lock()  # polars writes with several threads

    def add(self, rows: int) -> None:
        """Count some more."""
        with self._lock:
            self._rows += rows

    def count(self) -> int:
        """Return how many there are."""
        return self._rows


def _losses(writer: Writer, prepared: Any, request: WriteRequest) -> tuple[Loss, ...]:
    """What the format won't keep; refused if it has to be kept."""
    losses: Sequence[Loss] = writer.losses(prepared, request)
    if writer.compressions:  # around the whole file, not inside
        losses = [*compression.untold(request), *losses]
    if require_flag("strict", request.strict):
        refuse_all(request.name, losses)
    return tuple(losses)


class _Explained:
    """A block in which what the library raises becomes an error that says what stands and what to do."""

    __slots__ = ("_path", "_writer")

    def __init__(self, writer: Writer, path: str) -> None:
        self._writer = writer
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        if error is None or isinstance(error, AtioError | MemoryError):
            return
        panic = type(error).__name__ == "PanicException"  # polars'; it is no Exception
        if not (panic or isinstance(error, Exception)):
            return  # Ctrl-C, an exit
        refusal = _system_error(error)
        # A file that is missing isn't ours, which is there: it was another, to be read.
        if refusal is not None and refusal.errno != errno.ENOENT:
            raise targets.storage_error("Writing", self._path, refusal) from error
        raise InvalidInputError(_explain(error, self._writer.call, self._path), path=self._path) from error


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


class _Clock:
    """Seconds by phase: a phase begins where the one before ends."""

    __slots__ = ("_last", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def end(self, phase: str) -> None:
        """A phase ends now, and has a time."""
        now = time.perf_counter()
        self.seconds[phase] = now - self._last
        self._last = now
