import asyncio
import contextlib
import errno
import gc
import io
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import atio_core as atio
from atio_core.arguments import shown
from atio_core.storage import durable
from tests.support.os_calls import watched
from tests.support.replacing import assert_untouched


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with old content, alone in its folder."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"old")
    return path


def open_any(path: Path, *args: Any, **options: Any) -> Any:
    """Open a file with options that a type checker wouldn't let pass."""
    return atio.open_atomic(path, *args, **options)


def test_a_file_appears_whole(old: Path) -> None:
    """Within the block the old content stands; after it, the new one."""
    with atio.open_atomic(old) as file:
        file.write(b"new")
        file.flush()
        assert old.read_bytes() == b"old"
    assert file.closed
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("mode", ["w", "wt", "w+", "w+t", "wt+"])
def test_text(old: Path, mode: str) -> None:
    """Text is encoded, and its lines end, as told."""
    with open_any(old, mode, encoding="utf-16-le", newline="\r\n", errors="replace") as file:
        assert isinstance(file, io.TextIOWrapper)
        file.write("é\n")
    assert old.read_bytes() == "é\r\n".encode("utf-16-le")


def test_text_as_open_would_write_it(old: Path) -> None:
    """Without an encoding, that of `open` is used."""
    with atio.open_atomic(old, "w") as file, (old.parent / "other").open("w") as other:
        assert file.encoding == other.encoding
        assert file.newlines == other.newlines


@pytest.mark.parametrize("mode", ["wb", "w+b", "wb+", "w+"])
def test_a_real_file(old: Path, mode: str) -> None:
    """It has a descriptor, can be sought in, truncated, and read again where the mode has a plus."""
    with open_any(old, mode) as file:
        data: Any = "0123456789" if mode == "w+" else b"0123456789"
        file.write(data)
        file.seek(0)
        assert file.readable() == ("+" in mode)
        if "+" in mode:
            assert file.read() == data
        file.truncate(4)
        assert os.fstat(file.fileno()).st_size == 4
    assert old.read_bytes() == b"0123"


def test_other_programs_may_write_to_its_name(old: Path) -> None:
    """The file's name leads to what is being written."""
    with atio.open_atomic(old) as file:
        code = "import sys; open(sys.argv[1], 'wb').write(b'by another')"
        subprocess.run([sys.executable, "-c", code, file.name], check=True)
    assert old.read_bytes() == b"by another"


def test_the_block_may_close_the_file(old: Path) -> None:
    """A file that was closed within the block is published all the same."""
    with atio.open_atomic(old) as file:
        file.write(b"new")
        file.close()
    assert old.read_bytes() == b"new"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_file_that_is_detached_is_refused(old: Path, mode: str) -> None:
    """A block that detaches the file, so that nobody can say whether all was written, ends in an error that says so."""
    with pytest.raises(atio.InvalidInputError, match="detached"), open_any(old, mode) as file:
        file.detach().close()
    assert_untouched(old)

    def fail() -> None:
        with open_any(old, mode) as file:
            file.detach().close()
            raise KeyError(mode)

    with pytest.raises(KeyError):
        fail()
    assert_untouched(old)


BENEATH = {
    "raw": lambda file: file.raw.close(),
    "buffer": lambda file: file.buffer.close(),
    "buffer's raw": lambda file: file.buffer.raw.close(),
}


@pytest.mark.parametrize(
    ("mode", "way"),
    [("wb", "raw"), ("w+b", "raw"), ("w", "buffer"), ("w+", "buffer"), ("w", "buffer's raw")],
)
def test_a_file_that_is_closed_beneath_what_it_holds_is_refused(old: Path, mode: str, way: str) -> None:
    """What is buffered would be gone, and the file published without it."""

    def write() -> None:
        with open_any(old, mode) as file:
            file.write(b"new" if "b" in mode else "new")
            BENEATH[way](file)

    with pytest.raises(atio.InvalidInputError, match="closed beneath"):
        write()
    assert_untouched(old)


def test_a_disk_that_refused_what_was_held_is_not_forgotten(old: Path) -> None:
    """A block that goes on after its own close has failed publishes nothing: not all that it wrote is there."""

    def write() -> None:
        with atio.open_atomic(old) as file:
            file.write(b"new")
            os.close(file.fileno())
            with contextlib.suppress(OSError):
                file.close()

    with pytest.raises(atio.InvalidInputError, match="closed beneath"):
        write()
    assert_untouched(old)


