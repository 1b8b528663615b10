"""`atio expire`: old versions go."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, TypeVar

from cyclopts import Parameter

from atio_core.amounts import counted, readable_bytes
from atio_core.cli.exits import Exit, exit_of
from atio_core.cli.options import AsJson, DryRun, Yes, duration_of
from atio_core.cli.output import print_json, print_text
from atio_core.cli.own_words import in_own_words
from atio_core.cli.places import open_store, open_table
from atio_core.cli.question import confirm
from atio_core.cli.retention_rules import RetentionRules
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.store_report import StoreExpiryReport
from atio_core.retention import Retention

_Report = TypeVar("_Report", ExpiryReport, StoreExpiryReport)


def expire(
    path: Annotated[str, Parameter(help="The table's folder, or the store's with --all.")],
    /,
    *,
    every_table: Annotated[
        bool, Parameter(name="--all", negative="", help="All tables of the store.")
    ] = False,
    rules: RetentionRules | None = None,
    grace: Annotated[
        str | None, Parameter(help="How old files of no version must be to go; 1h if nothing says it.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: AsJson = False,
) -> Exit:
    """Remove old versions, and the files that no version needs.

    Without a rule, the table's own policy says what is kept, or with --all the store's: see `atio retention`.
    """
    policy = (rules or RetentionRules()).policy()
    patience = None if grace is None else duration_of("--grace", grace)
    if every_table:
        return _expire_store(path, policy, patience, dry_run=dry_run, yes=yes, json=json)
    table = open_table(path)

    def run(*, dry: bool) -> ExpiryReport:
        return table.expire(policy, grace=patience, dry_run=dry)

    _tell(_asked(run, lambda report: [report], dry_run=dry_run, yes=yes), json=json)
    return Exit.OK


def _expire_store(
    path: str, policy: Retention | None, grace: timedelta | None, *, dry_run: bool, yes: bool, json: bool
) -> Exit:
    store = open_store(path)

    def run(*, dry: bool) -> StoreExpiryReport:
        return store.expire_all(policy, grace=grace, dry_run=dry)

    report = _asked(run, lambda report: list(report.reports.values()), dry_run=dry_run, yes=yes)
    _tell(report, json=json)
    return max(map(exit_of, report.failures.values()), default=Exit.OK)


def _asked(
    run: Callable[..., _Report], tables: Callable[[_Report], list[ExpiryReport]], *, dry_run: bool, yes: bool
) -> _Report:
    """Run an expiry; before, show a person what would go, and ask, if anything would."""
    if not (dry_run or yes):
        preview = run(dry=True)
        reports = tables(preview)
        versions = sum(len(report.removed) for report in reports)
        files = sum(report.files_removed for report in reports)
        if versions or files:
            size = readable_bytes(sum(report.bytes_removed for report in reports))
            sys.stderr.write(in_own_words(f"{preview}\n"))
            confirm(f"Remove {counted(versions, 'version')} and {counted(files, 'file')}, {size}?", yes=False)
    return run(dry=dry_run)


def _tell(report: ExpiryReport | StoreExpiryReport, *, json: bool) -> None:
    if json:
        print_json(report.to_dict())
    else:
        print_text(in_own_words(str(report)))
