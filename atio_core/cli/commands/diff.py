"""`atio diff`: what changed from a version to another."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from atio_core.cli.exits import Exit
from atio_core.cli.filter_values import labels_named
from atio_core.cli.options import AsJson, TablePath, VersionName, version_of
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_table
from atio_core.cli.row_options import Format, RowOptions
from atio_core.cli.row_output import put_batches

Rows = Literal["added", "removed", "changed"]


def diff(
    table: TablePath,
    before: Annotated[VersionName, Parameter(help="A number, counted back (-2), or a tag.")],
    after: Annotated[VersionName, Parameter(help="The same.")] = "latest",
    /,
    *,
    key: Annotated[
        list[str] | None, Parameter(negative="", help="Columns that a row is known by: a,b or several times.")
    ] = None,
    rows: Annotated[Rows | None, Parameter(help="Print these rows, instead of how many there are.")] = None,
    to: Annotated[Format | None, Parameter(help="Rows as what; as a table if not given.")] = None,
    json: AsJson = False,
) -> Exit:
    """Tell what changed from a version to another: rows, columns, files. A difference gives the exit code 1."""
    place = open_table(table)
    labels = None if key is None else labels_named(place.snapshot(version_of(after)), key)
    found = place.diff(version_of(before), version_of(after), key=labels)
    if rows is not None:
        put_batches(getattr(found, rows)("batches"), RowOptions(to=to, json=json))
    elif json:
        print_json(found.to_dict())
    else:
        print_text(str(found))
    return Exit.OK if found.equal else Exit.FOUND
