"""A folder of tables, and releases of several of them."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.log import store_log
from atio_core.storage import readback
from atio_core.storage.files.new_folder import new_folder
from atio_core.storage.locate import locate
from atio_core.store import releases
from atio_core.testing import Fault, FaultyStore
from tests.support.crash import kill_at_every_call
from tests.support.interrupts import interrupted_anywhere

MANY_CALLS = 10
NONE_KEPT = {"keep_last": 1, "grace": timedelta(0)}


def rows(number: int) -> pa.Table:
    """Return the rows of a version."""
    return pa.table({"n": [number]})


def filled(path: Path | str, *names: str, versions: int = 2) -> atio.Store:
    """Return a store whose tables have some versions, each with the number of its version as its row."""
    store = atio.Store(path)
    for name in names:
        for number in range(1, versions + 1):
            store.table(name).overwrite(rows(number))
    return store


def read(at: object, name: str) -> list[int]:
    """Return what the release says is in a table."""
    return at.read(name, "arrow")["n"].to_pylist()  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A place for a store."""
    return tmp_path / "store" if request.param == "disk" else f"memory://{request.node.name}"


def test_tables_are_found_by_their_folders(place: Path | str) -> None:
    """Tables below tables too; what was dropped, or was never written, isn't there."""
    store = filled(place, "raw", "raw/flights", "b c/ü")
    store.table("never")
    store.table("gone").overwrite(rows(1))
    store.table("gone").drop()
    assert store.tables() == ["b c/ü", "raw", "raw/flights"]
    assert store.tables(dropped=True) == ["b c/ü", "gone", "raw", "raw/flights"]


def test_what_else_lies_there_is_no_table(tmp_path: Path) -> None:
    """Folders of others, the store's own log and a table's data are passed over."""
    (tmp_path / "else" / "_atio").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    store = filled(tmp_path, "t")
    store.create_release("r", ["t"])
    (tmp_path / "t" / "data" / "inner").mkdir()
    atio.Table(tmp_path / "t" / "data" / "inner").overwrite(rows(1))
    assert store.tables() == ["t"]


def test_a_copy_in_the_making_is_no_table(tmp_path: Path) -> None:
    """A table that is exported into the store's folder isn't expired, or told, before it is there as a whole."""
    store = filled(tmp_path, "a")
    with new_folder(tmp_path / "copy"):
        (hidden,) = tmp_path.glob(".copy.*")
        shutil.copytree(tmp_path / "a", hidden, dirs_exist_ok=True)
        assert store.tables() == ["a"]
        assert list(store.expire_all(keep_last=2).reports) == ["a"]
    assert store.tables() == ["a", "copy"]


def test_a_table_of_an_odd_name_hides_no_other(tmp_path: Path) -> None:
    """What lies under a name that no table of a store can have doesn't keep the store from its other tables."""
    store = filled(tmp_path, "t", versions=1)
    odd = os.fsdecode(b"not \xff Unicode")
    for name in (odd, "back\\slash"):
        atio.Table(tmp_path / name).overwrite(rows(1))
    assert store.tables() == store.tables(dropped=True) == [odd, "t"]
    report = store.expire_all(keep_last=1)
    assert [*report.reports] == ["t"]
    assert {name: type(error) for name, error in report.failures.items()} == {odd: atio.InvalidInputError}


def begin(root: Path) -> None:
    """Make a first commit."""
    atio.Store(root).table("begun").append(rows(1))


def test_a_first_commit_that_died_made_no_table(tmp_path: Path) -> None:
    """Whatever a killed first commit left, the store is whole, can be expired, and the next commit begins the table."""
    numbers = itertools.count()

    def setup() -> Path:
        root = tmp_path / str(next(numbers))
        filled(root, "other")
        return root

    def check(root: Path) -> None:
        store = atio.Store(root)
        tables = ["begun", "other"] if store.table("begun").exists() else ["other"]
        assert store.tables(dropped=True) == tables
        assert store.verify().ok
        report = store.expire_all(keep_last=1, grace=timedelta(0))
        assert ([*report.reports], report.failures) == (tables, {})
        begin(root)
        assert store.tables() == ["begun", "other"]
        shutil.rmtree(root)

    assert kill_at_every_call(begin, setup=setup, check=check) > MANY_CALLS


