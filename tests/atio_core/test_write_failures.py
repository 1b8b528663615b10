import errno
import gc
import pickle
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import atio_core as atio
from atio_core.data.kinds import Kind
from tests.crash.test_full_disk import PAGE, fill, needs_mount, on_small_disk
from tests.support.crowd import run_together
from tests.support.replacing import assert_untouched
from tests.support.writers import PAIRS, frame

ROOT = Path(__file__).parents[2]
ROOM = 40_960
"""Bytes that a small frame needs less of in every format, and the next one more."""
MANY = {"count": np.arange(5000), "price": np.random.default_rng(0).random(5000)}

each_writer = pytest.mark.parametrize(("name", "kind"), PAIRS, ids=str)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with old content, alone in its folder, whose suffix names no format."""
    path = tmp_path / "prices"
    path.write_bytes(b"old")
    return path


@pytest.mark.parametrize(
    ("obj", "options"),
    [
        ([1], {}),
        (frame("pandas"), {"mode": "a"}),
        (frame("pandas"), {"bogus": 1}),
        (frame("polars"), {"index": False}),
    ],
    ids=["object", "mode", "unknown option", "another library's option"],
)
def test_a_refusal_leaves_the_old_file_alone(old: Path, obj: Any, options: dict[str, Any]) -> None:
    """An object or option that no writer takes is an error of ours, and nothing is touched."""
    with pytest.raises(atio.InvalidInputError):
        atio.write(obj, old, "csv", **options)
    assert_untouched(old)


@each_writer
def test_an_unknown_option_is_named(old: Path, name: str, kind: Kind) -> None:
    """A mistyped option is refused by each writer; the error says which, and keeps the library's own."""
    with pytest.raises(atio.InvalidInputError, match="bogus") as caught:
        atio.write(frame(kind), old, name, bogus=1)
    assert isinstance(caught.value.__cause__, TypeError)
    assert_untouched(old)


class Stop(BaseException):
    """Neither an error nor Ctrl-C."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Stop, MemoryError])
def test_whatever_stops_a_writer_leaves_the_old_file_alone(old: Path, error: type[BaseException]) -> None:
    """Ctrl-C and the like go through as they are, from the middle of a file; the old one stands."""

    def stop(number: float) -> str:
        if number == MANY["price"][4000]:
            raise error
        return str(number)

    with pytest.raises(error):
        atio.write(frame("pandas", MANY), old, "csv", float_format=stop, chunksize=10)
    assert_untouched(old)


def test_a_failing_writer_leaves_the_old_file_alone(old: Path) -> None:
    """What a writer raises becomes an error that names file, writer and cause; the old file stands."""

    def fail(number: float) -> str:
        raise RuntimeError(f"no price {number}")

    with pytest.raises(
        atio.InvalidInputError, match=r"to_csv could not write .*prices.*no price 1\.5"
    ) as caught:
        atio.write(frame("pandas"), old, "csv", float_format=fail)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert_untouched(old)


def test_what_a_format_cannot_hold_is_refused(old: Path) -> None:
    """Values that the library refuses are refused with its reason."""
    zoned = pd.DataFrame({"time": pd.to_datetime(["2013-01-01"], utc=True)})
    with pytest.raises(atio.InvalidInputError, match="timezone"):
        atio.write(zoned, old, "excel")
    assert_untouched(old)


def test_a_panic_of_polars_leaves_the_old_file_alone(old: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Polars' panics, which are no Exceptions, are errors of ours."""
    with pytest.raises(atio.InvalidInputError, match="PanicException"):
        atio.write(pl.DataFrame({"a": [b"bytes"]}), old, "json")
    assert "panicked" in capfd.readouterr().err
    assert_untouched(old)


@pytest.mark.parametrize(
    ("kind", "name", "missing"),
    [
        ("polars", "excel", ["xlsxwriter"]),
        ("pandas", "excel", ["xlsxwriter", "openpyxl"]),
        ("arrow", "json", ["pandas"]),
        ("arrow", "excel", ["pandas"]),
    ],
)
def test_a_missing_library_is_named(
    old: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, name: str, missing: list[str]
) -> None:
    """A writer that lacks a library says which extra brings it."""
    made = frame(kind)
    loaded = [module for module in sys.modules if module.partition(".")[0] in missing]
    for module in {*loaded, *missing}:
        monkeypatch.setitem(sys.modules, module, None)
    extra = "pandas" if "pandas" in missing else "excel"
    with pytest.raises(atio.InvalidInputError, match=rf"pip install 'atio\[{extra}\]'"):
        atio.write(made, old, name)
    assert_untouched(old)


# What a library leaves open complains when it is collected, after its error was reported.
quiet_leftovers = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@each_writer
@quiet_leftovers
def test_a_file_that_gets_too_large_leaves_the_old_one_alone(old: Path, name: str, kind: Kind) -> None:
    """When the file may not grow as large, the old one stands, and the error says what to do."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        error = refusal_of(frame(kind, MANY), old, name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert error.errno == errno.EFBIG
    assert "stands unchanged. Raise the limit" in str(error)
    assert_untouched(old)
    del error  # it holds what the library has left open
    gc.collect()


@needs_mount
def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path) -> None:
    """When the disk is full, the old file stands, the error says what to do, and what fits can be written."""
    run_together([partial(on_small_disk, tmp_path / "disk", write_too_much)])


def write_too_much(disk: Path) -> None:
    """Let every writer fill the disk."""
    path = disk / "prices"
    path.write_bytes(b"old")
    fill(disk, ROOM // PAGE)
    filler = disk / "filler"
    for name, kind in PAIRS:
        error = refusal_of(frame(kind, MANY), path, name)
        assert error.errno == errno.ENOSPC, (name, kind)
        assert "stands unchanged. Free some space" in str(error)
        assert not error.unknown
        assert path.read_bytes() == b"old"
        assert sorted(disk.iterdir()) == [filler, path]
        atio.write(frame(kind), path, name)
        path.write_bytes(b"old")


def refusal_of(obj: Any, path: Path, name: str) -> atio.StorageError:
    """What a write raises, without what it was doing."""
    with pytest.raises(atio.StorageError) as caught:
        atio.write(obj, path, name)
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, atio.StorageError)
    return error


INTERRUPTED = """
import sys, numpy as np
import atio_core as atio
columns = {"a": np.arange(int(sys.argv[3]))} | {f"c{n}": np.random.rand(int(sys.argv[3])) for n in range(10)}
if sys.argv[1] == "pandas":
    import pandas as library
else:
    import polars as library
frame = library.DataFrame(columns)
print("ready", flush=True)
while True:
    atio.write(frame, sys.argv[2], "csv")
"""


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_ctrl_c_leaves_a_whole_file(tmp_path: Path, kind: str) -> None:
    """Ctrl-C in the middle of a write ends the program as usual, and leaves the old file, or a new one, alone."""
    path = tmp_path / "prices"
    frame("pandas").to_csv(path)
    atio.write(frame("pandas"), path, "csv")
    rows = 100_000
    command = [sys.executable, "-c", INTERRUPTED, kind, str(path), str(rows)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 60
        while not _half_written(path):
            assert time.monotonic() < deadline
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    assert list(tmp_path.iterdir()) == [path]
    assert len(pd.read_csv(path)) in (3, rows)


def _half_written(path: Path) -> bool:
    try:
        return any(other.stat().st_size > 100_000 for other in path.parent.iterdir() if other != path)
    except FileNotFoundError:
        return False  # published between the two looks
