"""`atio schema`: the columns of a version."""

from __future__ import annotations

from typing import Any

from atio_core.cli.options import AsJson, TablePath, WhichVersion
from atio_core.cli.output import print_json, print_table
from atio_core.cli.places import open_table
from atio_core.data.frames.columns import field_of
from atio_core.data.schema.layout import layout_of
from atio_core.snapshot import Snapshot


def schema(table: TablePath, /, *, which: WhichVersion | None = None, json: AsJson = False) -> None:
    """List the columns of a version, the latest if none is named, with their types and what holds of them."""
    columns = _columns(open_table(table).snapshot((which or WhichVersion()).chosen()))
    if json:
        print_json(columns)
        return
    rows = [(one["column"], one["type"], ", ".join(_words(one))) for one in columns]
    print_table(("column", "type", ""), rows, wraps="column")


def _columns(snapshot: Snapshot) -> list[dict[str, Any]]:
    stored, fields = snapshot.schema, snapshot.partition_fields
    labels = [column.value for column in layout_of(stored).columns]
    columns = [
        {
            "column": str(label),
            "type": str(field_of(stored, label).type),
            "not_null": label in snapshot.not_null,
            "key": label in snapshot.key,
            "sorted_by": label in snapshot.sort_by,
            "partitioned_by": str(label) in fields,
        }
        for label in labels
    ]
    known = {str(label) for label in labels}
    outside = [name for name in fields if name not in known]
    no_column = {"not_null": False, "key": False, "sorted_by": False, "partitioned_by": True}
    return [*columns, *({"column": name, "type": "partition field", **no_column} for name in outside)]


def _words(column: dict[str, Any]) -> list[str]:
    return [
        word
        for word, holds in (
            ("key", column["key"]),
            ("not null", column["not_null"]),
            ("partitioned by", column["partitioned_by"]),
            ("sorted by", column["sorted_by"]),
        )
        if holds
    ]