@pytest.mark.parametrize(
    "name", ["", "..", "a/../b", "/a", "a//b", "_atio", "a/_atio/b", "a\\b", "a\0", 1, None]
)
def test_a_name_that_no_table_can_have(tmp_path: Path, name: object) -> None:
    """A table stays in its store, and out of what is atio's own."""
    with pytest.raises(atio.InvalidInputError):
        atio.Store(tmp_path).table(name)  # pyright: ignore[reportArgumentType]
    assert list(tmp_path.iterdir()) == []


def test_a_release_is_read_as_of_one_moment(place: Path | str) -> None:
    """Each table is read at the version that was released, whatever came after."""
    store = filled(place, "a", "b/c")
    made = store.create_release("one", {"a": 1, "b/c": None}, message="the first")
    assert (made.name, made.tables, made.message) == ("one", {"a": 1, "b/c": 2}, "the first")
    assert abs(made.time - datetime.now(UTC)) < timedelta(hours=1)
    for name in ("a", "b/c"):
        store.table(name).overwrite(rows(9))
    store.create_release("two", ["a", "b/c"])
    assert [release.name for release in store.releases()] == ["two", "one"]
    for release, expected in ((made.number, (1, 2)), ("one", (1, 2)), ("two", (9, 9)), ("latest", (9, 9))):
        at = store.at(release)
        assert (read(at, "a"), read(at, "b/c")) == ([expected[0]], [expected[1]])
    assert store.at("one").tables() == ["a", "b/c"]
    with pytest.raises(atio.NotFoundError, match="names no table 'd'"):
        store.at().snapshot("d")


def test_a_release_protects_what_it_names_until_it_is_dropped(place: Path | str) -> None:
    """Versions of a release don't expire; once it is dropped, they do."""
    store = filled(place, "a", "b", versions=3)
    store.create_release("one", {"a": 1, "b": 2})
    store.expire_all(**NONE_KEPT)
    assert [found.version for found in store.table("a").history()] == [3, 1]
    assert [found.version for found in store.table("b").history()] == [3, 2]
    store.drop_release("one")
    assert (store.releases(), store.table("a").tags()) == ([], {})
    with pytest.raises(atio.ReleaseNotFoundError, match="'one'"):
        store.at("one")
    store.expire_all(**NONE_KEPT)
    assert [found.version for found in store.table("a").history()] == [3]


def test_a_name_stands_for_one_release(place: Path | str) -> None:
    """A name that is taken is refused, and no tag stays; once dropped, it is free."""
    store = filled(place, "a")
    store.create_release("one", ["a"])
    with pytest.raises(atio.AlreadyExistsError, match="'one' already"):
        store.create_release("one", {"a": 1})
    assert len(store.table("a").tags()) == 1
    store.drop_release("one")
    assert store.create_release("one", {"a": 1}).tables == {"a": 1}


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("latest", ["a"]),
        ("7", ["a"]),
        ("", ["a"]),
        ("x", []),
        ("x", {}),
        ("x", "a"),
        ("x", None),
        ("x", {"a": 1.5}),
    ],
)
def test_a_release_that_makes_no_sense(tmp_path: Path, name: str, tables: object) -> None:
    """It is refused before anything is made."""
    store = filled(tmp_path, "a")
    with pytest.raises(atio.InvalidInputError):
        store.create_release(name, tables)  # pyright: ignore[reportArgumentType]
    assert (store.releases(), store.table("a").tags()) == ([], {})


@pytest.mark.parametrize(
    ("tables", "error"),
    [({"a": 7}, atio.VersionNotFoundError), (["a", "x"], atio.TableNotFoundError)],
)
def test_a_release_of_what_is_not_there(tmp_path: Path, tables: object, error: type[Exception]) -> None:
    """No such version, or no such table: nothing is tagged."""
    store = filled(tmp_path, "a")
    with pytest.raises(error):
        store.create_release("x", tables)  # pyright: ignore[reportArgumentType]
    assert (store.releases(), store.table("a").tags()) == ([], {})


def test_another_table_in_the_folder_is_not_the_released_one(tmp_path: Path) -> None:
    """A table that was removed by hand and begun anew isn't taken for the one of the release."""
    store = filled(tmp_path, "a")
    store.create_release("one", ["a"])
    (tmp_path / "a").rename(tmp_path / "moved")
    filled(tmp_path, "a")
    with pytest.raises(atio.VersionNotFoundError, match="another one"):
        store.at("one").snapshot("a")


