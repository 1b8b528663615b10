# pyright: reportCallIssue=false, reportArgumentType=false, reportOptionalMemberAccess=false
# ^ pandas' stubs know its usual arguments only; objects are there where they are looked at
from __future__ import annotations

import collections
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given

import atio_core as atio
from atio_core.data.schema.conform import field_id
from atio_core.errors import DuplicateKeyError, InvalidInputError, VersionExpiredError, VersionNotFoundError
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SMALL
from tests.support.stores import CountingStore
from tests.support.table_histories import Content, Step, content_of, plain, play, rows_of, steps


def table(*frames: Any) -> Table:
    """Return a new table to which frames were appended."""
    made = Table(store=MemoryStore("t"), limits=SMALL)
    for frame in frames:
        made.append(frame)
    return made


def as_bag(rows: pa.Table, schema: pa.Schema, types: dict[int, Any]) -> collections.Counter[Any]:
    """Return rows of a version, as often as each is there, as the columns of another version show them."""
    ids = [field_id(field) or 0 for field in schema]
    found = rows_of(rows, ids)
    return collections.Counter(
        tuple((number, plain(row.get(number), t)) for number, t in types.items()) for row in found
    )


@given(steps)
def test_a_difference_is_that_of_the_bags_of_rows(chosen: list[Step]) -> None:
    """Between any two versions, rows added and removed are those of one bag that the other lacks."""
    made = play(chosen)
    snapshots = made.history()
    for one, other in itertools.product(snapshots[:4], snapshots[:4]):
        before, after = content_of(one), content_of(other)
        old, new = before.bag(after.types), after.bag(after.types)
        diff = made.diff(one.version, other.version)
        assert (diff.rows_removed, diff.rows_added) == ((old - new).total(), (new - old).total())
        assert as_bag(diff.removed("arrow"), one.schema, after.types) == old - new
        assert as_bag(diff.added("arrow"), other.schema, after.types) == new - old
        assert set(map(str, diff.schema.added)) == {
            other.schema.field(at).name for at, number in enumerate(after.types) if number not in before.types
        }
        assert diff.equal == (old == new and not diff.schema)


@given(steps)
def test_with_a_key_rows_change(chosen: list[Step]) -> None:
    """With a primary key, a row is known by it: what has other values under the same key has changed, by columns."""
    made = play(chosen, key=True)
    snapshots = made.history()
    for one, other in itertools.product(snapshots[:3], snapshots[:3]):
        before, after = content_of(one), content_of(other)
        if one.key == other.key == ("id",) and before.types.keys() >= {1} and after.types.keys() >= {1}:
            _check_changed(made.diff(one.version, other.version, ["id"]), before, after)


def _check_changed(diff: Any, before: Content, after: Content) -> None:
    old, new = (
        {
            row[1]: {number: plain(row.get(number), t) for number, t in after.types.items()}
            for row in content.rows
        }
        for content in (before, after)
    )
    both = [key for key in new if key in old]
    changed = [key for key in both if old[key] != new[key]]
    assert (diff.rows_removed, diff.rows_added) == (len(old) - len(both), len(new) - len(both))
    assert diff.rows_changed == len(changed)
    counts = [sum(old[key][number] != new[key][number] for key in changed) for number in after.types]
    assert sorted(diff.columns_changed.values()) == sorted(count for count in counts if count)
    ids = [
        table.column("id").to_pylist()
        for table in (diff.changed("arrow"), diff.changed("arrow", before=True))
    ]
    assert sorted(ids[0]) == sorted(changed)
    assert ids[0] == ids[1]


NASTY = pa.table(
    {
        "x": [math.nan, -0.0, 0.0, None],
        "s": pa.array([[1, None], [], None, [2]], pa.list_(pa.int64())),
        "m": pa.array([{"a": None}, None, {"a": 1}, {"a": 2}], pa.struct([("a", pa.int64())])),
    }
)


