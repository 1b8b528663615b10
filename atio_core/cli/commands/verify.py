"""`atio verify`: is the table whole?"""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.exits import Exit
from atio_core.cli.options import AsJson, TablePath
from atio_core.cli.output import is_terminal, print_json, print_text
from atio_core.cli.places import open_table


def verify(
    table: TablePath,
    /,
    *,
    every_version: Annotated[
        bool, Parameter(name="--all", negative="", help="All versions, not the latest alone.")
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
    report = open_table(table).verify(
        "all" if every_version else "latest",
        deep=not quick,
        values=values,
        show_progress=is_terminal(sys.stderr),
    )
    if json:
        print_json(report.to_dict())
    else:
        print_text(str(report))
    return Exit.OK if report.ok else Exit.FOUND
