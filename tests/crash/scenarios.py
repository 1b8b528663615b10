"""What is killed, and what loses its power: the kinds of commits and expiries, each with the states it may leave.

The children import this module, so what they run stands at its top level.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from unittest import mock

from atio_core.changes import file_workers
from atio_core.data.writing import writer
from atio_core.errors import StorageError
from atio_core.format import names
from atio_core.model.ids import uuid7
from atio_core.testing import Fault, FaultyStore, refusal
from tests.crash.staged_scenarios import STAGED_SCENARIOS
from tests.crash.tables import (
    Scenario,
    append_rows,
    appended,
    frame,
    local,
    make_pairs,
    pairs,
    table,
    wide,
)
from tests.support.stores import between


def append_first(root: Path) -> None:
    """The first commit of a table."""
    append_rows(root, 1)


def append_third(root: Path) -> None:
    """An append that stays inline."""
    table(root).append(frame(3), idempotency_key="row 3")


def append_in_turn(root: Path) -> None:
    """An append of a writer that has met others."""
    store = local(root)
    store.turns.want()
    table(root, store).append(frame(3), idempotency_key="row 3")


def append_twelfth(root: Path) -> None:
    """An append that begins a bucket, spills a manifest and a list of keys, and merges both."""
    table(root).append(frame(12), idempotency_key="row 12")


def append_files(root: Path) -> None:
    """An append of three data files, written side by side."""
    with mock.patch.multiple(writer, _LEAST_BYTES=8, _WORKERS=3):
        table(root).append(frame(3, 4, 5), idempotency_key="files")


def overwrite(root: Path) -> None:
    """An overwrite by rows of another schema, which lies in a file."""
    table(root).overwrite(wide(9, 8), idempotency_key="overwrite")


def append_wide(root: Path) -> None:
    """A table whose schema lies in a file."""
    table(root).append(wide(1))


def make_tagged(root: Path) -> None:
    """A table with three tags, all but the last of them in a list."""
    append_rows(root, 3)
    for name in ("old", "older", "oldest"):
        table(root).tag(name, 1)


def erase(root: Path) -> None:
    """Rows are erased, with all older versions."""
    table(root).erase([("a", "==", 2)], tags="all")


def make_partitions(root: Path) -> None:
    """A table of four partitions, most of them in manifests."""
    made = table(root)
    for number, name in enumerate("abcd", 1):
        made.overwrite_partitions({name: frame(number)})


def overwrite_partitions(root: Path) -> None:
    """Two partitions are replaced, in several manifests, and one is new."""
    rows = {"b": frame(20), "d": frame(40), "e": frame(50)}
    table(root).overwrite_partitions(rows, idempotency_key="partitions")


def model(root: Path, **files: str) -> Path:
    """A folder with these files."""
    path = root / "model"
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def make_folder(root: Path) -> None:
    """A version of a folder, in which a file has changed since, and one has come."""
    table(root).overwrite(model(root, a="1", b="2"))
    model(root, b="3", c="4")


def overwrite_folder(root: Path) -> None:
    """A folder is written, one of whose files the version before has."""
    table(root).overwrite(model(root), idempotency_key="folder")


def overwrite_value(root: Path) -> None:
    """An object takes the place of rows."""
    table(root).overwrite({"a": 1}, idempotency_key="value")


def make_columns(root: Path) -> None:
    """A table that is partitioned by its column, most of its files in a manifest."""
    table(root).append(frame(1, 2, 3, 4), partition_by=["a"])


def overwrite_columns(root: Path) -> None:
    """One frame replaces a partition and makes two, written side by side."""
    table(root).overwrite_partitions(frame(2, 5, 6, 2), idempotency_key="columns")


def delete(root: Path) -> None:
    """A delete that drops a file and writes two anew, most of them listed in manifests."""
    table(root).delete([("a", "in", [1, 3, 6])], idempotency_key="delete")


def compact(root: Path) -> None:
    """A compaction of files that are listed in manifests."""
    table(root).compact(idempotency_key="compact")


def transact(root: Path) -> None:
    """Two changes as one version, the second of which writes a file of the first anew."""
    with table(root).transaction(idempotency_key="several") as changes:
        changes.append(frame(7, 8))
        changes.delete([("a", "in", [2, 8])])


def upsert(root: Path) -> None:
    """An upsert that writes a file anew, and adds one."""
    table(root).upsert(frame(3, 9), key=["a"], idempotency_key="upsert")


def update(root: Path) -> None:
    """An update that writes files anew, some of them listed in manifests."""
    table(root).update([("a", "in", [1, 6])], set={"a": 0}, idempotency_key="update")


def update_aside(root: Path) -> None:
    """An update that works on two files at a time, as on large ones."""
    with mock.patch.object(file_workers, "_LEAST_BYTES", 8):
        table(root).update([("a", "in", [1, 4, 6])], set={"a": 0}, idempotency_key="update aside")


def overwrite_some(root: Path) -> None:
    """An overwrite of the rows that match, which drops a file, writes one anew and adds one."""
    table(root).overwrite(frame(8, 9), where=[("a", "<", 3)], idempotency_key="some")


def drop(root: Path) -> None:
    """The end of a table."""
    table(root).drop(idempotency_key="drop")


def drop_column(root: Path) -> None:
    """A column less, in a schema that lies in a file."""
    table(root).drop_column(wide(1).column_names[-1], idempotency_key="column")


def restore(root: Path) -> None:
    """A restore of a version whose files lie in a manifest, and whose schema lies in a file."""
    table(root).restore(4, idempotency_key="restore")


def make_restorable(root: Path) -> None:
    """Four versions of wide rows, then rows of another schema."""
    made = table(root)
    for number in range(1, 5):
        made.append(wide(number))
    made.overwrite(frame(7))


def tag(root: Path) -> None:
    """A tag of an old version."""
    table(root).tag("kept", 1)


def tag_into_list(root: Path) -> None:
    """A tag with which those before it move into a new list."""
    table(root).tag("kept", 2)


def expire(root: Path) -> None:
    """Keep the latest version."""
    table(root).expire(keep_last=1, grace=timedelta(0))


def make_old(root: Path) -> None:
    """Nine versions, and leftovers of writers that died long ago in each folder."""
    append_rows(root, 9)
    overwritten = table(root).overwrite(frame(10))
    assert overwritten.version == 10
    _leave_old_files(root)


def make_half_expired(root: Path) -> None:
    """The same, and an expiry that died after its first deletion."""
    make_old(root)
    failing = FaultyStore(local(root), Fault("delete", at=2, error=refusal))
    try:
        table(root, failing).expire(keep_last=1, grace=timedelta(0))
    except StorageError:
        return
    raise AssertionError("the expiry did not die")


def expire_behind_another(root: Path) -> None:
    """An expiry that loses the race against an append, and decides again."""

    def come_between() -> None:
        table(root).append(frame(11), idempotency_key="row 11")

    table(root, between(local(root), come_between)).expire(keep_last=2, grace=timedelta(0))


def append_slowly(root: Path) -> None:
    """An append that creates its entry when that name was taken, and freed again: a stray, which it takes away."""

    def come_between() -> None:
        append_rows(root, 8)
        table(root).expire(keep_last=1, grace=timedelta(0))

    table(root, between(local(root), come_between)).append(frame(50), idempotency_key="slow")


def _leave_old_files(root: Path) -> None:
    store, long_ago = local(root), 1_500_000_000_000_000

    def new_id() -> object:
        return uuid7(lambda: long_ago)

    temporary = f"{names.TEMPORARY}/{new_id()}.tmp"
    for made in (names.manifest_path, names.key_list_path, names.tag_list_path, names.schema_path):
        store.put(made(uuid7(lambda: long_ago)), b"left")
    for name in (temporary, names.data_path((), (), uuid7(lambda: long_ago))):
        store.put(name, b"left")


_TEN = appended(9) | {10: [10]}

SCENARIOS = [
    Scenario("first", lambda _: None, append_first, ({}, appended(1))),
    Scenario("append", lambda root: append_rows(root, 2), append_third, (appended(2), appended(3))),
    Scenario("spill", lambda root: append_rows(root, 11), append_twelfth, (appended(11), appended(12))),
    Scenario(
        "files",
        lambda root: append_rows(root, 2),
        append_files,
        (appended(2), appended(2) | {3: [1, 2, 3, 4, 5]}),
        threads=True,
    ),
    Scenario("in-turn", lambda root: append_rows(root, 2), append_in_turn, (appended(2), appended(3))),
    Scenario(
        "overwrite", lambda root: append_rows(root, 2), overwrite, (appended(2), appended(2) | {3: [9, 8]})
    ),
    Scenario("overwrite-file-schema", append_wide, overwrite, ({1: [1]}, {1: [1], 2: [9, 8]})),
    Scenario(
        "partitions",
        make_partitions,
        overwrite_partitions,
        (appended(4), appended(4) | {5: [1, 3, 20, 40, 50]}),
        threads=True,
    ),
    Scenario(
        "value",
        lambda root: append_rows(root, 2),
        overwrite_value,
        (appended(2), appended(2) | {3: [{"a": 1}]}),
    ),
    Scenario(
        "folder",
        make_folder,
        overwrite_folder,
        (
            {1: [("a", b"1"), ("b", b"2")]},
            {1: [("a", b"1"), ("b", b"2")], 2: [("a", b"1"), ("b", b"3"), ("c", b"4")]},
        ),
        threads=True,
    ),
    Scenario(
        "columns",
        make_columns,
        overwrite_columns,
        ({1: [1, 2, 3, 4]}, {1: [1, 2, 3, 4], 2: [1, 3, 4, 2, 2, 5, 6]}),
        threads=True,
    ),
    Scenario(
        "restore",
        make_restorable,
        restore,
        (appended(4) | {5: [7]}, appended(4) | {5: [7], 6: [1, 2, 3, 4]}),
    ),
    Scenario("delete", make_pairs, delete, (pairs(5), pairs(5) | {6: [2, 2, 4, 4, 5, 5]})),
    Scenario(
        "upsert",
        lambda root: append_rows(root, 5),
        upsert,
        (appended(5), appended(5) | {6: [1, 2, 3, 4, 5, 9]}),
    ),
    Scenario("update", make_pairs, update, (pairs(5), pairs(5) | {6: [0, 2, 2, 3, 3, 4, 4, 5, 5, 0]})),
    Scenario(
        "update-aside",
        make_pairs,
        update_aside,
        (pairs(5), pairs(5) | {6: [0, 2, 2, 3, 3, 0, 0, 5, 5, 0]}),
        threads=True,
    ),
    Scenario(
        "overwrite-some",
        make_pairs,
        overwrite_some,
        (pairs(5), pairs(5) | {6: [3, 3, 4, 4, 5, 5, 6, 8, 9]}),
    ),
    Scenario("drop", lambda root: append_rows(root, 5), drop, (appended(5), appended(5) | {6: []})),
    Scenario("drop-column", append_wide, drop_column, ({1: [1]}, {1: [1], 2: [1]})),
    Scenario("compact", make_pairs, compact, (pairs(5),)),
    Scenario(
        "transaction",
        lambda root: append_rows(root, 5),
        transact,
        (appended(5), appended(5) | {6: [1, 3, 4, 5, 7]}),
    ),
    Scenario("tag", lambda root: append_rows(root, 7), tag, (appended(7),), protected=(1,)),
    Scenario("tag-list", make_tagged, tag_into_list, (appended(3),), protected=(1, 2)),
    Scenario("expire", make_old, expire, (_TEN, {10: [10]})),
    Scenario("expire-again", make_half_expired, expire, ({10: [10]},)),
    Scenario(
        "expire-rebased",
        make_old,
        expire_behind_another,
        (_TEN, _TEN | {11: [10, 11]}, {10: [10], 11: [10, 11]}),
    ),
    Scenario(
        "erase",
        make_tagged,
        erase,
        (appended(3), appended(3) | {7: [1, 3]}, {7: [1, 3]}),
    ),
    Scenario(
        "stray",
        lambda root: append_rows(root, 2),
        append_slowly,
        (
            *(appended(count) for count in range(2, 9)),
            {8: appended(8)[8]},
            {8: appended(8)[8], 10: [*appended(8)[8], 50]},
        ),
    ),
    *STAGED_SCENARIOS,
]
