"""What becomes of a change: up to the class that has the methods which describe changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from atio_core.log.intent import Intent
from atio_core.model.ids import Clock

if TYPE_CHECKING:
    from atio_core.changes.writing import Writing
    from atio_core.log.change import Change

Done = TypeVar("Done")


class Applying(ABC, Generic[Done]):
    """What does something with changes. `Done` is what comes of each; for a table the new version."""

    _clock: Clock

    @abstractmethod
    def _apply(self, write: Callable[[Writing], Change], intent: Intent) -> Done:
        """Do what this class does with a change.

        Args:
            write: Writes the change's files against a version, and returns the change; may be called again.
            intent: Who commits.
        """
