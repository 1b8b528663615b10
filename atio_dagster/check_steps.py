"""An asset check in a step of its own, whatever characters the asset's key is made of.

Dagster names the step, its input and its output after the key, and refuses names with other characters than letters,
digits and underscores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg

from atio_dagster.keys import name_of_step

_DEPENDENCY, _RESULT = "asset", "result"


def check_of(
    key: dg.AssetKey,
    name: str,
    function: Callable[..., dg.AssetCheckResult],
    *,
    description: str,
    blocking: bool = False,
    resource_key: str | None = None,
) -> dg.AssetChecksDefinition:
    """Return a check that runs behind an asset, and loads nothing of it.

    Args:
        key: The asset's key.
        name: The check's name.
        function: What it does; it may take a context.
        description: What its page says.
        blocking: Whether what is downstream waits for it to pass.
        resource_key: The resource that it needs.

    Example:
        >>> def passes() -> dg.AssetCheckResult:
        ...     return dg.AssetCheckResult(passed=True)
        >>> check_of(dg.AssetKey(["raw", "a/b"]), "fine", passes, description="All is well.").node_def.name
        'raw__a_2f_b_fine'
    """
    op: Any = dg.op(
        name=name_of_step(key, name),
        description=description,
        ins={_DEPENDENCY: dg.In(dg.Nothing)},
        out={_RESULT: dg.Out(None)},  # else by the annotation, and what is stored there is None
        required_resource_keys=set() if resource_key is None else {resource_key},
    )
    spec = dg.AssetCheckSpec(name, asset=key, description=description, blocking=blocking)
    return dg.AssetChecksDefinition.create(
        keys_by_input_name={_DEPENDENCY: key},
        node_def=op(function),
        check_specs_by_output_name={_RESULT: spec},
        can_subset=False,
        resource_defs={},
    )
