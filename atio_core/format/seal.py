"""JSON objects on one line, each of which ends with a digest of all that stands before it.

    {"format":1,…,"digest":"xxh3-128:…"}

The digest covers the bytes up to the comma before `"digest"`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from atio_core.errors import DamagedError
from atio_core.format.digest import digest

_DIGEST_KEY = b',"digest":"'
_Read = TypeVar("_Read")

UNFIT = (AttributeError, KeyError, RecursionError, TypeError, ValueError)
"""What comes of fields that aren't those that a format says, whoever has sealed them."""


class BrokenSealError(Exception):
    """Bytes that don't give the digest at their end."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__("its bytes don't give its digest")
        self.expected = expected
        self.found = found


def seal(fields: Mapping[str, Any]) -> bytes:
    r"""Return the bytes of an object that isn't empty, a line feed at their end.

    Example:
        >>> seal({"format": 1})
        b'{"format":1,"digest":"xxh3-128:c8301bd8085e3140bf28264f051e5a5c"}\n'
    """
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _sealed(text.encode().removesuffix(b"}"))


def unseal(data: bytes) -> bytes:
    """Return the JSON text without the digest, if that is right. Raises `BrokenSealError` if it isn't."""
    head, _, tail = data.rpartition(_DIGEST_KEY)
    if data != _sealed(head):
        raise BrokenSealError(tail.removesuffix(b'"}\n').decode("ascii", "replace"), digest(head))
    return head + b"}"


def open_sealed(
    data: bytes,
    read: Callable[[dict[str, Any]], _Read | None],
    *,
    what: str,
    advice: str,
    kind: str,
    **facts: Any,
) -> _Read:
    """Return what is read of a sealed object's fields.

    Args:
        data: The whole object.
        read: Makes something of the fields; of others than they should be one of `UNFIT`, or None if they belong
            elsewhere.
        what: What the object is, for messages: "the pin …".
        advice: What to do if it is damaged.
        kind: What was expected, for the error's facts: "a pin".
        **facts: Further ones.

    Raises:
        DamagedError: The bytes are not what was written, or belong elsewhere.

    Example:
        >>> open_sealed(
        ...     seal({"format": 1}), lambda fields: fields["format"], what="it", advice="", kind="a number"
        ... )
        1
    """
    expected, found, why, cause = kind, "something else", "it isn't the one of this name", None
    try:
        made = read(json.loads(unseal(data)))
        if made is not None:
            return made
    except BrokenSealError as error:
        why, expected, found = str(error), error.expected, error.found
    except UNFIT as error:
        why, cause = f"it doesn't follow the format ({error!r})", error
    message = f"{what} is damaged: {why}; {advice}"
    raise DamagedError(message, expected=expected, found=found, **facts) from cause


def _sealed(head: bytes) -> bytes:
    return head + _DIGEST_KEY + digest(head).encode() + b'"}\n'
