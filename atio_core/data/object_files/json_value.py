"""JSON values: dicts with text keys, lists, texts, numbers, booleans and null, just as Python has them; or refused.

What Python's `json` writes and reads back as something else is refused: tuples, other keys, subclasses, NaN and
infinities, lone surrogates (two of them make a character); and what a reader may not be able to read: whole numbers of
more than 640 digits, which a Python may be set to refuse, and nesting deeper than its stack.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, cast

from atio_core.arguments import shown
from atio_core.data.kinds import kind_of
from atio_core.data.object_files.base import Out, refuse

_DEEPEST = 400
_LONGEST_BITS = 2_125  # of a number of 640 digits
_PICKLED = "or keep the object as it is, with format='pickle'"


def check(value: Any) -> None:
    """Refuse a value that wouldn't come back equal.

    Raises:
        NotPreservableError: A part of it wouldn't; the message says where it is.
    """
    _check_one(value, [])
    stack: list[tuple[object, Iterator[tuple[object, Any]]]] = [(None, _members(value))]
    while stack:
        for place, inner in stack[-1][1]:
            if type(inner) is dict or type(inner) is list or _problem(inner) is not None:
                path = [*(outer for outer, _ in stack[1:]), place]
                _check_one(inner, path)
                stack.append((place, _members(inner)))
                break
        else:
            stack.pop()
        if len(stack) > _DEEPEST:
            refuse(f"the JSON value is nested more than {_DEEPEST} deep", f"keep it flatter, {_PICKLED}")


def dump(value: Any, out: Out) -> None:
    """Write a value as JSON text in UTF-8, without spaces."""
    out.write(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())


def load(data: bytes) -> Any:
    """Return the value that JSON text holds. Raises ValueError if it is none."""
    return json.loads(data)


def _members(value: Any) -> Iterator[tuple[object, Any]]:
    """What is directly in a value, each with its place: a key or a position."""
    if isinstance(value, dict):
        return iter(cast("dict[object, Any]", value).items())
    return iter(enumerate(cast("list[Any]", value))) if isinstance(value, list) else iter(())


def _check_one(value: Any, path: list[object]) -> None:
    """Refuse a value by itself, whatever is in it."""
    if type(value) is dict:
        _check_keys(cast("dict[object, Any]", value), path)
        return
    what = _problem(value)
    if what is not None:
        refuse(f"the JSON value{_at(path)} {what}", f"convert it, {_PICKLED}")


def _problem(value: Any) -> str | None:
    """What is wrong with a value that is no dict; None for nothing."""
    kind = cast("type[Any]", type(value))
    if kind is str:
        return "holds half a character (a lone surrogate)" if _has_surrogate(value) else None
    if kind is float:
        return None if math.isfinite(value) else f"is {value!r}, for which JSON has no number"
    if kind is int:
        return None if value.bit_length() <= _LONGEST_BITS else "is a number of more than 640 digits"
    if kind is bool or kind is list or value is None:
        return None
    if kind is tuple:
        return "is a tuple, which would come back as a list"
    more = "" if kind_of(value) == "other" else ": a table holds one frame; write each to a table of its own"
    return f"is a {kind.__module__}.{kind.__qualname__}, which JSON doesn't have{more}"


def _check_keys(value: dict[object, Any], path: list[object]) -> None:
    for key in value:
        if type(key) is not str or _has_surrogate(key):
            what = f"the key {shown(key)} in the JSON value{_at(path)} would come back as another text"
            refuse(what, f"use texts as keys, {_PICKLED}")


def _has_surrogate(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _at(path: list[object]) -> str:
    return "".join([" at ", *(f"[{shown(place)}]" for place in path)]) if path else ""
