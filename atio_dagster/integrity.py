"""Asset checks that read what is stored back, and compare it with the digests that were taken when it was written.

(No `from __future__ import annotations` here: Dagster wants to see the class of a check's context, not its name.)
"""

from collections.abc import Iterable
from typing import Any, Literal

import dagster as dg

from atio_core.errors import TableNotFoundError
from atio_core.maintenance.verify_report import VerifyReport
from atio_dagster.arguments import require_arguments
from atio_dagster.check_steps import check_of
from atio_dagster.keys import asset_keys_of
from atio_dagster.resource import AtioResource

_SHOWN = 20


def build_integrity_checks(
    assets: Iterable[dg.AssetsDefinition | dg.AssetSpec | dg.AssetKey | str],
    *,
    name: str = "integrity",
    versions: Literal["latest", "all"] = "latest",
    deep: bool = True,
    values: bool = False,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    resource_key: str = "atio",
) -> list[dg.AssetChecksDefinition]:
    """Return a check for each asset that sees whether its stored files are what was written.

    Reads check what they read by themselves. This looks at everything, and so finds damage in what nobody has read.

    Args:
        assets: The assets; as text, the parts of a key joined by `/`.
        name: What each check is called.
        versions: "latest", or "all" that are retained.
        deep: Read data files whole. Else their lengths and ends are looked at.
        values: Also read the rows, and compare them with the statistics that reads rely on.
        severity: Of a check that fails.
        resource_key: Where the `AtioResource` is among the resources.

    Example:
        >>> checks = build_integrity_checks(["raw/orders"])
        >>> [key.to_user_string() for check in checks for key in check.check_keys]
        ['raw/orders:integrity']
    """
    require_arguments(
        name=name, versions=versions, deep=deep, values=values, severity=severity, resource_key=resource_key
    )

    def built(key: dg.AssetKey) -> dg.AssetChecksDefinition:
        def integrity(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            store: AtioResource = getattr(context.op_execution_context.resources, resource_key)
            table = store.table(key)
            try:
                report = table.verify(versions, deep=deep, values=values)
            except TableNotFoundError as error:
                if kept := table.staged():
                    told = f"Nothing is published yet, and so nothing is read back; {len(kept)} are staged."
                    return dg.AssetCheckResult(passed=True, description=told)
                return dg.AssetCheckResult(passed=False, severity=severity, description=str(error))
            return _result(report, severity)

        told = "The stored files are what was written."
        return check_of(key, name, integrity, description=told, resource_key=resource_key)

    return [built(key) for key in asset_keys_of(assets)]


def _result(report: VerifyReport, severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        "atio/files": report.files,
        "atio/bytes": report.bytes,
        "atio/versions": len(report.versions),
        "atio/problems": len(report.problems),
    }
    if report.problems:
        lines = [f"- {problem}" for problem in report.problems[:_SHOWN]]
        more = len(report.problems) - _SHOWN
        told = "\n".join([*lines, f"- and {more:,} more"] if more > 0 else lines)
        metadata["atio/damage"] = dg.MetadataValue.md(told)
    return dg.AssetCheckResult(
        passed=report.ok, severity=severity, description=report.headline, metadata=metadata
    )
