"""`atio export`: a copy of a table, with the history chosen."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.options import AsJson, TablePath
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table


def export(
    table: TablePath,
    target: Annotated[
        str, Parameter(help="The folder to make, which is a table itself; or one file that ends with .tar.")
    ],
    /,
    *,
    version: Annotated[
        list[int] | None,
        Parameter(
            negative="", help="Only this version; may be given several times. All of them if not given."
        ),
    ] = None,
    latest: Annotated[bool, Parameter(negative="", help="Only the latest version.")] = False,
    json: AsJson = False,
) -> None:
    """Copy a table, with the versions chosen, into a new folder or one tar file. Every byte is checked on the way."""
    done = open_table(table).export(target, "latest" if latest else version or "all")
    if json:
        print_json(done.to_dict())
    else:
        print_text(str(done))
