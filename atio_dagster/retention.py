"""What an asset declares of its retention: metadata `{"atio/retention": {"keep_last": 3, "keep_for_hours": 24}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from atio_core.arguments import refusal, require_duration
from atio_core.errors import InvalidInputError
from atio_core.retention import Retention

RETENTION = "atio/retention"
_RULES = ("keep_for_hours", "keep_last")


def check_retention(declared: Any) -> dict[str, Any]:
    """Return what an asset declares, if it makes sense.

    Raises:
        InvalidInputError: It doesn't.

    Example:
        >>> check_retention({"keep_last": 3})
        {'keep_last': 3}
    """
    if not isinstance(declared, Mapping) or not declared or not set(declared) <= set(_RULES):
        message = (
            f"the metadata {RETENTION!r} must be a dict with {' or '.join(_RULES)} or both, not {declared!r}"
        )
        raise InvalidInputError(message)
    rules = {str(name): value for name, value in declared.items()}
    retention_from(rules)
    return rules


def retention_from(rules: Mapping[str, Any]) -> Retention:
    """Return the policy that some rules stand for."""
    keep_for = duration("keep_for_hours", rules.get("keep_for_hours"), timedelta(hours=1))
    return Retention(keep_for=keep_for, keep_last=rules.get("keep_last"))


def duration(name: str, number: Any, unit: timedelta) -> timedelta | None:
    """Return so many units of time; None for None.

    Raises:
        InvalidInputError: It is no number, or a negative one, or one that no duration is as long as.
    """
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise refusal(name, "a number", number)
    try:
        return require_duration(name, number * unit)
    except (ValueError, OverflowError) as error:
        raise refusal(name, "a number of zero or more, and fit for a duration", number) from error


def declared_retention(properties: Mapping[str, str]) -> Retention | None:
    """Return what the asset declared when it wrote a version; None if nothing."""
    text = properties.get(RETENTION)
    return None if text is None else retention_from(json.loads(text))
