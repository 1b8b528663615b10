from __future__ import annotations

import inspect
from pathlib import Path

import pyarrow as pa
import pytest

from atio_core.cli.app import COMMANDS, app
from atio_core.cli.exits import Exit
from atio_core.store import Store
from atio_core.table import Table
from tests.atio_core.cli.conftest import Atio

GROUPS = {
    "tag": ["set", "list", "remove"],
    "retention": ["show", "set", "remove"],
    "release": ["create", "list", "read", "drop"],
}
EACH = [
    (name, *more)
    for name in COMMANDS
    for more in ([(one,) for one in GROUPS[name]] if name in GROUPS else [()])
]

# What each public method of a table and of a store is on the command line; or why it isn't.
_DATA = "its data comes from a program"
_PROGRAM = "only within a program"
VERBS = {
    "append": _DATA,
    "copy_to": _PROGRAM,
    "io_stats": "a program's own requests",
    "export": ("export",),
    "import_": ("import",),
    "to_delta": ("to-delta",),
    "to_iceberg": ("to-iceberg",),
    "overwrite": _DATA,
    "overwrite_partitions": _DATA,
    "upsert": _DATA,
    "update": _DATA,
    "delete": "rows are deleted by programs, which know why",
    "commit": _DATA,
    "stage": _DATA,
    "staged": _DATA,
    "publish": "checks decide, and they are a program's",
    "drop_staged": "checks decide, and they are a program's",
    "transaction": _PROGRAM,
    "rename_column": "the schema belongs to the programs that write",
    "move_column": "the schema belongs to the programs that write",
    "drop_column": "the schema belongs to the programs that write",
    "set_key": "the schema belongs to the programs that write",
    "exists": ("log",),
    "path": ("log",),
    "history": ("log",),
    "snapshot": ("show",),
    "read": ("read",),
    "scan": ("read",),
    "download": ("read",),
    "tag": ("tag", "set"),
    "tags": ("tag", "list"),
    "untag": ("tag", "remove"),
    "restore": ("restore",),
    "expire": ("expire",),
    "expire_all": ("expire",),
    "set_retention": ("retention", "set"),
    "retention": ("retention", "show"),
    "set_grace": ("retention", "set"),
    "grace": ("retention", "show"),
    "verify": ("verify",),
    "repair": ("repair",),
    "compact": ("compact",),
    "diff": ("diff",),
    "changes": "its readers are programs, which keep a cursor",
    "du": ("du",),
    "erase": ("erase",),
    "drop": ("drop",),
    "table": ("ls",),
    "tables": ("ls",),
    "create_release": ("release", "create"),
    "releases": ("release", "list"),
    "at": ("release", "read"),
    "drop_release": ("release", "drop"),
    "write_page": ("ui",),
    "pin": _PROGRAM,
    "pinned": _PROGRAM,
    "pins": _PROGRAM,
    "unpin": _PROGRAM,
}


def names_of(kind: type) -> list[str]:
    """The public names of a class."""
    return [name for name, _ in inspect.getmembers(kind) if not name.startswith("_")]


@pytest.mark.parametrize("kind", [Table, Store], ids=lambda kind: kind.__name__)
def test_each_verb_has_a_command_or_a_reason(kind: type) -> None:
    """What a program can do with a table or a store, the command line can, but for what is listed with its reason."""
    for name in names_of(kind):
        assert isinstance(VERBS[name], str) or VERBS[name] in EACH, name


def test_no_verb_is_listed_that_is_not_there() -> None:
    """The list of verbs has none that was renamed or removed."""
    assert set(VERBS) == {*names_of(Table), *names_of(Store)}


@pytest.mark.parametrize("command", EACH, ids=" ".join)
def test_each_command_has_json_and_help(atio: Atio, command: tuple[str, ...]) -> None:
    """Every command tells what it is for and what it takes, and can print JSON."""
    done = atio(*command, "--help")
    assert done.code == 0
    assert "--json" in done.out


@pytest.mark.parametrize(
    "command",
    [("expire",), ("repair",), ("drop",), ("erase",), ("tag", "remove"), ("release", "drop")],
    ids=" ".join,
)
def test_what_removes_can_be_tried_and_asks(atio: Atio, command: tuple[str, ...]) -> None:
    """Whatever removes something has a dry run, and a way not to be asked."""
    shown = atio(*command, "--help").out
    assert "--dry-run" in shown
    assert "--yes" in shown


