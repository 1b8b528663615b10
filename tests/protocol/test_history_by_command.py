"""Whatever is done to tables by commands comes out as by the API: each verb, on tables with long random histories.

Two stores go through one history: what writes rows is a program's in both, every other verb is a command in one of
them. Then both tell the same, and commands tell of either what the API does.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import atio_core as atio
from atio_core.cli.exits import exit_of
from atio_core.cli.version_json import version_json
from atio_core.errors import AtioError
from atio_core.retention import Retention
from atio_core.snapshot import Snapshot
from atio_core.store import Store
from atio_core.table import Table
from atio_core.testing import temporary_folder
from tests.support.command import Told, command

NAMES = ("one", "two")
names = st.sampled_from(NAMES)
tags = st.sampled_from(["t", "u"])
releases = st.sampled_from(["r", "s"])
versions = st.integers(-3, 30) | tags | st.just("latest")
values = st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)
VARYING = {"table", "time", "bytes", "files_removed", "bytes_removed", "path", "own_bytes", "shared_bytes"}


def frame(ids: list[int]) -> pa.Table:
    """Rows with a key and a text."""
    return pa.table({"id": pa.array(ids, pa.int64()), "text": [f"t{one}" for one in ids]})


def rows(table: Table, version: Any = None) -> list[dict[str, Any]]:
    """The rows of a version, as JSON has them."""
    return table.snapshot(version).read("arrow").to_pylist()


class Commands(RuleBasedStateMachine):
    """Two stores, one of which is looked after by commands."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(temporary_folder()))
        self.api, self.cli = (Store(self.folder / name) for name in ("api", "cli"))
        self.exports = 0

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.stack.close()

    def table(self, name: str) -> Table:
        """The table that programs look after."""
        return self.api.table(name)

    def path(self, name: str) -> str:
        """Where the table lies that commands look after."""
        return self.cli.table(name).path

    def both(self, act: Callable[[Table], Any], name: str) -> None:
        """Let a program do something to both."""
        for store in (self.api, self.cli):
            act(store.table(name))

    def same(self, act: Callable[[], Any], *tokens: object) -> tuple[Any, Told] | None:
        """Do something by the API and by a command: both do it, or both refuse it for the same kind of reason."""
        try:
            done = act()
        except AtioError as error:
            told = command(*tokens)
            assert told.code == exit_of(error), (tokens, told, error)  # noqa: PT017 - it may also be done
            return None
        told = command(*tokens)
        assert told.code in {0, 1}, (tokens, told)
        return done, told

    @initialize(name=names, ids=values)
    def begin(self, name: str, ids: list[int]) -> None:
        """There is a table, perhaps taken over from files."""
        old = self.folder / "old"
        old.mkdir()
        pq.write_table(frame(ids), old / "rows.parquet")
        assert self.same(
            functools.partial(atio.migrate, old, self.table(name)), "migrate", old, self.path(name)
        )

    # What programs do

    @rule(name=names, ids=values, message=st.sampled_from([None, "once", "twice"]))
    def append(self, name: str, ids: list[int], message: str | None) -> None:
        """Add rows."""
        self.both(lambda table: table.append(frame(ids), message=message), name)

    @rule(name=names, ids=values)
    def overwrite(self, name: str, ids: list[int]) -> None:
        """Replace all rows."""
        self.both(lambda table: table.overwrite(frame(ids)), name)

    @rule(name=names, one=st.integers(0, 5))
    def delete(self, name: str, one: int) -> None:
        """Delete rows."""
        self.both(lambda table: table.exists() and table.delete([("id", "==", one)]), name)

    # What commands do

    @rule(name=names, tag=tags, version=versions, force=st.booleans())
    def tag(self, name: str, tag: str, version: int | str, *, force: bool) -> None:
        """Name a version."""
        forced = ["--force"] if force else []
        act = functools.partial(self.table(name).tag, tag, version, force=force)
        self.same(act, "tag", "set", self.path(name), tag, version, *forced)

    @rule(name=names, tag=tags)
    def untag(self, name: str, tag: str) -> None:
        """Take a name away."""
        self.same(lambda: self.table(name).untag(tag), "tag", "remove", self.path(name), tag, "--yes")

    @rule(name=names, version=st.integers(-3, 30) | tags)
    def restore(self, name: str, version: int | str) -> None:
        """Make an old version the latest again."""
        self.same(lambda: self.table(name).restore(version), "restore", self.path(name), version)

    @rule(name=names)
    def drop(self, name: str) -> None:
        """End a table."""
        self.same(self.table(name).drop, "drop", self.path(name), "--yes")

    @rule(name=names)
    def compact(self, name: str) -> None:
        """Merge files."""
        self.same(self.table(name).compact, "compact", self.path(name))

    @rule(name=names, last=st.integers(1, 4))
    def expire(self, name: str, last: int) -> None:
        """Let versions go; the dry run before tells the same."""
        tokens = ["expire", self.path(name), "--keep-last", last, "--grace", "0s", "--json"]
        rules = {"keep_last": last, "grace": timedelta(0)}
        planned = self.same(lambda: self.table(name).expire(dry_run=True, **rules), *tokens, "--dry-run")
        done = self.same(lambda: self.table(name).expire(**rules), *tokens, "--yes")
        for one in filter(None, (planned, done)):
            assert [line["version"] for line in one[1].json["removed"]] == [
                line.version for line in one[0].removed
            ]
            assert [line["reasons"] for line in one[1].json["kept"]] == [
                list(_unnumbered(line.reasons, told["reasons"]))
                for line, told in zip(one[0].kept, one[1].json["kept"], strict=True)
            ]

    @rule(last=st.integers(1, 4))
    def expire_all(self, last: int) -> None:
        """Let versions of all tables go."""
        self.api.expire_all(keep_last=last)
        assert command("expire", self.cli.path, "--all", "--keep-last", last, "--yes").code == 0

    @rule(name=names, last=st.none() | st.integers(1, 4))
    def retain(self, name: str, last: int | None) -> None:
        """Give a table a policy, or take it away."""
        policy = None if last is None else Retention(keep_last=last)
        does = (
            ["remove", self.path(name), "--yes"]
            if last is None
            else ["set", self.path(name), "--keep-last", last]
        )
        self.same(lambda: self.table(name).set_retention(policy), "retention", *does)

    @rule(release=releases, chosen=st.lists(names, min_size=1, unique=True))
    def release(self, release: str, chosen: list[str]) -> None:
        """Name a version of each of several tables."""
        self.same(
            lambda: self.api.create_release(release, chosen),
            "release",
            "create",
            self.cli.path,
            release,
            *chosen,
        )

    @rule(release=releases)
    def end_release(self, release: str) -> None:
        """End a release."""
        act = functools.partial(self.api.drop_release, release)
        self.same(act, "release", "drop", self.cli.path, release, "--yes")

    @rule(name=names, one=st.integers(0, 5), tag=tags)
    def erase(self, name: str, one: int, tag: str) -> None:
        """Let rows vanish, if nothing stands in the way but a tag that is named."""
        act = functools.partial(self.table(name).erase, [("id", "==", one)], tags=[tag])
        done = self.same(
            act, "erase", self.path(name), "--where", f"id = {one}", "--tag", tag, "--yes", "--json"
        )
        if done is not None:
            assert (done[1].json["rows"], done[1].json["versions"]) == (done[0].rows, list(done[0].versions))

    @rule(name=names, suffix=st.sampled_from(["", ".tar"]))
    def carry(self, name: str, suffix: str) -> None:
        """Put a table elsewhere, and go on with what is taken over from there."""
        self.exports += 1
        places = [self.folder / f"{kind}-{self.exports}{suffix}" for kind in ("api", "cli")]
        if not self.same(lambda: self.table(name).export(places[0]), "export", self.path(name), places[1]):
            return
        for store in (self.api, self.cli):
            if store.releases():
                return  # they would name another table
        for store in (self.api, self.cli):
            shutil.rmtree(store.table(name).path)
        act = functools.partial(self.table(name).import_, places[0])
        assert self.same(act, "import", places[1], self.path(name))

    # What commands tell

    @rule(name=names, version=versions)
    def read(self, name: str, version: int | str) -> None:
        """Rows and facts of a version."""
        which = ["--tag", version] if version in ("t", "u") else ["--version", version]
        read = self.same(lambda: rows(self.table(name), version), "read", self.path(name), *which, "--json")
        assert read is None or read[1].json == read[0]
        shown = self.same(
            lambda: self.table(name).snapshot(version), "show", self.path(name), *which, "--json"
        )
        assert shown is None or _plain(shown[1].json).items() >= _told(shown[0]).items()

    @rule(name=names, before=versions, after=versions)
    def diff(self, name: str, before: int | str, after: int | str) -> None:
        """What two versions differ in."""
        act = functools.partial(self.table(name).diff, before, after, ["id"])
        found = self.same(act, "diff", self.path(name), before, after, "--key", "id", "--json")
        if found is not None:
            keys = ("equal", "rows_added", "rows_removed", "rows_changed", "columns_changed", "schema")
            expected = found[0].to_dict()
            assert {key: found[1].json[key] for key in keys} == {key: expected[key] for key in keys}
            assert (found[1].code == 0) == found[0].equal

    @rule(name=names)
    def look_after(self, name: str) -> None:
        """Whether it is whole, what it takes, and a page of it."""
        assert not (
            verified := self.same(lambda: self.table(name).verify("all"), "verify", self.path(name), "--all")
        ) or (verified[1].code == 0)
        used = self.same(self.table(name).du, "du", self.path(name), "--json")
        assert used is None or [one["version"] for one in used[1].json["versions"]] == [
            one.version for one in used[0].versions
        ]
        repaired = self.same(self.table(name).repair, "repair", self.path(name), "--dry-run", "--json")
        assert repaired is None or repaired[1].json["version"] is None
        page = self.folder / "page.html"
        self.same(lambda: self.table(name).write_page(page), "ui", self.path(name), "--output", page)

    @invariant()
    def both_tell_the_same(self) -> None:
        """The histories, tags and releases of both are the same, and commands tell them."""
        assert [one["name"] for one in command("ls", self.cli.path, "--json").json] == self.api.tables()
        told = command("release", "list", self.cli.path, "--json").json
        assert [(one["number"], one["name"], one["tables"]) for one in told] == [
            (one.number, one.name, dict(one.tables)) for one in self.api.releases()
        ]
        for name in self.api.tables(dropped=True):
            table = self.table(name)
            told = command("log", self.path(name), "--json").json
            assert list(map(_plain, told)) == list(map(_told, table.history()))
            marked = command("tag", "list", self.path(name), "--json").json
            assert [(_public(one["tag"]), one["version"]) for one in marked] == [
                (_public(tag), int(version)) for tag, version in table.tags().items()
            ]


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    """What is the same in both stores."""
    facts = {name: fact for name, fact in told.items() if name not in VARYING}
    for name in ("added", "removed"):
        facts[name] = facts[name]["rows"]
    return facts | {"tags": list(map(_public, facts["tags"]))}


def _told(snapshot: Snapshot) -> dict[str, Any]:
    return _plain(version_json(snapshot))


def _public(tag: str) -> str:
    """A tag, without what is random in that of a release."""
    return tag.rpartition("-")[0] if tag.startswith("release/") else tag


def _unnumbered(reasons: tuple[str, ...], told: list[str]) -> list[str]:
    """The reasons; those that name a release, whose tag is random, as they were told."""
    return [
        other if one.startswith("tag release/") and other.startswith("tag release/") else one
        for one, other in zip(reasons, told, strict=True)
    ]


class TestCommands(Commands.TestCase):
    """Each verb comes to the same by the API and by the command line."""

    settings = settings(max_examples=6, stateful_step_count=40)
