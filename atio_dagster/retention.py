"""What an asset declares of its retention: metadata `{"atio/retention": {"keep_last": 3, "keep_for_hours": 24}}`.

The rules are those of `atio_core.Retention.from_dict`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from atio_core.arguments import refusal, require_list
from atio_core.errors import InvalidInputError
from atio_core.retention import Retention
from atio_dagster.keys import plain

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


def retention_of_definitions(
    assets: Iterable[dg.AssetsDefinition | dg.AssetSpec],
) -> dict[dg.AssetKey, Retention | None]:
    """Return what each asset declares by its definition; None where it declares nothing.

    Raises:
        InvalidInputError: What one declares makes no sense.

    Example:
        >>> retention_of_definitions([dg.AssetSpec("a", metadata={"atio/retention": {"keep_last": 3}})])[
        ...     dg.AssetKey("a")
        ... ].keep_last
        3
    """
    declared: dict[dg.AssetKey, Retention | None] = {}
    for asset in require_list("assets", assets, "assets"):
        if not isinstance(asset, dg.AssetSpec | dg.AssetsDefinition):
            raise refusal("each of assets", "an asset or its spec", asset)
        for spec in [asset] if isinstance(asset, dg.AssetSpec) else asset.specs:
            rules = plain(spec.metadata.get(RETENTION))
            declared[spec.key] = None if rules is None else Retention.from_dict(check_retention(rules))
    return declared