def test_a_column_that_was_hidden_counts_in_files_of_the_same_bytes() -> None:
    """Two files of the same bytes aren't taken for equal if a version has dropped a column that they hold."""
    first = pa.table({"id": [1, 2], "x": [5, None]})
    made = table(first)
    made.overwrite(pa.table({"id": [3], "x": [3]}))
    made.overwrite(first)
    made.restore(1)
    made.drop_column("x")
    diff = made.diff("latest", 3)
    assert (diff.rows_added, diff.rows_removed) == (1, 1)
    assert diff.added("arrow").to_pylist() == [{"id": 1, "x": 5}]


def test_columns_of_one_label_are_told_together() -> None:
    """A pandas frame may have several columns of one label; their changes are added up."""
    made = table(pd.DataFrame([[1, 1, 1]], columns=["k", "a", "a"]))
    made.overwrite(pd.DataFrame([[1, 2, 2]], columns=["k", "a", "a"]))
    assert made.diff(1, key=["k"]).columns_changed == {"a": 2}


def test_values_are_compared_as_they_are_stored() -> None:
    """NaN equals NaN, null equals null, and 0.0 isn't -0.0; so it is within lists and structs."""
    made = table(NASTY)
    made.overwrite(pa.concat_tables([NASTY.slice(2), NASTY.slice(0, 2)]))
    assert made.diff(1).equal
    zero = NASTY.set_column(0, "x", pa.array([math.nan, 0.0, 0.0, None]))
    made.overwrite(zero)
    diff = made.diff(1)
    assert (diff.rows_removed, diff.rows_added) == (1, 1)
    assert math.copysign(1, diff.removed("arrow")["x"][0].as_py()) == -1


def test_duplicates_count() -> None:
    """Of three equal rows one may go."""
    made = table(pa.table({"a": [1, 1, 1, 2]}))
    made.overwrite(pa.table({"a": [2, 1, 1]}))
    diff = made.diff(1)
    assert (diff.rows_removed, diff.rows_added) == (1, 0)
    assert diff.removed("arrow").to_pydict() == {"a": [1]}
    assert diff.added("arrow").to_pydict() == {"a": []}


def test_only_files_that_differ_are_read() -> None:
    """Of two versions that share all files but one, that one is read, and no manifest that both have."""
    store = CountingStore(MemoryStore("t"))
    made = Table(store=store, limits=SMALL)
    for number in range(40):
        made.append(pa.table({"id": [number], "n": [number]}))
    made.update([("id", "==", 7)], {"n": 0})
    store.reset()
    diff = Table(store=store, limits=SMALL).diff(-2)
    assert (diff.rows_added, diff.rows_removed, diff.files.shared.files) == (1, 1, 39)
    read = {name for _, name in store.calls if name.startswith("data/")}
    assert len(read) == 2
    assert sum(1 for _, name in store.calls if "manifest" in name) < 8


def test_files_of_the_same_bytes_are_not_read() -> None:
    """A file that was written again is told by its digest."""
    store = CountingStore(MemoryStore("t"))
    made = Table(store=store, limits=SMALL)
    made.append(pa.table({"n": [1]}))
    made.overwrite(pa.table({"n": [2]}))
    made.overwrite(pa.table({"n": [1]}))
    store.reset()
    diff = made.diff(1)
    assert (diff.equal, diff.files.shared.files) == (True, 0)
    assert not [name for _, name in store.calls if name.startswith("data/")]


def test_files_that_were_only_added_are_counted_by_their_records() -> None:
    """What an append changed is known without reading it; reading it checks it."""
    store = CountingStore(MemoryStore("t"))
    made = Table(store=store, limits=SMALL)
    made.append(pa.table({"n": [1]}), key=["n"])
    made.append(pa.table({"n": [2, 3]}))
    store.reset()
    diff, back = made.diff(1), made.diff(2, 1)
    assert (diff.rows_added, diff.rows_removed) == (back.rows_removed, back.rows_added) == (2, 0)
    assert not [name for _, name in store.calls if name.startswith("data/")]
    assert diff.added("arrow") == back.removed("arrow") == pa.table({"n": [2, 3]})


