"""How long `import atio_core` takes over a bare interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Result, absolute, seconds


def run(_: Path) -> Iterator[Result]:
    """Measure it, each time beside a bare interpreter."""
    figures: list[float] = []
    for _pair in range(15):
        bare = seconds(lambda: _python("pass"))
        ours = seconds(lambda: _python("import atio_core; assert 'pyarrow' not in __import__('sys').modules"))
        figures.append((ours - bare) * 1_000)
    yield absolute("import atio_core, over a bare interpreter", 50.0, "ms", figures)


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)
