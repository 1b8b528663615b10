"""What the library advises is told in options of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from atio_core.cli.exits import Exit
from atio_core.cli.own_words import SPOKEN, in_own_words
from atio_core.table import Table
from tests.atio_core.cli.conftest import Atio

LIBRARY = Path(__file__).parents[3] / "atio_core"


def test_errors_advise_options(atio: Atio, flights: Path, tmp_path: Path) -> None:
    """Who is refused is told what to type."""
    assert atio("tag", "set", flights, "x", 1).code == 0
    assert atio("tag", "set", flights, "x", 2).err.endswith("or move it to version 2 with --force\n")
    assert "a rule, such as --keep-last 10" in atio("expire", flights, "--yes").err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "one").touch()
    assert atio("export", flights, tmp_path / "full").err.endswith("Give another path.\n")
    (tmp_path / "full.tar").touch()
    assert atio("export", flights, tmp_path / "full.tar").err.endswith("Give another path.\n")


def test_reports_advise_options(atio: Atio, flights: Path) -> None:
    """A preview says how to do it, on either stream."""
    tried = atio("expire", flights, "--keep-last", 1, "--dry-run")
    assert "a real run (without --dry-run) would remove 2 versions" in tried.out
    assert (
        "a real run (without --dry-run) would remove 2 versions"
        in atio("expire", flights, "--keep-last", 1).err
    )
    assert (
        "a real run (without --dry-run)"
        in atio("expire", "--all", flights.parent, "--keep-last", 1, "--dry-run").out
    )


def test_what_users_named_stays_as_they_named_it(atio: Atio, flights: Path) -> None:
    """A name that reads like such advice is told as it is."""
    Table(flights).tag("force=True", 1)
    refused = atio("tag", "set", flights, "force=True", 2)
    assert (refused.code, "has the tag 'force=True'" in refused.err) == (Exit.REFUSED, True)


@pytest.mark.parametrize("phrase", SPOKEN)
def test_the_library_says_so(phrase: str) -> None:
    """No phrase is kept that no message has any more."""
    # a message may be cut in two by the end of its line
    text = "".join(path.read_text() for path in LIBRARY.rglob("*.py") if path.name != "own_words.py")
    assert phrase in text
    assert in_own_words(f"so {phrase}") == f"so {SPOKEN[phrase]}"
