"""What an object can be written as: the keys of a format's writers that fit it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast

from atio_core.data.formats.base import Takes
from atio_core.data.kinds import kind_of


def takes_of(obj: object) -> tuple[Takes, ...]:
    """Say what an object is for writers; the first that a format has a writer for is taken.

    Args:
        obj: Anything.

    Returns:
        The names, the closest first.

    Example:
        >>> takes_of({"a": 1})
        ('value', 'anything')
    """
    kind = kind_of(obj)
    if kind != "other":
        return kind, "anything"
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(obj, numpy.ndarray):
        return "array", "anything"
    if numpy is not None and isinstance(obj, numpy.generic):
        return "value", "array", "anything"
    if isinstance(obj, str):
        return "text", "value", "anything"
    if isinstance(obj, bytes | bytearray | memoryview):
        return "bytes", "anything"
    if isinstance(obj, dict):
        return *_of_values(cast("Mapping[Any, Any]", obj)), "value", "anything"
    if isinstance(obj, list | tuple):
        return "list", "value", "anything"
    if obj is None or isinstance(obj, int | float):
        return "value", "anything"
    return ("anything",)


def _of_values(obj: Mapping[Any, Any]) -> tuple[Takes, ...]:
    """What the values of a dict make of it."""
    # What is in a dict within makes no difference, and may be the dict itself.
    firsts = {"value" if isinstance(value, dict) else takes_of(value)[0] for value in obj.values()}
    if not firsts or firsts & {"text", "bytes", "list", "value", "anything"}:
        return ()
    return ("arrays", "sheets") if firsts == {"array"} else ("sheets",)
