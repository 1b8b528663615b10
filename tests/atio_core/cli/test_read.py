import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atio_core.table import Table
from tests.atio_core.cli.conftest import Atio


@pytest.mark.parametrize(
    ("text", "flights_found"),
    [
        ("delay > 60", ["UA2", "UA3"]),
        ("delay is null and day = 2026-01-01", ["AA1"]),
        ("day in (2026-01-01, '2026-01-03') and delay is not null", ["UA1", "UA3"]),
        ("at >= 2026-01-03", ["UA3", "AA3"]),
        ("at = '2026-01-02 12:00'", ["UA2", "AA2"]),
        ("fare = 10.5", ["UA1", "UA2", "UA3"]),
        ("fare < 2 or flight = 'UA3'", ["AA1", "UA3"]),
        ("flight not in ('UA1', 'UA2', 'UA3')", ["AA1", "AA2", "AA3"]),
        ("'on time' = true", ["UA1"]),
        ("`on time` = false and (flight = 'UA2' or flight = 'AA2')", ["UA2", "AA2"]),
    ],
)
def test_a_filter_finds_the_rows(atio: Atio, flights: Path, text: str, flights_found: list[str]) -> None:
    """A typed filter finds the rows that it says; dates, times, decimals and truths are read by the column's type."""
    rows = atio("read", flights, "--filter", text, "--json").json
    assert [row["flight"] for row in rows] == flights_found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flight = UA1", "put a text in quotes: 'UA1'"),
        ("flght = 'UA1'", "there is no column 'flght'"),
        ("delay = '60'", "a number has no quotes"),
        ("delay > soon", "no value of its type"),
        ("fare = 1.2.3", "no value of its type"),
        ("day = 2026-02-31", "no value of its type"),
        ("`on time` = 1", "give true or false"),
        ("at = '2026-01-02 12:00:00.1234567'", "to the microsecond at most"),
        ("at = 2026-01-02T12:00Z", "one has a time zone, the other none"),
    ],
)
def test_a_value_that_is_not_the_columns_is_refused(
    atio: Atio, flights: Path, text: str, message: str
) -> None:
    """A value that can't be of the column's type is refused, in one line, before anything is printed."""
    done = atio("read", flights, "--filter", text)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err


def test_columns_are_chosen_in_their_order(atio: Atio, flights: Path) -> None:
    """Columns come in the order named, with commas or one by one, also those with blanks."""
    for given in (["--columns", "on time,flight"], ["--columns", "on time", "--columns", "flight"]):
        rows = atio("read", flights, *given, "--limit", 1, "--json").json
        assert [list(row.items()) for row in rows] == [[("on time", True), ("flight", "UA1")]]


def test_a_column_may_have_a_comma(atio: Atio, tmp_path: Path) -> None:
    """A label with a comma is one column if there is such a one."""
    Table(tmp_path / "t").append(pa.table({"a,b": [1], "c": [2]}))
    assert atio("read", tmp_path / "t", "--columns", "a,b", "--json").json == [{"a,b": 1}]


@pytest.mark.parametrize("options", [["--version", 1], ["--version", -3], ["--tag", "first"]])
def test_an_old_version_is_read(atio: Atio, flights: Path, options: list[object]) -> None:
    """A version is named by its number, counted back, or by a tag."""
    assert atio("tag", "set", flights, "first", 1).code == 0
    assert len(atio("read", flights, *options, "--json").json) == 2


def test_a_version_is_read_as_of_a_time(atio: Atio, flights: Path) -> None:
    """A time names what was the latest then; one without a zone is refused."""
    time = Table(flights).snapshot(2).time
    assert len(atio("read", flights, "--as-of", time.isoformat(), "--json").json) == 4
    refused = atio("read", flights, "--as-of", "2026-01-31T12:00")
    assert refused.code == 2
    assert "add Z for UTC" in refused.err
    both = atio("read", flights, "--as-of", time.isoformat(), "--tag", "x")
    assert (both.code, "--tag and --as-of each name a version" in both.err) == (2, True)


def test_csv_keeps_nulls_apart_from_empty_texts(atio: Atio, tmp_path: Path) -> None:
    """In CSV a null is nothing, an empty text is quotes; what CSV lacks comes as text."""
    rows = {"t": ["", None, 'a"b\n'], "l": [[1], None, []], "f": [0.1, None, float("inf")]}
    Table(tmp_path / "t").append(pa.table(rows))
    out = atio("read", tmp_path / "t", "--to", "csv").out
    assert out.startswith('"t","l","f"\n"","[1]",0.1\n,,\n')
    assert list(csv.reader(io.StringIO(out)))[3] == ['a"b\n', "[]", "inf"]


