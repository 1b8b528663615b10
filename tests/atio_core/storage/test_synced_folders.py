"""Folders that survive a power loss, whoever made them."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atio_core.storage import synced_folders
from atio_core.storage.synced_folders import SyncedFolders
from tests.support.os_calls import synced_by
from tests.support.power import PowerRecorder


def parents_of(path: Path) -> list[str]:
    """All folders above a path, up to the mount point of the disk."""
    found: list[str] = []
    while not path.is_mount():
        path = path.parent
        found.append(str(path))
    return found


def test_makes_and_syncs_all_the_way_up(tmp_path: Path) -> None:
    """Each folder's name is synced, up to the mount point."""
    root, folder = tmp_path / "x" / "root", tmp_path / "x" / "root" / "a" / "b"
    found = synced_by(lambda: SyncedFolders().ensure(folder, root))
    assert folder.is_dir()
    assert sorted(found) == sorted(parents_of(folder))


def test_syncs_folders_that_others_made(tmp_path: Path) -> None:
    """A folder that is there may have been made by a writer that died before it synced its name."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    assert sorted(synced_by(lambda: SyncedFolders().ensure(folder, tmp_path))) == sorted(parents_of(folder))


def test_does_it_once(tmp_path: Path) -> None:
    """What is known costs no system call; of a new folder only its own name is synced."""
    folders = SyncedFolders()
    folders.ensure(tmp_path / "a" / "b", tmp_path)
    for known in ("a/b", "a", "."):
        assert synced_by(lambda known=known: folders.ensure(tmp_path / known, tmp_path)) == []
    assert synced_by(lambda: folders.ensure(tmp_path / "a" / "c", tmp_path)) == [str(tmp_path / "a")]
    assert synced_by(lambda: folders.ensure(tmp_path, tmp_path)) == []


def test_few_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes to any number of folders doesn't grow without end."""
    monkeypatch.setattr(synced_folders, "_MOST_FOLDERS", 2)
    folders = SyncedFolders()
    for number in range(5):
        folders.ensure(tmp_path / str(number), tmp_path)
    assert synced_by(lambda: folders.ensure(tmp_path / "0", tmp_path)) != []


def test_a_folder_that_vanished_is_new(tmp_path: Path) -> None:
    """Made again, a folder's name is synced again, even if that is noticed by way of another one."""
    folders = SyncedFolders()
    folders.ensure(tmp_path / "a" / "b", tmp_path)
    (tmp_path / "a" / "b").rmdir()
    (tmp_path / "a").rmdir()
    found = synced_by(lambda: folders.ensure(tmp_path / "a" / "c", tmp_path))
    assert found == [str(tmp_path), str(tmp_path / "a")]
    folders.forget()
    found = synced_by(lambda: folders.ensure(tmp_path / "a" / "c", tmp_path))
    assert sorted(found) == sorted(parents_of(tmp_path / "a" / "c"))


def test_a_failed_sync_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder counts as durable only once all syncs succeeded."""
    folders = SyncedFolders()

    def fsync(fd: int) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match="no"):
            folders.ensure(tmp_path / "a", tmp_path)
    found = synced_by(lambda: folders.ensure(tmp_path / "a", tmp_path))
    assert sorted(found) == sorted(parents_of(tmp_path / "a"))


def test_refuses_a_file_on_the_way(tmp_path: Path) -> None:
    """A file, or a link to nothing, where a folder is needed is no folder."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to("nothing")
    for name in ("file", "file/a", "dangling", "dangling/a"):
        with pytest.raises(NotADirectoryError):
            SyncedFolders().ensure(tmp_path / name, tmp_path)


def test_refuses_what_lies_elsewhere(tmp_path: Path) -> None:
    """A folder that isn't below the root is a mistake of the caller."""
    with pytest.raises(ValueError, match="does not lie below"):
        SyncedFolders().ensure(tmp_path / "a", tmp_path / "b")