def test_a_link_in_the_place_of_the_file_is_refused(
    old: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A program that puts a link under the file's name makes no new content; and what it leads to isn't touched."""
    other = tmp_path_factory.mktemp("other") / "other.txt"
    other.write_bytes(b"other")
    other.chmod(0o600)
    old.chmod(0o644)

    def link(path: Path) -> None:
        path.unlink()
        path.symlink_to(other)

    with pytest.raises(atio.InvalidInputError, match="something else"), atio.open_atomic(old) as file:
        link(Path(file.name))
    assert_untouched(old)
    assert other.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "mode",
    ["a", "ab", "r", "rb", "r+", "r+b", "x", "xb", "", "wU", "bw", None, 1, 10**5000, np.array([1, 2])],
    ids=shown,
)
def test_other_modes_are_refused(old: Path, mode: object) -> None:
    """A file is written whole: it isn't read, added to, or changed in place."""
    with pytest.raises(atio.InvalidInputError, match="mode"):
        open_any(old, mode)
    assert_untouched(old)


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("wb", {"encoding": "utf-8"}),
        ("wb", {"newline": ""}),
        ("wb", {"errors": "strict"}),
        ("w", {"encoding": "utf-99"}),
        ("w", {"encoding": 8}),
        ("w", {"encoding": "hex"}),
        ("w", {"newline": 1}),
        ("w", {"errors": 1}),
        ("w", {"encoding": "a\0b"}),
        ("w", {"errors": "mend"}),
        ("w", {"newline": "\t"}),
        ("w", {"if_exists": "append"}),
        ("w", {"keep_previous": 0}),
    ],
    ids=str,
)
def test_other_options_are_refused(old: Path, mode: str, options: dict[str, Any]) -> None:
    """What `open` would refuse, or the target's options, is refused before anything is made."""
    with pytest.raises(atio.InvalidInputError):
        open_any(old, mode, **options)
    assert_untouched(old)


class Stop(BaseException):
    """Neither an error nor Ctrl-C."""


@pytest.mark.parametrize(
    "error", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, Stop]
)
def test_any_exception_leaves_the_old_file_alone(old: Path, error: type[BaseException]) -> None:
    """Whatever ends the block goes through as it is; the old file stands, and nothing else is left."""
    with pytest.raises(error), atio.open_atomic(old, "w") as file:  # noqa: PT012 - the block is what is tested
        file.write("half of the n")
        raise error
    assert_untouched(old)


def lines(path: Path) -> Generator[None]:
    """Write line by line."""
    with atio.open_atomic(path, "w") as file:
        while True:
            file.write("line\n")
            yield


def test_a_generator_that_is_given_up(old: Path) -> None:
    """A generator that is closed, or forgotten, within the block publishes nothing."""
    for end in (Generator.close, lambda _: None):
        writing = lines(old)
        next(writing)
        assert len(list(old.parent.iterdir())) == 2
        end(writing)
        del writing
        gc.collect()
        assert_untouched(old)


def test_one_that_is_never_left(old: Path) -> None:
    """A file that was opened by hand and forgotten is gone, too."""
    opened = atio.open_atomic(old)
    opened.__enter__().write(b"half")
    del opened
    gc.collect()
    assert_untouched(old)


def test_it_is_entered_once(old: Path) -> None:
    """A second block needs a second call."""
    opened = atio.open_atomic(old)
    with opened as file:
        file.write(b"new")
        with pytest.raises(atio.InvalidInputError, match="opened before"), opened:
            pass
    assert old.read_bytes() == b"new"
    with pytest.raises(atio.InvalidInputError, match="opened before"), opened:
        pass