def test_the_groups_are_these() -> None:
    """Each command of a group is known here, and so tested."""
    for name, place in COMMANDS.items():
        assert place.endswith(":app") == (name in GROUPS)
    for name, inside in GROUPS.items():
        assert set(app[name].resolved_commands()) - {"--help", "-h"} == set(inside)


def test_log_lists_the_history(atio: Atio, flights: Path) -> None:
    """`log` lists versions, the newest first, with what they changed, their tags and messages."""
    atio("tag", "set", flights, "q1", 2)
    lines = atio("log", flights).out.splitlines()
    assert len(lines) == 4
    assert lines[2].split()[0] == "2"
    assert lines[2].endswith("[q1] day 2")
    newest = atio("log", flights, "--limit", 1, "--json").json
    assert [(one["version"], one["added"]["rows"], one["message"]) for one in newest] == [(3, 2, "day 3")]


def test_ls_lists_the_tables_of_a_store(atio: Atio, flights: Path) -> None:
    """`ls` lists the tables below a folder, with version, time, rows and bytes; dropped ones if asked for."""
    store = flights.parents[1]
    Table(store / "gone").append(pa.table({"a": [1]}))
    Table(store / "gone").drop()
    (line,) = atio("ls", store, "--json").json
    snapshot = Table(flights).snapshot()
    assert (line["name"], line["version"], line["rows"], line["bytes"]) == (
        "raw/flights",
        3,
        6,
        snapshot.bytes,
    )
    assert atio("ls", store, "--dropped").out.splitlines()[1].split() == ["gone", "dropped"]


def test_ls_goes_on_after_a_table_that_is_damaged(atio: Atio, flights: Path) -> None:
    """A table that can't be read doesn't hide the others; the exit code tells of it."""
    store = flights.parents[1]
    broken = Table(store / "broken")
    broken.append(pa.table({"a": [1]}))
    (entry,) = (store / "broken" / "_atio" / "log").rglob("*1.json")
    entry.write_bytes(b"?")
    done = atio("ls", store, "--json")
    assert done.code == 1
    assert [(one["name"], one.get("error")) for one in done.json] == [
        ("broken", "damaged"),
        ("raw/flights", None),
    ]


def test_ls_says_what_a_path_is_instead(atio: Atio, flights: Path, tmp_path: Path) -> None:
    """A table isn't taken for an empty store, nor is a folder that isn't there."""
    assert (atio("ls", flights).code, atio("ls", tmp_path / "nothing").code) == (2, 3)
    assert "is a table" in atio("ls", flights).err


def test_show_tells_all_of_a_version(atio: Atio, tmp_path: Path) -> None:
    """`show` tells what made a version and what it holds, its layout, tags, properties and files."""
    table = Table(tmp_path / "t")
    table.append(
        pa.table({"k": [1, 2], "p": ["a", "b"]}), key=["k"], partition_by=["p"], properties={"run": "7"}
    )
    table.tag("first")
    told = atio("show", tmp_path / "t", "--files")
    for text in ("append", "2 rows in 2 files", "first", "property run", "partitioned by", "data/"):
        assert text in told.out, text
    found = atio("show", tmp_path / "t", "--files", "--json").json
    assert (found["key"], found["partitioned_by"], found["properties"]) == (["k"], ["p"], {"run": "7"})
    assert [file["rows"] for file in found["data_files"]] == [1, 1]


def test_schema_lists_the_columns(atio: Atio, tmp_path: Path) -> None:
    """`schema` lists columns with their types, and what holds of them."""
    Table(tmp_path / "t").append(
        pa.table({"k": [1], "p": ["a"]}), key=["k"], partition_by=["p"], sort_by=["k"]
    )
    lines = atio("schema", tmp_path / "t").out.splitlines()
    assert [line.split(maxsplit=2) for line in lines[1:]] == [
        ["k", "int64", "key, not null, sorted by"],
        ["p", "string", "partitioned by"],
    ]
    assert [one["column"] for one in atio("schema", tmp_path / "t", "--json").json] == ["k", "p"]


