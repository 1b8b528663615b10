from pathlib import Path

import pytest

from atio_core import errors
from atio_core.cli.exits import Exit, exit_of
from atio_core.errors import AtioError
from tests.atio_core.cli.conftest import Atio

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "command-line.md"
ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AtioError)]


@pytest.mark.parametrize(
    ("tokens", "code", "message"),
    [
        (["log"], 2, "TABLE"),
        (["log", "x", "--nix"], 2, "--nix"),
        (["lgo", "x"], 2, 'Did you mean "log"?'),
        (["log", "nothing"], 3, "there is no table at"),
        (["log", "memory://x"], 2, "sees tables on disk alone"),
        (["ls", "memory:x"], 2, "sees tables on disk alone"),
        (["log", "ftp://b/t"], 2, "no store is known for"),
        (["log", "x", "--limit", "-1"], 2, "limit"),
    ],
)
def test_an_error_is_one_line(atio: Atio, tokens: list[str], code: int, message: str) -> None:
    """An error is one line on stderr that says what to do, and a code of its kind; nothing is printed."""
    done = atio(*tokens)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert done.err.startswith("atio: ")
    assert message in done.err


def test_a_traceback_is_shown_only_if_asked_for(atio: Atio, tmp_path: Path) -> None:
    """--debug, wherever it stands, shows where an error came from."""
    for tokens in (["--debug", "log", tmp_path / "x"], ["log", tmp_path / "x", "--debug"]):
        done = atio(*tokens)
        assert done.code == 3
        assert "Traceback" in done.err
        assert done.err.splitlines()[-1].startswith("atio: there is no table")


def test_an_error_that_nobody_thought_of_has_a_code(
    atio: Atio, flights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug is told as one, with the way to its traceback; Ctrl-C has its own code."""
    raised: list[BaseException] = [ZeroDivisionError("by\nzero"), KeyboardInterrupt()]

    def fail(*_: object, **__: object) -> None:
        raise raised.pop(0)

    monkeypatch.setattr("atio_core.table.Table.snapshot", fail)
    done = atio("show", flights)
    assert (done.code, done.err) == (
        70,
        "atio: unexpected ZeroDivisionError: by zero (--debug shows where)\n",
    )
    assert atio("show", flights).code == 130


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_each_error_has_a_code(kind: type[AtioError]) -> None:
    """No error of atio's ends as a bug."""
    assert exit_of(kind("what")) in set(Exit) - {Exit.OK, Exit.BUG, Exit.INTERRUPTED}


def test_the_guide_has_each_exit_code() -> None:
    """docs/guide/command-line.md tells of each exit code."""
    text = PAGE.read_text(encoding="utf-8")
    for code in Exit:
        assert f"\n| {int(code)} |" in text


def test_the_version_is_told(atio: Atio) -> None:
    """`atio --version` tells the release."""
    import atio_core

    assert atio("--version").out.strip() == atio_core.__version__


def test_help_lists_each_command_with_a_sentence(atio: Atio) -> None:
    """`atio` alone shows the commands, and what each does."""
    from atio_core.cli.app import COMMANDS

    lines = atio().out.splitlines()
    for name in COMMANDS:
        (line,) = [line for line in lines if line.startswith(f"│ {name} ")]
        assert len(line.split()) > 4, line
