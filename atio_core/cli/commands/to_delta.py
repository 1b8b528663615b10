"""`atio to-delta`: the table's folder is a Delta table too."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.options import AsJson, TablePath, VersionName, version_of
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table


def to_delta(
    table: TablePath,
    /,
    *,
    version: Annotated[
        VersionName | None, Parameter(help="A number, counted back (-2), or a tag; the latest if not given.")
    ] = None,
    history: Annotated[
        bool, Parameter(negative="", help="All retained versions, each as one of Delta's, and keep them.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show a version to engines that read Delta, by metadata in the table's folder; or bring that up to date."""
    wanted = None if version is None else version_of(version)
    done = open_table(table).to_delta(wanted, history=history)
    if json:
        print_json(done.to_dict())
    else:
        print_text(str(done))
