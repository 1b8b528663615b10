"""What an asset declares of its retention: metadata `{"atio/retention": {"keep_last": 3, "keep_for_hours": 24}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

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
    hours = rules.get("keep_for_hours")
    if hours is not None and (isinstance(hours, bool) or not isinstance(hours, int | float)):
        raise InvalidInputError(f"keep_for_hours must be a number, not {hours!r}")
    return Retention(
        keep_for=None if hours is None else timedelta(hours=hours), keep_last=rules.get("keep_last")
    )


def declared_retention(properties: Mapping[str, str]) -> Retention | None:
    """Return what the asset declared when it wrote a version; None if nothing."""
    text = properties.get(RETENTION)
    return None if text is None else retention_from(json.loads(text))
