"""What an asset declares of its retention: metadata `{"atio/retention": {"keep_last": 3, "keep_for_hours": 24}}`.

The rules are those of `atio_core.Retention.from_dict`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from atio_core.errors import InvalidInputError
from atio_core.retention import Retention

RETENTION = "atio/retention"


def check_retention(declared: Any) -> dict[str, Any]:
    """Return what an asset declares, if it makes sense.

    Raises:
        InvalidInputError: It doesn't.

    Example:
        >>> check_retention({"keep_last": 3})
        {'keep_last': 3}
    """
    try:
        Retention.from_dict(declared)
    except InvalidInputError as error:
        raise InvalidInputError(f"the metadata {RETENTION!r} can't be meant so: {error}") from None
    return {str(name): value for name, value in declared.items()}


def declared_retention(properties: Mapping[str, str]) -> Retention | None:
    """Return what the asset declared when it wrote a version; None if nothing."""
    text = properties.get(RETENTION)
    return None if text is None else Retention.from_dict(json.loads(text))