def test_a_compaction_hides_no_files() -> None:
    """The latest version, compacted since, is compared with the one before by the files of its commit."""
    store = CountingStore(MemoryStore("t"))
    made = Table(store=store, limits=SMALL)
    for number in range(9):
        made.append(pa.table({"n": [number]}))
    made.compact()
    store.reset()
    assert made.diff(-2).added("arrow").to_pydict() == {"n": [8]}
    assert len({name for _, name in store.calls if name.startswith("data/")}) == 1
    made.expire(keep_last=2)
    assert made.diff(-2).added("arrow").to_pydict() == {"n": [8]}


def test_rows_are_told_apart_by_partitions_that_no_column_holds() -> None:
    """A row that goes from one external partition to another is removed and added."""
    made = Table(store=MemoryStore("t"))
    one, two = pa.table({"n": [1]}), pa.table({"n": [2]})
    made.overwrite_partitions({"a": one, "b": two})
    made.overwrite_partitions({"a": two, "b": one})
    diff = made.diff(1)
    assert (diff.rows_added, diff.rows_removed) == (2, 2)
    assert made.diff(1, 1).equal


def test_a_key_with_no_value_equals_none() -> None:
    """Rows whose key is null or NaN are removed and added, never changed; 0.0 and -0.0 are one key."""
    made = table(pa.table({"k": [None, math.nan, 0.0], "n": [1, 1, 1]}))
    made.overwrite(pa.table({"k": [None, math.nan, -0.0], "n": [2, 2, 2]}))
    diff = made.diff(1, key=["k"])
    assert (diff.rows_removed, diff.rows_added, diff.rows_changed) == (2, 2, 1)
    assert diff.columns_changed == {"k": 1, "n": 1}


def test_a_key_that_comes_twice_is_refused() -> None:
    """Rows that differ can't be known by a key that several of them have; those that don't differ don't matter."""
    made = table(pa.table({"k": [1, 1, 2], "n": [1, 2, 3]}))
    made.overwrite(pa.table({"k": [1, 1, 2], "n": [1, 2, 4]}))
    assert made.diff(1, key=["k"]).rows_changed == 1
    made.overwrite(pa.table({"k": [1, 1, 2], "n": [5, 6, 4]}))
    with pytest.raises(DuplicateKeyError, match=r"version 1 .*come twice.*such as 1 \(of 'k'\); choose"):
        made.diff(1, key=["k"])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("k", "list of labels"),
        (["z"], "no column 'z'"),
        (["k", "k"], "each once"),
        (["l"], "can't be a key"),
        (["new"], "isn't in version 1"),
        (3, "list of labels"),
    ],
)
def test_a_key_that_cannot_be_is_refused(key: Any, message: str) -> None:
    """A key must be columns that both versions have, whose values can be compared."""
    made = table(pa.table({"k": [1], "l": [[1]]}))
    made.append(pa.table({"k": [1], "l": [[1]], "new": [1]}), schema_mode="add")
    with pytest.raises(InvalidInputError, match=message):
        made.diff(1, key=key)


def test_the_primary_key_counts_unless_another_is_named() -> None:
    """A table's own key is taken if none is named; an empty list is none."""
    made = Table(store=MemoryStore("t"))
    made.append(pa.table({"k": [1], "n": [1]}), key=["k"])
    made.upsert(pa.table({"k": [1], "n": [2]}))
    assert made.diff(1).rows_changed == 1
    assert made.diff(1).key == ("k",)
    assert (made.diff(1, key=[]).rows_changed, made.diff(1, key=[]).rows_added) == (0, 1)