def test_tags_are_set_moved_and_removed(atio: Atio, flights: Path) -> None:
    """A tag is set, with an end if it has one, moved by --force alone, and removed."""
    assert atio("tag", "set", flights, "x", -2, "--until", "2100-01-01T00:00+01:00").code == 0
    assert atio("tag", "set", flights, "x", 1).code == 4
    assert atio("tag", "set", flights, "x", 1, "--force").code == 0
    assert atio("tag", "list", flights, "--json").json == [{"tag": "x", "version": 1, "until": None}]
    assert atio("tag", "remove", flights, "x", "--dry-run").code == 0
    assert atio("tag", "remove", flights, "x").code == 4
    assert Table(flights).tags() == {"x": 1}
    assert atio("tag", "remove", flights, "x", "--yes").code == 0
    assert atio("tag", "remove", flights, "x", "--yes").code == 3


def test_restore_brings_an_old_version_back(atio: Atio, flights: Path) -> None:
    """`restore` makes an old version the latest; with another latest than expected it is refused."""
    assert atio("restore", flights, 1, "--message", "back", "--json").json["rows"] == 2
    assert Table(flights).snapshot().message == "back"
    assert atio("restore", flights, -2, "--expected-version", 3).code == 4
    assert atio("restore", flights, 99).code == 3


def test_expire_goes_by_rules_or_by_the_policy(atio: Atio, flights: Path) -> None:
    """`expire` needs a rule or a policy; it removes only if that is confirmed, and a dry run removes nothing."""
    assert atio("expire", flights, "--yes").code == 2
    asked = atio("expire", flights, "--keep-last", 2)
    assert (asked.code, "add --yes" in asked.err, "would be removed" in asked.err) == (4, True, True)
    assert [
        one["version"]
        for one in atio("expire", flights, "--keep-last", 1, "--dry-run", "--json").json["removed"]
    ] == [
        1,
        2,
    ]
    assert len(Table(flights).history()) == 3
    assert atio("retention", "set", flights, "--keep-last", 2).code == 0
    assert [one["version"] for one in atio("expire", flights, "--yes", "--json").json["removed"]] == [1]
    assert atio("expire", flights).code == 0, "nothing would go, so nobody is asked"


def test_expire_cleans_a_whole_store(atio: Atio, flights: Path) -> None:
    """`expire --all` cleans all tables, by the store's policy where a table has none, and goes on after a failure."""
    store = flights.parents[1]
    Table(store / "broken").append(pa.table({"a": [1]}))
    (entry,) = (store / "broken" / "_atio" / "log").rglob("*1.json")
    entry.write_bytes(b"?")
    assert atio("retention", "set", "--all", store, "--keep-last", 1).code == 0
    done = atio("expire", "--all", store, "--yes", "--json")
    assert done.code == 1
    assert (len(done.json["tables"]["raw/flights"]["removed"]), list(done.json["failures"])) == (
        2,
        ["broken"],
    )


def test_a_policy_is_set_shown_and_removed(atio: Atio, flights: Path) -> None:
    """`retention` gives a table or a store a policy, shows it exactly, and takes it away."""
    assert atio("retention", "show", flights, "--json").json["retention"] is None
    assert atio("retention", "set", flights).code == 2
    told = atio("retention", "set", flights, "--keep-for", "1d 12h", "--keep-weekly", 4)
    assert told.out.endswith(": keep for 36 hours, weekly 4; grace 1 hour\n")
    shown = atio("retention", "show", flights, "--json").json["retention"]
    assert shown == {"keep_for_us": 36 * 3600 * 10**6, "keep_weekly": 4}
    assert atio("retention", "remove", flights).code == 4
    assert atio("retention", "remove", flights, "--yes").code == 0
    assert Table(flights).retention() is None
    assert atio("retention", "set", flights, "--keep-for", "soon").code == 2


def test_a_grace_period_is_set_and_shown(atio: Atio, flights: Path) -> None:
    """`retention set --grace` gives a table one, with a policy or alone; a store has none."""
    assert atio("retention", "show", flights, "--json").json["grace_us"] == 3600 * 10**6
    told = atio("retention", "set", flights, "--keep-last", 2, "--grace", "1d")
    assert told.out.endswith(": keep last 2; grace 1 day\n")
    assert atio("retention", "set", flights, "--grace", "0s").code == 0
    shown = atio("retention", "show", flights, "--json").json
    assert (shown["retention"], shown["grace_us"]) == ({"keep_last": 2}, 0)
    refused = atio("retention", "set", "--all", flights.parents[1], "--grace", "1d")
    assert (refused.code, "a store has no grace period" in refused.err) == (2, True)
    assert atio("retention", "show", "--all", flights.parents[1]).out.endswith(": none\n")


