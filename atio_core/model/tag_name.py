"""What a tag may be called: nothing that could be taken for a number, the latest version, a release, a lease, a mirror.

A mirror's tag names an entry, not a data version: the files that others read by the mirror's own metadata are just that
entry's, whatever a compaction makes of the version.
"""

from __future__ import annotations

from collections.abc import Collection

from atio_core.arguments import refusal, require_text
from atio_core.errors import InvalidInputError

LATEST = "latest"
LEASE = "lease/"
RELEASE = "release/"
MIRROR = "mirror/"
_RESERVED = {RELEASE: "releases", LEASE: "leases", MIRROR: "mirrors"}
_LONGEST = 255


def require_tag_name(name: str, value: object, *, but: Collection[str] = ()) -> str:
    """Return a name that a user may give to a version.

    Args:
        name: The argument's.
        value: What was given for it.
        but: Beginnings that are reserved, and may be meant here.

    Raises:
        InvalidInputError: It is no text, or says something else already.

    Example:
        >>> require_tag_name("name", "before the move")
        'before the move'
    """
    text = require_text(name, value)
    if text != text.strip() or not 0 < len(text) <= _LONGEST:
        raise refusal(name, f"a text of 1 to {_LONGEST} characters, without space around it", value)
    if text.casefold() == LATEST or looks_like_number(text):
        raise refusal(name, 'a name: no number, and not "latest"', value)
    for prefix, owners in _RESERVED.items():
        if text.startswith(prefix) and prefix not in but:
            raise InvalidInputError(
                f"{name} can't begin with {prefix}, as {text!r} does: {owners} have such tags"
            )
    return text


def looks_like_number(text: str) -> bool:
    """Say whether a text reads as a number, which a version would be.

    Example:
        >>> (
        ...     looks_like_number("-2"),
        ...     looks_like_number("1e3"),
        ...     looks_like_number("1.2.3"),
        ...     looks_like_number("nan"),
        ... )
        (True, True, False, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return any(character.isdigit() for character in text)


def is_mirrors(name: str) -> bool:
    """Say whether a tag is a mirror's."""
    return name.startswith(MIRROR)