def test_columns_are_known_by_their_ids() -> None:
    """Columns that were added, dropped, renamed, moved and widened are told, and rows aren't said to differ for it."""
    made = table(pa.table({"a": pa.array([1], pa.int32()), "b": [1], "c": [1], "d": ["x"]}))
    made.drop_column("b")
    made.rename_column("c", "e")
    made.move_column("d", to=0)
    wide = pa.table({"d": ["y"], "a": pa.array([2], pa.int64()), "e": [2], "f": [1.5]})
    made.append(wide, schema_mode="widen")
    diff = made.diff(1)
    schema = diff.schema
    assert (schema.added, schema.dropped, schema.renamed) == (("f",), ("b",), {"c": "e"})
    assert (schema.moved, schema.retyped) == (("d",), {"a": ("int32", "int64")})
    assert (diff.rows_added, diff.rows_removed) == (1, 0)
    back = made.diff("latest", 1)
    assert (back.schema.added, back.schema.dropped, back.schema.renamed) == (("b",), ("f",), {"e": "c"})
    assert (back.rows_added, back.rows_removed) == (1, 2)  # the row has a value in `b` again


def test_a_restored_column_brings_its_values_back() -> None:
    """A column that was dropped and restored has values again in files that both versions have."""
    made = table(pa.table({"id": [1, 2], "x": [5, None]}))
    made.drop_column("x")
    made.restore(1)
    diff = made.diff(2, key=["id"])
    assert (diff.rows_changed, diff.columns_changed, diff.files.shared.files) == (1, {"x": 1}, 1)
    assert diff.changed("arrow").to_pylist() == [{"id": 1, "x": 5}]


FRAMES: dict[str, Any] = {
    "pandas": pd.DataFrame({"a": [1, 2, 3]}, index=pd.Index(["x", "y", "z"], name="i")),
    "range": pd.DataFrame({"a": [1, 2, 3]}),
    "polars": pl.DataFrame({"a": [1, 2, 3]}),
    "arrow": pa.table({"a": [1, 2, 3]}),
}


@pytest.mark.parametrize("library", list(FRAMES))
def test_rows_come_as_frames(library: str) -> None:
    """Rows come in the library asked for, whoever wrote them; an index counts as a column."""
    frame = FRAMES[library]
    made = table(frame)
    made.delete([("a", "==", 2)])
    diff = made.diff(1)
    assert diff.removed()["a"].tolist() == [2]
    assert diff.removed("polars")["a"].to_list() == [2]
    assert diff.removed("arrow")["a"].to_pylist() == [2]
    assert diff.removed("batches").read_all()["a"].to_pylist() == [2]
    if library == "pandas":
        assert diff.removed().index.tolist() == ["y"]
    for output in ("pandas", "polars", "arrow"):
        assert diff.added(output).shape == (0, diff.removed(output).shape[1])
        assert diff.changed(output, before=True).shape[0] == 0
    with pytest.raises(InvalidInputError, match="output_as"):
        diff.added("numpy")


@pytest.mark.parametrize("output", ["pandas", "polars", "arrow", "batches"])
def test_rows_before_stand_in_the_order_of_those_after(output: Any) -> None:
    """`changed(before=True)` lines up with `changed()`."""
    made = table(pa.table({"id": [3, 1, 2], "n": [3, 1, 2]}))
    made.overwrite(pa.table({"id": [1, 2, 3], "n": [-1, -2, -3]}))
    diff = made.diff(1, key=["id"])
    found = diff.changed(output, before=True)
    assert pa.table(found)["n"].to_pylist() == [1, 2, 3]


def test_versions_are_named_as_for_snapshot() -> None:
    """A tag, a number that counts back and a time name versions."""
    made = table(pa.table({"a": [1]}), pa.table({"a": [2]}))
    made.tag("first", 1)
    time = made.snapshot(1).time
    for a in ("first", -2, time):
        assert (made.diff(a).before, made.diff(a).after) == (1, 2)
    with pytest.raises(VersionNotFoundError):
        made.diff(9)
    made.untag("first")
    diff = made.diff(1)
    made.overwrite(pa.table({"a": [3]}))
    made.expire(keep_last=1, grace=pd.Timedelta(0))
    with pytest.raises(VersionExpiredError):
        made.diff(1)
    with pytest.raises(VersionExpiredError):
        diff.added()