def test_a_full_disk_is_told(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses at the end of the block, the old file stands."""

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable, "sync_file", full)
    with pytest.raises(atio.StorageError, match="Free some space") as caught, atio.open_atomic(old) as file:
        file.write(b"new")
    assert pickle.loads(pickle.dumps(caught.value)).errno == errno.ENOSPC
    assert_untouched(old)


def test_if_exists(old: Path) -> None:
    """A file that is there is left alone: early where that is an error."""
    with pytest.raises(atio.AlreadyExistsError), atio.open_atomic(old, if_exists="fail"):
        pytest.fail("the block ran")
    with atio.open_atomic(old, if_exists="skip") as file:
        file.write(b"new")
    assert_untouched(old)
    for word in ("fail", "skip"):
        with atio.open_atomic(old.parent / word, if_exists=word) as file:
            file.write(b"new")
        assert (old.parent / word).read_bytes() == b"new"


def test_one_that_appears_meanwhile(old: Path) -> None:
    """A file that somebody else makes while the block runs isn't replaced."""
    path = old.with_name("later")
    with pytest.raises(atio.AlreadyExistsError), atio.open_atomic(path, if_exists="fail") as file:  # noqa: PT012
        file.write(b"new")
        path.write_bytes(b"theirs")
    path.unlink()
    with atio.open_atomic(path, if_exists="skip") as file:
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert len(list(old.parent.iterdir())) == 2


def test_the_old_file_is_kept_and_folders_are_made(old: Path) -> None:
    """The options of `write` for the target are there."""
    with atio.open_atomic(old, keep_previous=True) as file:
        file.write(b"new")
    assert Path(f"{old}.previous").read_bytes() == b"old"
    with atio.open_atomic(old.parent / "a/b/c", mkdir=True) as file:
        file.write(b"deep")
    assert (old.parent / "a/b/c").read_bytes() == b"deep"


@pytest.mark.parametrize("durable", [True, False])
def test_it_is_durable_unless_told_otherwise(old: Path, *, durable: bool) -> None:
    """File and folder are synced around the replacement, or not at all."""
    calls: list[str] = []
    with (
        watched(old.parent, lambda call: (calls.append(call.name), call.run())[1]),
        atio.open_atomic(old, durable=durable) as file,
    ):
        file.write(b"new")
    wanted = ["fsync", "replace", "fsync"] if durable else ["replace"]
    assert [name for name in calls if name in {"fsync", "replace"}] == wanted


# async with


def test_async(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in a coroutine; the disk is waited for in another thread."""
    syncing: list[threading.Thread] = []
    real = durable.sync_file
    monkeypatch.setattr(
        durable, "sync_file", lambda fd: (syncing.append(threading.current_thread()), real(fd))
    )

    async def write() -> None:
        async with atio.open_atomic(old, "w") as file:
            file.write("new")

    asyncio.run(write())
    assert old.read_bytes() == b"new"
    assert syncing
    assert threading.current_thread() not in syncing


def test_async_errors(old: Path) -> None:
    """Errors of the block and of the target come through."""

    async def write(**options: Any) -> None:
        async with open_any(old, **options):
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        asyncio.run(write())
    with pytest.raises(atio.AlreadyExistsError):
        asyncio.run(write(if_exists="fail"))
    assert_untouched(old)


def test_a_cancelled_block_publishes_nothing(old: Path) -> None:
    """A task that is cancelled within the block leaves the old file."""

    async def write(entered: asyncio.Event) -> None:
        async with atio.open_atomic(old) as file:
            file.write(b"half")
            entered.set()
            await asyncio.Event().wait()

    async def cancel() -> None:
        entered = asyncio.Event()
        task = asyncio.create_task(write(entered))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert_untouched(old)


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("where", ["enter", "exit"])
def test_cancelled_while_the_disk_is_waited_for(
    old: Path, monkeypatch: pytest.MonkeyPatch, where: str, times: int
) -> None:
    """A task that is cancelled while it waits goes on only when all is over: nothing happens behind its back."""
    reached, go_on = threading.Event(), threading.Event()
    module, name = (os, "open") if where == "enter" else (durable, "sync_file")
    real = getattr(module, name)

    def slow(*args: Any, **options: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            reached.set()
            go_on.wait(60)
        return real(*args, **options)

    async def write() -> None:
        async with atio.open_atomic(old) as file:
            file.write(b"new")

    async def cancel() -> None:
        task = asyncio.create_task(write())
        await asyncio.to_thread(reached.wait, 60)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(module, name, slow)
    asyncio.run(cancel())
    monkeypatch.undo()
    assert old.read_bytes() == (b"new" if where == "exit" else b"old")
    assert list(old.parent.iterdir()) == [old]


def test_a_closed_coroutine_publishes_nothing(old: Path) -> None:
    """A coroutine that is closed within the block, without a loop, removes its file at once."""

    async def write() -> None:
        async with atio.open_atomic(old) as file:
            file.write(b"half")
            await asyncio.sleep(60)

    async def close() -> None:
        coroutine = write()
        waiting: Any = coroutine.send(None)
        await asyncio.wait([waiting])
        coroutine.send(None)
        assert len(list(old.parent.iterdir())) == 2
        coroutine.close()

    asyncio.run(close())
    assert_untouched(old)
