"""`atio head`: the first rows of a version."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.options import AsJson, TablePath, WhichVersion
from atio_core.cli.places import open_table
from atio_core.cli.row_options import RowOptions
from atio_core.cli.row_output import put_rows


def head(
    table: TablePath,
    /,
    *,
    rows: Annotated[int, Parameter(name=("--rows", "-n"), help="How many.")] = 10,
    which: WhichVersion | None = None,
    json: AsJson = False,
) -> None:
    """Print the first rows of a version, the latest if none is named."""
    snapshot = open_table(table).snapshot((which or WhichVersion()).chosen())
    put_rows(snapshot, RowOptions(limit=rows, json=json))
