"""What starts by itself behind an asset that is staged first: nothing, before that is published.

Dagster counts an asset as updated as soon as its step has staged something. A condition that fires then reads the old
version, and may miss the new one: what comes between two evaluations of which the first has fired can count as seen.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

_HELD = "deps_staged"


def once_published(spec: dg.AssetSpec, staged: Iterable[dg.AssetKey]) -> dg.AssetSpec:
    """Return an asset whose automation condition waits until what it is made of has passed its blocking checks.

    One that isn't made of what is staged first, or has no condition, stays as it is.

    Args:
        spec: The asset.
        staged: Those that are staged first.

    Example:
        >>> spec = dg.AssetSpec("total", deps=["orders"], automation_condition=dg.AutomationCondition.eager())
        >>> once_published(spec, [dg.AssetKey("orders")]).automation_condition.get_label()
        'eager, once published'
        >>> once_published(spec, [dg.AssetKey("other")]) is spec
        True
    """
    condition = spec.automation_condition
    gates = sorted({dep.asset_key for dep in spec.deps} & set(staged) - {spec.key})  # else it held itself up
    if condition is None or not gates:
        return spec
    rule = dg.AutomationCondition
    # A check that doesn't belong to the latest event, such as a restored version, is none of these.
    unsettled = rule.any_checks_match(
        rule.in_progress() | rule.check_failed() | rule.execution_failed(), blocking_only=True
    )
    held = rule.any_deps_match(unsettled & ~rule.will_be_requested()).allow(dg.AssetSelection.assets(*gates))
    label = f"{condition.get_label() or 'its condition'}, once published"
    return spec.replace_attributes(
        automation_condition=(condition & ~held.with_label(_HELD)).with_label(label)
    )
