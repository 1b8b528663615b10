"""The page in a real Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from atio_core.store import Store
from atio_core.table import Table
from tests.support.browser import CHROMIUM, ask, dom_of

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OPEN_NEXT = "document.querySelectorAll('button.plain')[1].click();"
SELECT = """
const choose = (id, version) => {
  const select = document.getElementById(id);
  select.value = version;
  select.dispatchEvent(new Event("change"));
};
"""
FACTS = """
const facts = (place) => Object.fromEntries([...document.querySelectorAll(`${place} > dl dt, ${place} > div > dl dt`)]
  .map((one) => [one.textContent, one.nextElementSibling.textContent]));
"""


@pytest.fixture
def page(flights: Table, tmp_path: Path) -> Path:
    """The page of a table with a history."""
    return flights.write_page(tmp_path / "page.html")


def test_the_page_draws_itself_under_its_own_policy(page: Path) -> None:
    """The page shows the versions, the newest first, although it may load nothing and run nothing but its script."""
    dom = dom_of(page)
    assert "Content-Security-Policy" in dom
    assert re.findall(r'<tr data-version="(\d+)"', dom) == ["9", "8", "7", "5", "3"]
    assert "versions 1 to 2 have expired" in dom
    assert "late" in dom


def test_nothing_is_shown_that_could_be_markup(hostile: Table, tmp_path: Path) -> None:
    """Names, messages, tags, properties and values are text, whatever is in them."""
    page = hostile.write_page(tmp_path / "page.html", sample=5)
    seen = ask(
        page,
        "const count = (what) => document.querySelectorAll(what).length;"
        "return [document.title, count('script'), count('img, b, i'), document.getElementById('page').textContent]",
    )
    assert seen[:3] == ["atio: a&b <i> table", 3, 0]
    assert "</script><script>document.title='owned'</script><!--<img src=x onerror=" in seen[3]
    assert "\\u{202e}b" in seen[3], "what turns texts round is spelled"
    assert "\\u{1b}[2J" in seen[3]


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window(flights: Table, tmp_path: Path, width: int) -> None:
    """On a phone and on a wide screen nothing lies outside the window; wide tables scroll by themselves."""
    rows = {f"column {number} with a long name": ["x" * 300] for number in range(40)}
    wide = Store(Path(flights.path).parent).table("wide")
    wide.append(pa.table(rows), message="m" * 500)
    page = Store(Path(flights.path).parent).write_page(tmp_path / "page.html", sample=3)
    script = f"const beyond = () => {OVERFLOW}; const first = beyond(); {OPEN_NEXT}"
    script += "return [innerWidth, first, beyond()];"
    assert ask(page, script, width=width) == [width, 0, 0]


def test_it_is_dark_for_who_prefers_that(page: Path) -> None:
    """Colours follow what the person who looks prefers, and texts stand out in both."""
    script = "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
    light, dark = ([_brightness(one) for one in ask(page, script, dark=dark)] for dark in (False, True))
    assert light[0] - light[1] > 180
    assert dark[1] - dark[0] > 180


def _brightness(colour: str) -> float:
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_versions_are_chosen_by_the_keyboard(page: Path) -> None:
    """Arrow keys on the plot go from version to version; Home and End to the first and the last."""
    script = """
    const plot = document.querySelector('.plot');
    const press = (key) => {
      plot.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
      return [plot.getAttribute('aria-valuenow'), document.querySelector('#version h2').textContent,
        document.querySelector('tr.chosen').dataset.version];
    };
    const keys = ['ArrowLeft', 'Home', 'ArrowLeft', 'ArrowRight', 'End'];
    return [plot.tabIndex, plot.getAttribute('role'), ...keys.map(press)];
    """
    steps = [[version, f"Version {version}", version] for version in ("8", "3", "3", "5", "9")]
    assert ask(page, script) == [0, "slider", *steps]


def test_everything_that_acts_takes_the_keyboard(page: Path) -> None:
    """All that can be clicked is a button, a select or a summary, or can be reached by the tab key; each has a name."""
    script = """
    const acting = [...document.querySelectorAll('button, select, summary, [tabindex]')];
    return acting.filter((one) => one.tabIndex < 0
      || !(one.textContent.trim() || one.getAttribute('aria-label'))).map((one) => one.outerHTML);
    """
    assert ask(page, script) == []


def test_a_version_is_told(page: Path) -> None:
    """A version that is chosen tells its time, message, tags, columns, and whether the next expiry keeps it."""
    script = (
        FACTS + "document.querySelector('tr[data-version=\"5\"] button').click(); return facts('#version')"
    )
    told = ask(page, script)
    assert (told["operation"], told["message"], told["tags"], told["holds"].split(",")[0], told["rows"]) == (
        "append",
        "more",
        "q1",
        "5 rows in 2 files",
        "+2",
    )


def test_columns_that_changed_are_told(page: Path) -> None:
    """A version tells how its columns differ from those of the version before."""
    script = """
    document.querySelector('tr[data-version="8"] button').click();
    return [...document.querySelectorAll('#version [aria-label="Changed columns"] tbody tr')]
      .map((row) => [...row.cells].map((cell) => cell.textContent));
    """
    assert ask(page, script) == [["renamed", "delay", "→ minutes"]]


def test_any_two_versions_are_compared(page: Path) -> None:
    """The page tells what any two versions differ in, in both directions."""
    expected = {
        (3, 5): "+2",
        (5, 3): "\N{MINUS SIGN}2",
        (5, 7): "+2 \N{MINUS SIGN}1",
        (3, 9): "+3",
        (9, 5): "\N{MINUS SIGN}1 1 changed",
        (8, 9): "the same",
        (9, 9): None,
    }
    script = (
        SELECT
        + FACTS
        + f"""
        return {[list(pair) for pair in expected]}.map(([before, after]) => {{
          choose('compare-before', before);
          choose('compare-after', after);
          const told = document.querySelector('[aria-label=Compare]').textContent;
          return [facts('[aria-label=Compare]').rows || null, told];
        }});
        """
    )
    for (before, after), (told, text) in zip(expected, ask(page, script), strict=True):
        assert (before, after, told) == (before, after, expected[before, after])
        assert ("That is the same version." in text) == (before == after)
        assert ("going back" in text) == (before > after)


def test_changed_rows_are_told_by_column(flights: Table, tmp_path: Path) -> None:
    """With a key, rows that changed are told apart from those that came and went, and the columns that did it."""
    flights.upsert(pa.table({"id": [1, 9], "minutes": [11.0, 90.0]}))
    page = flights.write_page(tmp_path / "page.html")
    script = FACTS + (
        "return [facts('[aria-label=Compare]').rows, document.querySelector('[aria-label=\"Rows changed, by column\"]')"
        ".textContent]"
    )
    assert ask(page, script) == ["+1 1 changed", "columnrowsminutes1"]


def test_sample_rows_are_shown_if_asked_for(flights: Table, tmp_path: Path) -> None:
    """Rows of a version and of a difference are in the page only if they are asked for; a null is told as such."""
    flights.append(pa.table({"id": [77], "minutes": pa.array([None], pa.float64())}))
    script = """
    const tables = document.querySelectorAll('[aria-label=Rows], [aria-label="Rows added"]');
    return [...tables].map((one) => one.innerText);
    """
    assert ask(flights.write_page(tmp_path / "without.html"), script) == []
    rows, added = ask(flights.write_page(tmp_path / "with.html", sample=2), script)
    assert rows.split() == ["id", "minutes", "1", "10.0", "2", "20.0"]
    assert added.split() == ["id", "minutes", "77", "null"]


def test_a_store_shows_each_of_its_tables(flights: Table, tmp_path: Path) -> None:
    """The page of a store lists tables and releases, and shows the table that is chosen; or why it can't."""
    store = Store(Path(flights.path).parent)
    store.table("report").append(pa.table({"a": [1]}))
    store.table("gone").append(pa.table({"a": [1]}))
    store.table("gone").drop()
    store.create_release("january", ["flights", "report"])
    store.table("worse").append(pa.table({"a": [1]}))
    for entry in (Path(store.path) / "worse" / "_atio" / "log").rglob("*.json"):
        entry.write_bytes(b"{")
    page = store.write_page(tmp_path / "page.html")
    script = """
    const links = (name) => [...document.querySelectorAll('button.plain')].find((one) => one.textContent === name);
    const body = (name) => document.querySelector(`[aria-label=${name}] tbody`).innerText;
    const seen = [body('Tables'), body('Releases')];
    for (const name of ['report', 'gone', 'worse']) {
      links(name).click();
      seen.push(document.activeElement.textContent, document.querySelector('main').innerText);
    }
    return seen;
    """
    tables, releases, *seen = ask(page, script)
    assert [line.split()[0] for line in tables.splitlines()] == ["flights", "gone", "report", "worse"]
    assert "flights 9, report 1" in releases
    assert seen[::2] == ["report", "gone", "worse"], "the keyboard stays where it was"
    assert "Version 1" in seen[1]
    assert "drop" in seen[3]
    assert "damaged" in seen[5]
