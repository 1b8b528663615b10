from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.data.digests import blocks
from atio_core.errors import (
    AlreadyExistsError,
    DamagedError,
    InvalidInputError,
    NewerFormatError,
    NotPreservableError,
    UnsupportedFormatError,
    VersionExpiredError,
)
from atio_core.log.commit_log import CommitLog
from atio_core.storage.local import LocalStore
from atio_core.table import Table
from atio_core.testing import StoreWrapper
from tests.support.stores import CountingStore

OBJECTS: dict[str, tuple[Any, str | None]] = {
    "array": (np.arange(12, dtype=">f4").reshape(3, 4), None),
    "json": ({"a": [1, None, -0.0, "ä"]}, None),
    "null": (None, "json"),
    "a JSON text": ("a", "json"),
    "text": ("a\r\nb", None),
    "bytes": (b"\0\xff", None),
    "pickle": ({(1, 2): {3}}, "pickle"),
}
BAD_BYTES = 1000


def a_folder(path: Path) -> Path:
    """A folder of three files."""
    (path / "deep").mkdir(parents=True)
    (path / "run").write_bytes(b"#!")
    (path / "run").chmod(0o755)
    (path / "deep" / "weights").write_bytes(bytes(range(256)) * 40)
    (path / "none").touch()
    return path


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_is_written_and_read_in_a_line(name: str, tmp_path: Path) -> None:
    """What `write_snapshot` was given is what `read_table` gives, by number, tag and time too."""
    given, format_name = OBJECTS[name]
    snapshot = atio.write_snapshot(given, tmp_path / "t", format=format_name, message="first")
    atio.write_snapshot("another", tmp_path / "t")
    Table(tmp_path / "t").tag("kept", 1)
    ways: list[dict[str, Any]] = [{"version": 1}, {"version": -2}, {"tag": "kept"}, {"as_of": snapshot.time}]
    for way in ways:
        found = atio.read_table(tmp_path / "t", **way)
        np.testing.assert_array_equal(found, given, strict=True) if name == "array" else None
        assert name == "array" or (found == given and type(found) is type(given))
    assert snapshot.message == "first"
    assert (snapshot.rows, snapshot.files) == (0, 1)


def test_a_file_is_read_as_its_bytes(tmp_path: Path) -> None:
    """A file's content comes by `read`; its name and the bit that lets it run are kept."""
    snapshot = atio.write_snapshot(a_folder(tmp_path / "f") / "run", tmp_path / "t")
    assert (snapshot.kind, snapshot.read(), snapshot.names) == ("file", b"#!", ("run",))
    assert os.access(snapshot.download(tmp_path / "copy"), os.X_OK)
    assert "file of 2 bytes" in repr(snapshot)


def test_a_folder_is_not_read_at_once(tmp_path: Path) -> None:
    """The message says what to do instead."""
    snapshot = atio.write_snapshot(a_folder(tmp_path / "f"), tmp_path / "t")
    assert snapshot.names == ("deep/weights", "none", "run")
    with pytest.raises(InvalidInputError, match="download it, or open one of its files"):
        atio.read_table(tmp_path / "t")


def test_an_array_is_the_callers_own(tmp_path: Path) -> None:
    """What was read may be changed, and changes nothing."""
    table = Table(tmp_path / "t")
    table.overwrite(np.arange(3))
    found = table.read()
    found[0] = 7
    assert table.read().tolist() == [0, 1, 2]


NO_OBJECTS: dict[str, Callable[[atio.Snapshot], object]] = {
    "columns": lambda snapshot: snapshot.read(columns=["a"]),
    "partitions": lambda snapshot: snapshot.read(partitions=["a"]),
    "filter": lambda snapshot: snapshot.read(filter=[("a", ">", 1)]),
    "limit": lambda snapshot: snapshot.read(limit=1),
    "output_as": lambda snapshot: snapshot.read("polars"),
    "columns: read": lambda snapshot: snapshot.schema,
    "columns: read it": lambda snapshot: snapshot.scan(),
}


@pytest.mark.parametrize("name", NO_OBJECTS)
def test_what_only_rows_have_is_refused(name: str) -> None:
    """An object has no columns, filters and the like."""
    snapshot = atio.write_snapshot([1], f"memory://no {name}")
    with pytest.raises(InvalidInputError, match=rf"holds an object \(json\) and has no {name}"):
        NO_OBJECTS[name](snapshot)


NO_ROWS: dict[str, Callable[[atio.Snapshot], object]] = {
    "names": lambda snapshot: snapshot.names,
    "open": lambda snapshot: snapshot.open(),
    "open by name": lambda snapshot: snapshot.open("a"),
    "download": lambda snapshot: snapshot.download("nowhere"),
}


