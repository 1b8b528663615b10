"""`docs/format.md` is enough to read and write tables: a reader and a writer that know nothing else agree with atio."""

import hashlib
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import atio_core as atio
from atio_core.log.limits import Limits
from tests.docs import staged_by_page, store_by_page
from tests.docs.reader_by_page import DamagedError, ExpiredError, Json, Reader
from tests.docs.writer_by_page import append

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/format.md").read_text(encoding="utf-8")


def columns(table: pa.Table) -> dict[str, list[Any]]:
    """Return what a table holds, types left out: the page's reader gives stored types."""
    return table.to_pydict()


def by_page(table: atio.Table, version: int | None = None) -> dict[str, list[Any]]:
    """Read a version as the page says."""
    reader = Reader(Path(table.path))
    return columns(reader.rows(reader.latest() if version is None else reader.version(version)))


def by_atio(table: atio.Table, version: int | None = None) -> dict[str, list[Any]]:
    """Read a version as atio does."""
    return columns(table.read(version, "arrow"))


def frame(number: int) -> pa.Table:
    """Return a few rows that tell by their values which they are."""
    days = pa.array([number, 0], pa.date32())
    return pa.table({"n": [number, None], "s": [f"row {number}", ""], "d": days})


def test_each_version_is_read_by_the_page_as_by_atio(tmp_path: Path) -> None:
    """Appends, overwrites, other columns, and lists that have grown into manifests."""
    table = atio.Table(tmp_path / "t", limits=Limits(inline_files=2, fanout=2, recent=2))
    for number in range(1, 10):
        table.append(frame(number), idempotency_key=f"{number}")
    table.overwrite(pa.table({"s": ["new"], "x": [[1, 2]]}))
    for number in range(5):
        table.append(pa.table({"s": ["more"], "x": [[number]]}))
    assert Reader(tmp_path / "t").latest()["manifests"]
    assert by_page(table) == by_atio(table)
    for version in range(1, 16):
        assert by_page(table, version) == by_atio(table, version)


def test_partitions_and_large_files_are_read_by_the_page(tmp_path: Path) -> None:
    """Files of many blocks in folders of partitions, and a schema in a file of its own."""
    table = atio.Table(tmp_path / "t")
    names = [hashlib.blake2b(bytes([number])).hexdigest() for number in range(64)]
    rng = random.Random(7)  # noqa: S311 - no secret
    wide = pa.table({name: [rng.random() for _ in range(2_000)] for name in names})
    table.overwrite_partitions({("a/b", 1): wide, (None, 2): wide}, partition_by=["p", "q"])
    entry = Reader(tmp_path / "t").latest()
    assert "path" in entry["schemas"]["1"]
    assert min(record["size"] for record in entry["files"]) > 2 * 262_144
    assert [record["partition"] for record in entry["files"]] == [["a/b", 1], [None, 2]]
    assert by_page(table) == by_atio(table)


def thirty_lines() -> Callable[..., pa.Table]:
    """Return the page's small reader, which has but so many lines and needs but pyarrow."""
    code = re.findall(
        r"^```python\n(.*?)^```$",
        PAGE.split("### A reader in thirty lines")[1],
        flags=re.MULTILINE | re.DOTALL,
    )[0]
    imported = {
        word
        for line in code.splitlines()
        if line.startswith("import ")
        for word in re.findall(r"[\w.]+", line[7:])
    }
    assert imported == {"base64", "json", "pathlib", "zlib", "pyarrow", "as", "pa", "pyarrow.parquet", "pq"}
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 30
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    return names["read_rows"]


def test_thirty_lines_read_each_version(tmp_path: Path) -> None:
    """Manifests, partitions, renamed, dropped, new and widened columns, deletions, large schemas, expiries."""
    read_rows = thirty_lines()
    table = atio.Table(tmp_path / "t", limits=Limits(inline_files=2, fanout=2, recent=2, per_bucket=64))
    day = pa.array([1, 2], pa.date32())
    for number in range(6):
        table.append(
            pa.table({"n": pa.array([number, None], pa.int32()), "s": ["a/%", ""], "d": day}),
            partition_by=["d"],
        )
    table.rename_column("s", "text")
    table.append(pa.table({"n": [2**40], "text": ["x"], "d": day[:1], "new": [[1]]}), schema_mode="widen")
    table.delete([("n", "==", 3)])
    table.drop_column("text")
    table.append(pa.table({"n": [7], "d": day[:1], "new": [[2]], "text": [1.5]}), schema_mode="add")
    wide = table.overwrite(pa.table({f"column {number}": [number] for number in range(400)}), partition_by=[])
    assert list((tmp_path / "t/_atio/schemas").iterdir())
    assert columns(read_rows(table.path)) == by_atio(table)
    versions = [one.version for one in table.history()]
    for version in versions:
        assert columns(read_rows(table.path, version)) == by_atio(table, version), version
    table.tag("kept", versions[3])
    table.compact()
    table.expire(keep_last=2)
    for version in (versions[3], *versions[:2]):
        assert columns(read_rows(table.path, version)) == by_atio(table, version), version
    for version in (versions[-1], 0, wide.version + 100):
        with pytest.raises(LookupError):
            read_rows(table.path, version)
    table.overwrite({"an": "object"})
    with pytest.raises(NotImplementedError):
        read_rows(table.path)


