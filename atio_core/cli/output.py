"""What commands print: a table, facts, or JSON.

On a terminal tables are rich's, in its width and with colours. Elsewhere they are plain: a line for each row, however
long, in which nothing is cut off. Then rich isn't loaded, which takes longer than most commands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, TextIO

from atio_core.cli.plain import printable


def print_json(value: object) -> None:
    """Print plain values as one JSON document, in ASCII."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def print_text(text: str) -> None:
    """Print lines as they are, but for what would move the cursor."""
    sys.stdout.write("\n".join(printable(line) for line in text.split("\n")) + "\n")


def print_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = (), wraps: str = ""
) -> None:
    """Print a table.

    Args:
        titles: What stands above the columns.
        rows: Their cells.
        right: Titles of the columns that are aligned to the right.
        wraps: Title of the column whose cells may take several lines, on a terminal; the last if none is named.
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    if is_terminal(sys.stdout) and _has_rich():
        _draw(titles, shown, right, wraps or titles[-1])
    else:
        sys.stdout.writelines(f"{line}\n" for line in aligned(titles, shown, right))


def print_facts(facts: Mapping[str, str]) -> None:
    """Print names and what they are, a line each; what is empty is left out."""
    told = {name: printable(text) for name, text in facts.items() if text}
    width = max(map(len, told), default=0)
    sys.stdout.writelines(f"{name.ljust(width)}  {text}\n" for name, text in told.items())


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sees what is written to a stream."""
    try:
        return stream.isatty()
    except ValueError:  # it is closed
        return False


def aligned(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str]) -> list[str]:
    """Return the lines of a plain table.

    Example:
        >>> aligned(["version", "operation"], [["12", "append"]], ["version"])
        ['version  operation', '     12  append']
    """
    lines = [titles, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    return [
        "  ".join(
            cell.rjust(width) if title in right else cell.ljust(width)
            for title, cell, width in zip(titles, line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]


def _has_rich() -> bool:
    """Whether what draws tables is installed: `log` needs nothing else of the extra."""
    try:
        return find_spec("rich") is not None
    except ValueError:  # it is kept from being imported
        return False


def _draw(titles: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str], wraps: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table: Any = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        justify = "right" if title in right else "left"
        table.add_column(title, justify=justify, no_wrap=title != wraps, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # a Text: brackets in names are no markup
    Console(file=sys.stdout, highlight=False, soft_wrap=False).print(table)