def test_verify_ends_with_one_if_there_is_damage(atio: Atio, flights: Path) -> None:
    """`verify` ends with 0 if all is whole, and with 1 and the file's name if it isn't."""
    assert atio("verify", flights, "--all", "--values").code == 0
    (file,) = Table(flights).snapshot(1).data_files()
    data = bytearray((flights / file.path).read_bytes())
    data[10] ^= 1
    (flights / file.path).write_bytes(data)
    assert atio("verify", flights, "--quick").code == 0
    done = atio("verify", flights)
    assert (done.code, file.path in done.out) == (1, True)
    assert atio("verify", flights, "--json").json["problems"][0]["path"] == file.path
    assert atio("read", flights).code == 1
    done = atio("verify", flights.parents[1], "--store", "--json")
    assert (done.code, done.json["ok"]) == (1, False)


def test_compact_merges_files(atio: Atio, flights: Path) -> None:
    """`compact` makes few files of many, also sorted; the version stays."""
    assert atio("compact", flights, "--json").json["files"] == 1
    assert "nothing to merge" in atio("compact", flights).out
    assert atio("compact", flights, "--sort-by", "flight").code == 0
    assert [row["flight"] for row in atio("head", flights, "--json").json][:2] == ["AA1", "AA2"]
    assert atio("compact", flights, "--sort-by", "nothing").code == 2


def test_a_release_is_made_read_and_dropped(atio: Atio, flights: Path) -> None:
    """A release names versions of tables, is read, listed and dropped."""
    store = flights.parents[1]
    Table(store / "report").append(pa.table({"a": [1]}))
    made = atio(
        "release",
        "create",
        store,
        "january",
        "raw/flights=1",
        "report",
        "--message",
        "looked through",
        "--json",
    )
    assert made.json["tables"] == {"raw/flights": 1, "report": 1}
    assert len(atio("release", "read", store, "january", "raw/flights", "--json").json) == 2
    assert [one["name"] for one in atio("release", "list", store, "--json").json] == ["january"]
    assert atio("release", "create", store, "january", "report").code == 4
    assert atio("release", "drop", store, "january").code == 4
    assert atio("release", "drop", store, "january", "--dry-run").code == 0
    assert atio("release", "drop", store, made.json["number"], "--yes").code == 0
    assert atio("release", "read", store, "january", "report").code == 3


def test_drop_ends_a_table(atio: Atio, flights: Path) -> None:
    """`drop` ends a table if that is confirmed, and says how to bring it back."""
    assert atio("drop", flights).code == 4
    assert atio("drop", flights, "--dry-run", "--json").json["version"] is None
    done = atio("drop", flights, "--yes")
    assert f"atio restore {flights} 3" in done.out
    assert atio("read", flights).code == 3
    assert atio("restore", flights, 3).code == 0
    assert atio("read", flights).code == 0


def test_diff_tells_what_changed(atio: Atio, flights: Path) -> None:
    """`diff` tells how many rows came and went, and prints them; a difference gives the code 1."""
    assert atio("diff", flights, 3, "latest").code == 0
    done = atio("diff", flights, 1, "--json")
    assert (done.code, done.json["rows_added"], done.json["rows_removed"]) == (1, 4, 0)
    rows = atio("diff", flights, 1, 2, "--rows", "added", "--json").json
    assert [row["flight"] for row in rows] == ["UA2", "AA2"]
    changed = atio("diff", flights, 1, 2, "--key", "flight", "--rows", "changed", "--to", "csv")
    assert len(changed.out.splitlines()) == 1
    assert "2 rows" in atio("diff", flights, -2).out


def test_du_tells_what_versions_take(atio: Atio, flights: Path) -> None:
    """`du` tells how much each version holds alone, and how much they share."""
    assert len(atio("du", flights).out.splitlines()) == 5
    assert [line["version"] for line in atio("du", flights, "--json").json["versions"]] == [1, 2, 3]


def test_repair_mends_what_it_can(atio: Atio, flights: Path) -> None:
    """`repair` tells what it would do, does it if that is confirmed, and ends with 1 as long as damage is left."""
    assert atio("repair", flights).code == 0, "nothing is to be done, so nobody is asked"
    (newest,) = {file.path for file in Table(flights).snapshot(3).data_files()} - {
        file.path for file in Table(flights).snapshot(2).data_files()
    }
    (flights / newest).write_bytes(b"?")
    tried = atio("repair", flights, "--dry-run", "--json")
    assert (tried.code, tried.json["restored"], tried.json["dry_run"]) == (1, 2, True)
    asked = atio("repair", flights)
    assert (asked.code, "add --yes" in asked.err) == (4, True)
    assert len(Table(flights).history()) == 3
    done = atio("repair", flights, "--yes", "--json")
    assert (done.json["restored"], done.json["ok"]) == (2, True)
    assert len(atio("read", flights, "--json").json) == 4


