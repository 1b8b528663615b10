"""Get between the code under test and its system calls that change a folder: what `power` and `crash` build on."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atio_core.storage import durable

_ON_FILES = ("open", "write", "writev", "pwrite", "truncate", "ftruncate", "sendfile")
_ON_NAMES = ("link", "symlink", "rename", "replace", "unlink", "remove", "mkdir", "rmdir")
_ON_RIGHTS = ("chmod", "fchmod", "chown", "fchown", "utime", "setxattr")
_NAMES = (*_ON_FILES, *_ON_NAMES, *_ON_RIGHTS, "fsync", "fdatasync")
_FUNCTIONS = [(os, name) for name in _NAMES if hasattr(os, name)] + [
    (durable, "rename_new"),
    (durable, "exchange"),
]
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that is about to be made.

    Attributes:
        name: The function of `os`.
        paths: What it touches, relative to the watched folder.
        run: Makes it.
        args: What it is called with.
        original: The function itself.
    """

    name: str
    paths: tuple[str, ...]
    run: Callable[[], Any]
    args: tuple[Any, ...]
    original: Callable[..., Any]

    def run_half(self) -> None:
        """Make it, but of a `write` write only the first half."""
        if self.name == "write":
            fd, data = self.args
            self.original(fd, bytes(data)[: len(bytes(data)) // 2])
        else:
            self.run()

    def __str__(self) -> str:
        """As a person would note it."""
        return f"{self.name} {' '.join(self.paths)}"


@contextmanager
def watched(root: Path, around: Callable[[Call], Any]) -> Generator[None]:
    """Have every call below `root` that changes or syncs something made by `around`.

    It sees the calls of Python code, not those of C libraries and of file objects (`open(…).write`).

    Args:
        root: The folder.
        around: Gets the call, makes it with `call.run()`, returns its result. It may be called in any thread.

    Example:
        def note(call):
            print(call)
            return call.run()

        with watched(tmp_path, note):
            (tmp_path / "a").mkdir()
    """
    top = os.path.realpath(root)
    originals = [(module, name, getattr(module, name)) for module, name in _FUNCTIONS]
    try:
        for module, name, original in originals:
            setattr(module, name, _wrap(name, original, top, around))
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)


def _wrap(
    name: str, original: Callable[..., Any], top: str, around: Callable[[Call], Any]
) -> Callable[..., Any]:
    below = top.rstrip("/") + "/"

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if name == "open" and not (args[1] if len(args) > 1 else kwargs["flags"]) & _WRITING:
            return original(*args, **kwargs)
        folder = kwargs.get("dir_fd")
        # A number is a file's descriptor in the first place; elsewhere a mode or a flag.
        found = [_path(arg, folder) for at, arg in enumerate(args[:2]) if at == 0 or not isinstance(arg, int)]
        paths = tuple(os.path.relpath(path, top) for path in found if path and f"{path}/".startswith(below))
        if not paths:
            return original(*args, **kwargs)
        return around(Call(name, paths, functools.partial(original, *args, **kwargs), args, original))

    return wrapper


def _path(value: object, folder: int | None) -> str:
    """The absolute path of an argument: a path, or the descriptor of an open file."""
    if isinstance(value, int):
        try:
            return str(Path(f"/proc/self/fd/{value}").readlink())
        except OSError:
            return ""  # not open
    if not isinstance(value, str | os.PathLike):
        return ""
    path = Path(_path(folder, None) if folder is not None else "", value).absolute()
    return str(path.parent.resolve() / path.name)


def synced_by(work: Callable[[], object]) -> list[str]:
    """Every folder that some work syncs, in order."""
    found: list[str] = []

    def around(call: Call) -> object:
        if call.name == "fsync":
            found.append(f"/{call.paths[0]}" if call.paths[0] != "." else "/")
        return call.run()

    with watched(Path("/"), around):
        work()
    return found
