"""What `write` does with a file that is there, with folders that aren't, and what it tells of it."""

import errno
import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import atio_core as atio
from atio_core.data.kinds import Kind
from atio_core.storage import durable
from atio_core.storage.files import replacement
from tests.support.os_calls import Call, watched
from tests.support.replacing import as_nobody, assert_untouched
from tests.support.writers import PAIRS, frame


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with old content, alone in its folder."""
    path = tmp_path / "prices.csv"
    path.write_bytes(b"old")
    return path


def test_fail(old: Path) -> None:
    """A file that is there is an error, before anything is written; else the file is made."""
    with pytest.raises(atio.AlreadyExistsError, match="exists already") as caught:
        atio.write(frame("pandas"), old, if_exists="fail")
    assert pickle.loads(pickle.dumps(caught.value)).path == str(old)
    assert_untouched(old)
    result = atio.write(frame("pandas"), old.with_name("new.csv"), if_exists="fail")
    assert result.rows == 3
    assert not result.skipped


def test_skip(old: Path) -> None:
    """A file that is there is left alone, and the result says so, also as text; else the file is made."""
    result = atio.write(frame("pandas"), old, if_exists="skip", digest="sha256", keep_previous=True)
    assert (result.skipped, result.path, result.format) == (True, old, "csv")
    assert (result.bytes, result.rows, result.columns, dict(result.seconds)) == (0, 0, 0, {})
    assert (result.previous, result.digest) == (None, None)
    assert str(result) == f"{old}: skipped, since it is there already"
    assert_untouched(old)
    assert not atio.write(frame("pandas"), old.with_name("new.csv"), if_exists="skip").skipped


@pytest.mark.parametrize("word", ["fail", "skip"])
def test_a_call_that_would_be_refused_is_refused(old: Path, word: str) -> None:
    """A mistake in the call is told, whether the file is there or not."""
    with pytest.raises(atio.UnsupportedFormatError):
        atio.write(frame("pandas"), old, "bogus", if_exists=word)
    with pytest.raises(atio.UnsupportedFormatError):
        atio.write([1], old, if_exists=word)


@pytest.mark.parametrize("word", ["fail", "skip"])
@pytest.mark.parametrize("kind", [kind for name, kind in PAIRS if name == "csv"])
def test_a_file_that_appears_while_it_is_written(tmp_path: Path, word: str, kind: Kind) -> None:
    """A file that another made meanwhile isn't replaced."""
    path = tmp_path / "prices.csv"

    def make(call: Call) -> Any:
        if call.name == "fsync" and not path.exists():
            path.write_bytes(b"theirs")
        return call.run()

    with watched(tmp_path, make):
        if word == "fail":
            with pytest.raises(atio.AlreadyExistsError):
                atio.write(frame(kind), path, if_exists=word)
        else:
            assert atio.write(frame(kind), path, if_exists=word).skipped
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["folder", "link"])
@pytest.mark.parametrize("word", ["fail", "skip"])
def test_something_else_that_appears_while_it_is_written(tmp_path: Path, word: str, kind: str) -> None:
    """A folder, or a dangling link, that takes the name meanwhile is no file to be skipped, and stays."""
    path = tmp_path / "prices.csv"

    def make(call: Call) -> Any:
        if call.name == "fsync" and not os.path.lexists(path):
            path.mkdir() if kind == "folder" else path.symlink_to("nowhere")
        return call.run()

    with watched(tmp_path, make), pytest.raises(atio.AlreadyExistsError):
        atio.write(frame("polars"), path, if_exists=word)
    assert path.is_dir() if kind == "folder" else path.is_symlink()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("word", ["fail", "skip"])
def test_a_dangling_link_is_no_file(tmp_path: Path, word: str) -> None:
    """What a link leads to isn't there: it is made, and the link stays."""
    (tmp_path / "link.csv").symlink_to("prices.csv")
    assert not atio.write(frame("pandas"), tmp_path / "link.csv", if_exists=word).skipped
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "prices.csv").is_file()


def test_skipping_needs_no_rights() -> None:
    """A file that is there is skipped, although it may not be replaced."""
    with as_nobody() as folder:
        path = folder / "prices.csv"
        path.write_bytes(b"old")
        path.chmod(0o400)
        folder.chmod(0o500)
        try:
            assert atio.write(frame("polars"), path, if_exists="skip").skipped
        finally:
            folder.chmod(0o700)


