"""Rows on a terminal: as many columns as it is wide, and a note of the others."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from atio_core.cli.plain import printable

_WIDEST = 40
_GAP = 2


def draw_rows(schema: pa.Schema, blocks: Iterable[list[list[str]]]) -> None:
    """Draw rows, block by block; each has its own widths.

    Args:
        schema: Their columns.
        blocks: Their cells.
    """
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    titles = [printable(name) for name in schema.names]
    numbers = [pa.types.is_integer(field.type) or pa.types.is_floating(field.type) for field in schema]
    left_out, drawn = 0, False
    for rows in blocks:
        fit = _fitting([titles, *rows], console.width)
        console.print(_table(titles[:fit], numbers, rows), soft_wrap=False)
        left_out, drawn = max(left_out, len(titles) - fit), True
    if not drawn:
        sys.stdout.write(f"{'  '.join(titles)}\n(no rows)\n")
    if left_out:
        sys.stdout.flush()
        sys.stderr.write(
            f"{left_out} of {len(titles)} columns are left out: choose some by --columns, or say --to csv\n"
        )


def _table(titles: list[str], numbers: list[bool], rows: list[list[str]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table: Any = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for title, number in zip(titles, numbers, strict=False):
        table.add_column(
            Text(title),
            justify="right" if number else "left",
            no_wrap=True,
            overflow="ellipsis",
            max_width=_WIDEST,
        )
    for row in rows:
        table.add_row(*(Text(cell, "dim" if cell == "null" else "") for cell in row[: len(titles)]))
    return table


def _fitting(lines: list[list[str]], width: int) -> int:
    """How many of the columns fit; one at least."""
    left, fit = width, 0
    for column in range(len(lines[0])):
        left -= min(max(len(line[column]) for line in lines), _WIDEST) + _GAP
        if left < -_GAP and fit:
            break
        fit += 1
    return fit
