import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import atio_core as atio

ROOT = Path(__file__).parents[2]


def demo(home: Path) -> str:
    """Run the demo in a home of its own; returns what it printed."""
    environment = os.environ | {"ATIO_EXAMPLE_HOME": str(home), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "example_project.demo"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    return result.stdout


def check(text: str, home: Path) -> None:
    """Hold what was printed against what is there."""
    assert max(map(len, text.replace(str(home), "").splitlines())) <= 100
    assert "\033" not in text
    assert "FAILED" not in text
    rows = {
        name: line
        for line in text.splitlines()
        for name in ("raw/flights", "raw/weather")
        if f"{name}  just" in line
    }
    assert re.search(r"before it +9 +(\d+) -> \1 +336,776 +yes +[1-9]", rows["raw/flights"])
    assert re.search(r"after it +9 +(\d+) -> (?!\1)\d+ +26,115 +yes +0", rows["raw/weather"])
    assert re.search(r"United Air Lines Inc\. +28,936 +58,665", text)
    flights = atio.Table(home / "tables" / "raw" / "flights")
    assert [snapshot.rows for snapshot in flights.history()] == [336_776, 336_776]


def test_the_demo(tmp_path: Path) -> None:
    """The demo tells of commits, of two killed runs, of an old version and of expiry, and all of it is true."""
    check(demo(tmp_path), tmp_path)


@pytest.mark.slow
def test_the_demo_again(tmp_path: Path) -> None:
    """The demo can be run again, on top of what it left."""
    for _ in range(2):
        check(demo(tmp_path), tmp_path)
