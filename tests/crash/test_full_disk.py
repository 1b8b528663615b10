"""The disk is full: the old version stands, nothing is left behind, and expiry can still make room."""

from __future__ import annotations

import ctypes
import errno
import resource
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from atio_core.errors import StorageError
from tests.crash.scenarios import SCENARIOS, append_twelfth, expire, make_half_expired, make_old
from tests.crash.tables import Scenario, append_rows, appended, folder, seen, table
from tests.support.crowd import run_together
from tests.support.looking import contents, entries, named_files, other_files

PAGE = 4096
COMMITS = ("first", "spill", "files", "overwrite", "partitions", "transaction", "keep", "publish")
_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS


def can_mount() -> bool:
    """Whether a process may have mounts of its own: on Linux, for root."""
    found = shutil.which("unshare")
    return found is not None and subprocess.run([found, "-m", "true"], check=False).returncode == 0


needs_mount = pytest.mark.skipif(not can_mount(), reason="only root can mount a file system")


def on_small_disk(disk: Path, act: Callable[[Path], object]) -> None:
    """Act on a file system of 512 kB, which only this process sees, and which goes with it."""
    disk.mkdir(parents=True)
    assert ctypes.CDLL(None).unshare(_NEW_MOUNTS) == 0
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], check=True)
    act(disk)


def fill(disk: Path, pages: int) -> None:
    """Leave so many pages free."""
    free = shutil.disk_usage(disk).free // PAGE - pages
    (disk / "filler").write_bytes(b"\1" * free * PAGE)


@needs_mount
def test_a_commit_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    """However little room there is, a commit lands whole, or is refused and leaves the disk as it was."""
    run_together(
        [partial(on_small_disk, tmp_path / name, partial(commit_with_little_room, name)) for name in COMMITS]
    )


def commit_with_little_room(name: str, disk: Path) -> None:
    """Commit with no room at all, then with a page more each time, until it is enough."""
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    template = disk.with_name(f"{name} template")
    template.mkdir()
    scenario.prepare(template)
    pages, enough = 0, False
    while not enough:
        root = disk / "root"
        shutil.copytree(template, root)
        fill(disk, pages)
        enough = commits_or_leaves_nothing(scenario, root, free=pages * PAGE)
        (disk / "filler").unlink()
        if not enough:
            scenario.work(root)
            pages += 1
        assert seen(root) == scenario.states[-1]
        shutil.rmtree(root)
    assert pages >= 2


def commits_or_leaves_nothing(scenario: Scenario, root: Path, free: int) -> bool:
    """Whether there was enough room."""
    before = other_files(root), len(entries(folder(root)))
    try:
        scenario.work(root)
    except StorageError as error:
        check_refusal(error, errno.ENOSPC, "disk is full")
        assert before == (other_files(root), len(entries(folder(root))))
        assert shutil.disk_usage(root).free == free
        assert seen(root) == scenario.states[0]
        return False
    return True


def check_refusal(error: StorageError, number: int, hint: str) -> None:
    """It says what happened and what to do, and that nothing was committed."""
    assert type(error) is StorageError
    assert error.facts["errno"] == number
    assert hint in str(error)


@needs_mount
def test_an_expiry_on_a_full_disk_does_what_it_can(tmp_path: Path) -> None:
    """Without room for its entry, an expiry still deletes what an earlier one let go, and nothing else."""
    acts = {"first": refuse_to_expire, "again": make_room}
    run_together([partial(on_small_disk, tmp_path / name, act) for name, act in acts.items()])


def refuse_to_expire(disk: Path) -> None:
    """Nothing was let go before: every version stands."""
    root = disk / "root"
    make_old(root)
    before = contents(table(root))
    fill(disk, 0)
    files = other_files(folder(root))
    with pytest.raises(StorageError, match="disk is full"):
        expire(root)
    assert contents(table(root)) == before
    assert other_files(folder(root)) == files
    (disk / "filler").unlink()
    expire(root)
    assert named_files(folder(root)) == other_files(folder(root))


def make_room(disk: Path) -> None:
    """An earlier expiry died after its entry: no room is needed to finish it."""
    root = disk / "root"
    make_half_expired(root)
    fill(disk, 0)
    expire(root)
    assert named_files(folder(root)) == other_files(folder(root))
    assert contents(table(root)) == {10: [10]}
    assert shutil.disk_usage(disk).free >= 10 * PAGE


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
