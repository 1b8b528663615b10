"""`atio verify`: is the table whole, or the store?"""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.exits import Exit, exit_of
from atio_core.cli.options import AsJson
from atio_core.cli.output import is_terminal, print_json, print_text
from atio_core.cli.places import open_store, open_table


def verify(
    path: Annotated[str, Parameter(help="The table's folder, or the store's with --store.")],
    /,
    *,
    every_version: Annotated[
        bool, Parameter(name="--all", negative="", help="All versions, not the latest alone.")
    ] = False,
    store: Annotated[
        bool, Parameter(negative="", help="All tables of the store, its releases and its readers' pins.")
    ] = False,
    quick: Annotated[
        bool, Parameter(negative="", help="Look at the lengths and ends of files; don't read them.")
    ] = False,
    values: Annotated[
        bool, Parameter(negative="", help="Also compare the rows with what reads rely on.")
    ] = False,
    json: AsJson = False,
) -> Exit:
    """See whether all that versions need is there, and is what was written. Damage gives the exit code 1."""
    versions, failed = "all" if every_version else "latest", Exit.OK
    if store:
        report = open_store(path).verify(versions, deep=not quick, values=values)
        failed = max(map(exit_of, report.failures.values()), default=Exit.OK)
    else:
        shown = is_terminal(sys.stderr)
        report = open_table(path).verify(versions, deep=not quick, values=values, show_progress=shown)
    if json:
        print_json(report.to_dict())
    else:
        print_text(str(report))
    return failed or (Exit.OK if report.ok else Exit.FOUND)
