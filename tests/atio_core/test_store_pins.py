"""Pins: all processes of a reader read the same version of a table, whoever comes first."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.storage.locate import locate
from atio_core.testing import Fault, FaultyStore, refusal


def rows(number: int) -> pa.Table:
    """Return the rows of a version."""
    return pa.table({"n": [number]})


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> atio.Store:
    """A store with a table of one version."""
    made = atio.Store(tmp_path / "store" if request.param == "disk" else f"memory://{request.node.name}")
    made.table("raw/orders").overwrite(rows(1))
    return made


def test_readers_whose_names_differ_in_case_alone_are_two(tmp_path: Path) -> None:
    """Where a disk folds case, a reader that comes to its end takes no other's pins with it."""
    store = atio.Store(tmp_path)
    store.table("orders").overwrite(rows(1))
    readers = ["run", "Run", "RUN", "%52un", "É", "é"]
    for reader in readers:
        store.pin(reader, "orders")
    folders = {path.name.casefold() for path in (tmp_path / "_atio" / "runs").iterdir()}
    assert len(folders) == len(readers)
    assert set(store.pins()) == set(readers)
    store.unpin("Run")
    assert set(store.pins()) == {*readers} - {"Run"}


def test_a_reader_goes_on_reading_what_it_read_first(store: atio.Store) -> None:
    """What a reader has opened once stays its version; another reader, and one that was forgotten, gets the latest."""
    assert store.pinned("run", "raw/orders") is store.pinned("run", "none") is None
    assert store.pin("run", "raw/orders").read("arrow") == rows(1)
    store.table("raw/orders").overwrite(rows(2))
    assert getattr(store.pinned("run", "raw/orders"), "version", None) == 1
    assert store.pin("run", "raw/orders").read("arrow") == rows(1)
    assert store.pin("run", "raw/orders", 2).version == 1
    assert store.pin("other", "raw/orders").version == 2
    store.unpin("run")
    store.unpin("run")
    assert list(store.pins()) == ["other"]
    assert store.pin("run", "raw/orders").version == 2


def test_a_table_that_lies_elsewhere(store: atio.Store, tmp_path: Path) -> None:
    """A table outside of the store is pinned in the store, by the table itself, and nothing is written beside it."""
    table = atio.Table(tmp_path / "elsewhere" / "orders")
    table.overwrite(rows(1))
    assert store.pin("run", table).version == 1
    table.overwrite(rows(2))
    assert store.pin("run", table).version == 1
    assert getattr(store.pinned("run", table), "version", None) == 1
    assert store.pin("other", table).version == 2
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["orders"]
    assert sorted(store.pins()) == ["other", "run"]


def test_a_reader_is_any_text(store: atio.Store) -> None:
    """Readers whose names are odd, or look like paths, are told apart, and stay in the store's own folder."""
    readers = ["a", "A", "../..", "a/b", "a b", "%", "ü" * 200, "ü" * 201, "run|x", "."]
    versions: dict[str, int] = {}
    for reader in readers:
        versions[reader] = store.pin(reader, "raw/orders").version
        store.table("raw/orders").overwrite(rows(0))
    assert {reader: store.pin(reader, "raw/orders").version for reader in readers} == versions
    assert sorted(store.pins()) == sorted(readers)
    assert store.tables() == ["raw/orders"]


def test_what_is_named_first_is_pinned(store: atio.Store) -> None:
    """A tag that moves, and a time, are looked up once for a reader."""
    table = store.table("raw/orders")
    table.tag("good")
    newer = table.overwrite(rows(2)).version
    assert store.pin("run", "raw/orders", "good").version == 1
    table.tag("good", newer, force=True)
    assert store.pin("run", "raw/orders", "good").version == 1
    assert store.pin("other", "raw/orders", datetime.now(UTC)).version == newer


def test_a_pin_protects_nothing(store: atio.Store) -> None:
    """A version that expired under its reader is an error that names both; the reader never gets another version."""
    store.pin("run", "raw/orders")
    store.table("raw/orders").overwrite(rows(2))
    store.table("raw/orders").expire(keep_last=1, grace=timedelta(0))
    with pytest.raises(
        atio.VersionExpiredError, match=r"version 1 of the table .*which 'run' has read since"
    ) as told:
        store.pin("run", "raw/orders")
    assert told.value.version == 1


