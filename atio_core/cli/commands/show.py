"""`atio show`: one version."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.amounts import counted, readable_bytes
from atio_core.cli.options import AsJson, TablePath, WhichVersion
from atio_core.cli.output import print_facts, print_json, print_table
from atio_core.cli.places import open_table
from atio_core.cli.plain import told_microsecond
from atio_core.cli.version_json import told_change, version_json
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS
from atio_core.snapshot import Snapshot


def show(
    table: TablePath,
    /,
    *,
    which: WhichVersion | None = None,
    files: Annotated[bool, Parameter(negative="", help="List its data files too.")] = False,
    json: AsJson = False,
) -> None:
    """Tell all about a version, the latest if none is named: what made it, what it holds, its tags and its files."""
    snapshot = open_table(table).snapshot((which or WhichVersion()).chosen())
    listed = snapshot.data_files() if files else ()
    if json:
        records = {"data_files": [_file_json(file) for file in listed]} if files else {}
        print_json({**version_json(snapshot), **_layout(snapshot), "content": snapshot.content, **records})
        return
    print_facts(_facts(snapshot))
    if listed:
        rows = [(file.path, f"{file.rows:,}", readable_bytes(file.size)) for file in listed]
        print_table(("file", "rows", "size"), rows, right=("rows", "size"), wraps="file")


def _facts(snapshot: Snapshot) -> dict[str, str]:
    size = f"{counted(snapshot.files, 'file')}, {readable_bytes(snapshot.bytes)}"
    is_rows = snapshot.kind == ROWS
    layout = {name.replace("_", " "): ", ".join(labels) for name, labels in _layout(snapshot).items()}
    return {
        "table": snapshot.table,
        "version": str(snapshot.version),
        "time": told_microsecond(snapshot.time),
        "operation": snapshot.operation,
        "message": snapshot.message or "",
        "tags": ", ".join(snapshot.tags),
        "holds": f"{counted(snapshot.rows, 'row')} in {size}" if is_rows else f"{snapshot.kind}: {size}",
        "change": told_change(snapshot.added.rows, snapshot.removed.rows),
        **layout,
        **{f"property {name}": text for name, text in snapshot.properties.items()},
    }


def _layout(snapshot: Snapshot) -> dict[str, list[str]]:
    """How its rows lie."""
    if snapshot.kind != ROWS:
        return {}
    return {
        "key": [str(label) for label in snapshot.key],
        "partitioned_by": list(snapshot.partition_fields),
        "sorted_by": [str(label) for label in snapshot.sort_by],
    }


def _file_json(file: DataFile) -> dict[str, object]:
    return {"path": file.path, "rows": file.rows, "bytes": file.size, "digest": file.digest}
