from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from atio_core.cli.app import app
from atio_core.cli.fast_log import PlainLog, plain_log
from tests.atio_core.cli.conftest import Atio

WORDS = st.sampled_from(
    [
        "log",
        "ls",
        "t",
        "a b",
        "",
        "-",
        "--",
        "--json",
        "--no-json",
        "--limit",
        "--limit=2",
        "0",
        "07",
        "7",
        "-1",
    ]
) | st.text(max_size=5)


def by_the_library(tokens: list[str]) -> PlainLog:
    """What the library that reads command lines makes of it."""
    command, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    assert command.__name__ == "log"
    return PlainLog(*bound.args, **bound.kwargs)


@example(["t", "--limit", "7", "--json"])
@example(["--json", "--limit", "0", "a b"])
@given(st.lists(WORDS, max_size=5))
def test_what_is_said_plainly_means_the_same(words: list[str]) -> None:
    """What is understood without the library is what the library understands."""
    found = plain_log(["log", *words])
    if found is not None:
        assert by_the_library(["log", *words]) == found


def test_whatever_else_is_left_to_the_library() -> None:
    """Other commands, help, mistakes and rarer ways to say it aren't taken for plain."""
    for words in (
        [],
        ["ls", "t"],
        ["log"],
        ["log", "--help"],
        ["log", "t", "u"],
        ["log", "t", "--debug"],
        ["log", "t", "--limit"],
        ["log", "t", "--limit", "-1"],
        ["log", "t", "--limit=1"],
        ["log", "t", "--limit", "1", "--limit", "2"],
        ["log", "--", "t"],
        ["--debug", "log", "t"],
    ):
        assert plain_log(words) is None


def test_both_ways_print_the_same(atio: Atio, flights: Path) -> None:
    """`log` prints the same, whoever understood it."""
    for plain, otherwise in (
        ((flights, "--limit", 2), (flights, "--limit=2")),
        ((flights, "--json"), ("--json", "--", flights)),
    ):
        assert atio("log", *plain) == atio("log", *otherwise)


def test_a_history_is_listed_without_loading_much(flights: Path) -> None:
    """A plain `log` loads neither the library that reads command lines nor Arrow nor what reads rows."""
    code = """
import sys
from atio_core.cli.main import main
assert main(["log", sys.argv[1]]) == 0
loaded = {"cyclopts", "rich", "pyarrow", "numpy", "atio_core.snapshot", "atio_core.table"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code, flights], check=True, capture_output=True)
