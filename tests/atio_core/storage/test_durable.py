from __future__ import annotations

import errno
import os
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atio_core.errors import UnsupportedStoreError
from atio_core.storage import durable
from atio_core.storage.durable import (
    SyncedFolders,
    add_name,
    check_publish_new,
    publish_new,
    replace,
    start_writing,
    sync_file,
    sync_folder,
)
from tests.support.crash import kill_at_every_call
from tests.support.os_calls import Call, watched
from tests.support.power import PowerRecorder


@pytest.fixture
def refuse_links(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes links fail with an error number, as some file systems do."""

    def refuse(number: int) -> None:
        def link(source: object, target: object) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", link)

    return refuse


@pytest.fixture(params=["links", "EPERM", "EOPNOTSUPP", "ENOSYS", "EMLINK"])
def with_or_without_links(request: pytest.FixtureRequest, refuse_links: Callable[[int], None]) -> None:
    """A file system that has links, or answers one of the errors of those that have none."""
    if request.param != "links":
        refuse_links(getattr(errno, request.param))


def names_in(folder: Path) -> list[str]:
    """The sorted names in a folder."""
    return sorted(path.name for path in folder.iterdir())


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


def parents_of(path: Path) -> list[str]:
    """All folders above a path, up to the mount point of the disk."""
    found: list[str] = []
    while not path.is_mount():
        path = path.parent
        found.append(str(path))
    return found


@pytest.mark.usefixtures("with_or_without_links")
class TestPublishNew:
    """The one step that takes a name if it is free."""

    def test_takes_a_free_name(self, tmp_path: Path) -> None:
        """The file is under its final name alone."""
        (tmp_path / "tmp").write_bytes(b"1")
        publish_new(tmp_path / "tmp", tmp_path / "final")
        assert names_in(tmp_path) == ["final"]
        assert (tmp_path / "final").read_bytes() == b"1"

    def test_refuses_a_taken_name(self, tmp_path: Path) -> None:
        """Both files stay as they are."""
        (tmp_path / "tmp").write_bytes(b"1")
        (tmp_path / "final").write_bytes(b"2")
        with pytest.raises(FileExistsError):
            publish_new(tmp_path / "tmp", tmp_path / "final")
        assert (tmp_path / "tmp").read_bytes() == b"1"
        assert (tmp_path / "final").read_bytes() == b"2"

    def test_refuses_a_folder_s_name(self, tmp_path: Path) -> None:
        """A name that a folder has is taken, even if the folder is empty."""
        (tmp_path / "tmp").write_bytes(b"1")
        (tmp_path / "final").mkdir()
        with pytest.raises(FileExistsError):
            publish_new(tmp_path / "tmp", tmp_path / "final")

    def test_one_of_many_wins(self, tmp_path: Path) -> None:
        """Of eight threads that publish under one name, one succeeds, and the file is its."""
        start = threading.Barrier(8)

        def publish(number: int, turn: int) -> bool:
            temporary = tmp_path / f"{turn}.{number}.tmp"
            temporary.write_bytes(b"%d" % number)
            start.wait()
            try:
                publish_new(temporary, tmp_path / str(turn))
            except FileExistsError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            for turn in range(20):
                won = list(pool.map(publish, range(8), [turn] * 8))
                assert won.count(True) == 1
                assert (tmp_path / str(turn)).read_bytes() == b"%d" % won.index(True)

    def test_other_errors_pass(self, tmp_path: Path) -> None:
        """A folder that is missing is told as such, and the temporary file stays."""
        (tmp_path / "tmp").write_bytes(b"1")
        with pytest.raises(FileNotFoundError):
            publish_new(tmp_path / "tmp", tmp_path / "missing" / "final")
        assert (tmp_path / "tmp").read_bytes() == b"1"


def test_a_disk_without_either_call_is_refused(
    tmp_path: Path, refuse_links: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are no links and no rename that refuses to replace, nothing is published, and the user is told."""
    refuse_links(errno.EPERM)
    monkeypatch.setattr("atio_core.storage.durable.libc", object)
    (tmp_path / "tmp").write_bytes(b"1")
    with pytest.raises(UnsupportedStoreError, match="Use another disk") as caught:
        publish_new(tmp_path / "tmp", tmp_path / "final")
    assert not caught.value.unknown
    assert names_in(tmp_path) == ["tmp"]


def test_litter_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the name is taken, a temporary name that can't be removed doesn't make it look as if it weren't."""

    def unlink(path: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    (tmp_path / "tmp").write_bytes(b"1")
    monkeypatch.setattr(os, "unlink", unlink)
    publish_new(tmp_path / "tmp", tmp_path / "final")
    assert (tmp_path / "final").read_bytes() == b"1"


def test_replaces(tmp_path: Path) -> None:
    """The target has the new content under one name, whether it was there or not."""
    for content in (b"1", b"2"):
        (tmp_path / "tmp").write_bytes(content)
        replace(tmp_path / "tmp", tmp_path / "final")
        assert names_in(tmp_path) == ["final"]
        assert (tmp_path / "final").read_bytes() == content


def test_a_lost_answer_of_a_network_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drive that did what was asked, and was asked again, says "taken": the file that is there is ours."""
    real = os.link

    def link(source: Path, target: Path) -> None:
        real(source, target)
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    (tmp_path / "tmp").write_bytes(b"1")
    publish_new(tmp_path / "tmp", tmp_path / "final")
    assert names_in(tmp_path) == ["final"]


@pytest.mark.usefixtures("with_or_without_links")
def test_a_trial_leaves_no_trace(tmp_path: Path) -> None:
    """To find out whether names can be taken without a race, a spare name is taken, and freed again."""
    (tmp_path / "tmp").write_bytes(b"1")
    check_publish_new(tmp_path / "tmp", tmp_path / "spare")
    assert names_in(tmp_path) == ["tmp"]


def test_a_trial_may_fail(
    tmp_path: Path, refuse_links: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is neither call, the trial says so."""
    refuse_links(errno.EPERM)
    monkeypatch.setattr("atio_core.storage.durable.libc", object)
    (tmp_path / "tmp").write_bytes(b"1")
    with pytest.raises(UnsupportedStoreError):
        check_publish_new(tmp_path / "tmp", tmp_path / "spare")
    with pytest.raises(UnsupportedStoreError, match="no hard links"):
        add_name(tmp_path / "tmp", tmp_path / "second")
    assert names_in(tmp_path) == ["tmp"]


def test_syncs_what_it_is_given(tmp_path: Path) -> None:
    """Files and folders are synced themselves, and hints in between do no harm."""
    with (tmp_path / "a").open("wb") as file:
        file.write(b"1" * 100_000)
        file.flush()
        start_writing(file.fileno(), 0, 100_000)
        assert synced_by(lambda: sync_file(file.fileno())) == [str(tmp_path / "a")]
    assert synced_by(lambda: sync_folder(tmp_path)) == [str(tmp_path)]
    assert (tmp_path / "a").read_bytes() == b"1" * 100_000


def test_a_folder_that_is_none_is_not_synced(tmp_path: Path) -> None:
    """Syncing what isn't there, or is a file, fails."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")


def test_a_disk_that_refuses_to_sync_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the disk passes; file systems that sync no folders are let off, once with a warning."""
    numbers = {"found": errno.EIO}

    def fsync(fd: int) -> None:
        raise OSError(numbers["found"], "no")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="no"):
        sync_folder(tmp_path)
    numbers["found"] = errno.EINVAL
    monkeypatch.setattr(durable, "_told", set())
    sync_folder(tmp_path)
    sync_folder(tmp_path)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "syncs no folders" in caplog.text
    with pytest.raises(OSError, match="no"), (tmp_path / "a").open("wb") as file:
        sync_file(file.fileno())


class TestSyncedFolders:
    """Folders that survive a power loss, whoever made them."""

    def test_makes_and_syncs_all_the_way_up(self, tmp_path: Path) -> None:
        """Each folder's name is synced, up to the mount point."""
        root, folder = tmp_path / "x" / "root", tmp_path / "x" / "root" / "a" / "b"
        found = synced_by(lambda: SyncedFolders().ensure(folder, root))
        assert folder.is_dir()
        assert found == parents_of(folder)

    def test_syncs_folders_that_others_made(self, tmp_path: Path) -> None:
        """A folder that is there may have been made by a writer that died before it synced its name."""
        folder = tmp_path / "a" / "b"
        folder.mkdir(parents=True)
        assert synced_by(lambda: SyncedFolders().ensure(folder, tmp_path)) == parents_of(folder)

    def test_does_it_once(self, tmp_path: Path) -> None:
        """What is known costs no system call; of a new folder only its own name is synced."""
        folders = SyncedFolders()
        folders.ensure(tmp_path / "a" / "b", tmp_path)
        for known in ("a/b", "a", "."):
            assert synced_by(lambda known=known: folders.ensure(tmp_path / known, tmp_path)) == []
        assert synced_by(lambda: folders.ensure(tmp_path / "a" / "c", tmp_path)) == [str(tmp_path / "a")]
        assert synced_by(lambda: folders.ensure(tmp_path, tmp_path)) == []

    def test_few_are_remembered(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever writes to any number of folders doesn't grow without end."""
        monkeypatch.setattr(durable, "_MOST_FOLDERS", 2)
        folders = SyncedFolders()
        for number in range(5):
            folders.ensure(tmp_path / str(number), tmp_path)
        assert synced_by(lambda: folders.ensure(tmp_path / "0", tmp_path)) != []

    def test_a_folder_that_vanished_is_new(self, tmp_path: Path) -> None:
        """Made again, a folder's name is synced again, even if that is noticed by way of another one."""
        folders = SyncedFolders()
        folders.ensure(tmp_path / "a" / "b", tmp_path)
        (tmp_path / "a" / "b").rmdir()
        (tmp_path / "a").rmdir()
        found = synced_by(lambda: folders.ensure(tmp_path / "a" / "c", tmp_path))
        assert found == [str(tmp_path / "a"), str(tmp_path)]
        folders.forget()
        assert synced_by(lambda: folders.ensure(tmp_path / "a" / "c", tmp_path)) == parents_of(
            tmp_path / "a" / "c"
        )

    def test_a_failed_sync_is_done_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A folder counts as durable only once all syncs succeeded."""
        folders = SyncedFolders()

        def fsync(fd: int) -> None:
            raise OSError(errno.EIO, "no")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            with pytest.raises(OSError, match="no"):
                folders.ensure(tmp_path / "a", tmp_path)
        assert synced_by(lambda: folders.ensure(tmp_path / "a", tmp_path)) == parents_of(tmp_path / "a")

    def test_refuses_a_file_on_the_way(self, tmp_path: Path) -> None:
        """A file, or a link to nothing, where a folder is needed is no folder."""
        (tmp_path / "file").write_bytes(b"")
        (tmp_path / "dangling").symlink_to("nothing")
        for name in ("file", "file/a", "dangling", "dangling/a"):
            with pytest.raises(NotADirectoryError):
                SyncedFolders().ensure(tmp_path / name, tmp_path)

    def test_refuses_what_lies_elsewhere(self, tmp_path: Path) -> None:
        """A folder that isn't below the root is a mistake of the caller."""
        with pytest.raises(ValueError, match="does not lie below"):
            SyncedFolders().ensure(tmp_path / "a", tmp_path / "b")

    def test_passes_over_others_folders_that_may_not_be_opened(self, users_folder: Path) -> None:
        """Above the root, a folder that may be crossed but not read is left alone, if nothing of ours is in it."""
        secret = users_folder / "secret"
        (secret / "root").mkdir(parents=True)
        secret.chmod(0o311)
        found = synced_by(lambda: SyncedFolders().ensure(secret / "root" / "a", secret / "root"))
        assert found == [path for path in parents_of(secret / "root" / "a") if path != str(secret)]

    def test_made_first_and_synced_later(self, tmp_path: Path) -> None:
        """A folder can be made first, and its name and all above made durable behind what is written there."""
        folders, folder = SyncedFolders(), tmp_path / "a" / "b"
        assert synced_by(lambda: folders.make(folder)) == []
        assert folder.is_dir()
        assert synced_by(lambda: folders.sync(folder, tmp_path)) == parents_of(folder)
        assert synced_by(lambda: folders.sync(folder, tmp_path)) == []

    def test_does_not_lose_what_it_made_before(self, users_folder: Path) -> None:
        """If the name of a folder that was made first can't be synced later, that is an error too."""
        secret = users_folder / "secret"
        secret.mkdir()
        secret.chmod(0o311)
        folders = SyncedFolders()
        folders.make(secret / "root" / "a")
        with pytest.raises(PermissionError):
            folders.sync(secret / "root" / "a", secret / "root")

    def test_does_not_lose_what_it_made(self, users_folder: Path) -> None:
        """If the name of a folder just made can't be synced, that is an error."""
        secret = users_folder / "secret"
        secret.mkdir()
        secret.chmod(0o311)
        with pytest.raises(PermissionError):
            SyncedFolders().ensure(secret / "root" / "a", secret / "root")

    def test_others_may_remove_folders_meanwhile(self, tmp_path: Path) -> None:
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

    def test_another_process_looks_for_itself(self, tmp_path: Path) -> None:
        """What is known doesn't travel."""
        folders = SyncedFolders()
        folders.ensure(tmp_path, tmp_path)
        copy = pickle.loads(pickle.dumps(folders))
        assert synced_by(lambda: copy.ensure(tmp_path, tmp_path)) == parents_of(tmp_path)

    def test_survives_a_power_loss(self, tmp_path: Path) -> None:
        """After `ensure`, the folder is there in every state that a power cut may leave."""
        (tmp_path / "disk").mkdir()
        with PowerRecorder(tmp_path / "disk") as recorder:
            (tmp_path / "disk" / "x").mkdir()  # by another writer, which dies before it syncs
            SyncedFolders().ensure(tmp_path / "disk" / "x" / "root" / "a", tmp_path / "disk" / "x" / "root")
            recorder.mark("made")
        states = list(recorder.states())
        assert len(states) > 3
        assert all("x/root/a" in state.files for state in states if "made" in state.marks)


def publish(root: Path) -> None:
    """What is killed below."""
    publish_new(root / "tmp", root / "final")


def test_a_kill_publishes_all_or_nothing(tmp_path: Path) -> None:
    """A process killed while publishing leaves the file under its final name, or free."""

    def setup() -> Path:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        root.mkdir()
        (root / "tmp").write_bytes(b"1")
        return root

    def check(root: Path) -> None:
        names = names_in(root)
        assert names in (["tmp"], ["final", "tmp"], ["final"])
        assert {(root / name).read_bytes() for name in names} == {b"1"}

    assert kill_at_every_call(publish, setup=setup, check=check, whens=("before", "after")) == 4
