"""`atio to-iceberg`: metadata by which Iceberg's readers see the table."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.options import AsJson, TablePath, VersionName, version_of
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table


def to_iceberg(
    table: TablePath,
    /,
    *,
    version: Annotated[
        VersionName | None, Parameter(help="A number, counted back (-2), or a tag; the latest if not given.")
    ] = None,
    history: Annotated[
        bool,
        Parameter(negative="", help="All retained versions, each as a snapshot of Iceberg's, and keep them."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Show a version to engines that read Iceberg, by a metadata file; or bring that up to date."""
    wanted = None if version is None else version_of(version)
    done = open_table(table).to_iceberg(wanted, history=history)
    if json:
        print_json(done.to_dict())
    else:
        print_text(str(done))