@pytest.mark.parametrize("name", NO_ROWS)
def test_what_only_objects_have_is_refused(name: str) -> None:
    """Rows have no files to be opened."""
    snapshot = atio.write_snapshot(pa.table({"a": [1]}), f"memory://no {name}")
    assert snapshot.kind == "table"
    with pytest.raises(InvalidInputError, match="holds rows and"):
        NO_ROWS[name](snapshot)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A name that a folder doesn't have, and one for an object of one file, are refused."""
    folder = atio.write_snapshot(a_folder(tmp_path / "f"), tmp_path / "t")
    for name in ("deep", "weights", "../run", ""):
        with pytest.raises(InvalidInputError, match="names lists those that it has"):
            folder.open(name)
    with pytest.raises(InvalidInputError, match="say which of its files is meant"):
        folder.open()
    with pytest.raises(InvalidInputError, match="leave name out"):
        atio.write_snapshot([1], tmp_path / "t").open("a")
    with pytest.raises(InvalidInputError, match="has no file names"):
        _ = atio.write_snapshot([1], tmp_path / "t").names


def test_a_file_is_read_at_any_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open file seeks and reads as any other does."""
    monkeypatch.setattr("atio_core.data.object_files.stream.BLOCK_BYTES", 100)
    real = blocks.BlockDigester
    monkeypatch.setattr("atio_core.data.object_files.stream.BlockDigester", lambda: real(100))
    data = os.urandom(1050)
    mine = atio.write_snapshot(data, tmp_path / "t").open()
    theirs = io.BytesIO(data)
    for offset, whence, count in [
        (0, 0, 5),
        (3, 1, 250),
        (-7, 2, 100),
        (99, 0, 2),
        (2000, 0, 3),
        (1000, 0, -1),
        (0, 0, -1),
    ]:
        assert mine.seek(offset, whence) == theirs.seek(offset, whence)
        assert mine.read(count) == theirs.read(count)
        assert mine.tell() == theirs.tell()
    with pytest.raises(ValueError, match="before the file"):
        mine.seek(-1)
    mine.close()
    with pytest.raises(ValueError, match="closed"):
        mine.read()


def test_damage_under_an_open_file_is_found(tmp_path: Path) -> None:
    """A file that was right when it was opened, and is changed or cut then, gives no wrong byte."""
    snapshot = atio.write_snapshot(bytes(BAD_BYTES), tmp_path / "t")
    path = tmp_path / "t" / snapshot.data_files()[0].path
    for damaged in (b"\1" + bytes(BAD_BYTES - 1), bytes(10), b""):
        with snapshot.open() as file:
            path.write_bytes(damaged)
            with pytest.raises(DamagedError):
                file.read()
        path.write_bytes(bytes(BAD_BYTES))


@pytest.mark.parametrize("read", [False, True], ids=["before", "under"])
def test_a_version_that_expires_says_so(read: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter of a test
    """An object whose version expires is not found any more, also while its file is open."""
    table = Table(tmp_path / "t")
    snapshot = table.overwrite(bytes(1 << 20))
    file = snapshot.open() if read else None
    table.overwrite("another")
    table.expire(keep_last=1, grace=timedelta(0))
    for act in (snapshot.read, snapshot.open, lambda: snapshot.download(tmp_path / "out")):
        with pytest.raises(VersionExpiredError):
            act()
    if file is not None:
        with pytest.raises(VersionExpiredError):
            file.read()
    assert not (tmp_path / "out").exists()


def test_a_missing_file_of_a_kept_version_is_damage(tmp_path: Path) -> None:
    """What should be there and isn't is damage, and named."""
    snapshot = atio.write_snapshot(a_folder(tmp_path / "f"), tmp_path / "t")
    files = {file.piece["name"]: file.path for file in snapshot.data_files()}
    (tmp_path / "t" / files["run"]).unlink()
    for act in (lambda: snapshot.open("run"), lambda: snapshot.download(tmp_path / "out")):
        with pytest.raises(DamagedError, match="is missing") as caught:
            act()
        assert caught.value.facts["path"] == files["run"]
    assert not (tmp_path / "out").exists()


def test_a_read_of_the_latest_starts_over(tmp_path: Path) -> None:
    """A read that loses a race with an expiry goes on with the newer version."""
    store = LocalStore(tmp_path / "t", temporary="_atio/tmp")
    Table(store=store).overwrite("old")

    class Late(StoreWrapper):
        done = False

        def around(self, verb: str, name: str, call: Callable[[], Any]) -> Any:
            if name.startswith("data/") and not self.done:
                self.done = True
                Table(store=store).overwrite("new")
                Table(store=store).expire(keep_last=1, grace=timedelta(0))
            return call()

    assert Table(store=Late(store)).read() == "new"
    assert Table(store=Late(store)).download(tmp_path / "out").read_text() == "new"
    assert Table(store=store).download(tmp_path / "out", -1, if_exists="replace").read_text() == "new"


@pytest.mark.parametrize("name", ["array", "json", "text", "bytes", "pickle"])
def test_any_object_is_downloaded_as_a_file(name: str, tmp_path: Path) -> None:
    """The file is what its format's own readers take."""
    given, format_name = OBJECTS[name]
    path = atio.write_snapshot(given, tmp_path / "t", format=format_name).download(tmp_path / "out")
    readers: dict[str, Callable[[], Any]] = {
        "array": lambda: np.load(path).tolist() == given.tolist(),
        "json": lambda: __import__("json").loads(path.read_text("utf-8")) == given,
        "text": lambda: path.read_bytes() == given.encode(),
        "bytes": lambda: path.read_bytes() == given,
        "pickle": lambda: pickle.loads(path.read_bytes()) == given,
    }
    assert path == tmp_path / "out"
    assert readers[name]()


