"""One thing done to many tables, several at a time. What fails for one doesn't stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

TABLES_AT_ONCE = 8

_Done = TypeVar("_Done")


def side_by_side(
    names: Iterable[str], act: Callable[[str], _Done]
) -> tuple[dict[str, _Done], dict[str, Exception]]:
    """Do something to each table.

    Args:
        names: The tables.
        act: What is done, given the name.

    Returns:
        What came of it, and what failed, each by the table's name and in the order of the names.

    Example:
        >>> side_by_side(["4", "x"], int)[0]
        {'4': 4}
    """

    def attempt(name: str) -> tuple[_Done | None, Exception | None]:
        try:
            return act(name), None
        except Exception as error:  # noqa: BLE001 - it is reported; the other tables go on
            return None, error

    names = list(names)
    with ThreadPoolExecutor(TABLES_AT_ONCE, thread_name_prefix="atio-tables") as pool:
        outcomes = dict(zip(names, pool.map(attempt, names), strict=True))
    done: dict[str, _Done] = {}
    failed: dict[str, Exception] = {}
    for name, (result, error) in outcomes.items():
        if error is None:
            done[name] = result  # pyright: ignore[reportArgumentType] - None only if `act` gave it
        else:
            failed[name] = error
    return done, failed
