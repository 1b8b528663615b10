"""`atio log`, said plainly, is understood without the library that reads command lines.

To load that takes twice as long as to list a history, which is what people ask for most. Whatever isn't said plainly,
help and mistakes among it, is left to the library; what is means the same here as there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class PlainLog:
    """What `atio log` was asked for: see `cli/commands/log.py`."""

    table: str
    limit: int | None = None
    json: bool = False


def plain_log(tokens: Sequence[str]) -> PlainLog | None:
    """Return what a command line asks of `log`; None if it isn't said plainly, or another command is meant.

    Example:
        >>> plain_log(["log", "flights", "--limit", "3"])
        PlainLog(table='flights', limit=3, json=False)
        >>> plain_log(["log", "flights", "--limit", "three"]) is plain_log(["log", "--help"]) is None
        True
    """
    if not tokens or tokens[0] != "log":
        return None
    tables: list[str] = []
    limits: list[str] = []
    as_json, left = 0, iter(tokens[1:])
    for word in left:
        if word == "--json":
            as_json += 1
        elif word == "--limit":
            limits.append(next(left, ""))
        elif word.startswith("-") or not word:
            return None
        else:
            tables.append(word)
    if len(tables) != 1 or len(limits) > 1 or as_json > 1 or not all(map(_NUMBER.fullmatch, limits)):
        return None
    return PlainLog(tables[0], int(limits[0]) if limits else None, as_json > 0)
