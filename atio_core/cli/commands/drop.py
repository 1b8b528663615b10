"""`atio drop`: the end of a table."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.amounts import counted
from atio_core.cli.options import AsJson, DryRun, TablePath, Yes
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table
from atio_core.cli.question import confirm


def drop(
    table: TablePath,
    /,
    *,
    message: Annotated[str | None, Parameter(help="A sentence for the history.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """End a table. Its versions stay until they are expired, and `atio restore` brings one back."""
    place = open_table(table)
    latest = place.snapshot()
    version: int | None = None
    if not dry_run:
        confirm(f"Drop {place.path}, version {latest.version} with {counted(latest.rows, 'row')}?", yes=yes)
        version = place.drop(message=message, expected_version=latest.version).version
    if json:
        print_json({"table": place.path, "latest": latest.version, "dry_run": dry_run, "version": version})
    elif dry_run:
        print_text(
            f"{place.path} would be dropped: version {latest.version} with {counted(latest.rows, 'row')} is the latest"
        )
    else:
        print_text(
            f"Dropped {place.path}; atio restore {place.path} {latest.version} brings it back until it expires"
        )
