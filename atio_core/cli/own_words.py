"""The library's advice in words of the command line: who types `atio` has options, not arguments of Python."""

from __future__ import annotations

import re

SPOKEN = {
    "dry_run=False": "without --dry-run",
    "force=True": "--force",
    "forget_keys=True": "--forget-keys",
    "forget_tags=True": "--forget-tags",
    "if_unreadable='skip'": "--skip-unreadable",
    "keep_last=10": "--keep-last 10",
    "keep_last=1": "--keep-last 1",
    "with set_retention": "by atio retention set",
    ", or if_exists='replace', which removes all that is in it.": ".",
    ", or if_exists='replace' or 'skip'.": ".",
}
"""What advice says of Python, and what it says instead; nothing where no option does that."""

_PYTHON = re.compile(rf"(?<!['\"])(?:{'|'.join(map(re.escape, SPOKEN))})(?!\w)")


def in_own_words(text: str) -> str:
    """Return a message or a report as the command line says it.

    Example:
        >>> in_own_words("move it to version 6 with force=True")
        'move it to version 6 with --force'
    """
    return _PYTHON.sub(lambda found: SPOKEN[found[0]], text)
