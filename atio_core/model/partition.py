"""Partition values and the folder names that people see.

Folder names are for people and lists; the truth is in the records. Each distinct value still gets a name of its own:

- a value is percent-encoded (UTF-8) but for `[A-Za-z0-9_-]`;
- null is `%null` and the empty string `%empty`, which no encoding gives;
- a name of more than 100 characters is cut, and a digest of the value is put behind it.
"""

from __future__ import annotations

import hashlib
import string

from atio_core.errors import InvalidInputError
from atio_core.model.data_file import Scalar

_PLAIN = frozenset((string.ascii_letters + string.digits + "_-").encode())
_LONGEST = 100


def segment(text: str) -> str:
    """Return text as one part of a path, unambiguous and safe on every file system.

    Example:
        >>> segment("a/b c")
        'a%2Fb%20c'
    """
    if not text:
        return "%empty"
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{text!r} is not valid Unicode text: a lone surrogate can't be stored"
        ) from error
    encoded = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw)
    if len(encoded) <= _LONGEST:
        return encoded
    return f"{encoded[:_LONGEST]}%-{hashlib.blake2b(raw, digest_size=12).hexdigest()}"


def value_segment(field: str, value: Scalar) -> str:
    """Return `<field>=<value>` as one part of a path.

    Example:
        >>> value_segment("day", "2013-01-01"), value_segment("day", None)
        ('day=2013-01-01', 'day=%null')
    """
    return f"{segment(field)}={'%null' if value is None else segment(str(value))}"