def test_nothing_is_noted_of_what_is_not_there(store: atio.Store) -> None:
    """A table or version that isn't there, and arguments that can't be meant, are errors that leave no pin."""
    with pytest.raises(atio.TableNotFoundError):
        store.pin("run", "none")
    with pytest.raises(atio.VersionNotFoundError):
        store.pin("run", "raw/orders", 9)
    for reader, table in ((7, "raw/orders"), ("run", "../orders"), ("run", "_atio/x")):
        with pytest.raises(atio.InvalidInputError):
            store.pin(reader, table)  # pyright: ignore[reportArgumentType] - what isn't a text, too
    with pytest.raises(atio.InvalidInputError):
        store.pin("\ud800", "raw/orders")
    assert store.pins() == {}


def test_a_dropped_table_is_read_on(store: atio.Store) -> None:
    """Who has pinned a version reads it after the table was dropped; who comes later finds no table."""
    store.pin("run", "raw/orders")
    store.table("raw/orders").drop()
    assert store.pin("run", "raw/orders").read("arrow") == rows(1)
    with pytest.raises(atio.TableNotFoundError):
        store.pin("later", "raw/orders")


def test_another_table_in_the_folder_is_not_the_pinned_one(tmp_path: Path) -> None:
    """A table that was made anew in the same folder is read at its own version."""
    store = atio.Store(tmp_path)
    for number in (1, 2):
        store.table("t").overwrite(rows(number))
    assert store.pin("run", "t").version == 2
    shutil.rmtree(tmp_path / "t")
    store.table("t").overwrite(rows(3))
    assert store.pin("run", "t").read("arrow") == rows(3)


def faulty(path: Path, *faults: Fault) -> atio.Store:
    """Return a store whose own files go wrong so; its tables' don't."""
    return atio.Store(store=FaultyStore(locate(path, temporary="_atio/tmp"), *faults))


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer(tmp_path: Path, *, after: bool) -> None:
    """Whether a pin whose answer was lost had been made or not: it is there, and read by all."""
    atio.Store(tmp_path).table("t").overwrite(rows(1))
    assert faulty(tmp_path, Fault("put_if_absent", after=after)).pin("run", "t").version == 1
    atio.Store(tmp_path).table("t").overwrite(rows(2))
    assert atio.Store(tmp_path).pin("run", "t").version == 1


def test_one_that_comes_between(tmp_path: Path) -> None:
    """Who finds the name taken when it creates its pin reads what the other has pinned."""
    store = atio.Store(tmp_path)
    store.table("t").overwrite(rows(1))

    def other() -> None:
        store.table("t").overwrite(rows(2))
        store.pin("run", "t")

    late = faulty(tmp_path, Fault("put_if_absent", error=None, meanwhile=other))
    assert late.pin("run", "t").version == 2


def test_a_store_that_refuses(tmp_path: Path) -> None:
    """A full disk is an error, and leaves no pin; no answer at all is one that says so."""
    atio.Store(tmp_path).table("t").overwrite(rows(1))
    with pytest.raises(atio.StorageError):
        faulty(tmp_path, Fault("put_if_absent", error=refusal)).pin("run", "t")
    assert atio.Store(tmp_path).pins() == {}
    sent: list[int] = []
    silent = faulty(
        tmp_path,
        Fault("put_if_absent", times=99, meanwhile=lambda: sent.append(1)),
        Fault("read", times=99, name=lambda _: bool(sent)),
    )
    with pytest.raises(atio.StorageError, match="isn't known: call again"):
        silent.pin("run", "t")


def test_a_damaged_pin(tmp_path: Path) -> None:
    """A pin with a flipped bit is never taken for a version, and the error says which file it is."""
    store = atio.Store(tmp_path)
    store.table("t").overwrite(rows(1))
    store.pin("run", "t")
    (path,) = (tmp_path / "_atio" / "runs" / "run").iterdir()
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":3'))
    for act in (lambda: store.pin("run", "t"), store.pins):
        with pytest.raises(atio.DamagedError, match=r"the pin _atio/runs/run/.* is damaged"):
            act()
    store.unpin("run")
    assert store.pin("run", "t").version == 1


KILLED = """
import os, signal, sys
import atio_core as atio
link, moment = os.link, sys.argv[2]
def deadly(source, target, **options):
    if moment == "after":
        link(source, target, **options)
    os.kill(os.getpid(), signal.SIGKILL)
store = atio.Store(sys.argv[1])
os.link = deadly
store.pin("run", "t")
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill(tmp_path: Path, moment: str) -> None:
    """A process that is killed as it makes a pin leaves a whole one or none, and nothing in the way of the next."""
    store = atio.Store(tmp_path)
    store.table("t").overwrite(rows(1))
    killed = subprocess.run([sys.executable, "-c", KILLED, os.fspath(tmp_path), moment], check=False)
    assert killed.returncode < 0
    store.table("t").overwrite(rows(2))
    assert store.pin("run", "t").version == (1 if moment == "after" else 2)
