from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.format.names import (
    LOG,
    Numbered,
    data_path,
    file_id_of,
    is_inside,
    key_list_path,
    manifest_path,
    nested_table_of,
    schema_path,
)
from atio_core.model.ids import uuid7
from tests.support.strategies import scalars

NAMES = Numbered(LOG)
ID = uuid.UUID("018bcfe5-6800-7000-8000-000000000001")
numbers = st.integers(1, NAMES.highest) | st.integers(1, 2000)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "_atio/log/999999/062-1.json"),
        (63, "_atio/log/999999/000-63.json"),
        (64, "_atio/log/999998/063-64.json"),
        (127, "_atio/log/999998/000-127.json"),
        (128, "_atio/log/999997/063-128.json"),
        (63_999_999, "_atio/log/000000/000-63999999.json"),
    ],
)
def test_names_of_versions(number: int, name: str) -> None:
    """A version has the name that the format gives it, at the borders of buckets too."""
    assert name == NAMES.name(number)
    assert number == NAMES.parse(name)


@given(numbers)
def test_a_name_tells_its_number(number: int) -> None:
    """Every version's name leads back to the version, and its bucket's folder to the bucket."""
    name = NAMES.name(number)
    assert number == NAMES.parse(name)
    assert NAMES.bucket(number) == NAMES.parse_folder(name.rpartition("/")[0] + "/")


@given(st.sets(numbers, min_size=2, max_size=20), st.sampled_from([1, 4, 64]))
def test_the_latest_sorts_first(found: set[int], per_bucket: int) -> None:
    """In a sorted listing versions stand in falling order, so that the first is the latest."""
    names = Numbered(LOG, per_bucket)
    found = {number for number in found if number <= names.highest}
    assert sorted(found, reverse=True) == [names.parse(name) for name in sorted(map(names.name, found))]


@pytest.mark.parametrize("number", [0, -1, NAMES.highest + 1])
def test_other_numbers_have_no_name(number: int) -> None:
    """A number that the format has no place for is refused, not wrapped around."""
    with pytest.raises(ValueError, match="has no name"):
        NAMES.name(number)


@pytest.mark.parametrize(
    "name",
    [
        "_atio/log/.DS_Store",
        "_atio/log/999999/.DS_Store",
        "_atio/log/999999/062-1.json.tmp",
        "_atio/log/999999/062-1.JSON",
        "_atio/log/999999/000-1.json",
        "_atio/log/999999/062-01.json",
        "_atio/log/999998/062-1.json",
        "_atio/log/999999/062-65.json",
        "_atio/log/999999/063-0.json",
        "_atio/log/999999/062--1.json",
        "_atio/log/999999/062-1.json\n",
        "_atio/log/999999/062-\u0661.json",
        "_atio/log/99999/062-1.json",
        "_atio/log/999999/x/062-1.json",
        "_atio/log/062-1.json",
        "_atio/log/000000/000-999999999999999.json",
        "999999/062-1.jso",
        "",
    ],
)
def test_other_names_are_no_entries(name: str) -> None:
    """A file that lies in the log under a name that atio doesn't give is none of its entries."""
    assert NAMES.parse(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "_atio/log/999999",
        "_atio/log/.git/",
        "_atio/log/9999999/",
        "_atio/log/99999a/",
        "_atio/log/999999/1/",
        "",
    ],
)
def test_other_folders_are_no_buckets(name: str) -> None:
    """A folder or file in the log with another name is no bucket."""
    assert NAMES.parse_folder(name) is None


@given(st.text(max_size=30) | st.from_regex(r"_atio/log/[0-9]{6}/[0-9]{3}-[0-9]{1,4}\.json", fullmatch=True))
def test_only_names_that_are_given_are_read(name: str) -> None:
    """Whatever parses as a version's name is exactly the name of that version."""
    number = NAMES.parse(name)
    assert number is None or NAMES.name(number) == name


def test_files_are_known_by_their_uuid() -> None:
    """Every kind of file that atio makes is found by the UUID in its name, in whatever folder it lies."""
    for path in (
        data_path((), (), ID),
        data_path(("day", "région"), ("2013/01/01", None), ID),
        manifest_path(ID),
        key_list_path(ID),
        schema_path(ID),
        f"DATA/{ID}.parquet",
    ):
        assert file_id_of(path) == ID


@pytest.mark.parametrize(
    "path",
    [
        "data/readme.md",
        "data/018bcfe5-6800-4000-8000-000000000001.parquet",
        "data/018bcfe5-6800-7000-c000-000000000001.parquet",
        "data/018BCFE5-6800-7000-8000-000000000001.parquet",
        "data/018bcfe5-6800-7000-8000-000000000001.csv",
        "data/018bcfe5-6800-7000-8000-000000000001.parquet.bak",
        "data/x018bcfe5-6800-7000-8000-000000000001.parquet",
        "data/018bcfe5-6800-7000-8000-000000000001.parquet/x",
    ],
)
def test_other_files_are_nobodys(path: str) -> None:
    """A file with another name isn't atio's: cleaning never takes it."""
    assert file_id_of(path) is None


@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), scalars), max_size=3))
def test_data_files_stay_inside(fields: list[tuple[str, object]]) -> None:
    """Whatever the partition, its files lie inside the table, and are found again."""
    path = data_path([name for name, _ in fields], [value for _, value in fields], ID)  # type: ignore[misc]
    assert is_inside(path)
    assert file_id_of(path) == ID
    assert len(fields) + 2 == len(path.split("/"))


def test_nested_tables_are_left_alone() -> None:
    """A folder with an `_atio` of its own is another table's."""
    assert nested_table_of("data/a/_atio/log/999999/062-1.json") == "data/a/"
    assert nested_table_of("data/_atio/tmp/x.tmp") == "data/"
    own = ["data/ab/x.parquet", "data/x.parquet", "data/x_atio/y.parquet", "_atio/tmp/x.tmp", "_atio/log/x"]
    assert [nested_table_of(path) for path in own] == [None] * len(own)


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1))
def test_an_id_is_no_older_than_asked_for(clock_ms: int, horizon_ms: int) -> None:
    """An id carries the clock's time, but none before the time given, whatever the clock says."""
    from atio_core.model.ids import uuid7_time_us

    made = uuid7(lambda: clock_ms * 1000 + 999, not_before_us=horizon_ms * 1000)
    assert max(clock_ms, horizon_ms) * 1000 == uuid7_time_us(made)
    assert made.version == 7
    assert file_id_of(manifest_path(made)) == made
