"""`atio read`: rows of a version."""

from __future__ import annotations

from atio_core.cli.options import TablePath, WhichVersion
from atio_core.cli.places import open_table
from atio_core.cli.row_options import RowOptions
from atio_core.cli.row_output import put_rows


def read(table: TablePath, /, *, which: WhichVersion | None = None, rows: RowOptions | None = None) -> None:
    """Print rows of a version, the latest if none is named, or write them into a file.

    A filter has comparisons (`=`, `!=`, `<`, `<=`, `>`, `>=`), `in (…)`, `not in (…)`, `is null`, `is not null` and
    `is nan`, joined by `and`, `or` and brackets. Texts have quotes: `carrier = 'UA'`.
    """
    snapshot = open_table(table).snapshot((which or WhichVersion()).chosen())
    put_rows(snapshot, rows or RowOptions())
