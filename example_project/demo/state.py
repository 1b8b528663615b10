"""What there is now, as rows for a table."""

from collections.abc import Sequence
from pathlib import Path

from atio_core import Table
from atio_core.maintenance.expiry_report_lines import readable_bytes
from example_project.settings import TABLES

HEAD = ("table", "versions", "latest", "rows", "files", "bytes", "on disk", "last change")


def all_tables(tables: Sequence[Table]) -> list[tuple[object, ...]]:
    """Return a row for each table: its versions, what its latest holds, and what its folder takes on the disk."""
    return [_row(table) for table in tables]


def name_of(table: Table) -> str:
    """Return a table's name below the root."""
    return table.path.removeprefix(f"{TABLES}/")


def size_on_disk(table: Table) -> int:
    """Return what the files in a table's folder take, whatever names them."""
    return sum(path.stat().st_size for path in Path(table.path).rglob("*") if path.is_file())


def nameless_files(table: Table) -> int:
    """Return how many data files in a table's folder belong to no version."""
    named = {file.path for snapshot in table.history() for file in snapshot.data_files()}
    return sum(
        path.relative_to(table.path).as_posix() not in named for path in Path(table.path).rglob("*.parquet")
    )


def _row(table: Table) -> tuple[object, ...]:
    history = table.history()
    latest = history[0]
    return (
        name_of(table),
        ranges([snapshot.version for snapshot in history]),
        latest.version,
        latest.rows,
        latest.files,
        readable_bytes(latest.bytes),
        readable_bytes(size_on_disk(table)),
        f"+{latest.added.rows:,} -{latest.removed.rows:,}",
    )


def ranges(versions: Sequence[int]) -> str:
    """Return versions as a short text, such as "2, 4-6"."""
    found: list[list[int]] = []
    for version in sorted(versions):
        if found and version == found[-1][-1] + 1:
            found[-1] = [found[-1][0], version]
        else:
            found.append([version])
    shown = ["-".join(map(str, each)) for each in found[-2:]]
    return ", ".join(["…", *shown] if len(found) > len(shown) else shown)