def test_two_releases_at_once_get_a_number_each(tmp_path: Path) -> None:
    """Whoever comes second goes on under the next number, and leaves no tag under the first."""
    other = filled(tmp_path, "a")
    other.create_release("zero", ["a"])
    late = Fault("put_if_absent", error=None, meanwhile=lambda: other.create_release("two", {"a": 1}))
    store = atio.Store(store=FaultyStore(locate(tmp_path, temporary="_atio/tmp"), late))
    assert (store.create_release("one", {"a": 2}).number, store.at("two").release.number) == (4, 3)
    assert sorted(store.table("a").tags().values()) == [1, 2, 2]
    other.expire_all(**NONE_KEPT)
    assert (read(other.at("one"), "a"), read(other.at("two"), "a")) == ([2], [1])


def test_a_name_taken_meanwhile_is_refused(tmp_path: Path) -> None:
    """Of two releases of one name at once, exactly one is made."""
    other = filled(tmp_path, "a")
    other.create_release("zero", ["a"])
    late = Fault("put_if_absent", error=None, meanwhile=lambda: other.create_release("one", {"a": 1}))
    store = atio.Store(store=FaultyStore(locate(tmp_path, temporary="_atio/tmp"), late))
    with pytest.raises(atio.AlreadyExistsError):
        store.create_release("one", {"a": 2})
    assert sorted(store.table("a").tags().values()) == [1, 2]


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer_makes_one_release(tmp_path: Path, after: bool) -> None:  # noqa: FBT001
    """Whether the release took effect or not, it is there once in the end."""
    filled(tmp_path, "a").create_release("zero", ["a"])
    lost = Fault("put_if_absent", after=after)
    store = atio.Store(store=FaultyStore(locate(tmp_path, temporary="_atio/tmp"), lost))
    store.create_release("one", ["a"])
    assert [release.name for release in store.releases()] == ["one", "zero"]


def test_a_refusing_store_leaves_no_tag(tmp_path: Path) -> None:
    """A release that wasn't made protects nothing."""
    filled(tmp_path, "a").create_release("zero", ["a"])

    def refused() -> atio.StorageError:
        return atio.StorageError("No space.")

    full = FaultyStore(
        locate(tmp_path, temporary="_atio/tmp"), Fault("put_if_absent", times=99, error=refused)
    )
    store = atio.Store(store=full)
    with pytest.raises(atio.StorageError, match="No space"):
        store.create_release("one", {"a": 1})
    assert list(store.table("a").tags().values()) == [2]


def test_a_release_that_nobody_knows_of_keeps_its_versions(tmp_path: Path) -> None:
    """When the store no longer answers, the error says that the release may be there, and what it names stays."""
    filled(tmp_path, "a").create_release("zero", ["a"])
    sent: list[int] = []
    faults = [
        Fault("put_if_absent", times=99, meanwhile=lambda: sent.append(1)),
        Fault("read", times=99, name=lambda _: bool(sent)),
    ]
    store = atio.Store(store=FaultyStore(locate(tmp_path, temporary="_atio/tmp"), *faults))
    with pytest.raises(atio.CommitUnknownError, match="isn't known"):
        store.create_release("one", {"a": 1})
    assert 1 in store.table("a").tags().values()


DIES = """
import os, sys, atio_core as atio
from atio_core.storage.locate import locate
from atio_core.storage.files.new_folder import new_folder
from atio_core.testing import Fault, FaultyStore
dies = Fault("put_if_absent", meanwhile=lambda: os._exit(9))
atio.Store(store=FaultyStore(locate(sys.argv[1], temporary="_atio/tmp"), dies)).create_release("dead", {"a": 1})
"""


def test_a_release_that_died_protects_nothing_after_a_while(tmp_path: Path) -> None:
    """Killed between its tags and its entry, a release is never made; its tag goes once it is old enough."""
    store = filled(tmp_path, "a", "b")
    store.create_release("zero", ["b"])
    assert subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False).returncode == 9
    ((tag, version),) = store.table("a").tags().items()
    assert (tag[:10], version) == ("release/3-", 1)
    store.table("a").expire(keep_last=1)
    assert (list(store.table("a").tags()), len(store.table("a").history())) == ([tag], 2)
    preview = store.table("a").expire(**NONE_KEPT, dry_run=True)
    assert (preview.tags_removed, [line.version for line in preview.removed]) == ((tag,), [1])
    assert store.releases()[0].number == 2
    real = store.table("a").expire(**NONE_KEPT)
    assert (real.tags_removed, real.removed) == (preview.tags_removed, preview.removed)
    assert (store.table("a").tags(), [found.version for found in store.table("a").history()]) == ({}, [2])
    assert store.create_release("next", ["a"]).number == 4