def test_json_lines_are_a_row_each(atio: Atio, flights: Path) -> None:
    """JSON lines are an object for each row; no rows are no lines, and in JSON an empty list."""
    lines = atio("read", flights, "--to", "jsonl").out.splitlines()
    assert json.loads(lines[0]) == {
        "flight": "UA1",
        "delay": 30.5,
        "day": "2026-01-01",
        "at": "2026-01-01 12:00:00.000000",
        "fare": "10.50",
        "on time": True,
    }
    assert len(lines) == 6
    assert atio("read", flights, "--limit", 0, "--to", "jsonl").out == ""
    assert atio("read", flights, "--limit", 0, "--json").json == []


def test_a_table_is_not_cut_where_there_is_no_terminal(atio: Atio, tmp_path: Path) -> None:
    """Without a terminal each row is one line, with all of every value; control characters are spelled."""
    Table(tmp_path / "t").append(pa.table({"long": ["x" * 300, "a\nb\x1b[31m", None], "n": [1, 22, None]}))
    lines = atio("read", tmp_path / "t").out.splitlines()
    assert lines[0].split() == ["long", "n"]
    assert lines[1].split() == ["x" * 300, "1"]
    assert lines[2].split() == [r"a\nb\x1b[31m", "22"]
    assert lines[3].split() == ["null", "null"]


def test_an_empty_table_has_its_header(atio: Atio, flights: Path) -> None:
    """A table without rows shows its columns."""
    assert atio("read", flights, "--limit", 0).out == "flight  delay  day  at  fare  on time\n"


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet"])
def test_a_file_has_what_is_printed(atio: Atio, flights: Path, tmp_path: Path, suffix: str) -> None:
    """A file that is written has the bytes that would be printed, and only stderr tells of it."""
    target = tmp_path / f"flights.{suffix}"
    done = atio("read", flights, "--output", target)
    assert (done.code, done.out) == (0, "")
    assert str(target) in done.err
    if suffix == "parquet":
        assert pq.read_table(target).num_rows == 6
    else:
        assert target.read_text(encoding="utf-8") == atio("read", flights, "--to", suffix).out


def test_a_file_that_cannot_be_made_whole_is_not_made(atio: Atio, tmp_path: Path) -> None:
    """A read that fails leaves the file that was there."""
    target = tmp_path / "old.csv"
    target.write_text("old", encoding="utf-8")
    table = Table(tmp_path / "t")
    (file,) = table.append(pa.table({"a": list(range(1000))})).data_files()
    data = bytearray((tmp_path / "t" / file.path).read_bytes())
    data[10] ^= 1
    (tmp_path / "t" / file.path).write_bytes(data)
    done = atio("read", tmp_path / "t", "--output", target)
    assert (done.code, target.read_text(encoding="utf-8")) == (1, "old")
    assert str(file.path) in done.err


def test_two_columns_of_one_name_are_no_json(atio: Atio, tmp_path: Path) -> None:
    """JSON would lose one of two columns of one name, so it is refused; CSV has both."""
    Table(tmp_path / "t").append(pa.table([[1], [2]], names=["a", "a"]))
    done = atio("read", tmp_path / "t", "--json")
    assert done.code == 2
    assert "two columns of one name (a)" in done.err
    assert atio("read", tmp_path / "t", "--to", "csv").out == '"a","a"\n1,2\n'


def test_an_object_goes_to_the_disk(atio: Atio, tmp_path: Path) -> None:
    """A version that holds an object is put where --output says; what is there stays."""
    Table(tmp_path / "t").overwrite({"a": 1})
    assert atio("read", tmp_path / "t").code == 2
    assert atio("read", tmp_path / "t", "-o", tmp_path / "it.json").code == 0
    assert (tmp_path / "it.json").read_text(encoding="utf-8") == '{"a":1}'
    assert atio("read", tmp_path / "t", "-o", tmp_path / "it.json").code == 4
    assert atio("read", tmp_path / "t", "-o", tmp_path / "x.json", "--limit", 1).code == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "csv", "--json"], "--json and --to csv are two wishes"),
        (["--output", "x.dat"], "'x.dat' doesn't tell what to write"),
        (["--to", "xml"], "xml"),
        (["--limit", "-1"], "limit"),
        (["--version", "1.5"], "'1.5' names no version"),
    ],
)
def test_what_cannot_be_meant_is_refused(atio: Atio, flights: Path, options: list[str], message: str) -> None:
    """A wish that makes no sense is refused with the code 2, before anything is read."""
    done = atio("read", flights, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_head_shows_the_first_rows(atio: Atio, flights: Path) -> None:
    """`head` shows ten rows, or as many as are asked for."""
    assert len(atio("head", flights).out.splitlines()) == 1 + 6
    assert [row["flight"] for row in atio("head", flights, "-n", 3, "--json").json] == ["UA1", "AA1", "UA2"]
