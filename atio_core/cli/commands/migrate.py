"""`atio migrate`: take over a table of the predecessor's, of Delta or Iceberg, or a folder of Parquet files."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.options import AsJson
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table
from atio_core.migration import migrate as take_over


def migrate(
    old: Annotated[
        str,
        Parameter(help="The old table's folder, which is only read; or an Iceberg table's metadata file."),
    ],
    new: Annotated[str, Parameter(help="The folder of the new table.")],
    /,
    *,
    skip_unreadable: Annotated[
        bool, Parameter(negative="", help="Leave out old versions that can't be read, and say which.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Take over a table of atio 2 or 3, or Iceberg, with its history; a Delta table or Parquet as they are now."""
    done = take_over(old, open_table(new), if_unreadable="skip" if skip_unreadable else "refuse")
    if json:
        print_json(
            {
                "table": done.table,
                "kind": done.kind,
                "versions": {str(before): after for before, after in done.versions.items()},
                "written": done.written,
                "skipped": {str(number): reason for number, reason in done.skipped.items()},
            }
        )
    else:
        print_text(str(done))
