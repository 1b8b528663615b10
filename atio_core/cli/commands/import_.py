"""`atio import`: take over a table that was exported."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.on_disk import require_on_disk
from atio_core.cli.options import AsJson
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table


def import_(
    source: Annotated[
        str, Parameter(help="The folder or the .tar that a table was exported to; or any table.")
    ],
    table: Annotated[str, Parameter(help="The folder of the new table.")],
    /,
    *,
    json: AsJson = False,
) -> None:
    """Take over a table with its history. Every byte is checked on the way; done again, it goes on where it stopped."""
    done = open_table(table).import_(require_on_disk(source))
    if json:
        print_json(done.to_dict())
    else:
        print_text(str(done))
