import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from atio_core.errors import AlreadyExistsError, InvalidInputError, StorageError
from atio_core.storage.files.publication import Keep, plan_publication
from tests.support.replacing import as_nobody


@pytest.mark.parametrize("word", ["append", "truncate", "", "REPLACE", None, 1, ["fail"]], ids=repr)
def test_another_word_is_refused(old: Path, word: object) -> None:
    """What is to become of a file that is there has three answers."""
    with pytest.raises(InvalidInputError, match="if_exists must be one of replace, fail, skip"):
        plan_publication(old, if_exists=word)


@pytest.mark.parametrize("option", ["durable", "mkdir"])
def test_a_switch_is_on_or_off(old: Path, option: str) -> None:
    """A word where True or False is wanted is refused: "no" would count as yes."""
    with pytest.raises(InvalidInputError, match=f"{option} must be True or False"):
        plan_publication(old, **{option: "no"})


def test_a_file_that_is_there_is_told(old: Path) -> None:
    """Before anything is written, it is known whether it will be skipped or fails."""
    assert plan_publication(old, if_exists="skip").is_skipped()
    assert not plan_publication(old).is_skipped()
    assert not plan_publication(old.with_name("new.csv"), if_exists="skip").is_skipped()
    assert not plan_publication(old.with_name("new.csv"), if_exists="fail").is_skipped()
    with pytest.raises(AlreadyExistsError, match=r"prices\.csv' exists already") as caught:
        plan_publication(old, if_exists="fail").is_skipped()
    assert isinstance(caught.value, FileExistsError)


@pytest.mark.parametrize("word", ["fail", "skip"])
def test_a_file_that_stays_may_be_read_only(word: str) -> None:
    """Who won't replace a file needs no right to do so."""
    with as_nobody() as folder:
        (folder / "prices.csv").write_bytes(b"old")
        (folder / "prices.csv").chmod(0o444)
        folder.chmod(0o500)
        try:
            plan_publication(folder / "prices.csv", if_exists=word)
        finally:
            folder.chmod(0o700)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (False, None),
        (True, Keep("{}/prices.csv.previous")),
        (1, Keep("{}/prices.csv.previous", 1)),
        (30, Keep("{}/prices.csv.previous", 30)),
        ("{}/kept.csv", Keep("{}/kept.csv")),
    ],
    ids=repr,
)
def test_how_the_old_file_is_kept(old: Path, asked: object, found: Keep | None) -> None:
    """Beside the file, under a path, or numbered."""
    asked = asked.format(old.parent) if isinstance(asked, str) else asked
    wanted = found and Keep(found.file.format(old.parent), found.generations)
    assert plan_publication(old, keep_previous=asked).keep == wanted


@pytest.mark.parametrize("asked", [0, -1, 1.5, None, [1], b"", ""], ids=repr)
def test_what_says_nothing_of_keeping_is_refused(old: Path, asked: object) -> None:
    """A value that is neither a yes, a path nor a count is refused."""
    with pytest.raises(InvalidInputError, match="keep_previous"):
        plan_publication(old, keep_previous=asked)


@pytest.mark.parametrize(
    ("path", "said"),
    {
        "prices.csv": "is the file that is written",
        "./prices.csv": "is the file that is written",
        "link.csv": "is the file that is written",
        "same/prices.csv": "is the file that is written",
        "folder": "a folder",
        "folder/": "a folder",
        "missing/kept.csv": "os.makedirs",
        "fifo": "a FIFO",
        "x" * 300: "too long",
    }.items(),
)
def test_where_the_old_file_cannot_be_kept(
    old: Path, monkeypatch: pytest.MonkeyPatch, path: str, said: str
) -> None:
    """A path that is the target, however spelled, or can't be a file, is refused before anything changes."""
    (old.parent / "folder").mkdir()
    (old.parent / "same").symlink_to(".")
    (old.parent / "link.csv").symlink_to("prices.csv")
    os.mkfifo(old.parent / "fifo")
    before = sorted(old.parent.iterdir())
    monkeypatch.chdir(old.parent)
    with pytest.raises(InvalidInputError, match=said):
        plan_publication("prices.csv", keep_previous=path)
    assert sorted(old.parent.iterdir()) == before