def test_a_download_leaves_what_is_there(tmp_path: Path) -> None:
    """A file that is there is replaced only if one says so."""
    snapshot = atio.write_snapshot("new", tmp_path / "t")
    (tmp_path / "out").write_text("old")
    with pytest.raises(AlreadyExistsError):
        snapshot.download(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "old"
    snapshot.download(tmp_path / "out", if_exists="replace")
    assert (tmp_path / "out").read_text() == "new"
    with pytest.raises(InvalidInputError, match="if_exists must be one of fail, replace"):
        snapshot.download(tmp_path / "out", if_exists="skip")


@pytest.mark.parametrize("target", ["t/data/x", "t", "t/x", "link/x"])
def test_a_download_into_the_table_is_refused(target: str, tmp_path: Path) -> None:
    """The table's folder is its own; replacing it, or one above it, would be its end."""
    (tmp_path / "link").symlink_to("t")
    folder = atio.write_snapshot(a_folder(tmp_path / "f"), tmp_path / "t")
    with pytest.raises(InvalidInputError, match="lie in each other"):
        folder.download(tmp_path / target, if_exists="replace")
    with pytest.raises(InvalidInputError, match=r"lie in each other|it is a folder"):
        atio.write_snapshot("a", tmp_path / "t").download(tmp_path / target, if_exists="replace")
    with pytest.raises(InvalidInputError, match="lie in each other"):
        folder.download(tmp_path, if_exists="replace")


def test_damage_is_never_downloaded(tmp_path: Path) -> None:
    """If one byte of one file is wrong, nothing is made, and what is to be replaced stands."""
    snapshot = atio.write_snapshot(a_folder(tmp_path / "f"), tmp_path / "t")
    path = {file.piece["name"]: tmp_path / "t" / file.path for file in snapshot.data_files()}["deep/weights"]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    a_folder(tmp_path / "out")
    for target, how in ((tmp_path / "new", "fail"), (tmp_path / "out", "replace")):
        with pytest.raises(DamagedError):
            snapshot.download(target, if_exists=how)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "out", "t"]
    assert (tmp_path / "out" / "run").exists()


def test_a_folder_of_an_entry_that_leads_elsewhere_is_damage(tmp_path: Path) -> None:
    """Whatever an entry says, no download writes outside its folder."""
    snapshot = atio.write_snapshot(a_folder(tmp_path / "f"), tmp_path / "t")
    entry = snapshot.entry
    evil = [replace(file, piece={"name": "../evil"}) for file in entry.files[:1]]
    with (
        mock.patch("atio_core.object_reads.files_of", return_value=evil),
        pytest.raises(DamagedError, match="holds a folder that can't be"),
    ):
        snapshot.download(tmp_path / "out")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", ["json", "folder"])
def test_an_object_of_a_later_release_is_not_guessed_at(name: str, tmp_path: Path) -> None:
    """A kind, or a format of its files, that isn't known is said to be newer; nothing is made of it."""
    given = {"a": 1} if name == "json" else a_folder(tmp_path / "f")
    snapshot = atio.write_snapshot(given, tmp_path / "t")
    other = replace(snapshot.entry.files[0], format="packed")
    for changed in (snapshot.entry.with_(kind="tensor"), snapshot.entry.with_(files=(other,))):
        newer = atio.Snapshot(CommitLog(LocalStore(tmp_path / "t", temporary="_atio/tmp")), 1, changed)
        with pytest.raises(NewerFormatError, match="that a later release wrote; upgrade atio"):
            newer.download(tmp_path / "out")
        with pytest.raises(InvalidInputError if newer.kind == "folder" else NewerFormatError):
            newer.read()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "options", "error"),
    [
        ({"a": (1,)}, {}, NotPreservableError),
        ([1], {"format": "parquet"}, UnsupportedFormatError),
        ([1], {"mode": "append"}, InvalidInputError),
        (Path("nowhere"), {}, InvalidInputError),
        (lambda: None, {"format": "pickle"}, InvalidInputError),
    ],
    ids=["tuple", "parquet", "append", "nowhere", "lambda"],
)
def test_what_is_refused_leaves_no_trace(
    given: Any, options: dict[str, Any], error: type[Exception], tmp_path: Path
) -> None:
    """Nothing is made on the disk for an object that can't be kept."""
    with pytest.raises(error):
        atio.write_snapshot(given, tmp_path / "t", **options)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_key_that_was_used_needs_no_file(tmp_path: Path) -> None:
    """A retry with its key finds its version, though the file that it brought is gone."""
    folder = a_folder(tmp_path / "f")
    store = CountingStore(LocalStore(tmp_path / "t", temporary="_atio/tmp"))
    Table(store=store).overwrite(folder, idempotency_key="k")
    folder.rename(tmp_path / "moved")
    store.reset()
    assert Table(store=store).overwrite(folder, idempotency_key="k").repeated
    assert store.counts["open_write"] == 0