def test_a_release_in_the_making_is_spared(tmp_path: Path) -> None:
    """An expiry between a release's tags and its entry leaves both alone, or makes it start over under a new number."""
    other = filled(tmp_path, "a")
    other.create_release("zero", ["a"])
    for grace, number in ((timedelta(hours=1), 3), (timedelta(0), 5)):
        late = Fault(
            "put_if_absent",
            error=None,
            meanwhile=lambda grace=grace: other.expire_all(keep_last=1, grace=grace),
        )
        store = atio.Store(store=FaultyStore(locate(tmp_path, temporary="_atio/tmp"), late))
        assert store.create_release(f"by {grace}", ["a"]).number == number
        assert read(store.at("latest"), "a") == [2]
    assert len(store.table("a").tags()) == 3


def test_tags_of_a_dropped_release_go(tmp_path: Path) -> None:
    """Whoever drops a release may die before its tags are gone: expiry takes them."""
    store = filled(tmp_path, "a")
    store.create_release("one", {"a": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atio.Store, "_untag", lambda *_: None)
        store.drop_release("one")
    assert len(store.table("a").tags()) == 1
    store.expire_all(**NONE_KEPT)
    assert (store.table("a").tags(), len(store.table("a").history())) == ({}, 1)


def test_tags_that_can_not_be_taken_away_change_no_outcome(tmp_path: Path) -> None:
    """A release that was dropped is, and one that wasn't made says why; expiry takes the tags."""
    store = filled(tmp_path, "a")
    store.create_release("one", {"a": 1})

    def refuse(*_: object) -> None:
        raise atio.StorageError("The disk is full.")

    def other(*_: object) -> None:
        raise atio.AlreadyExistsError("Another came first.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atio.Store, "_untag", refuse)
        store.drop_release("one")
        patch.setattr(store_log.StoreLog, "add", other)
        with pytest.raises(atio.AlreadyExistsError, match="came first"):
            store.create_release("two", ["a"])
    store.expire_all(**NONE_KEPT)
    assert (store.releases(), store.table("a").tags()) == ([], {})


def test_a_table_away_from_its_store_keeps_its_tags(tmp_path: Path) -> None:
    """In another store, or in none, nobody can tell whether the release stands: its version stays."""
    filled(tmp_path / "one", "a").create_release("r", {"a": 1})
    other = filled(tmp_path / "two", "b")
    other.create_release("r", ["b"])
    shutil.copytree(tmp_path / "one" / "a", tmp_path / "two" / "a")
    shutil.copytree(tmp_path / "one" / "a", tmp_path / "alone")
    for table in (other.table("a"), atio.Table(tmp_path / "alone")):
        table.expire(**NONE_KEPT)
        assert len(table.history()) == 2
        (tag,) = table.tags()
        with pytest.raises(atio.InvalidInputError, match=f"away from that store, untag '{tag}'"):
            table.erase([("n", "==", 1)])
        table.untag(tag)
        assert table.erase([("n", "==", 1)]).versions == (1,)
    with pytest.raises(
        atio.InvalidInputError, match=r"release 2 of its store: end it by Store\.drop_release"
    ):
        atio.Table(tmp_path / "one" / "a").untag(tag)


def test_a_copy_with_no_place_above_it_expires() -> None:
    """What was released, and lies in a memory or a bucket of its own by now, keeps its tags like any copy."""
    store = filled("memory://a-store-that-is-copied", "a")
    store.create_release("r", {"a": 1})
    store.table("a").copy_to("memory://alone-without-a-store")
    alone = atio.Table("memory://alone-without-a-store")
    alone.expire(**NONE_KEPT)
    assert len(alone.history()) == 2


def test_all_tables_expire_and_one_that_fails_is_told(tmp_path: Path) -> None:
    """A damaged table doesn't keep the others from being expired; the report says which it was and why."""
    store = filled(tmp_path, "a", "b", "c")
    (entry,) = (tmp_path / "b" / "_atio" / "log").rglob("*-2.json")
    entry.write_bytes(b"x")
    report = store.expire_all(keep_last=1)
    assert {name: len(one.removed) for name, one in report.reports.items()} == {"a": 1, "c": 1}
    assert list(report.failures) == ["b"]
    assert isinstance(report.failures["b"], atio.DamagedError)
    text = str(report)
    assert "removed 2 versions and 2 files" in text
    assert "1 table could not be expired:\nb: DamagedError:" in text
    assert report.to_dict()["failures"]["b"].startswith("DamagedError: ")
    assert report.to_dict()["tables"]["a"]["files_removed"] == 1


def test_a_preview_removes_nothing(tmp_path: Path) -> None:
    """A dry run says what would go."""
    store = filled(tmp_path, "a", "b")
    report = store.expire_all(keep_last=1, dry_run=True)
    assert "PREVIEW" in str(report)
    assert "would remove 2 versions and 2 files" in str(report)
    assert len(store.table("a").history()) == 2


def test_whose_policy_counts(tmp_path: Path) -> None:
    """The caller's, else the table's own, else the store's; where nobody says anything, nothing goes."""
    store = filled(tmp_path, "a", "b", versions=4)
    assert store.retention() is None
    assert [
        str(error) for error in store.expire_all().failures.values() if "nothing says" not in str(error)
    ] == []
    store.table("a").set_retention(atio.Retention(keep_last=3))
    store.set_retention(atio.Retention(keep_last=2))
    store.create_release("r", {"a": 4})
    assert atio.Store(tmp_path).retention() == atio.Retention(keep_last=2)
    store.expire_all()
    assert [len(store.table(name).history()) for name in "ab"] == [3, 2]
    store.expire_all(keep_last=1)
    assert [len(store.table(name).history()) for name in "ab"] == [1, 1]
    store.set_retention(None)
    assert store.retention() is None


def test_a_policy_by_table(tmp_path: Path) -> None:
    """A function says what is kept of each table; where it says nothing, or fails, that holds for this table alone."""
    store = filled(tmp_path, "a", "b", "c", "d", versions=4)
    store.set_retention(atio.Retention(keep_last=3))

    def policy(table: atio.Table) -> atio.Retention | None:
        name = Path(table.path).name
        return {"a": atio.Retention(keep_last=1), "b": None, "d": atio.Retention(keep_last=1)}[name]

    report = store.expire_all(policy, tables=["c", "a", "b", "a"])
    assert [len(store.table(name).history()) for name in "abcd"] == [1, 3, 4, 4]
    assert list(report.reports) == ["a", "b"]
    assert isinstance(report.failures["c"], KeyError)


@pytest.mark.parametrize(
    "rules",
    [
        {"keep_last": 0},
        {"policy": 3},
        {"keep_last": 1, "dry_run": None},
        {"grace": 3},
        {"policy": lambda _: None, "keep_last": 1},
        {"keep_last": 1, "tables": "a"},
        {"keep_last": 1, "tables": ["../a"]},
        {"keep_last": 1, "tables": [["a"]]},
    ],
)
def test_an_expiry_that_makes_no_sense(tmp_path: Path, rules: dict[str, object]) -> None:
    """It is refused for all tables at once."""
    store = filled(tmp_path, "a")
    with pytest.raises(atio.InvalidInputError):
        store.expire_all(**rules)  # pyright: ignore[reportArgumentType]


EVE = [("name", "==", "Eve Adams")]


def test_rows_of_several_tables_are_erased(tmp_path: Path) -> None:
    """Releases of these tables have to be named, and end; nothing of the rows is left in any of them."""
    store = atio.Store(tmp_path)
    for table in ("a", "b", "c"):
        for number in range(2):
            store.table(table).append(pa.table({"name": ["Ann", "Eve Adams"], "n": [number, number]}))
    store.create_release("one", ["a", "c"])
    store.create_release("two", ["c"])
    store.table("b").tag("audit")
    for named in ({}, {"releases": ["one"]}, {"tags": ["audit"]}, {"releases": ["two"], "tags": "all"}):
        with pytest.raises(atio.InvalidInputError, match="stand in the way"):
            store.erase({"a": EVE, "b": EVE}, **named)  # pyright: ignore[reportArgumentType]
    assert len(store.releases()) == 2
    with pytest.raises(atio.InvalidInputError):
        store.erase({"a": EVE, "b": [("x", "==", 1)]}, releases="all", tags="all")
    preview = store.erase({"a": EVE, "b": EVE}, releases="all", tags="all", dry_run=True)
    assert ([one.rows for one in preview.values()], len(store.releases())) == ([2, 2], 2)
    done = store.erase({"a": EVE, "b": EVE}, releases=["one"], tags=["audit"])
    assert [one.rows for one in done.values()] == [2, 2]
    assert [release.name for release in store.releases()] == ["two"]
    for table in ("a", "b"):
        left = b"".join(path.read_bytes() for path in (tmp_path / table).rglob("*") if path.is_file())
        assert b"Eve" not in left
    assert len(store.at("two").read("c")) == 4
    for wrong in ({}, {"a": EVE, "where": None}):
        with pytest.raises(atio.AtioError):
            store.erase(wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("place", ["people", "deep/er/people"])
def test_releases_are_found_by_a_table_that_was_moved_since(tmp_path: Path, place: str) -> None:
    """They go by the old name; another table that has it by now has nothing to do with them."""
    store = filled(tmp_path, "a", "b")
    store.create_release("one", {"a": 1, "b": 1})
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "a").rename(tmp_path / place)
    filled(tmp_path, "a")
    where = [("n", "==", 1)]
    assert store.erase({"a": where}, releases="all")["a"].versions == (1,)
    assert [release.name for release in store.releases()] == ["one"]
    with pytest.raises(atio.InvalidInputError, match="the release 2 of its store"):
        store.erase({place: where})
    assert store.erase({place: where}, releases=["one"])[place].versions == (1,)
    assert (store.releases(), store.table(place).tags(), store.table("b").tags()) == ([], {}, {})


def test_an_erasing_that_died_behind_its_release_is_finished(tmp_path: Path) -> None:
    """Called again, it takes away what the release, dropped by then, has left in the tables."""
    store = filled(tmp_path, "a", "b")
    store.create_release("one", {"a": 1, "b": 1})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atio.Store, "_untag", die)
        with pytest.raises(KeyboardInterrupt):
            store.erase({"a": [("n", "==", 1)]}, releases=["one"])
    assert (len(store.releases()), len(store.table("a").tags())) == (0, 1)
    where = {"a": [("n", "==", 1)]}
    assert store.erase(where, releases=["one"], dry_run=True)["a"].versions == (1,)
    assert store.erase(where, releases=["one"])["a"].versions == (1,)
    assert store.table("a").tags() == {}


def test_an_interrupt_anywhere_leaves_no_release_without_its_versions(tmp_path: Path) -> None:
    """Ctrl-C while a release is made: if it stands, no expiry takes what it names."""
    stores: list[atio.Store] = []

    def begin() -> Callable[[], object]:
        stores.append(filled(f"memory://{tmp_path}/{len(stores)}", "a", versions=1))
        return lambda: stores[-1].create_release("one", ["a"])

    stood: set[bool] = set()
    for _ in interrupted_anywhere(begin, releases, store_log, readback):
        table = stores[-1].table("a")
        table.overwrite(rows(2))
        table.expire(**NONE_KEPT)
        stood.add(bool(stores[-1].releases()))
        if stores[-1].releases():
            assert read(stores[-1].at("one"), "a") == [1]
    assert stood == {False, True}


def test_a_damaged_log_is_said(tmp_path: Path) -> None:
    """A release whose entry is damaged, or missing, isn't passed over."""
    store = filled(tmp_path, "a")
    for name in ("one", "two", "three"):
        store.create_release(name, ["a"])
    (entry,) = (tmp_path / "_atio" / "releases").rglob("*-3.json")
    whole = entry.read_bytes()
    entry.write_bytes(whole.replace(b"two", b"owt"))
    with pytest.raises(atio.DamagedError, match="bring the file back"):
        atio.Store(tmp_path).at("one")
    entry.unlink()
    with pytest.raises(atio.DamagedError, match="is missing"):
        atio.Store(tmp_path).at("one")


def test_threads_share_a_store(tmp_path: Path) -> None:
    """One object serves several threads."""
    store = filled(tmp_path, "a")
    threads = [
        threading.Thread(target=store.create_release, args=(f"r {number}", ["a"])) for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.releases()) == 4