def test_thirty_lines_read_frames_of_pandas(tmp_path: Path) -> None:
    """Columns whose labels are no text, and an index, under their names in the files; damage is told."""
    table = atio.Table(tmp_path)
    table.append(pd.DataFrame({1: [1, 2], "a": ["x", None]}, index=pd.Index([5, 6], name="i")))
    assert columns(thirty_lines()(tmp_path)) == {"c0": [1, 2], "a": ["x", None], "i": [5, 6]}
    file = next((tmp_path / "data").iterdir())
    data = bytearray(file.read_bytes())
    chunk = pq.read_metadata(file).row_group(0).column(0)
    data[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 255
    file.write_bytes(bytes(data))
    with pytest.raises(OSError, match="could not verify page integrity"):
        thirty_lines()(tmp_path)


def test_what_expiry_leaves_is_read_by_the_page(tmp_path: Path) -> None:
    """Dropped versions and strays are no versions; an expire entry stands for the data version whose rows it keeps."""
    table = atio.Table(tmp_path / "t")
    for number in range(1, 66):
        table.overwrite(frame(number))
    log = tmp_path / "t/_atio/log"
    stray = (log / "999999/013-50.json").read_bytes()
    table.expire(keep_last=2)
    assert len(list(log.glob("*/*.json"))) < 10
    (log / "999999/013-50.json").write_bytes(stray)
    (log / "999998/000-1.json").write_bytes(b"no entry")
    for version in (None, 64, 65, 66):
        assert by_page(table, version) == by_atio(table, version)
    for version in (50, 63):
        with pytest.raises(ExpiredError):
            Reader(tmp_path / "t").version(version)
    with pytest.raises(KeyError):
        Reader(tmp_path / "t").version(300)


def test_restored_and_tagged_versions_are_read_by_the_page(tmp_path: Path) -> None:
    """A restore is a version like any other; tags, and what an expiry leaves of them, are found as the page says."""
    table = atio.Table(tmp_path / "t", limits=Limits(inline_files=2, fanout=2, recent=2))
    for number in range(1, 6):
        table.append(frame(number))
    table.overwrite(pa.table({"x": [[1, 2]]}))
    table.tag("five", 5)
    table.restore(4)
    table.append(frame(9))
    table.untag("five")
    table.tag("four", 4)
    table.tag("nine")
    entry = Reader(tmp_path / "t").latest()
    assert (entry["operation"], entry["data"][0]) == ("tag", 9)
    assert entry["tags"] == {"four": [4, None], "nine": [9, None]}
    versions = [None, *range(1, 13)]
    assert [by_page(table, version) for version in versions] == [by_atio(table, one) for one in versions]
    table.expire(keep_last=2)
    for version in (None, 4, 8, 9, 13):
        assert by_page(table, version) == by_atio(table, version)
    assert [snapshot.version for snapshot in table.history()] == [9, 8, 4]
    with pytest.raises(ExpiredError):
        Reader(tmp_path / "t").version(5)


def test_many_tags_are_read_by_the_page(tmp_path: Path) -> None:
    """Tags in a list, and what changed of them since, come to what atio tells; expiry leaves no name that went."""
    table = atio.Table(tmp_path / "t", limits=Limits(inline_tags=2))
    reader = Reader(tmp_path / "t")
    table.append(frame(1))
    held: set[str] = set()
    for number in range(12):
        table.tag(f"ü {number}", until=datetime(2200, 1, 1, tzinfo=UTC) if number % 3 else None)
        if number % 4 == 3:
            table.append(frame(number))
            table.tag(f"ü {number}", force=True)
            table.untag(f"ü {number - 2}")
        entry = reader.latest()
        held |= {name for name in ("tags", "tag_list", "untagged") if name in entry}
        told = {name: [version, version.until_us] for name, version in table.tags().items()}
        assert reader.tags(entry) == told
    assert held == {"tags", "tag_list", "untagged"}
    table.expire(keep_last=1)
    assert "untagged" not in reader.latest()
    assert by_page(table) == by_atio(table)
    for name in table.tags():
        table.untag(name)
    assert (reader.tags(reader.latest()), "tag_list" in reader.latest()) == ({}, False)


def test_objects_are_read_by_the_page(tmp_path: Path) -> None:
    """Arrays, JSON values, text, bytes, pickles and files are files of their formats; folders are by names."""
    np = pytest.importorskip("numpy")
    table = atio.Table(tmp_path / "t", limits=Limits(inline_files=2, fanout=2, recent=2))
    reader = Reader(tmp_path / "t")
    array = np.arange(6, dtype=">i2").reshape(2, 3)
    table.overwrite(array)
    stored = reader.files(reader.latest())[""]
    assert stored is not None
    assert np.load(io.BytesIO(stored[0])).tolist() == array.tolist()
    for value, kind, written in (
        ({"ä": [1]}, "json", '{"ä":[1]}'.encode()),
        ("ä", "text", b"\xc3\xa4"),
        (b"1", "bytes", b"1"),
    ):
        table.overwrite(value)
        assert reader.latest()["kind"] == kind
        assert reader.files(reader.latest()) == {"": (written, False)}
    folder = tmp_path / "folder"
    (folder / "b" / "c").mkdir(parents=True)
    for name in "adef":
        (folder / name).write_text(name)
    (folder / "a").chmod(0o755)
    for _ in range(2):
        table.overwrite(folder)
        files = {name: (name.encode(), name == "a") for name in "adef"}
        assert reader.files(reader.latest()) == {**files, "b/c": None}
        assert reader.latest()["manifests"]
        (folder / "f").unlink()
        (folder / "f").write_text("f")
    table.overwrite(folder / "a")
    assert reader.files(reader.latest()) == {"a": (b"a", True)}
    table.overwrite(frame(1))
    assert by_page(table) == by_atio(table)
    assert [record["path"] for record in reader.records(reader.version(6))] == [
        record["path"] for record in reader.records(reader.version(5))
    ]


def test_damage_is_seen_by_the_page(tmp_path: Path) -> None:
    """The digests cover every byte of every file that a version needs."""
    table = atio.Table(tmp_path / "t", limits=Limits(inline_files=1))
    for number in range(2):
        table.append(frame(number))
    (entry,) = (tmp_path / "t/_atio/log").glob("*/*-2.json")
    for path in [entry, *tmp_path.glob("t/_atio/manifests/*"), *tmp_path.glob("t/data/*")]:
        whole = path.read_bytes()
        for place in range(0, len(whole), 37):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            with pytest.raises(DamagedError):
                by_page(table)
        path.write_bytes(whole)
    assert by_page(table) == by_atio(table)


def test_what_is_written_by_the_page_is_read_and_continued_by_atio(tmp_path: Path) -> None:
    """Both write versions in turn; keys, digests of content and expiry hold over all of them."""
    rows: dict[str, list[Any]] = {"n": [1, None, -3], "s": ["a", "ü", None]}
    table = atio.Table(tmp_path / "t")
    assert append(tmp_path / "t", rows["n"], rows["s"], key="first") == 1
    assert columns(table.read(output_as="arrow")) == rows
    typed = pa.table(rows, pa.schema([("n", pa.int64()), ("s", pa.large_string())]))
    assert table.append(typed, idempotency_key="first").repeated
    assert table.append(typed).version == 2
    assert append(tmp_path / "t", [4], ["b"], key="third") == 3
    last = atio.Table(tmp_path / "t").append(typed)
    assert by_page(table) == by_atio(table)
    assert last.rows == 10
    assert len(last.entry.schemas) == 1

    alone = atio.write_snapshot(typed, tmp_path / "alone")
    reader = Reader(tmp_path / "t")
    contents = [record["piece"]["content"] for record in reader.records(reader.latest())]
    assert [content == alone.content for content in contents] == [True, True, False, True]

    table.expire(keep_last=1)
    assert by_page(table) == by_atio(table)
    assert table.read(output_as="arrow").num_rows == 10


def test_kept_stages_are_read_by_the_page(tmp_path: Path) -> None:
    """What is kept, and not settled, is found with its rows, whether its schema is the table's or its own."""
    table = atio.Table(tmp_path / "t", limits=Limits(recent=2, inline_files=2, fanout=2))
    table.append(frame(1))
    first = table.stage(frame(2), keep=True)
    other = table.stage(pa.table({"x": [[1, 2], None]}), "overwrite", keep=True)
    gone = [table.stage(frame(number), keep=True) for number in (3, 4)]
    gone[0].drop()
    gone[1].publish(expected_version=1)
    for number in range(5):
        table.tag(f"tag {number}")
    found = staged_by_page.stages(tmp_path / "t")
    assert list(found) == [first.id, other.id] == [stage.id for stage in table.staged()]
    assert columns(staged_by_page.rows(tmp_path / "t", found[first.id])) == columns(frame(2))
    assert columns(staged_by_page.rows(tmp_path / "t", found[other.id])) == {"x": [[1, 2], None]}
    assert [found[one.id]["operation"] for one in (first, other)] == [first.operation, other.operation]


def test_what_is_kept_by_the_page_is_published_by_atio_and_the_other_way_round(tmp_path: Path) -> None:
    """Stages that are kept, published or dropped by the page are just that to atio."""
    path, until = tmp_path / "t", 4_000_000_000_000_000
    append(path, [1], ["a"], key="first")
    table = atio.Table(path)
    published = staged_by_page.keep(path, [2, None], ["b", None], until)
    dropped = [staged_by_page.keep(path, [3], ["c"], until) for _ in range(2)]
    assert {stage.id for stage in table.staged()} == {published, *dropped}
    assert columns(table.staged(published).read("arrow")) == {"n": [1, 2, None], "s": ["a", "b", None]}
    assert table.publish(published).version == 2
    staged_by_page.drop(path, dropped[0])
    table.drop_staged(dropped[1])
    for stage in dropped:
        with pytest.raises(atio.StageNotFoundError, match="was dropped"):
            table.staged(stage)
        table.drop_staged(stage)
    assert staged_by_page.stages(path) == {}
    stage = table.stage(table.read(output_as="arrow").slice(0, 1), keep=True)
    assert staged_by_page.publish(path, stage.id) == 5
    assert (table.publish(stage.id).repeated, table.publish(stage.id).version) == (True, 5)
    assert columns(table.read(output_as="arrow")) == {"n": [1, 2, None, 1], "s": ["a", "b", None, "a"]}
    assert table.verify().ok


def test_releases_are_read_by_the_page(tmp_path: Path) -> None:
    """Those that stand are found with their versions; what was dropped, and is no release, isn't one."""
    store = atio.Store(tmp_path)
    for name in ("orders", "raw/customers"):
        for number in range(1, 4):
            store.table(name).append(frame(number))
    store.create_release("first", {"orders": 1, "raw/customers": 2}, message="both")
    store.create_release("second", ["orders"])
    store.drop_release("second")
    store.set_retention(atio.Retention(keep_last=1))
    store.create_release("second", ["raw/customers"])
    store.expire_all()
    assert [entry["kind"] for entry in store_by_page.entries(tmp_path)] == [
        *("begin", "release", "release", "drop", "retention", "release")
    ]
    found = store_by_page.standing(tmp_path)
    assert {name: one["number"] for name, one in found.items()} == {
        one.name: one.number for one in store.releases()
    }
    for name, one in found.items():
        for table in one["tables"]:
            expected = columns(store.at(name).read(table, "arrow"))
            assert columns(store_by_page.rows(tmp_path, one, table)) == expected
    assert found["second"]["retention"] == {"keep_last": 1}
    assert found["first"]["message"] == "both"


def test_what_is_released_by_the_page_is_a_release_of_atio(tmp_path: Path) -> None:
    """Both make and drop releases in turn; what stands protects its versions, what was dropped doesn't."""
    store = atio.Store(tmp_path)
    for name in ("orders", "raw/customers"):
        append(tmp_path / name, [1], ["a"], key="first")
    store.create_release("first", ["orders"])
    assert store_by_page.make(tmp_path, "second", ["orders", "raw/customers"]) == 3
    assert [one.name for one in store.releases()] == ["second", "first"]
    for name in ("orders", "raw/customers"):
        append(tmp_path / name, [2], ["b"], key="second")
    assert columns(store.at("second").read("raw/customers", "arrow")) == {"n": [1], "s": ["a"]}
    store_by_page.drop(tmp_path, "first")
    store.expire_all(keep_last=1)
    assert [one.version for one in store.table("orders").history()] == [4, 1]
    store_by_page.drop(tmp_path, "second")
    assert store.releases() == []
    assert store.create_release("second", ["orders"]).number == 6
    store.expire_all(keep_last=1)
    assert [len(store.table(name).history()) for name in ("orders", "raw/customers")] == [1, 1]


def test_releases_of_a_table_with_a_list_of_tags(tmp_path: Path) -> None:
    """The page's tags and atio's lie in one list and beside it, and go from there."""
    store, limits = atio.Store(tmp_path), Limits(inline_tags=1)
    append(tmp_path / "orders", [1], ["a"], key="first")
    table = atio.Table(tmp_path / "orders", limits=limits)
    store.create_release("zero", ["orders"])
    for name in "xy":
        table.tag(name)
    store_by_page.make(tmp_path, "first", ["orders"])
    assert [name[:9] for name in table.tags()] == ["release/2", "release/3", "x", "y"]
    table.tag("z")
    assert columns(store.at("first").read("orders", "arrow")) == {"n": [1], "s": ["a"]}
    store_by_page.drop(tmp_path, "first")
    store_by_page.drop(tmp_path, "zero")
    assert sorted(table.tags()) == ["x", "y", "z"]
    table.tag("w")
    assert sorted(Reader(tmp_path / "orders").tags(Reader(tmp_path / "orders").latest())) == [
        "w",
        "x",
        "y",
        "z",
    ]
    assert table.verify("all").ok


def test_pins_of_the_page_and_of_atio_are_the_same(tmp_path: Path) -> None:
    """Whoever of both pins a version first, the other reads it."""
    store = atio.Store(tmp_path)
    store.table("raw/orders").append(frame(1))
    assert store.pin("run/ü 1", "raw/orders").version == 1
    assert store_by_page.pin(tmp_path, "run 2", "raw/orders") == 1
    store.table("raw/orders").append(frame(2))
    assert store_by_page.pin(tmp_path, "run/ü 1", "raw/orders") == 1
    assert store.pin("run 2", "raw/orders").version == 1
    assert store_by_page.pin(tmp_path, "run 3", "raw/orders") == 2
    assert sorted(store.pins()) == ["run 2", "run 3", "run/ü 1"]


def names_in(value: Json, but: tuple[str, ...] = ()) -> set[str]:
    """Return the names of an object's fields, and of those inside it, but for what is named freely."""
    inner = [each for name, each in value.items() if name not in but]
    objects = [each for each in inner if isinstance(each, dict)]
    objects += [each for some in inner if isinstance(some, list) for each in some if isinstance(each, dict)]
    return {name for name in value if not name.isdigit()}.union(*(names_in(each, but) for each in objects))


def test_the_page_names_every_field_that_atio_writes(tmp_path: Path) -> None:
    """A field can't come without a line on the page."""
    pd = pytest.importorskip("pandas")
    table = atio.Table(tmp_path / "t", limits=Limits(inline_files=1, recent=2, inline_tags=2))
    data = pd.DataFrame({"a": [1], 2: [None]}, index=pd.RangeIndex(5, 6))
    data.attrs = {"k": "v"}
    for key in "abcd":
        table.overwrite_partitions({"x": data, "y": data}, idempotency_key=key)
        table.tag(f"tag {key}")
    table.untag("tag b")
    entry = Reader(tmp_path / "t").latest()
    assert entry["untagged"] == ["tag b"]
    assert entry["manifests"]
    assert entry["key_lists"]
    written = names_in(
        entry | {"files": Reader(tmp_path / "t").records(entry)}, but=("attrs", "missing", "tags")
    )
    assert len(written) > 30
    assert [name for name in sorted(written) if f"`{name}`" not in PAGE] == []


def test_the_page_and_the_code_agree_on_numbers() -> None:
    """The bounds that the page gives are the ones in use."""
    limits = Limits()
    told = [limits.inline_files, limits.recent, 2 * limits.recent, limits.fanout]
    told += [limits.inline_bytes, limits.manifest_files, limits.inline_tags, limits.inline_tag_bytes]
    assert [number for number in told if not re.search(rf"\b{number:,}\b", PAGE)] == []


def test_the_reader_and_the_writer_know_only_the_page() -> None:
    """Neither uses a line of atio."""
    code = (
        "import sys, json, tests.docs.staged_by_page, tests.docs.store_by_page;"
        "print(json.dumps([name for name in sys.modules if name.startswith('atio')]))"
    )
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert json.loads(loaded.stdout) == []
