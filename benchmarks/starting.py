"""How long `import atio_core` takes over a bare interpreter, and the script `atio` until it has listed a history."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa

import atio_core
from benchmarks.measure import Result, absolute, of_pairs, seconds

_SCRIPT = Path(sys.executable).with_name("atio")


def run(folder: Path) -> Iterator[Result]:
    """Measure both, each time beside an interpreter that does less."""
    yield _import()
    yield from _script(folder / "starting")


def _import() -> Result:
    figures: list[float] = []
    for _pair in range(15):
        bare = seconds(lambda: _python("pass"))
        ours = seconds(lambda: _python("import atio_core; assert 'pyarrow' not in __import__('sys').modules"))
        figures.append((ours - bare) * 1_000)
    return absolute("import atio_core, over a bare interpreter", 50.0, "ms", figures)


def _script(path: Path) -> Iterator[Result]:
    """A history of ten versions, listed by the script; beside libraries that other scripts are made with."""
    if find_spec("typer") is None:
        return
    table = atio_core.Table(path)
    for number in range(10):
        table.append(pa.table({"number": [number]}))
    pairs: list[tuple[float, float]] = []
    for _pair in range(15):
        theirs = seconds(lambda: _python("import typer, rich"))
        ours = seconds(lambda: subprocess.run([_SCRIPT, "log", path], check=True, stdout=subprocess.DEVNULL))
        pairs.append((ours, theirs))
    yield of_pairs("atio log, cold", "python -c 'import typer, rich'", 2.0, pairs)


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)
