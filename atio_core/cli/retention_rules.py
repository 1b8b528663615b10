"""A retention policy on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.options import duration_of
from atio_core.retention import Retention, require_policy

_Count = int | None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RetentionRules:
    """What is kept: a version stays if any rule keeps it."""

    keep_for: Annotated[
        str | None, Parameter(help="For so long after they were superseded: 12h, 7d, 2w.")
    ] = None
    keep_last: Annotated[_Count, Parameter(help="So many of the newest.")] = None
    keep_hourly: Annotated[
        _Count, Parameter(help="The newest of each of the last so many hours with versions.")
    ] = None
    keep_daily: Annotated[_Count, Parameter(help="The same by days.")] = None
    keep_weekly: Annotated[_Count, Parameter(help="The same by weeks.")] = None
    keep_monthly: Annotated[_Count, Parameter(help="The same by months.")] = None
    keep_yearly: Annotated[_Count, Parameter(help="The same by years.")] = None

    def policy(self) -> Retention | None:
        """Return the policy; None if no rule is given.

        Raises:
            InvalidInputError: A rule makes no sense.
        """
        return require_policy(
            None,
            keep_for=None if self.keep_for is None else duration_of("--keep-for", self.keep_for),
            keep_last=self.keep_last,
            keep_hourly=self.keep_hourly,
            keep_daily=self.keep_daily,
            keep_weekly=self.keep_weekly,
            keep_monthly=self.keep_monthly,
            keep_yearly=self.keep_yearly,
        )