def test_a_kept_stage_is_compared_with_the_latest() -> None:
    """What a staged change would do is seen before it is published."""
    made = table(pa.table({"a": [1, 2]}))
    stage = made.stage(pa.table({"a": [2, 3]}), "overwrite", keep=True)
    diff = made.snapshot().diff(stage.snapshot())
    assert diff.added("arrow").to_pydict() == {"a": [3]}
    assert diff.removed("arrow").to_pydict() == {"a": [1]}


def test_objects_are_equal_or_not() -> None:
    """Objects are told apart by their bytes; rows and an object are never equal."""
    made = table()
    made.overwrite({"a": 1})
    made.overwrite({"a": 2})
    made.overwrite({"a": 1})
    made.overwrite(pa.table({"a": [1]}))
    assert [made.diff(1, b).equal for b in (1, 2, 3, 4)] == [True, False, True, False]
    assert made.diff(1).objects.kinds == ("json", "table")
    with pytest.raises(InvalidInputError, match="don't both hold rows"):
        made.diff(1, 2).added()
    assert "other content" in str(made.diff(1, 2))


def test_folders_are_compared_by_their_files(tmp_path: Path) -> None:
    """Of two folders, files that came, went and changed are told by name."""
    made, folder = table(), tmp_path / "folder"
    (folder / "empty").mkdir(parents=True)
    for name in ("same", "changes", "goes"):
        (folder / name).write_text(name)
    made.overwrite(folder)
    (folder / "goes").unlink()
    (folder / "comes").write_text("1")
    (folder / "changes").write_text("2")
    made.overwrite(folder)
    objects = made.diff(1).objects
    assert (objects.added, objects.removed, objects.changed) == (("comes",), ("goes",), ("changes",))
    assert not objects.equal
    assert made.diff(2).objects.equal


def test_the_text_fits_a_terminal() -> None:
    """It is printed in 80 columns, whatever columns are called, and turns into plain values."""
    names = {f"a column with a name of some length, number {number}\n": [1] for number in range(30)}
    made = table(pd.DataFrame({"id": [1], ("x", 1): [1], **names}))
    changed = pd.DataFrame({"id": [1], ("x", 1): [2], **{name: [2] for name in names}, "new": [0.5]})
    made.append(changed.assign(id=2), schema_mode="add")
    made.upsert(changed, key=["id"])
    made.drop_column("new")
    for diff in (made.diff(1, key=["id"]), made.diff("latest", 1, key=["id"]), made.diff(1, 1)):
        assert max(map(len, str(diff).splitlines())) <= 80
        assert json.loads(json.dumps(diff.to_dict()))["rows_changed"] == diff.rows_changed
    assert made.diff(1, key=["id"]).columns_changed["x", 1] == 1


def test_a_table_with_no_columns_has_rows() -> None:
    """Rows without columns are counted."""
    made = table(pd.DataFrame(index=pd.RangeIndex(3)))
    made.overwrite(pd.DataFrame(index=pd.RangeIndex(5)))
    diff = made.diff(1)
    assert (diff.rows_added, diff.rows_removed, len(diff.added())) == (2, 0, 2)


def test_a_comparison_checks_what_it_reads(tmp_path: Path) -> None:
    """A damaged file is an error, not a difference."""
    made = atio.Table(tmp_path / "t")
    made.append(pa.table({"a": np.arange(10)}))
    made.overwrite(pa.table({"a": np.arange(11)}))
    (path,) = {file.path for file in made.snapshot(1).data_files()}
    data = bytearray((tmp_path / "t" / path).read_bytes())
    data[20] ^= 1
    (tmp_path / "t" / path).write_bytes(data)
    with pytest.raises(atio.DamagedError):
        made.diff(1)
