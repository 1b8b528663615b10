"""Taking over tables that something else wrote: the predecessor of this package, Delta, Iceberg, plain Parquet.

The old table is only read, and its rows are copied: others' files lack what a table promises by, the digests of blocks
and the ids of columns, and whoever wrote them may delete them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from atio_core.arguments import require_choice
from atio_core.errors import InvalidInputError
from atio_core.migration import delta, iceberg, parquet_folder, predecessor
from atio_core.migration.detection import kind_of
from atio_core.migration.old_place import OldPlace, old_place
from atio_core.migration.report import Migration
from atio_core.migration.source import Source
from atio_core.migration.taking_over import take_over
from atio_core.storage.buckets.fsspec_paths import Place
from atio_core.table import Table

_TITLES = {
    "atio": "a table of atio 2 or 3",
    "delta": "a Delta table",
    "iceberg": "a table of Iceberg",
    "parquet": "a folder of Parquet files alone",
}
_READERS: dict[str, Callable[[OldPlace], Source]] = {
    "atio": predecessor.read_source,
    "delta": delta.read_source,
    "iceberg": iceberg.read_source,
    "parquet": parquet_folder.read_source,
}


def migrate(
    old_table: Place,
    new_table: Place | Table,
    *,
    if_unreadable: Literal["refuse", "skip"] = "refuse",
    storage_options: Mapping[str, Any] | None = None,
) -> Migration:
    """Take over a table of `atio` 2 or 3 with its history; or what `from_iceberg`, `from_delta`, `from_parquet` do.

    It finds out by itself what wrote the old table, which is only read, and its rows are copied. Of `atio` 2 and 3, and
    of Iceberg, each version becomes one of the new table, oldest first, with the rows in the order in which the old
    package reads them; message, tags and time come along: versions are committed now, and their properties say when the
    old ones were (`migrated.time`, UTC). If it is stopped, call it again: it goes on behind what is there already.
    Called later, it takes over the versions that came since.

    Args:
        old_table: The old table's folder, of this machine or a bucket; or the metadata file (`….metadata.json`) of an
            Iceberg table, which its catalogue names.
        new_table: The new table, or its path. It must not hold anything but what comes from the old one.
        if_unreadable: What becomes of old versions whose files are missing or damaged, or hold what the old package
            couldn't read itself: "refuse" refuses before anything is written, "skip" leaves them out; the report says
            which, and why.
        storage_options: How the old table's bucket is opened. A new one in a bucket is given as a `Table`.

    Returns:
        Which old version became which new one.

    Raises:
        NotFoundError: There is no such folder.
        InvalidInputError: The folder holds no table that is known, or is the new one's too.
        AlreadyExistsError: The new table holds something else.
        DamagedError: An old version can't be read; nothing was written.
        CommitConflictError: Another wrote to the new table meanwhile; what was taken over stays.

    Example:
        >>> import atio_core as atio, pandas as pd, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> pd.DataFrame({"a": [1, 2]}).to_parquet(folder / "rows.parquet")
        >>> atio.migrate(folder, "memory://migrate-example").versions
        {0: 1}
        >>> atio.read_table("memory://migrate-example")["a"].tolist()
        [1, 2]
    """
    return _taken_over("old_table", old_table, new_table, None, storage_options, if_unreadable=if_unreadable)


def from_delta(
    folder: Place, table: Place | Table, *, storage_options: Mapping[str, Any] | None = None
) -> Migration:
    """Take over a Delta table as it is now: its latest version becomes one of the new table. The old one is only read.

    Columns by which it is partitioned partition the new table too. Called again, it does nothing; if the old table has
    another version by then, that is taken over to a new table. It takes `pip install deltalake`.

    Args:
        folder: The Delta table's, of this machine or a bucket.
        table: The new table, or its path. It must not hold anything but what comes from the old one.
        storage_options: How the old table's bucket is opened. A new one in a bucket is given as a `Table`.

    Returns:
        Which old version became which new one.

    Raises:
        NotFoundError: There is no such folder.
        InvalidInputError: There is no Delta table in it, or it is the new one's too; or `deltalake` isn't installed.
        AlreadyExistsError: The new table holds something else.
        DamagedError: The old table can't be read; nothing was written.
        CommitConflictError: Another wrote to the new table meanwhile.

    Example:
        >>> import atio_core as atio, deltalake, pandas as pd, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> deltalake.write_deltalake(folder, pd.DataFrame({"a": [1, 2]}))
        >>> atio.from_delta(folder, "memory://from-delta-example").versions
        {0: 1}
    """
    return _taken_over("folder", folder, table, "delta", storage_options)


def from_iceberg(
    place: Place,
    table: Place | Table,
    *,
    if_unreadable: Literal["refuse", "skip"] = "refuse",
    storage_options: Mapping[str, Any] | None = None,
) -> Migration:
    """Take over a table of Iceberg: each snapshot that leads to its current one becomes a version. It is only read.

    Tags come along; the times of the snapshots are told by the versions' properties (`migrated.time`, UTC). If it is
    stopped, call it again: it goes on behind what is there already. Called later, it takes over the snapshots that
    came since. It takes `pip install 'atio[iceberg]'`.

    Args:
        place: The metadata file (`….metadata.json`) that the table's catalogue names, or the table's folder; of this
            machine or a bucket.
        table: The new table, or its path. It must not hold anything but what comes from the old one.
        if_unreadable: What becomes of snapshots whose files are missing: "refuse" refuses before anything is written,
            "skip" leaves them out; the report says which, and why.
        storage_options: How the old table's bucket is opened. A new one in a bucket is given as a `Table`.

    Returns:
        Which snapshot, by its id, became which version.

    Raises:
        NotFoundError: There is no such file or folder.
        InvalidInputError: There is no table of Iceberg in it, or it is the new one's too; or pyiceberg isn't installed.
        AlreadyExistsError: The new table holds something else.
        DamagedError: A snapshot can't be read; nothing was written.
        CommitConflictError: Another wrote to the new table meanwhile; what was taken over stays.

    Example:
        >>> import atio_core as atio, pandas as pd, tempfile
        >>> old = atio.Table(tempfile.mkdtemp())
        >>> _ = old.append(pd.DataFrame({"a": [1, 2]}))
        >>> atio.from_iceberg(old.to_iceberg().location, "memory://from-iceberg-example").versions
        {1: 1}
    """
    return _taken_over("place", place, table, "iceberg", storage_options, if_unreadable=if_unreadable)


def from_parquet(
    folder: Place, table: Place | Table, *, storage_options: Mapping[str, Any] | None = None
) -> Migration:
    """Take over a folder of Parquet files, with hive partitions (`day=2024-01-01/`) or none, as one version.

    All files below it count, in the order of their names, but those whose name, or folder's name, begins with `.` or
    `_`. The new table has the columns of all of them, of the widest type; the values in folders' names are columns too,
    by which it is partitioned. The files are only read. Called again, it does nothing; files that came or changed since
    are taken over to a new table.

    Args:
        folder: The files', of this machine or a bucket. One that is a table of Delta, Iceberg or others is refused: not
            all of its files count.
        table: The new table, or its path. It must not hold anything but what comes from the folder.
        storage_options: How the old table's bucket is opened. A new one in a bucket is given as a `Table`.

    Returns:
        What was taken over: the folder counts as version 0.

    Raises:
        NotFoundError: There is no such folder.
        InvalidInputError: It has no Parquet files, or is another kind of table, or the new one's too.
        AlreadyExistsError: The new table holds something else.
        DamagedError: A file can't be read, or doesn't go with the others; nothing was written.
        CommitConflictError: Another wrote to the new table meanwhile.

    Example:
        >>> import atio_core as atio, pandas as pd, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> pd.DataFrame({"a": [1, 2]}).to_parquet(folder / "rows.parquet")
        >>> atio.from_parquet(folder, "memory://from-parquet-example").versions
        {0: 1}
    """
    return _taken_over("folder", folder, table, "parquet", storage_options)


def _taken_over(
    argument: str,
    old: Place,
    new: Place | Table,
    kind: str | None,
    storage_options: Mapping[str, Any] | None,
    *,
    if_unreadable: object = "refuse",
) -> Migration:
    """Take a table over, of the kind that was named if one was."""
    skip = require_choice("if_unreadable", if_unreadable, ("refuse", "skip")) == "skip"
    given = old_place(argument, old, storage_options)
    table = new if isinstance(new, Table) else Table(new)
    _require_apart(given.location, table.path)
    found, place = kind_of(given)
    if kind is not None and found != kind:
        name = "migrate" if found == "atio" else f"from_{found}"
        raise InvalidInputError(
            f"{given.location} is {_TITLES[found]}, not {_TITLES[kind]}: take it over by {name}"
        )
    return take_over(_READERS[found](place), table, skip=skip)


def _require_apart(old: str, new: str) -> None:
    """Refuse a new table within the old one's folder, or around it: each would take the other's files for its own."""
    if ("://" in old) != ("://" in new):
        return
    if "://" in new:
        ours, theirs = f"{new}/", f"{old}/"
        apart = not (ours.startswith(theirs) or theirs.startswith(ours))
    else:
        here, there = Path(new).resolve(), Path(old).resolve()
        apart = not (here.is_relative_to(there) or there.is_relative_to(here))
    if not apart:
        raise InvalidInputError(f"{new} and {old} lie in each other: give the new table a folder of its own")
