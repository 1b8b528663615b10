"""`write_snapshot`, `read_table` and `expire_snapshots`: `Table` in one line each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Unpack

from atio_core.data.object_files.kinds import require_rows_format
from atio_core.log.lookup import AnyVersion
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.retention import DEFAULT_RETENTION, Retention, Rules
from atio_core.snapshot import Output, Snapshot, Verify
from atio_core.storage.buckets.fsspec_paths import Place
from atio_core.table import Table
from atio_core.table.modes import change_by_mode


def write_snapshot(
    obj: Any,
    table_path: Place,
    mode: str = "overwrite",
    format: str | None = None,  # noqa: A002 - the predecessor's name for it
    *,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Snapshot:
    """Write a frame, or an object, as the next version of a table.

    Args:
        obj: A pandas or polars frame, an Arrow table or record-batch reader; for partitions, a mapping to frames. Or an
            object: a NumPy array, a JSON value, a `str`, bytes, or a path (`pathlib.Path`) to a file or a folder.
        table_path: The table's folder, or the URL of a bucket; it is made if it isn't there.
        mode: The method of `Table` that is meant: "overwrite" replaces all rows, with `where=` those that match;
            "append" adds rows behind them; "overwrite_partitions" replaces partitions; "upsert" rows by `key=`.
        format: "pickle" keeps anything, as a pickle. Else what is natural to the data is meant, and may be named:
            "parquet", "npy", "json", "text" or "bytes".
        storage_options: How the bucket is opened: see `Table`.
        **options: Those of the method, such as `where`, `partition_by` or `schema_mode` (how the table's columns may
            change: see `Table.append`); and `expected_version`, `idempotency_key`, `key_not_before`, `message`,
            `properties`: see `Table.overwrite`.

    Returns:
        The new version.

    Raises:
        InvalidInputError: There is no such mode or option.
        UnsupportedFormatError: There is no such format.
        NotPreservableError: The frame couldn't come back equal; nothing was written.
        SchemaMismatchError: The frame doesn't fit the table; nothing was written.
        CommitError: Nothing was committed, or the commit may have landed: see `AtioError`'s tree.
        StorageError: The store failed; nothing was committed.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> atio.write_snapshot(pd.DataFrame({"a": [1]}), "memory://functions-example").version
        1
        >>> atio.write_snapshot(pd.DataFrame({"a": [2]}), "memory://functions-example", mode="append").rows
        2
    """
    table = Table(table_path, storage_options=storage_options)
    if format is not None:
        if mode == "overwrite":
            options["format"] = format
        else:
            require_rows_format(format)
    return change_by_mode(table, obj, mode, options)


def read_table(
    table_path: Place,
    version: AnyVersion | None = None,
    output_as: Output = "pandas",
    columns: Sequence[Any] | None = None,
    *,
    partitions: Collection[Any] | None = None,
    filter: Any = None,  # noqa: A002 - every library calls it so
    limit: int | None = None,
    verify: Verify = "always",
    as_of: datetime | None = None,
    tag: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Any:
    """Return the rows of a table's version, the latest if none is named.

    Args:
        table_path: The table's folder, or the URL of a bucket.
        version: A number, a tag, "latest" or a time: see `Table.snapshot`.
        output_as: "pandas", "polars", "arrow", "batches", "lazy", "duckdb" or "dataset": see `Snapshot.read`.
        columns: Labels of the columns, in the order wished for; all of them if None.
        partitions: Only these partitions.
        filter: Only the rows that match, such as `[("column", ">", 3)]`: see `Snapshot.read`.
        limit: At most so many rows, the first ones.
        verify: "always" checks the digests of all bytes that are used, "never" none.
        as_of: A time with a zone, instead of `version`.
        tag: A tag, instead of `version`.
        storage_options: How the bucket is opened: see `Table`.

    Returns:
        A frame, a table, a reader, or what `output_as` says.

    Raises:
        TableNotFoundError: There is no table.
        VersionNotFoundError: No such version was ever committed, or none before that time.
        VersionExpiredError: It was, and has been expired since.
        TagNotFoundError: There is no such tag.
        DamagedError: Bytes are not what was written.
        InvalidInputError: There is no such column, or no such output.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> _ = atio.write_snapshot(pd.DataFrame({"a": [1]}), "memory://read-table-example")
        >>> atio.read_table("memory://read-table-example", version=1, output_as="arrow").to_pydict()
        {'a': [1]}
    """
    return Table(table_path, storage_options=storage_options).read(
        version,
        output_as,
        columns=columns,
        partitions=partitions,
        filter=filter,
        limit=limit,
        verify=verify,
        as_of=as_of,
        tag=tag,
    )


def expire_snapshots(
    table_path: Place,
    policy: Retention | timedelta | None = None,
    *,
    grace: timedelta | None = None,
    dry_run: bool = True,
    storage_options: Mapping[str, Any] | None = None,
    **rules: Unpack[Rules],
) -> ExpiryReport:
    """Show which versions would go by a policy, or, with `dry_run=False`, remove them.

    Args:
        table_path: The table's folder, or the URL of a bucket.
        policy: What is kept; a timedelta is short for `keep_for`. If neither it nor a rule is given: the table's own
            policy; else versions are kept for 7 days after they were superseded.
        grace: How old a file that belongs to no version must be before it goes; the table's own (1 hour) if None.
        dry_run: True for a preview that removes nothing.
        storage_options: How the bucket is opened: see `Table`.
        **rules: The policy by its rules, such as `keep_for` and `keep_last`: see `Retention`.

    Returns:
        What is kept and removed; print it.

    Raises:
        As for `Table.expire`.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> for _ in range(3):
        ...     _ = atio.write_snapshot(pd.DataFrame({"a": [1]}), "memory://expire-example")
        >>> report = atio.expire_snapshots("memory://expire-example", keep_last=1)
        >>> report.dry_run, [line.version for line in report.removed]
        (True, [1, 2])
    """
    table = Table(table_path, storage_options=storage_options)
    return table.expire(policy, default=DEFAULT_RETENTION, grace=grace, dry_run=dry_run, **rules)
