"""Table: each method builds a change and commits it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack, cast

from atio_core.arguments import refusal, require_duration, require_flag
from atio_core.errors import InvalidInputError
from atio_core.format.names import TEMPORARY
from atio_core.handle import Handle
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.log.limits import DEFAULT_LIMITS, Limits
from atio_core.log.lookup import AnyVersion, Wanted, find, history, require_wanted
from atio_core.maintenance.report import ExpiryReport
from atio_core.model.ids import Clock, system_clock
from atio_core.model.partition import by_partition, partition_fields
from atio_core.model.tag_name import require_tag_name
from atio_core.retention import DEFAULT_RETENTION, Retention
from atio_core.snapshot import BATCH_ROWS, Output, Snapshot
from atio_core.storage.base import ObjectStore
from atio_core.storage.locate import locate

if TYPE_CHECKING:
    import pyarrow as pa

_MICROSECOND = timedelta(microseconds=1)


class Table:
    """A versioned table in a folder. Nothing is made on disk before the first write.

    Args:
        path: The folder, or `memory://name` for a table that lives as long as the process.
        store: Where the table lies, instead of `path`.
        limits: Bounds on log entries; part of the format, for tests only.
        clock: Where the time comes from; for tests.

    Raises:
        InvalidInputError: The path can't be a table's.

    Example:
        >>> import pandas as pd
        >>> table = Table("memory://table-example")
        >>> table.append(pd.DataFrame({"a": [1]})).version
        1
        >>> table.append(pd.DataFrame({"a": [2]})).version
        2
        >>> table.read(columns=["a"])["a"].tolist(), table.read(version=1)["a"].tolist()
        ([1, 2], [1])
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        store: ObjectStore | None = None,
        limits: Limits = DEFAULT_LIMITS,
        clock: Clock = system_clock,
    ) -> None:
        if (path is None) == (store is None):
            raise InvalidInputError("a table needs a path, or a store, and not both")
        given = cast("object", store)
        if given is not None and not isinstance(given, ObjectStore):
            raise refusal("store", "an ObjectStore", given)
        store = locate(path, temporary=TEMPORARY) if store is None else store  # pyright: ignore[reportArgumentType]
        self._clock = clock
        self._log = CommitLog(store, limits)
        self._handle = Handle(self._log, clock)

    @property
    def path(self) -> str:
        """Where the table lies."""
        return self._log.location

    def exists(self) -> bool:
        """Say whether the table has a version."""
        return self._log.find_latest() is not None

    def append(self, data: Any, **options: Unpack[CommitOptions]) -> Snapshot:
        """Add rows behind the table's own; makes the table if it isn't there.

        Args:
            data: A pandas or polars frame, an Arrow table or record-batch reader.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            NotPreservableError: The frame couldn't come back equal; nothing was written.
            SchemaMismatchError: The frame doesn't fit the table; nothing was written.
            CommitConflictError: `expected_version` isn't the latest; nothing was committed.
            CommitUnknownError: The commit may have landed.
            StorageError: The store failed; nothing was committed.

        Example:
            >>> import pandas as pd
            >>> table = Table("memory://append-example")
            >>> for _ in range(2):
            ...     snapshot = table.append(pd.DataFrame({"a": [1]}), idempotency_key="once")
            >>> snapshot.version, snapshot.repeated, snapshot.rows
            (1, True, 1)
        """
        from atio_core.changes.append import write_append
        from atio_core.data.frames import to_piece

        intent = make_intent(self._clock, **options)
        piece = to_piece(data)
        return self._handle.commit(lambda writing: write_append(writing, piece), intent)

    def overwrite(self, data: Any, **options: Unpack[CommitOptions]) -> Snapshot:
        """Replace all rows, and the schema; makes the table if it isn't there.

        Args:
            data: A pandas or polars frame, an Arrow table or record-batch reader.
            **options: Said of the commit:

                - `expected_version`: refuse if this isn't the latest version; 0 for a table that must not be there yet;
                - `idempotency_key`: a retry with the same key changes nothing and returns the version that has it;
                - `key_not_before`: the key can't have been used before this time; saves looking through older ones;
                - `message`: a sentence for the history;
                - `properties`: facts for the history, text to text.

        Returns:
            The new version.

        Raises:
            As for `append`.
        """
        from atio_core.changes.overwrite import write_overwrite
        from atio_core.data.frames import to_piece

        intent = make_intent(self._clock, **options)
        piece = to_piece(data)
        return self._handle.commit(lambda writing: write_overwrite(writing, piece), intent)

    def overwrite_partitions(
        self,
        data: Mapping[Any, Any],
        *,
        partition_by: Sequence[str] = ("partition",),
        **options: Unpack[CommitOptions],
    ) -> Snapshot:
        """Replace whole partitions, all of them in one version; other partitions stay as they are.

        The values need no column in the data: they stand in the table's metadata.

        Args:
            data: For each partition its rows: the key is the value, or a tuple of values if there are several fields.
            partition_by: The names of the partition fields, the same for every write.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            As for `append`; `InvalidInputError` too if the table has other partition fields.

        Example:
            >>> import pandas as pd
            >>> table = Table("memory://partitions-example")
            >>> days = {"2013-01-01": pd.DataFrame({"a": [1]}), "2013-01-02": pd.DataFrame({"a": [2]})}
            >>> _ = table.overwrite_partitions(days, partition_by=["day"])
            >>> _ = table.overwrite_partitions({"2013-01-02": pd.DataFrame({"a": [3]})}, partition_by=["day"])
            >>> table.read()["a"].tolist(), table.read(partitions=["2013-01-02"])["a"].tolist()
            ([1, 3], [3])
        """
        from atio_core.changes.overwrite import write_partitions
        from atio_core.data.frames import to_piece

        intent = make_intent(self._clock, **options)
        fields = partition_fields(partition_by)
        frames = by_partition(data, fields)
        pieces = {values: to_piece(frame) for values, frame in frames.items()}
        return self._handle.commit(lambda writing: write_partitions(writing, pieces, fields), intent)

    def restore(self, version: AnyVersion, **options: Unpack[CommitOptions]) -> Snapshot:
        """Make an old version's rows, schema and partitioning the latest again. No data is copied, nothing gets lost.

        Args:
            version: As for `snapshot`.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            As for `snapshot` and `append`: the version may have expired just now; then nothing was committed.

        Example:
            >>> import pandas as pd
            >>> table = Table("memory://restore-example")
            >>> for number in (1, 2):
            ...     _ = table.overwrite(pd.DataFrame({"a": [number]}))
            >>> table.restore(1).version, table.read()["a"].tolist()
            (3, [1])
        """
        from atio_core.changes.restore import Restore

        intent, wanted = make_intent(self._clock, **options), require_wanted(version)
        if wanted == Wanted():
            raise refusal("version", "an older version", version)
        return self._handle.commit(
            lambda _: Restore(self._log, find(self._log, wanted).entry.data.version), intent
        )

    def tag(self, name: str, version: AnyVersion | None = None, *, force: bool = False) -> Snapshot:
        """Name a version. As long as it has a tag, it doesn't expire.

        Args:
            name: Any text that can't be taken for a number or "latest", and doesn't begin with `release/`.
            version: As for `snapshot`; what is the latest now, if None.
            force: Take the name from another version that has it.

        Returns:
            The version that has the tag now.

        Raises:
            AlreadyExistsError: Another version has it, and `force` is False.
            As for `snapshot`; `CommitUnknownError` and `StorageError` as for `append`.

        Example:
            >>> import pandas as pd
            >>> table = Table("memory://tag-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> table.tag("first").version, table.tags()
            (1, {'first': 1})
        """
        from atio_core.changes.tag import SetTag

        name, force = require_tag_name("name", name), require_flag("force", force)
        snapshot = self._handle.find(require_wanted(version))
        change = SetTag(self._log, name, snapshot.version, force=force)
        done = self._handle.commit(lambda _: change, make_intent(self._clock))
        return Snapshot(self._log, snapshot.version, snapshot.entry, latest=done.entry)

    def untag(self, name: str) -> None:
        """Take a tag away; its version goes when the retention says so.

        Raises:
            TagNotFoundError: There is no such tag.
            TableNotFoundError: There is no table.
        """
        from atio_core.changes.tag import RemoveTag

        change = RemoveTag(self._log, require_tag_name("name", name))
        self._handle.commit(lambda _: change, make_intent(self._clock))

    def tags(self) -> dict[str, int]:
        """Return the tags, each with the number of its version. Raises `TableNotFoundError` if there is no table."""
        return {name: tag.version for name, tag in sorted(self._log.latest().tags.items())}

    def snapshot(self, version: AnyVersion | None = None) -> Snapshot:
        """Return a version: the latest, if none is named.

        Args:
            version: One of

                - a number; a negative one counts back in the history: -1 is the latest, -2 the one before;
                - a tag, or "latest";
                - a time with a zone: the version that was the latest then, by the clocks of the writers.

        Raises:
            TableNotFoundError: There is no table.
            VersionNotFoundError: No such version was ever committed, or none before that time.
            VersionExpiredError: It was, and has been expired since; as of a time: the versions around it have been.
            TagNotFoundError: There is no such tag.
        """
        return self._handle.find(require_wanted(version))

    def history(self) -> list[Snapshot]:
        """Return the versions that can be read, newest first.

        Raises:
            TableNotFoundError: There is no table.
        """
        return [Snapshot.of(self._log, found) for found in history(self._log)]

    def read(
        self,
        version: AnyVersion | None = None,
        output_as: Output = "pandas",
        *,
        columns: Sequence[Any] | None = None,
        partitions: Collection[Any] | None = None,
        filter: Any = None,  # noqa: A002 - every library calls it so
        limit: int | None = None,
        as_of: datetime | None = None,
        tag: str | None = None,
    ) -> Any:
        """Return the rows of a version, the latest if none is named.

        Args:
            version: As for `snapshot`.
            output_as: "pandas", "polars", "arrow", "batches" or "lazy".
            columns: Labels of the columns, in the order wished for; all of them if None.
            partitions: Only these partitions.
            filter: Only the rows that match: see `Snapshot.read`.
            limit: At most so many rows, the first ones.
            as_of: A time with a zone, instead of `version`.
            tag: A tag, instead of `version`.

        Raises:
            As for `snapshot` and `Snapshot.read`.
        """
        columns, partitions, filter = map(_repeatable, (columns, partitions, filter))  # noqa: A001 - see above
        return self._handle.read(
            require_wanted(version, as_of=as_of, tag=tag),
            lambda snapshot: snapshot.read(
                output_as, columns=columns, partitions=partitions, filter=filter, limit=limit
            ),
        )

    def scan(
        self,
        version: AnyVersion | None = None,
        *,
        columns: Sequence[Any] | None = None,
        partitions: Collection[Any] | None = None,
        filter: Any = None,  # noqa: A002 - every library calls it so
        limit: int | None = None,
        batch_rows: int = BATCH_ROWS,
        as_of: datetime | None = None,
        tag: str | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Return the rows of a version batch by batch, the latest if none is named.

        Args:
            version: As for `snapshot`.
            columns: Labels of the columns, in the order wished for; all of them if None.
            partitions: Only these partitions.
            filter: Only the rows that match: see `Snapshot.read`.
            limit: At most so many rows, the first ones.
            batch_rows: At most so many rows in a batch.
            as_of: A time with a zone, instead of `version`.
            tag: A tag, instead of `version`.

        Returns:
            An iterator of record batches: see `Snapshot.scan`. All are of one version.

        Raises:
            As for `snapshot` and `Snapshot.scan`.
        """
        columns, partitions, filter = map(_repeatable, (columns, partitions, filter))  # noqa: A001 - see above
        return self._handle.read(
            require_wanted(version, as_of=as_of, tag=tag),
            lambda snapshot: snapshot.scan(
                columns=columns, partitions=partitions, filter=filter, limit=limit, batch_rows=batch_rows
            ),
        )

    def expire(
        self,
        keep_for: timedelta | None = None,
        *,
        keep_last: int | None = None,
        grace: timedelta | None = None,
        dry_run: bool = False,
    ) -> ExpiryReport:
        """Remove old versions, and the files that no version needs.

        Args:
            keep_for: Keep versions for this long after they were superseded: also the longest time a read may take.
            keep_last: Keep this many of the newest. With neither rule, versions are kept for 7 days.
            grace: How old a file that belongs to no version must be before it goes; the table's own (1 hour) if None.
            dry_run: Report what would go, and remove nothing.

        Returns:
            What was kept and removed; print it.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: A rule makes no sense.
            DamagedError: A retained version can't be read; nothing was removed.
            CommitUnknownError: The expiry may have been committed; no file was removed.
        """
        from atio_core.maintenance.expiry import expire

        require_flag("dry_run", dry_run)
        policy = Retention(keep_for=keep_for, keep_last=keep_last)
        if policy.says_nothing:
            policy = DEFAULT_RETENTION
        grace_us = None if grace is None else require_duration("grace", grace) // _MICROSECOND
        return expire(self._log, policy, grace_us=grace_us, dry_run=dry_run, clock=self._clock)


def _repeatable(given: Any) -> Any:
    """What can be gone through only once, as a list: a read may start over."""
    return list(cast("Iterator[Any]", given)) if isinstance(given, Iterator) else given
