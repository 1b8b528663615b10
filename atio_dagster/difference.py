"""An asset check on what an output changes against the version before it.

(No `from __future__ import annotations` here: Dagster wants to see the class of a check's context, not its name.)
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from atio_core.arguments import require_list
from atio_core.comparing.diff import Diff
from atio_core.errors import InvalidInputError
from atio_core.snapshot import Snapshot
from atio_dagster.arguments import require_arguments
from atio_dagster.check_steps import check_of
from atio_dagster.keys import asset_keys_of
from atio_dagster.provenance import latest_of
from atio_dagster.resource import AtioResource
from atio_dagster.staged import find_staged

Limit = int | float


def build_diff_check(
    asset: dg.AssetsDefinition | dg.AssetSpec | dg.AssetKey | str,
    *,
    max_removed: Limit | None = None,
    max_changed: Limit | None = None,
    keys: Sequence[Any] | None = None,
    name: str = "diff",
    blocking: bool = True,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    resource_key: str = "atio",
) -> dg.AssetChecksDefinition:
    """Return a check that fails if an output takes away, or changes, more rows than it may.

    It compares what is staged with the latest version; so, with `with_publishing`, what changes too much never becomes
    the latest. Of an asset that isn't staged it compares the latest version with the one before. Where there is nothing
    to compare with, it passes.

    Args:
        asset: The asset.
        max_removed: How many rows may go: a number of rows, or, as a float between 0 and 1, a share of those before.
        max_changed: How many rows may have other values under the same key; likewise.
        keys: The columns by which a row is known, as for `Table.diff`. Without any, not even a primary key, a row that
            changes counts as removed.
        name: What the check is called.
        blocking: Whether what is downstream waits for it, and `with_publishing` does.
        severity: Of a check that fails.
        resource_key: Where the `AtioResource` is among the resources.

    Raises:
        InvalidInputError: A limit makes no sense, or there is none.

    Example:
        >>> check = build_diff_check("orders", max_removed=0.1, max_changed=100, keys=["id"])
        >>> [key.to_user_string() for key in check.check_keys]
        ['orders:diff']
    """
    limits = {"removed": _limit("max_removed", max_removed), "changed": _limit("max_changed", max_changed)}
    if max_removed is None and max_changed is None:
        raise InvalidInputError(
            "a check without max_removed and max_changed would always pass: give one of them"
        )
    keys = None if keys is None else require_list("keys", keys, "columns")
    require_arguments(name=name, blocking=blocking, severity=severity, resource_key=resource_key)
    [key] = asset_keys_of([asset], "asset")

    def diff(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        step = context.op_execution_context
        store: AtioResource = getattr(step.resources, resource_key)
        staged = find_staged(step.instance, step.run, key, store.storage_options)
        after = latest_of(store.table(key)) if staged is None else staged.snapshot()
        before = None if after is None else _before(store, key, after)
        if after is None or before is None:
            return dg.AssetCheckResult(passed=True, description="There is no version before to compare with.")
        return _result(before.diff(after, keys), before.rows, limits, severity)

    told = "The output takes away, and changes, no more rows than it may."
    return check_of(key, name, diff, description=told, blocking=blocking, resource_key=resource_key)


def _limit(name: str, given: object) -> Limit | None:
    is_share = isinstance(given, float) and 0 <= given <= 1
    is_count = isinstance(given, int) and not isinstance(given, bool) and given >= 0
    if given is None or is_share or is_count:
        return given  # pyright: ignore[reportReturnType] - just seen
    raise InvalidInputError(f"{name} must be a number of rows, or a share between 0.0 and 1.0, not {given!r}")


def _before(store: AtioResource, key: dg.AssetKey, after: Snapshot) -> Snapshot | None:
    """The version that stands, or stood, before another one."""
    table = store.table(key)
    if latest_of(table) is None:
        return None
    return next((one for one in table.history() if one.version < after.version), None)


def _result(
    diff: Diff, rows_before: int, limits: dict[str, Limit | None], severity: dg.AssetCheckSeverity
) -> dg.AssetCheckResult:
    if diff.objects is not None:
        raise InvalidInputError(
            f"{diff.table} doesn't hold rows in both versions: there are none to be counted"
        )
    counts = {"removed": diff.rows_removed, "changed": diff.rows_changed}
    told: list[str] = []
    for what, limit in limits.items():
        allowed = limit if not isinstance(limit, float) else limit * rows_before
        if allowed is not None and counts[what] > allowed:
            told.append(f"{counts[what]:,} rows {what}, where {allowed:,g} may be")
    return dg.AssetCheckResult(
        passed=not told,
        severity=severity,
        description="; ".join(told) or diff.headline,
        metadata={
            "atio/rows_added": diff.rows_added,
            "atio/rows_removed": diff.rows_removed,
            "atio/rows_changed": diff.rows_changed,
            "atio/rows_before": rows_before,
            "atio/compared_with_version": diff.before,
            "atio/diff": dg.MetadataValue.md(f"```\n{diff}\n```"),
        },
    )
