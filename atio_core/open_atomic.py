"""Open a file that appears whole at the end of the block, or not at all."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
from collections.abc import Callable, Generator
from types import TracebackType
from typing import IO, Any, BinaryIO, Generic, Literal, TextIO, TypeVar, overload

from atio_core.arguments import refusal
from atio_core.errors import InvalidInputError
from atio_core.storage.files.open_files import open_again
from atio_core.storage.files.publication import Publication, plan_publication
from atio_core.storage.files.replacement import Open, replacement

BinaryMode = Literal["wb", "w+b", "wb+"]
TextMode = Literal["w", "wt", "w+", "w+t", "wt+"]
_BINARY = ("wb", "w+b", "wb+")
_TEXT = ("w", "wt", "w+", "w+t", "wt+")
_File = TypeVar("_File", bound=IO[Any])
_Result = TypeVar("_Result")


class AtomicFile(Generic[_File]):
    """What `open_atomic` returns: a context manager for `with` and `async with`, to be entered once."""

    __slots__ = ("_context", "_entered")

    def __init__(self, context: contextlib.AbstractContextManager[_File]) -> None:
        self._context = context
        self._entered = False

    def __enter__(self) -> _File:
        """Make the temporary file, and open it."""
        if self._entered:
            raise InvalidInputError("This file was opened before. Call open_atomic again.")
        self._entered = True
        return self._context.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Publish the file; or remove it, if the block has failed."""
        self._context.__exit__(kind, error, traceback)

    async def __aenter__(self) -> _File:
        """Do the same in a thread."""
        return await _in_thread(self.__enter__, lambda error: self.__exit__(type(error), error, None))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Publish in a thread, since the disk is waited for. To remove a file takes no time."""
        if error is None:
            await _in_thread(lambda: self.__exit__(None, None, None))
        else:
            self.__exit__(kind, error, traceback)


@overload
def open_atomic(
    path: Any,
    mode: BinaryMode = ...,
    *,
    durable: bool = ...,
    if_exists: str = ...,
    keep_previous: bool | int | str | bytes | os.PathLike[Any] = ...,
    mkdir: bool = ...,
) -> AtomicFile[BinaryIO]: ...
@overload
def open_atomic(
    path: Any,
    mode: TextMode,
    *,
    encoding: str | None = ...,
    errors: str | None = ...,
    newline: str | None = ...,
    durable: bool = ...,
    if_exists: str = ...,
    keep_previous: bool | int | str | bytes | os.PathLike[Any] = ...,
    mkdir: bool = ...,
) -> AtomicFile[TextIO]: ...
def open_atomic(
    path: Any,
    mode: str = "wb",
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    durable: bool = True,
    if_exists: str = "replace",
    keep_previous: bool | int | str | bytes | os.PathLike[Any] = False,
    mkdir: bool = False,
) -> AtomicFile[Any]:
    """Open a file to write it whole: it is published at the end of the block, and gone if the block fails.

    What is written goes into a hidden file beside the target. At the end of the block that is synced, and takes
    the target's place in one step. Any exception, Ctrl-C included, leaves the target as it was.

    Args:
        path: The file to replace or make: `str`, `bytes` or `Path`.
        mode: "wb" or "w" (text); with a "+", what was written can be read again. Not "a", "r" or "x".
        encoding: Of text, as for `open`.
        errors: What to do about text that can't be encoded, as for `open`.
        newline: What ends a line of text, as for `open`.
        durable: Wait until the disk holds the file. Else a power loss soon after may leave an empty one.
        if_exists: What to do if there is a file: "replace" it, "fail", or "skip" (the block runs, for nothing).
            Of several processes that write with "fail" or "skip" at once, exactly one makes the file.
        keep_previous: Keep the file that is replaced: True as `<name>.previous`, a path under that, a number of
            them as `<name>.previous.<n>`, the newest with the highest n.
        mkdir: Make folders that are missing.

    Returns:
        A context manager, for `with` and `async with`. It gives a file as `open` does; its `name` is the path of
        the hidden file.

    Raises:
        AlreadyExistsError: The file is there, and `if_exists` is "fail".
        InvalidInputError: The target can't be a file, or an option is refused; or the block has detached the file,
            or closed it beneath what it held, by its `raw` or its `buffer`.
        StorageError: The disk refused. The old file stands, unless `unknown` is True: then the new one does,
            but may not survive a power loss.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "notes.txt")
        >>> with open_atomic(path, "w", encoding="utf-8") as file:
        ...     _ = file.write("whole")
        >>> path.read_text()
        'whole'
    """
    if not isinstance(mode, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise refusal("mode", "text", mode)
    if mode in _BINARY:
        if not (encoding is None and errors is None and newline is None):
            raise InvalidInputError(
                f"A binary file ({mode!r}) has no encoding, errors or newline. Drop them."
            )
    elif mode in _TEXT:
        encoding = io.text_encoding(encoding)
        _check_text(encoding, errors, newline)
    else:
        message = f"The mode {mode!r} is refused: a file is written whole. Use one of {_BINARY + _TEXT}; "
        raise InvalidInputError(message + "to fail if it is there, if_exists='fail'; to add rows, a table.")
    publication = plan_publication(
        path, durable=durable, if_exists=if_exists, keep_previous=keep_previous, mkdir=mkdir
    )

    def opening(temporary: str, fd: int) -> IO[Any]:
        text = {} if encoding is None else {"encoding": encoding, "errors": errors, "newline": newline}
        return open_again(temporary, fd, mode, **text)

    return AtomicFile(_published(publication, opening))


@contextlib.contextmanager
def _published(publication: Publication, opening: Open) -> Generator[IO[Any]]:
    publication.is_skipped()  # or raise, before anything is written
    with replacement(publication, opening) as new:
        yield new.file
        new.sync()
        new.publish()


def _check_text(encoding: str, errors: str | None, newline: str | None) -> None:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors, newline=newline)
        codecs.lookup_error(errors or "strict")
    except (LookupError, TypeError, ValueError) as error:
        message = f"A file can't be opened with {encoding=}, {errors=}, {newline=}: {error}. Mend them."
        raise InvalidInputError(message) from error


async def _in_thread(
    act: Callable[[], _Result], undo: Callable[[BaseException], None] | None = None
) -> _Result:
    """Run something to its end in a thread. A task that is cancelled meanwhile goes on only then."""
    import asyncio

    future = asyncio.get_running_loop().run_in_executor(None, act)
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if undo is not None and future.exception() is None:
            undo(cancelled)
        raise cancelled from future.exception()
    return future.result()
