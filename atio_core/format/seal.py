"""JSON objects on one line, each of which ends with a digest of all that stands before it.

    {"format":1,…,"digest":"xxh3-128:…"}

The digest covers the bytes up to the comma before `"digest"`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from atio_core.format.digest import digest

_DIGEST_KEY = b',"digest":"'


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


def _sealed(head: bytes) -> bytes:
    return head + _DIGEST_KEY + digest(head).encode() + b'"}\n'