def test_passes_over_others_folders_that_may_not_be_opened(users_folder: Path) -> None:
    """Above the root, a folder that may be crossed but not read is left alone, if nothing of ours is in it."""
    secret = users_folder / "secret"
    (secret / "root").mkdir(parents=True)
    secret.chmod(0o311)
    found = synced_by(lambda: SyncedFolders().ensure(secret / "root" / "a", secret / "root"))
    assert sorted(found) == sorted(path for path in parents_of(secret / "root" / "a") if path != str(secret))


def test_made_first_and_synced_later(tmp_path: Path) -> None:
    """A folder can be made first, and its name and all above made durable behind what is written there."""
    folders, folder = SyncedFolders(), tmp_path / "a" / "b"
    assert synced_by(lambda: folders.make(folder)) == []
    assert folder.is_dir()
    assert sorted(synced_by(lambda: folders.sync(folder, tmp_path))) == sorted(parents_of(folder))
    assert synced_by(lambda: folders.sync(folder, tmp_path)) == []


def test_the_names_in_one_folder_are_synced_together(tmp_path: Path) -> None:
    """A sync covers all that were made before it, but none that is made behind it, and none below a name that isn't."""
    folders = SyncedFolders()
    for name in ("a/x", "b", "c"):
        folders.make(tmp_path / name)
    folders.sync(tmp_path / "b", tmp_path)
    assert synced_by(lambda: folders.sync(tmp_path / "c", tmp_path)) == []
    assert synced_by(lambda: folders.sync(tmp_path / "a/x", tmp_path)) == [str(tmp_path / "a")]
    folders.make(tmp_path / "d")
    assert synced_by(lambda: folders.sync(tmp_path / "d", tmp_path)) == [str(tmp_path)]


def test_does_not_lose_what_it_made_before(users_folder: Path) -> None:
    """If the name of a folder that was made first can't be synced later, that is an error too."""
    secret = users_folder / "secret"
    secret.mkdir()
    secret.chmod(0o311)
    folders = SyncedFolders()
    folders.make(secret / "root" / "a")
    with pytest.raises(PermissionError):
        folders.sync(secret / "root" / "a", secret / "root")


def test_does_not_lose_what_it_made(users_folder: Path) -> None:
    """If the name of a folder just made can't be synced, that is an error."""
    secret = users_folder / "secret"
    secret.mkdir()
    secret.chmod(0o311)
    with pytest.raises(PermissionError):
        SyncedFolders().ensure(secret / "root" / "a", secret / "root")


def test_others_may_remove_folders_meanwhile(tmp_path: Path) -> None:
    """While others make and remove the same folders, they are made in the end."""
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            for path in ("a/b/c", "a/b", "a"):
                try:
                    (tmp_path / path).rmdir()
                except OSError:
                    continue

    with ThreadPoolExecutor(1) as pool:
        disturber = pool.submit(disturb)
        try:
            for _ in range(50):
                try:
                    SyncedFolders().ensure(tmp_path / "a" / "b" / "c", tmp_path)
                except FileNotFoundError:
                    continue  # removed between being made and being synced: the caller tries again
        finally:
            stop.set()
        disturber.result()
    SyncedFolders().ensure(tmp_path / "a" / "b" / "c", tmp_path)
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_survives_a_power_loss(tmp_path: Path) -> None:
    """After `ensure`, the folder is there in every state that a power cut may leave."""
    (tmp_path / "disk").mkdir()
    with PowerRecorder(tmp_path / "disk") as recorder:
        (tmp_path / "disk" / "x").mkdir()  # by another writer, which dies before it syncs
        SyncedFolders().ensure(tmp_path / "disk" / "x" / "root" / "a", tmp_path / "disk" / "x" / "root")
        recorder.mark("made")
    states = list(recorder.states())
    assert len(states) > 3
    assert all("x/root/a" in state.files for state in states if "made" in state.marks)
