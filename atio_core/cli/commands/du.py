"""`atio du`: what each version of a table takes."""

from __future__ import annotations

from atio_core.cli.options import AsJson, TablePath
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table


def du(table: TablePath, /, *, json: AsJson = False) -> None:
    """Tell how much space each version holds alone, which comes free if it goes, and how much they share."""
    usage = open_table(table).du()
    if json:
        print_json(usage.to_dict())
    else:
        print_text(str(usage))
