"""The script itself, as a shell runs it; on a terminal too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from atio_core.table import Table
from tests.atio_core.cli.conftest import Atio

SCRIPT = Path(sys.executable).with_name("atio")


def run(*tokens: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the script to its end, without a terminal."""
    command = [SCRIPT, *map(str, tokens)]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )


def on_terminal(
    *tokens: object, answer: str = "", columns: int = 80, env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run the script on a terminal of its own, and return its code and all that it showed."""
    pty = pytest.importorskip("pty", reason="a terminal of our own needs Unix")
    above, below = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", **(env or {})}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        if name not in (env or {}):
            environment.pop(name, None)
    with subprocess.Popen(
        [SCRIPT, *map(str, tokens)], stdin=below, stdout=below, stderr=below, env=environment
    ) as process:
        os.close(below)
        os.write(above, answer.encode())
        shown = b""
        while piece := _read(above):
            shown += piece
    os.close(above)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux: the other end is closed
        return b""


def test_the_script_runs(flights: Path, atio: Atio) -> None:
    """The script that is installed does what the app does."""
    done = run("log", flights)
    assert (done.returncode, done.stdout, done.stderr) == (0, atio("log", flights).out, "")
    assert run("log", flights / "nothing").returncode == 3


def test_without_a_terminal_there_are_no_colours_and_no_questions(flights: Path) -> None:
    """What is piped has no escape codes, even where colours are forced; a question is refused."""
    done = run("log", flights, env={"FORCE_COLOR": "1"})
    assert "\x1b" not in done.stdout
    refused = run("drop", flights)
    assert refused.returncode == 4
    assert refused.stderr.startswith("atio: Drop ")


def test_on_a_terminal_there_are_colours_unless_refused(flights: Path) -> None:
    """A terminal gets colours, within its width; NO_COLOR turns them off."""
    code, shown = on_terminal("log", flights)
    assert code == 0
    assert "\x1b[" in shown
    code, shown = on_terminal("log", flights, env={"NO_COLOR": "1", "TERM": "dumb"})
    assert (code, "\x1b[" in shown) == (0, False)
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_a_person_is_asked(flights: Path) -> None:
    """On a terminal a person is asked, and only a yes does it."""
    code, shown = on_terminal("drop", flights, answer="\n")
    assert (code, "[y/N]" in shown) == (4, True)
    assert "stopped: nothing was changed" in shown
    assert Table(flights).exists()
    code, shown = on_terminal("expire", flights, "--keep-last", 1, answer="yes\n")
    assert code == 0
    assert shown.index("would be removed") < shown.index("Remove 2 versions") < shown.index("Expired")
    assert len(Table(flights).history()) == 1


def test_a_wide_table_fits_a_terminal(tmp_path: Path) -> None:
    """On a terminal as many columns are shown as fit, and the others are counted."""
    Table(tmp_path / "t").append(pa.table({f"column {n}": ["x" * 30] for n in range(9)}))
    code, shown = on_terminal("read", tmp_path / "t", env={"NO_COLOR": "1", "TERM": "dumb"})
    assert code == 0
    assert "7 of 9 columns are left out" in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if not line.startswith("7 of"))
    assert on_terminal("read", tmp_path / "t", "--to", "parquet")[0] == 2


def test_who_reads_no_further_ends_it_quietly(tmp_path: Path) -> None:
    """A reader that has enough, as `head` does, ends the command without an error."""
    Table(tmp_path / "t").append(pa.table({"n": list(range(60_000)), "text": ["x" * 50] * 60_000}))
    for to in ("csv", "parquet"):
        with subprocess.Popen(
            [SCRIPT, "read", tmp_path / "t", "--to", to], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.read(10)
            process.stdout.close()
            assert (process.stderr.read(), process.wait()) == (b"", 0), to


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="needs a shell")
@pytest.mark.parametrize(
    ("tokens", "closed", "code"), [(("log",), 1, 0), (("read",), 1, 0), (("log", "--odd"), 2, 2)]
)
def test_closed_output_is_written_into_nothing(
    flights: Path, tokens: tuple[str, ...], closed: int, code: int
) -> None:
    """A command whose output or errors were closed does its work, and ends with the code that it has else."""
    command, *options = tokens
    line = f'exec "$0" "$@" {closed}>&-'
    done = subprocess.run(["/bin/sh", "-c", line, SCRIPT, command, flights, *options], check=False)
    assert done.returncode == code


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_told(flights: Path) -> None:
    """Output that can't be written is an error, also where it is short."""
    with Path("/dev/full").open("wb") as full:
        for tokens in (["log", flights], ["read", flights, "--to", "csv"], ["show", flights, "--json"]):
            done = subprocess.run(
                [SCRIPT, *map(str, tokens)], check=False, stdout=full, stderr=subprocess.PIPE
            )
            assert done.returncode == 5, tokens
            assert done.stderr.startswith(b"atio: ")


def test_rows_stream_in_bounded_memory(tmp_path: Path) -> None:
    """A table that is many times larger than a batch is printed in little memory."""
    table = Table(tmp_path / "t")
    for _ in range(4):
        table.append(pa.table({"text": [f"{n:0200}" for n in range(200_000)]}))
    code = """
import resource, sys
from atio_core.cli.main import main
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
main(sys.argv[1:] + ["--limit", "10"])
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start, file=sys.stderr)
"""
    pytest.importorskip("resource", reason="peak memory is asked of Unix")
    done = subprocess.run(
        [sys.executable, "-c", code, "read", tmp_path / "t", "--to", "csv"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert int(done.stderr) * 1024 < 100 * 2**20, "all rows are 160 MB"


def test_without_its_libraries_the_script_says_what_to_install() -> None:
    """Where the extra isn't installed, the script says so in a line."""
    code = """
import sys
sys.modules["cyclopts"] = None
from atio_core.cli.main import main
sys.exit(main(["ls", "x"]))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "atio: the command line needs libraries that are not installed: pip install 'atio[cli]'\n"
    )


def test_a_history_is_listed_without_them(flights: Path) -> None:
    """Where the extra isn't installed, `log` lists a history all the same, as a plain table on a terminal."""
    code = """
import sys
sys.modules["cyclopts"] = sys.modules["rich"] = None
sys.stdout.isatty = lambda: True
from atio_core.cli.main import main
sys.exit(main(["log", sys.argv[1]]))
"""
    done = subprocess.run([sys.executable, "-c", code, flights], check=True, capture_output=True, text=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["version", "3", "2", "1"]


def test_completion_knows_the_commands() -> None:
    """The shell's completion script, which the library makes, has the commands and their options."""
    from atio_core.cli.app import COMMANDS, app

    script = app.generate_completion(shell="bash")  # noqa: S604 - it names a shell, and runs none
    assert all(name in script for name in COMMANDS)
    assert "--dry-run" in script
