"""Plain text for a person: headings, paragraphs and tables; bold only on a terminal."""

import os
import sys
import textwrap
from collections.abc import Sequence

WIDTH = 100


def heading(text: str) -> None:
    """Print a line that stands out."""
    print(f"\n{_bold(text)}\n{'─' * len(text)}", flush=True)


def say(text: str) -> None:
    """Print a paragraph."""
    print(textwrap.fill(" ".join(text.split()), WIDTH, break_on_hyphens=False), flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1) -> None:
    """Print a table: the first columns to the left, numbers to the right."""
    cells = [list(head), *[[cell if isinstance(cell, str) else f"{cell:,}" for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    print()
    for number, row in enumerate(cells):
        aligned = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        line = "  " + "  ".join(aligned).rstrip()
        print(_bold(line) if number == 0 else line)
    print(flush=True)


def _bold(text: str) -> str:
    colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\033[1m{text}\033[0m" if colours else text
