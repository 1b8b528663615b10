from __future__ import annotations

from pathlib import Path

import pytest

from atio_core.cli.exits import Exit
from atio_core.table import Table
from tests.atio_core.cli.conftest import Atio


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_page_of_a_table(atio: Atio, flights: Path, here: Path) -> None:
    """`ui TABLE` writes a page named after the table, and says where."""
    done = atio("ui", flights)
    page = here / "flights.atio.html"
    assert done.out == f"{page}: {page.stat().st_size:,} bytes; open it in a browser\n"
    assert '"name":"flights"' in page.read_text()
    assert "UA1" not in page.read_text()


def test_a_page_of_a_store(atio: Atio, flights: Path, here: Path) -> None:
    """`ui STORE` writes a page of all its tables."""
    done = atio("ui", flights.parents[1], "--output", "all.html", "--json").json
    assert done == {"path": str(here / "all.html"), "bytes": (here / "all.html").stat().st_size}
    assert '"name":"raw/flights"' in (here / "all.html").read_text()


def test_rows_only_if_asked_for(atio: Atio, flights: Path, here: Path) -> None:
    """`--sample` puts rows into the page."""
    atio("ui", flights, "--sample", 1)
    assert "UA1" in (here / "flights.atio.html").read_text()
    assert atio("ui", flights, "--sample", -1).code == Exit.USAGE


def test_a_dropped_table_has_a_page(atio: Atio, flights: Path, here: Path) -> None:
    """What is left of a table that was dropped is shown."""
    Table(flights).drop()
    assert atio("ui", flights).code == 0
    assert '"kind":"dropped"' in (here / "flights.atio.html").read_text()


def test_what_is_not_there_is_refused(atio: Atio, here: Path) -> None:
    """A folder without tables gives no page, but the code for what isn't there."""
    done = atio("ui", here)
    assert (done.code, done.err) == (
        Exit.NOT_THERE,
        f"atio: {here} is no table, and no folder of tables; correct the path\n",
    )
    assert list(here.iterdir()) == []
