from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atio_core.errors import UnsupportedStoreError
from atio_core.storage import durable
from atio_core.storage.durable import (
    add_name,
    check_publish_new,
    publish_new,
    replace,
    start_writing,
    sync_file,
    sync_folder,
)
from tests.support.crash import kill_at_every_call
from tests.support.os_calls import synced_by


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


@pytest.mark.parametrize("call", ["link", "rename_new"])
def test_a_name_that_was_given_is_given_whatever_was_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuse_links: Callable[[int], None], call: str
) -> None:
    """A drive that did what was asked, and lost its answer, reports an error: the file that is there is ours."""
    if call == "rename_new":
        refuse_links(errno.EPERM)
    module = os if call == "link" else durable
    real = getattr(module, call)

    def did_it(source: str, target: str) -> None:
        real(source, target)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(module, call, did_it)
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