def test_whether_a_folder_can_do_it_is_found_out_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first file costs a few calls more."""
    monkeypatch.setattr(replacement, "_proven", set())
    counts: list[int] = []
    for number in range(3):
        calls: list[str] = []
        with watched(tmp_path, lambda call: (calls.append(call.name), call.run())[1]):  # noqa: B023 - at once
            atio.write(frame("pandas"), tmp_path / f"{number}.csv", if_exists="fail")
        counts.append(calls.count("link"))
    assert counts == [2, 1, 1]


@pytest.mark.parametrize("word", ["fail", "skip"])
def test_a_folder_that_cannot_do_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """Where no call refuses a taken name, that is said before anything is written."""

    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def not_written(_: float) -> str:
        pytest.fail("it was written")

    monkeypatch.setattr(replacement, "_proven", set())
    monkeypatch.setattr(durable, "libc", object)
    monkeypatch.setattr(os, "link", no_link)
    for _ in range(2):
        with pytest.raises(atio.UnsupportedStoreError, match="neither hard links nor a rename"):
            atio.write(frame("pandas"), tmp_path / "a.csv", if_exists=word, float_format=not_written)
    assert list(tmp_path.iterdir()) == []
    atio.write(frame("pandas"), tmp_path / "a.csv")


def test_the_file_before_is_kept(old: Path) -> None:
    """The result has the path of the file before; a first file has none before it."""
    result = atio.write(frame("pandas"), old, keep_previous=True)
    assert result.previous is not None
    assert result.previous == Path(f"{old}.previous")
    assert result.previous.read_bytes() == b"old"
    assert atio.write(frame("pandas"), old.with_name("new.csv"), keep_previous=True).previous is None
    assert atio.write(frame("pandas"), old).previous is None


def test_a_failing_writer_leaves_what_is_kept_alone(old: Path) -> None:
    """If the new content can't be made, nothing is kept, and nothing that was kept goes."""
    Path(f"{old}.previous").write_bytes(b"older")
    with pytest.raises(atio.InvalidInputError):
        atio.write(frame("pandas"), old, keep_previous=True, bogus=1)
    assert Path(f"{old}.previous").read_bytes() == b"older"
    assert old.read_bytes() == b"old"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    """With `mkdir=True` all folders on the way are made; without, the error says how."""
    path = tmp_path / "a/b/prices.csv"
    with pytest.raises(atio.InvalidInputError, match="mkdir=True"):
        atio.write(frame("polars"), path)
    assert list(tmp_path.iterdir()) == []
    for _ in range(2):
        atio.write(frame("polars"), path, mkdir=True)
    assert pd.read_csv(path).shape == (3, 3)
    atio.write(frame("polars"), tmp_path / "c/prices.csv", mkdir=True, durable=False)
    atio.write(frame("polars"), path, keep_previous=tmp_path / "old/kept", mkdir=True)
    assert (tmp_path / "old/kept").exists()


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    """What was made once may be gone the next time."""
    for _ in range(2):
        atio.write(frame("polars"), tmp_path / "a/b/prices.csv", mkdir=True)
        (tmp_path / "a/b/prices.csv").unlink()
        (tmp_path / "a/b").rmdir()
        (tmp_path / "a").rmdir()


@pytest.mark.parametrize(("name", "kind"), PAIRS, ids=str)
def test_the_digest_is_that_of_the_file(tmp_path: Path, name: str, kind: Kind) -> None:
    """Whoever wrote the bytes, and in whatever order, the digest is that of the file as published."""
    result = atio.write(frame(kind), tmp_path / "prices", name, digest="sha256")
    assert result.digest == "sha256:" + hashlib.sha256((tmp_path / "prices").read_bytes()).hexdigest()
    assert list(result.seconds) == ["serialise", "digest", "sync", "publish"]
    assert pickle.loads(pickle.dumps(result)) == result


def test_no_digest_unless_asked_for(old: Path) -> None:
    """A digest costs a look at every byte, so it is made when asked for; an unknown one is refused early."""
    with pytest.raises(atio.InvalidInputError, match="digest must be one of"):
        atio.write(frame("pandas"), old, digest="crc32")
    assert_untouched(old)
    assert atio.write(frame("pandas"), old).digest is None


@pytest.mark.parametrize(
    "options",
    [{"if_exists": "append"}, {"keep_previous": -1}, {"mkdir": "no"}, {"durable": 1}],
    ids=str,
)
def test_a_bad_option_changes_nothing(old: Path, options: dict[str, Any]) -> None:
    """Options for the target are checked before anything is made."""
    with pytest.raises(atio.InvalidInputError):
        atio.write(frame("pandas"), old, **options)
    assert_untouched(old)


def test_our_names_are_not_for_the_writer(tmp_path: Path) -> None:
    """Where a library's writer has an option of the same name, it doesn't get ours."""
    path = tmp_path / "a/prices.csv"
    atio.write(frame("polars"), path, mkdir=True)  # polars' write_csv has none; its write_parquet has
    atio.write(frame("polars"), tmp_path / "b/prices.parquet", mkdir=True)
    assert (tmp_path / "b/prices.parquet").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"target_path": "\ud800.csv"}, "half a character"),
        ({"keep_previous": "\ud800"}, "half a character"),
        ({"format": np.arange(3)}, "format"),
        ({"format": pd.NA}, "format"),
        ({"format": 3}, "format"),
        ({"if_exists": np.arange(3)}, "if_exists"),
        ({"if_exists": pd.NA}, "if_exists"),
        ({"if_exists": ""}, "if_exists"),
        ({"verbose": 1}, "verbose"),
        ({"show_progress": "yes"}, "show_progress"),
        ({"strict": "no"}, "strict"),
        ({"strict": None}, "strict"),
    ],
    ids=[
        "path",
        "previous",
        "format 1",
        "format 2",
        "format 3",
        "array",
        "NA",
        "empty",
        "verbose",
        "progress",
        "strict 1",
        "strict 2",
    ],
)
def test_odd_arguments_are_refused_by_their_names(old: Path, options: dict[str, Any], named: str) -> None:
    """Whatever is handed in, the error says which argument it is, and the old file stands."""
    before = old.read_bytes()
    with pytest.raises(atio.InvalidInputError, match=named):
        atio.write(frame("pandas"), **({"target_path": old} | options))  # pyright: ignore[reportArgumentType] - odd
    assert old.read_bytes() == before
