"""`atio log`: the history of a table. What is said plainly never comes here: see `cli/fast_log.py`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.cli.listing import list_history
from atio_core.cli.options import AsJson, TablePath


def log(
    table: TablePath,
    /,
    *,
    limit: Annotated[int | None, Parameter(help="So many at most.")] = None,
    json: AsJson = False,
) -> None:
    """List the versions of a table that can be read, the newest first."""
    list_history(table, limit=limit, json=json)
