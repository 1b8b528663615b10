"""`atio restore`: an old version is the latest again."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.amounts import counted
from atio_core.cli.options import AsJson, TablePath, VersionName, version_of
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table
from atio_core.cli.version_json import version_json


def restore(
    table: TablePath,
    version: Annotated[VersionName, Parameter(help="A number, counted back (-2), or a tag.")],
    /,
    *,
    message: Annotated[str | None, Parameter(help="A sentence for the history.")] = None,
    expected_version: Annotated[
        int | None, Parameter(help="Refuse if another version is the latest.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Make an old version's content the latest again, as a new version. No data is copied, and nothing gets lost."""
    place = open_table(table)
    done = place.restore(version_of(version), message=message, expected_version=expected_version)
    if json:
        print_json(version_json(done))
    else:
        print_text(
            f"Version {done.version} of {place.path} is what {version} was: {counted(done.rows, 'row')}"
        )
