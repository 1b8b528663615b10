"""`atio repair`: a damaged table is usable again, as far as what is whole allows it."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.exits import Exit
from atio_core.cli.options import AsJson, DryRun, TablePath, Yes
from atio_core.cli.output import is_terminal, print_json, print_text
from atio_core.cli.own_words import in_own_words
from atio_core.cli.places import open_table
from atio_core.cli.question import confirm
from atio_core.maintenance.repair_report import RepairReport


def repair(
    table: TablePath,
    /,
    *,
    quick: Annotated[
        bool, Parameter(negative="", help="Look at the lengths and ends of files; don't read them.")
    ] = False,
    forget_keys: Annotated[
        bool, Parameter(negative="", help="Let damaged idempotency keys go: a retry may write once more.")
    ] = False,
    forget_tags: Annotated[
        bool, Parameter(negative="", help="Let a damaged list of tags go: their versions may expire.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: AsJson = False,
) -> Exit:
    """Make a damaged table usable again, by one commit. Nothing is overwritten or deleted.

    What can be made anew is; if the latest version isn't whole then, the newest one that is becomes it. The exit
    code is 1 if damage is left.
    """
    place = open_table(table)

    def run(*, dry: bool) -> RepairReport:
        watched = is_terminal(sys.stderr)
        return place.repair(
            dry_run=dry,
            deep=not quick,
            forget_keys=forget_keys,
            forget_tags=forget_tags,
            show_progress=watched,
        )

    report = run(dry=not yes or dry_run)
    if report.dry_run and not dry_run:
        if report.version is not None:
            sys.stderr.write(in_own_words(f"{report}\n"))
            confirm(f"Repair {place.path} so?", yes=False)
        report = run(dry=False)
    if json:
        print_json(report.to_dict())
    else:
        print_text(in_own_words(str(report)))
    left = report.problems or not report.ok or (report.dry_run and report.version is not None)
    return Exit.FOUND if left else Exit.OK
