"""`atio erase`: rows vanish for good."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from atio_core.amounts import counted
from atio_core.cli.filter_text import parse_filter
from atio_core.cli.filter_values import as_filter
from atio_core.cli.options import AsJson, DryRun, Yes
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_store, open_table
from atio_core.cli.question import confirm
from atio_core.errors import InvalidInputError
from atio_core.maintenance.erase_report import EraseReport
from atio_core.model.entry import ROWS
from atio_core.table import Table

_Names = list[str] | None
_Reports = Mapping[str, EraseReport]


def erase(
    path: Annotated[str, Parameter(help="The table's folder, or the store's with --table.")],
    /,
    *,
    where: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="Which rows: \"name = 'Kim' and born = 1970-01-31\".")
    ],
    table: Annotated[
        _Names, Parameter(negative="", help="Of this table of the store; may be given several times.")
    ] = None,
    tag: Annotated[
        _Names, Parameter(negative="", help="This tag may go; may be given several times.")
    ] = None,
    stage: Annotated[
        _Names, Parameter(negative="", help="The kept stage with this id may go; may be given several times.")
    ] = None,
    release: Annotated[
        _Names, Parameter(negative="", help="This release of the store may go; may be given several times.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Make rows vanish for good, such as a person's: from the latest version, and with all older versions.

    Tags, releases and kept stages that stand in the way are told, and nothing is changed until each is named.
    """
    tags, stages = tag or [], stage or []
    if table:
        store = open_store(path)
        filters = {name: _filter(store.table(name), where) for name in dict.fromkeys(table)}
        releases = [int(one) if one.isdecimal() else one for one in release or []]

        def run(*, dry: bool) -> _Reports:
            return store.erase(filters, releases=releases, tags=tags, staged=stages, dry_run=dry)
    else:
        if release:
            raise InvalidInputError("releases are a store's: give its folder, and the tables with --table")
        place = open_table(path)
        rows = _filter(place, where)

        def run(*, dry: bool) -> _Reports:
            return {"": place.erase(rows, tags=tags, staged=stages, dry_run=dry)}

    reports = _asked(run, dry_run=dry_run, yes=yes)
    if json:
        told = {name: report.to_dict() for name, report in reports.items()}
        print_json(told if table else told[""])
    else:
        print_text("\n".join(map(str, reports.values())))


def _asked(run: Callable[..., _Reports], *, dry_run: bool, yes: bool) -> _Reports:
    """Erase; before, show a person what would go, and ask."""
    if dry_run or yes:
        return run(dry=dry_run)
    preview = run(dry=True).values()
    sys.stderr.write("".join(f"{report}\n" for report in preview))
    rows = counted(sum(report.rows for report in preview), "row")
    versions = counted(sum(len(report.versions) for report in preview), "older version")
    confirm(f"Erase {rows} and {versions} for good?", yes=False)
    return run(dry=False)


def _filter(table: Table, where: str) -> Any:
    """The filter that a text says, by the columns of the newest version that has some."""
    conditions = parse_filter(where)
    for snapshot in table.history():
        if snapshot.entry.is_there and snapshot.kind == ROWS:
            return as_filter(snapshot, conditions)
    return []  # nothing is left that it could be asked of
