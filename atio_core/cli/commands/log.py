"""`atio log`: the history of a table."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from atio_core.arguments import require_whole
from atio_core.cli.on_disk import require_on_disk
from atio_core.cli.options import AsJson, TablePath
from atio_core.cli.output import print_json, print_table
from atio_core.cli.plain import told_minute
from atio_core.cli.told import told_change, version_json
from atio_core.format.names import TEMPORARY
from atio_core.log.commit_log import CommitLog
from atio_core.log.lookup import history
from atio_core.maintenance.report_lines import readable_bytes
from atio_core.snapshot import Snapshot
from atio_core.storage.locate import locate


def log(
    table: TablePath,
    /,
    *,
    limit: Annotated[int | None, Parameter(help="So many at most.")] = None,
    json: AsJson = False,
) -> None:
    """List the versions of a table that can be read, the newest first."""
    # As `Table.history` does, without what writes: this is the command that people wait for most.
    most = None if limit is None else require_whole("--limit", limit, least=0)
    own = CommitLog(locate(require_on_disk(table), temporary=TEMPORARY))
    versions = [Snapshot.of(own, found) for found in history(own)[:most]]
    if json:
        print_json([version_json(version) for version in versions])
        return
    print_table(
        ("version", "time (UTC)", "operation", "rows", "change", "size", "tags, message"),
        [_row(version) for version in versions],
        right=("version", "rows", "change", "size"),
    )


def _row(version: Snapshot) -> tuple[str, ...]:
    tags = "".join(f"[{tag}] " for tag in version.tags)
    return (
        str(version.version),
        told_minute(version.time),
        version.operation,
        f"{version.rows:,}" if version.kind == "table" else version.kind,
        told_change(version.added.rows, version.removed.rows),
        readable_bytes(version.bytes),
        f"{tags}{version.message or ''}",
    )
