"""Rules of the protocol, each with the line that keeps it: so that a test can take the line out."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and where it is kept.

    Attributes:
        says: The rule.
        where: The function that keeps it, as `module:function` or `module:Class.method` of `atio_core`.
        line: Its text there. It must be there once.
        without: What stands there if the rule isn't kept.
        shown_by: The seed of a history that showed what goes wrong then; it is tried first.
    """

    says: str
    where: str
    line: str
    without: str
    shown_by: int = 0

    @contextmanager
    def off(self) -> Generator[None]:
        """Within the block the rule isn't kept."""
        module, _, path = self.where.partition(":")
        function: Any = importlib.import_module(f"atio_core.{module}")
        names = vars(function)
        for part in path.split("."):
            function = getattr(function, part)
        source = inspect.getsource(function)
        assert source.count(self.line) == 1, f"{self.where} has no such line any more: {self.line}"
        made: dict[str, Any] = {}
        exec(  # noqa: S102 - the project's own code, but for a line
            "from __future__ import annotations\n" + textwrap.dedent(source.replace(self.line, self.without)),
            names,
            made,
        )
        kept = function.__code__
        function.__code__ = made[function.__name__].__code__
        try:
            yield
        finally:
            function.__code__ = kept
