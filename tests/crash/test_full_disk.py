"""The disk is full: the old version stands, nothing is left behind, and expiry can still make room."""

from __future__ import annotations

import errno
import resource
import shutil
import subprocess
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest

from atio_core.errors import StorageError
from tests.crash.scenarios import (
    SCENARIOS,
    Scenario,
    append_rows,
    append_twelfth,
    appended,
    expire,
    folder,
    make_half_expired,
    make_old,
    table,
)
from tests.support.crowd import run_together
from tests.support.looking import contents, entries, named_files, other_files

PAGE = 4096
COMMITS = [
    scenario
    for scenario in SCENARIOS
    if scenario.name in {"first", "spill", "files", "overwrite", "partitions"}
]
each_commit = pytest.mark.parametrize("scenario", COMMITS, ids=lambda scenario: scenario.name)


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 512 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root can mount a file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)  # a test that failed may hold files open


def fill(disk: Path, pages: int) -> None:
    """Leave so many pages free."""
    free = shutil.disk_usage(disk).free // PAGE - pages
    (disk / "filler").write_bytes(b"\1" * free * PAGE)


@each_commit
def test_a_commit_that_finds_no_room_leaves_nothing(scenario: Scenario, small_disk: Path) -> None:
    """However little room there is, a commit lands whole, or is refused and leaves the disk as it was."""
    template = small_disk.with_name("template")
    template.mkdir()
    scenario.prepare(template)
    refusals = 0
    for pages in range(200):
        root = small_disk / "root"
        shutil.copytree(template, root)
        fill(small_disk, pages)
        before = other_files(root), len(entries(folder(root)))
        try:
            scenario.work(root)
        except StorageError as error:
            refusals += 1
            check_refusal(error, errno.ENOSPC, "disk is full")
            assert before == (other_files(root), len(entries(folder(root))))
            assert shutil.disk_usage(small_disk).free == pages * PAGE
            assert (contents(table(root)) if table(root).exists() else {}) == scenario.states[0]
            (small_disk / "filler").unlink()
            scenario.work(root)
            done = False
        else:
            done = True
        assert contents(table(root)) == scenario.states[-1]
        shutil.rmtree(root)
        (small_disk / "filler").unlink(missing_ok=True)
        if done:
            break
    assert refusals >= 2


def check_refusal(error: StorageError, number: int, hint: str) -> None:
    """It says what happened and what to do, and that nothing was committed."""
    assert type(error) is StorageError
    assert error.facts["errno"] == number
    assert hint in str(error)


def test_an_expiry_that_finds_no_room_removes_nothing(small_disk: Path) -> None:
    """Without room for its entry an expiry is refused, and every version stands."""
    root = small_disk / "root"
    make_old(root)
    before = contents(table(root))
    fill(small_disk, 0)
    files = other_files(folder(root))
    with pytest.raises(StorageError, match="disk is full"):
        expire(root)
    assert contents(table(root)) == before
    assert other_files(folder(root)) == files
    (small_disk / "filler").unlink()
    expire(root)
    assert named_files(folder(root)) == other_files(folder(root))


def test_an_expiry_makes_room_on_a_full_disk(small_disk: Path) -> None:
    """What an earlier expiry let go, and died, the next one deletes without any free space."""
    root = small_disk / "root"
    make_half_expired(root)
    fill(small_disk, 0)
    expire(root)
    assert named_files(folder(root)) == other_files(folder(root))
    assert contents(table(root)) == {10: [10]}
    assert shutil.disk_usage(small_disk).free >= 10 * PAGE


def append_with_limits(root: Path, limits: list[int]) -> None:
    """Append where no file may be larger than so many bytes."""
    before = other_files(root)
    for most in limits:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        with pytest.raises(StorageError) as caught:
            append_twelfth(root)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        check_refusal(caught.value, errno.EFBIG, "ulimit -f")
        assert other_files(root) == before
        assert contents(table(root)) == appended(11)
    append_twelfth(root)
    assert contents(table(root)) == appended(12)


def test_a_limit_on_file_sizes_is_told(disk: Path) -> None:
    """Where this process may write no file as large, each of the commit's files in turn, nothing is left behind."""
    append_rows(disk, 11)
    run_together([partial(append_with_limits, disk, [0, 500, 1000, 1300, 1800])])
