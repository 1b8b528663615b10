"""What callers hand in: each check refuses an argument by its name, before anything changes, or returns it plain.

Numbers and texts of NumPy, and other subclasses, become Python's own, so that nothing of a caller's type goes further.
"""

from __future__ import annotations

import operator
import reprlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, SupportsIndex, cast

from atio_core.errors import InvalidInputError

_BITS = 128  # a longer number is nobody's, and Python won't print one of thousands of digits


def require_whole(name: str, value: object, *, least: int | None = None) -> int:
    """Return a whole number, NumPy's too; True and False are none.

    Args:
        name: The argument's.
        value: What was given for it.
        least: The lowest number that makes sense.

    Raises:
        InvalidInputError: It is no whole number, or a lower one.

    Example:
        >>> require_whole("version", 3)
        3
    """
    number = None if isinstance(value, bool) else _as_int(value)
    if number is None or number.bit_length() > _BITS or (least is not None and number < least):
        more = "" if least is None else f" of {least} or more"
        raise refusal(name, f"a whole number{more}", value)
    return number


def require_duration(name: str, value: object) -> timedelta:
    """Return a duration of zero or more. Raises `InvalidInputError` for anything else."""
    # The NaT of pandas is a timedelta, but none of zero or more.
    if not isinstance(value, timedelta) or not value >= timedelta(0):
        raise refusal(name, "a timedelta of zero or more", value)
    return value


def require_time(name: str, value: object) -> datetime:
    """Return a time with a zone, in years that UTC has too. Raises `InvalidInputError` for anything else."""
    if not isinstance(value, datetime) or value != value:  # noqa: PLR0124 - pandas' NaT is a datetime
        raise refusal(name, "a datetime with a time zone", value)
    if value.utcoffset() is None:
        raise InvalidInputError(f"{name} must have a time zone, and {shown(value)} has none")
    try:
        value.astimezone(UTC)
    except OverflowError:
        raise refusal(name, "a time in the years 1 to 9999 of UTC", value) from None
    return value


def require_flag(name: str, value: object) -> bool:
    """Return True or False. Raises `InvalidInputError` for anything else: None or "no" may mean either."""
    if not isinstance(value, bool):
        raise refusal(name, "True or False", value)
    return value


def require_text(name: str, value: object) -> str:
    """Return text that can be stored.

    Raises:
        InvalidInputError: It is no text, or holds half a character (a lone surrogate).
    """
    if not isinstance(value, str):
        raise refusal(name, "text", value)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        message = f"{name} is not valid Unicode text: {shown(value)} holds a lone surrogate; take it out"
        raise InvalidInputError(message) from error
    return str.__str__(value)


def require_texts(name: str, value: object) -> dict[str, str]:
    """Return a mapping of texts to texts as a dict of its own. Raises `InvalidInputError` for anything else."""
    if not isinstance(value, Mapping):
        raise refusal(name, "a mapping of text to text", value)
    facts = cast("Mapping[object, object]", value)
    return {
        require_text(f"each name in {name}", key): require_text(f"{name}[{shown(key)}]", fact)
        for key, fact in facts.items()
    }


def require_choice(name: str, value: object, choices: Collection[str]) -> str:
    """Return one of some texts. Raises `InvalidInputError` for anything else."""
    if not isinstance(value, str) or value not in choices:
        raise refusal(name, f"one of {', '.join(choices)}", value)
    return str.__str__(value)


def require_list(name: str, value: object, of: str) -> list[Any]:
    """Return the members of anything that has some in an order: a list, an array, an index, a generator.

    Args:
        name: The argument's.
        value: What was given for it.
        of: What the members are, for the message.

    Raises:
        InvalidInputError: It has no members, or in no order; or it is text.
    """
    given: Any = value
    if isinstance(value, str | bytes | set | frozenset | Mapping):
        raise refusal(name, f"a list of {of}", given)
    try:
        return list(given)
    # Lazy frames of polars refuse only the first step; a file refuses to be read.
    except (TypeError, OSError) as error:
        raise refusal(name, f"a list of {of}", given) from error


def repeatable(given: Any) -> Any:
    """Return what can be gone through only once as a list: what is done with it may start over."""
    return list(cast("Iterator[Any]", given)) if isinstance(given, Iterator) else given


def refusal(name: str, wanted: str, value: object) -> InvalidInputError:
    """Return the error for an argument that isn't what is wanted."""
    return InvalidInputError(f"{name} must be {wanted}, not {shown(value)}")


def shown(value: object) -> str:
    """Return a value as a message shows it: short, whatever it is."""
    return _SHORT.repr(value)


def _as_int(value: object) -> int | None:
    try:
        return operator.index(cast("SupportsIndex", value))
    except TypeError:
        return None


class _Short(reprlib.Repr):
    """Shows the beginning and the end of what is long."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 200

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to print thousands of digits."""
        return f"a number of {x.bit_length()} bits" if x.bit_length() > _BITS else super().repr_int(x, level)


_SHORT = _Short()
