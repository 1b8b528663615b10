from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from atio_core.errors import AlreadyExistsError, InvalidInputError, StorageError, UnsupportedStoreError
from atio_core.storage import durable
from atio_core.storage.files import new_folder as module
from atio_core.storage.files.new_folder import find_folder, new_folder


def write(path: Path, *, replacing: bool = False, **files: str) -> None:
    """Make a folder of these files."""
    with new_folder(path, replacing=replacing) as new:
        for name, text in files.items():
            new.add_file(name.replace("_", "/"), filling(text), executable=False)


def filling(text: str) -> Callable[[Callable[[memoryview], int]], object]:
    """What writes a text."""
    return lambda write: write(memoryview(text.encode()))


def names(path: Path) -> list[str]:
    """All that lies in a folder directly."""
    return sorted(entry.name for entry in path.iterdir())


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    """Nothing is under the name while the folder is filled, and all of it then; no other name stays."""
    with new_folder(tmp_path / "it") as new:
        new.add_file("a/b", filling("1"), executable=True)
        new.add_file("c", filling(""), executable=False)
        new.add_folder("d/e")
        assert not (tmp_path / "it").exists()
    assert names(tmp_path) == ["it"]
    assert (tmp_path / "it/a/b").read_text() == "1"
    assert [os.access(tmp_path / "it" / name, os.X_OK) for name in ("a/b", "c")] == [True, False]
    assert (tmp_path / "it/d/e").is_dir()


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Any exception within the block, Ctrl-C included, takes all of it away."""

    def fail() -> None:
        with new_folder(tmp_path / "it") as new:
            new.add_file("a/b", filling("1"), executable=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert names(tmp_path) == []


def test_an_empty_folder_is_taken_over(tmp_path: Path) -> None:
    """An empty folder that is there, perhaps a link to one, is as good as none; its rights stay."""
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", a="1")
    assert (tmp_path / "real" / "a").read_text() == "1"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o700
    assert (tmp_path / "link").is_symlink()


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    """A folder that isn't empty is refused before anything is written, and so is a file."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old").touch()
    (tmp_path / "file").touch()
    for name, replacing in (("full", False), ("file", False), ("file", True)):
        with pytest.raises(AlreadyExistsError), new_folder(tmp_path / name, replacing=replacing):
            pytest.fail("it began")
    assert names(tmp_path) == ["file", "full"]


def test_what_comes_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """A folder that somebody else made meanwhile is refused, if there is anything in it."""

    def lose() -> None:
        with new_folder(tmp_path / "it") as new:
            new.add_file("a", filling("1"), executable=False)
            write(tmp_path / "it", b="2")

    with pytest.raises(AlreadyExistsError, match="isn't empty"):
        lose()
    assert names(tmp_path) == ["it"]
    assert names(tmp_path / "it") == ["b"]


def test_a_folder_is_replaced_in_one_step(tmp_path: Path) -> None:
    """If it is to be, all that was in it goes, and at no moment there is neither."""
    write(tmp_path / "it", a="1", b_c="2")
    with new_folder(tmp_path / "it", replacing=True) as new:
        new.add_file("a", filling("3"), executable=False)
        assert names(tmp_path / "it") == ["a", "b"]
    assert names(tmp_path) == ["it"]
    assert names(tmp_path / "it") == ["a"]
    write(tmp_path / "new", replacing=True, a="1")
    assert names(tmp_path / "new") == ["a"]


def test_a_disk_that_can_not_exchange_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a folder can't take another's place in one step, the old one stands."""
    write(tmp_path / "it", a="1")
    monkeypatch.setattr(durable, "_rename", lambda *_: False)
    with pytest.raises(UnsupportedStoreError, match="give a path where nothing is"):
        write(tmp_path / "it", replacing=True, b="2")
    assert names(tmp_path) == ["it"]
    assert names(tmp_path / "it") == ["a"]


def test_names_that_fold_are_told(tmp_path: Path) -> None:
    """Two names that this disk takes for one are refused, not merged."""

    def collide() -> None:
        with new_folder(tmp_path / "it") as new:
            new.add_file("a", filling("1"), executable=False)
            new.add_file("a", filling("2"), executable=False)

    with pytest.raises(AlreadyExistsError, match="takes its name for another's"):
        collide()
    assert names(tmp_path) == []


def test_litter_of_the_dead_goes(tmp_path: Path) -> None:
    """What a killed process left beside a target is removed by the next; what a living one makes stays."""
    code = f"""
