"""Which policy counts: the caller's, else the table's own, else the one of all tables that have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from atio_core.arguments import refusal, require_text, require_time
from atio_core.errors import InvalidInputError, NewerFormatError
from atio_core.model.entry import LogEntry
from atio_core.retention import Retention
from atio_core.times import microseconds_of


@dataclass(frozen=True, slots=True)
class Policies:
    """Whose word counts on what is kept: a caller's, else the table's own, else what stands in for both.

    Attributes:
        asked: What the caller of this expiry said.
        default: What is said of all tables that say nothing themselves.
        readers: Who may be reading what has been the latest since when, in microseconds since 1970.
    """

    asked: Retention | None
    default: Retention | None = None
    readers: tuple[tuple[str, int], ...] = ()

    def policy(self, base: LogEntry, table: str) -> Retention:
        """Return the policy for a base.

        Raises:
            InvalidInputError: Nobody has said anything.
            NewerFormatError: The table's has a rule of a later release.
        """
        policy = self.asked or stored_policy(base, table) or self.default
        if policy is None:
            raise InvalidInputError(
                f"nothing says which versions of the table {table} are kept; nothing was removed: give a rule, such as"
                " keep_last=10, or give the table a policy of its own with set_retention"
            )
        return policy


def require_readers(readers: object) -> tuple[tuple[str, int], ...]:
    """Return the readers that a caller names, each with the time since when. Raises `InvalidInputError`."""
    if readers is None:
        return ()
    if not isinstance(readers, Mapping):
        raise refusal("readers", "a dict of times by the readers' names", readers)
    given = cast("Mapping[object, object]", readers)
    return tuple(
        (require_text("readers", name), microseconds_of(require_time("readers", since)))
        for name, since in given.items()
    )


def stored_policy(base: LogEntry, table: str) -> Retention | None:
    """Return the policy that a table has of its own, or None. Raises `NewerFormatError` as `policy_from`."""
    return policy_from(base.retention, f"the table {table}", table=table)


def policy_from(rules: Mapping[str, Any], of: str, **facts: Any) -> Retention | None:
    """Return the policy that stored rules say, or None if there are none.

    Args:
        rules: As `Retention.to_dict` puts them.
        of: Whose they are, for the message: "the table …".
        **facts: Of the error.

    Raises:
        NewerFormatError: They have a rule of a later release.
    """
    if not rules:
        return None
    try:
        return Retention.from_dict(rules)
    except InvalidInputError as error:
        raise NewerFormatError(
            f"{of} keeps versions by rules that this release doesn't know ({error}); upgrade atio, or say what is kept",
            **facts,
        ) from error
