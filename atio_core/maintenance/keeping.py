"""Which policy counts: the caller's, else the table's own, else the one of all tables that have none."""

from __future__ import annotations

from dataclasses import dataclass

from atio_core.errors import InvalidInputError, NewerFormatError
from atio_core.model.entry import LogEntry
from atio_core.retention import Retention


@dataclass(frozen=True, slots=True)
class Keeping:
    """Whose word counts on what is kept: a caller's, else the table's own, else what stands in for both.

    Attributes:
        asked: What the caller of this expiry said.
        default: What is said of all tables that say nothing themselves.
    """

    asked: Retention | None
    default: Retention | None = None

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


def stored_policy(base: LogEntry, table: str) -> Retention | None:
    """Return the policy that a table has of its own, or None.

    Raises:
        NewerFormatError: It has a rule of a later release.
    """
    if not base.retention:
        return None
    try:
        return Retention.from_dict(base.retention)
    except InvalidInputError as error:
        raise NewerFormatError(
            f"the table {table} keeps its versions by rules that this release doesn't know ({error}); upgrade atio,"
            " or say what is kept",
            table=table,
        ) from error
