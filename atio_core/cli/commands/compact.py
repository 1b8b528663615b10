"""`atio compact`: fewer files, the same rows."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from atio_core.amounts import counted
from atio_core.cli.filter_values import labels_named
from atio_core.cli.options import AsJson, TablePath
from atio_core.cli.output import is_terminal, print_json, print_text
from atio_core.cli.places import open_table
from atio_core.cli.version_json import version_json


def compact(
    table: TablePath,
    /,
    *,
    sort_by: Annotated[
        list[str] | None, Parameter(negative="", help="Write all rows anew, sorted by these columns.")
    ] = None,
    target_bytes: Annotated[
        int | None, Parameter(help="About how large a file becomes; 64 MiB if not given.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Merge small files, so that reads open fewer. The rows and the version's number stay as they are."""
    place = open_table(table)
    before = place.snapshot()
    labels = None if sort_by is None else labels_named(before, sort_by)
    done = place.compact(target_bytes=target_bytes, sort_by=labels, show_progress=is_terminal(sys.stderr))
    if json:
        print_json({**version_json(done), "files_before": before.files, "unchanged": done.unchanged})
    elif done.unchanged:
        print_text(f"{place.path}: nothing to merge, {counted(done.files, 'file')}")
    else:
        print_text(f"{place.path}: {counted(done.files, 'file')} in place of {before.files:,}")