def test_a_new_file_cannot_be_its_own_predecessor(tmp_path: Path) -> None:
    """The target may not be there yet, and be spelled another way."""
    (tmp_path / "same").symlink_to(".")
    for path in ("a", "same/a", "./a"):
        with pytest.raises(InvalidInputError, match="is the file that is written"):
            plan_publication(tmp_path / "a", keep_previous=f"{tmp_path}/{path}")


def test_a_file_system_that_folds_case(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PRICES.CSV is prices.csv, it is the file that is written; a second name of the file isn't."""
    real = os.stat
    other = old.with_name("PRICES.CSV")

    def fold(path: object, **options: bool) -> os.stat_result:
        return real(old if path == str(other) else path, **options)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", fold)
        with pytest.raises(InvalidInputError, match="is the file that is written"):
            plan_publication(old, keep_previous=other)
    other.hardlink_to(old)
    assert plan_publication(old, keep_previous=other).keep == Keep(str(other))


def test_a_folder_in_the_way_of_the_kept_file(old: Path) -> None:
    """The name beside the file may be taken by a folder: that is said early."""
    Path(f"{old}.previous").mkdir()
    with pytest.raises(InvalidInputError, match=r"keep_previous is refused.*a folder"):
        plan_publication(old, keep_previous=True)


def test_a_kept_file_that_is_protected(old: Path) -> None:
    """A kept file that its owner made read-only isn't replaced."""
    with as_nobody() as folder:
        (folder / "a").write_bytes(b"old")
        (folder / "a.previous").write_bytes(b"older")
        (folder / "a.previous").chmod(0o400)
        with pytest.raises(StorageError, match="read-only"):
            plan_publication(folder / "a", keep_previous=True)


@pytest.mark.parametrize("asked", [True, 3])
def test_a_name_without_room_for_another(tmp_path: Path, asked: object) -> None:
    """Where the name of the kept file would be too long, that is said early, and any other path is taken."""
    path = tmp_path / ("x" * 250)
    with pytest.raises(InvalidInputError, match=r"keep_previous is refused.*too long"):
        plan_publication(path, keep_previous=asked)
    assert plan_publication(path, keep_previous=tmp_path / "kept").keep == Keep(str(tmp_path / "kept"))


def test_another_file_system_is_refused(old: Path) -> None:
    """No file can be moved to another file system in one step."""
    memory = Path("/dev/shm")  # noqa: S108 - a new folder is made in it
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == old.stat().st_dev:
        pytest.skip("there is no other file system here")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        with pytest.raises(InvalidInputError, match="another file system"):
            plan_publication(old, keep_previous=f"{folder}/kept")
        with pytest.raises(InvalidInputError, match="another file system"):
            plan_publication(old, keep_previous=f"{folder}/new/kept", mkdir=True)


def test_the_home_folder(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `~` leads home here as well."""
    monkeypatch.setenv("HOME", str(old.parent))
    assert plan_publication(old, keep_previous="~/kept").keep == Keep(str(old.parent / "kept"))


def test_missing_folders_may_be_made(tmp_path: Path) -> None:
    """With `mkdir`, a folder may be missing; what can't become one is refused, and nothing is made."""
    assert plan_publication(tmp_path / "a/b/c.csv", mkdir=True).mkdir
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to("nowhere")
    for path, said in {"file/c.csv": "Not a directory", "dangling/c.csv": "no folder"}.items():
        with pytest.raises(InvalidInputError, match=said):
            plan_publication(tmp_path / path, mkdir=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "file"]


def test_folders_that_may_not_be_made() -> None:
    """Where no folder can be made, that is said before anything is written."""
    with as_nobody() as folder:
        folder.chmod(0o500)
        try:
            with pytest.raises(StorageError, match="no file can be made"):
                plan_publication(folder / "a/b.csv", mkdir=True)
        finally:
            folder.chmod(0o700)


@pytest.mark.parametrize(
    "options", [{"keep_previous": True}, {"keep_previous": 2}, {"if_exists": "skip"}], ids=repr
)
def test_a_disk_that_does_not_say_what_is_there_is_told(
    old: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """Whatever is looked at first, an error of the disk is told as every other, and nothing was changed."""

    def broken(path: object, **_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    monkeypatch.setattr(os, "stat", broken)
    with pytest.raises(StorageError, match=r"Looking at .* failed: Input/output error"):
        plan_publication(old, **options).is_skipped()