def test_export_copies_the_versions_chosen(atio: Atio, flights: Path, tmp_path: Path) -> None:
    """All of them, some by their numbers, or the latest alone; what is there already is left alone."""
    for number, (options, versions) in enumerate(
        [((), [3, 2, 1]), (("--version", 1, "--version", 3), [3, 1]), (("--latest",), [3])]
    ):
        copy = tmp_path / f"copy {number}"
        assert atio("export", flights, copy, *options, "--json").json["versions"] == versions[::-1]
        assert [found.version for found in Table(copy).history()] == versions
    assert atio("export", flights, tmp_path / "copy 0").code == Exit.REFUSED


def test_migrate_takes_over_what_others_wrote(atio: Atio, tmp_path: Path) -> None:
    """A table of the predecessor's with its history; twice changes nothing, and a folder that holds none is refused."""
    old = Path(__file__).parents[2] / "migrate" / "tables" / "atio-3.1.0"
    first = next(path for path in sorted(old.iterdir()) if path.is_dir())
    done = atio("migrate", first, tmp_path / "new", "--json")
    assert done.code == 0, done.err
    assert done.json["written"] == len(done.json["versions"]) > 0
    assert len(Table(tmp_path / "new").history()) == done.json["written"]
    assert "0 versions taken over now" in atio("migrate", first, tmp_path / "new").out
    (tmp_path / "empty").mkdir()
    assert atio("migrate", tmp_path / "empty", tmp_path / "other").code == Exit.USAGE


def test_to_delta_shows_a_version_to_others(atio: Atio, flights: Path) -> None:
    """The latest, one that is named, or all; said in a sentence or as JSON; what can't be carried is refused."""
    assert atio("to-delta", flights, "--json").json["versions"] == [3]
    assert atio("to-delta", flights).out.startswith(f"{flights} shows already version 3 of ")
    assert atio("to-delta", flights, "--version", "-3", "--json").json["versions"] == [1]
    assert atio("to-delta", flights, "--history", "--json").json["versions"] == [1, 2, 3]
    assert atio("to-delta", flights.parent / "none").code == Exit.NOT_THERE
    Table(flights).rename_column("fare", "price")
    done = atio("to-delta", flights)
    assert (done.code, "column 'price'" in done.err) == (Exit.USAGE, True)


def test_to_iceberg_shows_a_version_to_others(atio: Atio, flights: Path) -> None:
    """The latest, one that is named, or all; it tells which file readers are given."""
    made = atio("to-iceberg", flights, "--json").json
    assert (made["versions"], Path(made["location"]).is_file()) == ([3], True)
    assert atio("to-iceberg", flights).out.startswith(f"{made['location']} shows already version 3 of ")
    assert atio("to-iceberg", flights, "--version", "-3", "--json").json["versions"] == [1]
    assert atio("to-iceberg", flights, "--history", "--json").json["versions"] == [1, 2, 3]


def test_a_table_is_exported_and_imported(atio: Atio, flights: Path, tmp_path: Path) -> None:
    """`export` puts a table into a folder or one file, `import` takes it over; what was tampered with is refused."""
    for target in ("copy", "copy.tar"):
        exported = atio("export", flights, tmp_path / target, "--version", 1, "--version", 3, "--json").json
        assert exported["versions"] == [1, 3]
        done = atio("import", tmp_path / target, tmp_path / f"of-{target}")
        assert (done.code, done.out.startswith(f"Copied {tmp_path / target} to ")) == (0, True)
        assert [one.version for one in Table(tmp_path / f"of-{target}").history()] == [3, 1]
    (tmp_path / "copy.tar").write_bytes((tmp_path / "copy.tar").read_bytes()[:-9_000])
    assert atio("import", tmp_path / "copy.tar", tmp_path / "new").code == Exit.FOUND
    assert atio("import", tmp_path / "no.tar", tmp_path / "new").code == Exit.NOT_THERE
    assert atio("import", "memory://x", tmp_path / "new").code == Exit.USAGE