import os
from atio_core.storage.files.new_folder import new_folder
with new_folder({os.fspath(tmp_path / "it")!r}) as new:
    new.add_file("a", lambda write: write(memoryview(b"1")), executable=False)
    os._exit(1)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (litter,) = names(tmp_path)
    assert litter.startswith(".it.")
    with new_folder(tmp_path / "other") as new:
        new.add_file("a", filling("1"), executable=False)
        write(tmp_path / "it", a="2")
        assert len(names(tmp_path)) == 2
    assert names(tmp_path) == ["it", "other"]


def test_where_locks_prove_nothing_nobody_is_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network drive, hidden folders of others are left alone."""
    monkeypatch.setattr(module.locks, "reach_everybody", lambda _: False)
    (tmp_path / ".it.0123456789abcdef.atio-folder").mkdir()
    write(tmp_path / "it", a="1")
    assert names(tmp_path) == [".it.0123456789abcdef.atio-folder", "it"]


@pytest.mark.parametrize("path", ["", "a\0", 5, None], ids=repr)
def test_what_is_no_path_is_refused(path: Any) -> None:
    """The folder's path is a path."""
    with pytest.raises(InvalidInputError), new_folder(path):
        pytest.fail("it began")


@pytest.mark.parametrize("place", ["s3://bucket/new", UPath("s3://bucket/new")], ids=["text", "path"])
def test_a_folder_in_a_bucket_is_refused(place: Any) -> None:
    """It isn't taken for a folder of that name here; a `file:` path of fsspec's is one of this machine."""
    with pytest.raises(InvalidInputError, match="makes it a URL"):
        find_folder(place)
    assert find_folder(UPath("file:///new")) == "/new"


def test_the_folder_above_must_be_there(tmp_path: Path) -> None:
    """A folder isn't made in one that is missing; the message says how to make that."""
    with pytest.raises(InvalidInputError, match=r"os\.makedirs"), new_folder(tmp_path / "a" / "b"):
        pytest.fail("it began")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a file can't be written or synced, the old folder stands, and nothing is beside it."""
    write(tmp_path / "it", a="1")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable, "sync_file", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        write(tmp_path / "it", replacing=True, a="2")
    assert not caught.value.unknown
    assert names(tmp_path) == ["it"]
    assert (tmp_path / "it" / "a").read_text() == "1"


def test_a_folder_that_can_not_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names in a folder within can't be made durable then: nothing is made, nor left."""
    real, left = os.scandir, [errno.EMFILE]

    def failing(path: str | int) -> object:
        if str(path).endswith("/inner") and left:
            raise OSError(left.pop(), "Too many open files", path)
        return real(path)

    with pytest.raises(StorageError, match="Too many open"), new_folder(tmp_path / "new") as new:  # noqa: PT012
        new.add_file("inner/a", filling("1"), executable=False)
        monkeypatch.setattr(os, "scandir", failing)
    assert names(tmp_path) == []


def test_a_name_that_can_not_be_synced_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If only the last sync fails, the new folder is there, and the error says that a power loss may undo it."""
    real = durable.sync_folder

    def failing(path: str) -> None:
        if Path(path) == tmp_path:
            raise OSError(errno.EIO, "Input/output error")
        real(path)

    monkeypatch.setattr(durable, "sync_folder", failing)
    with pytest.raises(StorageError, match="could not be made durable") as caught:
        write(tmp_path / "it", a="2")
    assert caught.value.unknown
    assert (tmp_path / "it" / "a").read_text() == "2"


@pytest.mark.parametrize("call", ["rename_folder", "exchange"])
def test_a_folder_that_took_its_place_is_there_whatever_was_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A drive that did what was asked, and lost its answer, reports an error: the folder that is there is ours."""
    if call == "exchange":
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "old").touch()
    real = getattr(durable, call)

    def did_it(made: str, target: str) -> None:
        real(made, target)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(durable, call, did_it)
    with new_folder(tmp_path / "new", replacing=True) as folder:
        folder.add_folder("a")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
