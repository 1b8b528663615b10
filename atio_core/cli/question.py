"""Ask before something is removed."""

from __future__ import annotations

import sys

from atio_core.cli.exits import RefusedError
from atio_core.cli.output import is_terminal
from atio_core.cli.plain import printable


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if the answer is yes.

    Args:
        question: What would be done.
        yes: It was answered on the command line.

    Raises:
        RefusedError: The answer is no, or there is nobody to ask.
    """
    if yes:
        return
    text = printable(question)
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise RefusedError(f"{text} Nobody can be asked here; add --yes to do it, or --dry-run to look")
    sys.stderr.write(f"{text} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise RefusedError("stopped: nothing was changed")
