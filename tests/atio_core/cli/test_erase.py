from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from atio_core.cli.exits import Exit
from atio_core.store import Store
from atio_core.table import Table
from tests.atio_core.cli.conftest import Atio

WHERE = ("--where", "flight = 'UA1'")


def told(folder: Path) -> list[Path]:
    """The files below a folder that tell of the flight."""
    return [path for path in folder.rglob("*") if path.is_file() and b"UA1" in path.read_bytes()]


def test_rows_vanish(atio: Atio, flights: Path) -> None:
    """`erase` deletes rows and lets all older versions go: no byte on the disk tells of them."""
    assert told(flights)
    done = atio("erase", flights, *WHERE, "--yes")
    assert done.code == 0
    assert done.out.startswith(f"Erased 1 row of {flights}: 3 older versions went")
    assert told(flights) == []
    assert "UA2" in atio("read", flights).out


def test_a_dry_run_changes_nothing(atio: Atio, flights: Path) -> None:
    """`--dry-run` tells what would go, and leaves it."""
    before = {path: path.read_bytes() for path in flights.rglob("*") if path.is_file()}
    found = atio("erase", flights, *WHERE, "--dry-run", "--json").json
    assert (found["dry_run"], found["rows"], found["versions"]) == (True, 1, [1, 2, 3])
    assert {path: path.read_bytes() for path in flights.rglob("*") if path.is_file()} == before


def test_nobody_is_asked_without_a_terminal(atio: Atio, flights: Path) -> None:
    """Where nobody can answer, it tells what it would do, and refuses."""
    done = atio("erase", flights, *WHERE)
    assert done.code == Exit.REFUSED
    assert "Erase 1 row and 3 older versions for good?" in done.err
    assert "PREVIEW" in done.err
    assert told(flights)


def test_what_stands_in_the_way_is_named(atio: Atio, flights: Path) -> None:
    """Tags and kept stages must be named to go; until then nothing is changed."""
    table = Table(flights)
    table.tag("audit", 1)
    stage = table.stage(mode="delete", where=[("flight", "==", "AA1")], keep=True)
    refused = atio("erase", flights, *WHERE, "--yes")
    assert refused.code == Exit.USAGE
    assert f"the tag 'audit'; the kept stage {stage.id}" in refused.err
    assert atio("erase", flights, *WHERE, "--yes", "--tag", "audit").code == Exit.USAGE
    assert told(flights)
    done = atio("erase", flights, *WHERE, "--yes", "--tag", "audit", "--stage", stage.id, "--json").json
    assert (done["tags"], done["staged"]) == (["audit"], [str(stage.id)])
    assert told(flights) == []


def test_tables_of_a_store(atio: Atio, flights: Path) -> None:
    """`--table` erases from several tables of a store; releases must be named, and are a store's alone."""
    store = Store(flights.parents[1])
    store.table("seats").append(pa.table({"flight": ["UA1", "AA1"]}))
    store.create_release("january", ["raw/flights", "seats"])
    tables = ("--table", "raw/flights", "--table", "seats")
    assert atio("erase", store.path, *WHERE, *tables, "--yes").code == Exit.USAGE
    assert atio("erase", flights, *WHERE, "--release", "january", "--yes").code == Exit.USAGE
    done = atio("erase", store.path, *WHERE, *tables, "--release", "january", "--yes", "--json").json
    assert {name: report["rows"] for name, report in done.items()} == {"raw/flights": 1, "seats": 1}
    assert told(Path(store.path)) == []
    assert store.releases() == []


def test_a_value_is_of_the_columns_type(atio: Atio, flights: Path) -> None:
    """A filter is read by the column's type, as `read` does; one that can't be is refused."""
    erased = atio("erase", flights, "--where", "day = 2026-01-02", "--yes", "--json").json
    assert erased["rows"] == 2
    assert dt.date(2026, 1, 2) not in Table(flights).read(output_as="arrow")["day"].to_pylist()
    assert atio("erase", flights, "--where", "day = 'no'", "--yes").code == Exit.USAGE
    assert atio("erase", flights, "--where", "nothing = 1", "--yes").code == Exit.USAGE


def test_a_dropped_table_is_erased(atio: Atio, flights: Path) -> None:
    """Of a table that was dropped, the older versions go."""
    Table(flights).drop()
    assert atio("erase", flights, *WHERE, "--yes").code == 0
    assert told(flights) == []


@pytest.mark.parametrize("tokens", [("--yes",), ("--where", "flight = ", "--yes")])
def test_it_must_be_said_which_rows(atio: Atio, flights: Path, tokens: tuple[str, ...]) -> None:
    """Without a filter, or with half of one, nothing is done."""
    assert atio("erase", flights, *tokens).code == Exit.USAGE
    assert told(flights)


def test_it_may_be_done_again(atio: Atio, flights: Path) -> None:
    """Erased once more, when nothing is left of a dropped table, is erased."""
    Table(flights).drop()
    for _ in range(2):
        assert atio("erase", flights, *WHERE, "--yes").code == 0
