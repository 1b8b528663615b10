import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import atio_core as atio
from example_project.cleaned import FLIGHT

ROOT = Path(__file__).parents[2]


def run(module: str, home: Path) -> str:
    """Run a module of the example in a home of its own; returns what it printed."""
    environment = os.environ | {"ATIO_EXAMPLE_HOME": str(home), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", f"example_project.{module}"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    return result.stdout


def check_form(text: str, home: Path) -> None:
    """Hold how it was printed against what a terminal shows."""
    assert max(map(len, text.replace(str(home), "").splitlines())) <= 100
    assert "\033" not in text


def check_story(text: str) -> None:
    """Hold what the demo tells against what is to happen."""
    late = r"evening +raw/flights +append +(\d+) .* \+970 -0[\s\S]*late +raw/flights +append +\d+ .* \+32 -0"
    assert re.search(late, text)
    assert text.count("FAILED") == 1
    assert "cleaned delays_are_minutes FAILED" in text
    assert re.search(r"is still at\s+version", text)
    attempts = re.findall(
        r"^ +(before all|\d: .*?) +(-|9) +(\d+) +([\d,]+) +(yes|NO) +(\d+)$", text, re.MULTILINE
    )
    assert [(signal, whole) for _, signal, _, _, whole, _ in attempts] == [
        ("-", "yes"),
        ("9", "yes"),
        ("9", "yes"),
        ("-", "yes"),
    ]
    versions = [int(version) for _, _, version, *_ in attempts]
    assert [version - versions[0] for version in versions] == [0, 0, 1, 1]
    rows = [int(count.replace(",", "")) for _, _, _, count, *_ in attempts]
    assert [count - rows[0] for count in rows] == [0, 0, 992, 992]
    assert int(attempts[1][-1]) > int(attempts[0][-1])


def check_tables(home: Path) -> None:
    """Hold the tables against the source."""
    store = atio.Store(home / "tables")
    cleaned = store.table("cleaned/flights").read(columns=FLIGHT)
    assert len(cleaned) == 80_789 + 970 + 983 + 992
    assert not cleaned.duplicated().any()
    assert len(store.table("features/departures").read(columns=["carrier"])) == len(cleaned)
    assert store.table("reports/airlines").read()["flights"].sum() == len(cleaned)
    assert store.table("cleaned/flights").staged() == []
    assert len(store.releases()) == 3


def test_the_demo(tmp_path: Path) -> None:
    """What the demo tells of late rows, the gate and killed runs is true, and the past can be read afterwards."""
    told = run("demo", tmp_path)
    check_form(told, tmp_path)
    check_story(told)
    check_tables(tmp_path)
    then = run("time_travel", tmp_path)
    check_form(then, tmp_path)
    assert "the last run: 992 flights added, 0 removed, 0 changed" in then
    assert "one day: 01 April" in then


@pytest.mark.slow
def test_the_demo_again(tmp_path: Path) -> None:
    """The demo can be run again, on top of what it left."""
    for _ in range(2):
        check_form(run("demo", tmp_path), tmp_path)
        check_tables(tmp_path)


@pytest.mark.slow
def test_the_demo_killed(tmp_path: Path) -> None:
    """A demo that was killed with rows that nobody has published goes through when it is started again."""
    environment = os.environ | {"ATIO_EXAMPLE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "example_project.demo"]
    cleaned = atio.Table(tmp_path / "tables" / "cleaned" / "flights")
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as process:
        while not cleaned.staged():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    check_story(run("demo", tmp_path))
    check_tables(tmp_path)
