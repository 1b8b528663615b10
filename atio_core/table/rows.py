"""Changes of a table's rows: each method describes a change; what is done with it is up to the class.

A table commits it as its next version. The same methods serve wherever changes are collected or put off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from atio_core.arguments import repeatable, require_choice
from atio_core.errors import InvalidInputError
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.table.by_partition import ByPartition
from atio_core.table.matching import MatchingChanges
from atio_core.table.with_progress import with_progress

if TYPE_CHECKING:
    from atio_core.changes.unchanged import IfUnchanged
    from atio_core.data.frames.frames import SchemaMode

Done = TypeVar("Done")


class RowChanges(MatchingChanges[Done]):
    """What changes rows. `Done` is what each change returns; for a table the new version."""

    def append(
        self,
        data: Any,
        *,
        partition_by: Sequence[str] | None = None,
        partition: Mapping[str, Any] | None = None,
        sort_by: Sequence[Any] | None = None,
        schema_mode: SchemaMode = "exact",
        not_null: Sequence[Any] | None = None,
        key: Sequence[Any] | None = None,
        show_progress: bool = False,
        **options: Unpack[CommitOptions],
    ) -> Done:
        """Add rows behind the table's own; makes the table if it isn't there.

        Args:
            data: A pandas or polars frame, or an Arrow table. Or a stream, of which a few row groups are in memory at a
                time, whatever its size: a polars LazyFrame, a record-batch reader, an object that exports an Arrow
                stream, such as a relation of DuckDB, or an iterator of frames of one library, whose first one says
                which columns there are. Or, of a table whose partitions need no column, a mapping of each partition to
                its rows, as for `overwrite_partitions`.
            schema_mode: How the table's columns may change; columns are matched by label, in whatever order.

                - "exact": not at all;
                - "add": new columns come behind the others, null in the rows there; missing ones are null in these;
                - "widen": and a type may become one that holds the values of both, such as int64 for int32.
            partition_by: As for `overwrite`, for a table that isn't there yet. Any other keeps its own, by which the
                rows are split.
            partition: As for `overwrite`.
            sort_by: As for `overwrite`, for a table that isn't there yet. Any other keeps its own, by which the rows of
                this write are sorted.
            not_null: As for `overwrite`, for a table that isn't there yet.
            key: Likewise; a table that is there gets one by `set_key`.
            show_progress: Show on stderr how many rows are written, and how fast: a bar, or lines where there is no
                terminal.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            DuplicateKeyError: Two rows would have the same primary key; nothing was committed.
            NotPreservableError: The frame couldn't come back equal; nothing was written.
            SchemaMismatchError: The frame doesn't fit the table; nothing was written.
            CommitConflictError: `expected_version` isn't the latest; nothing was committed.
            CommitUnknownError: The commit may have landed.
            StorageError: The store failed; nothing was committed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://append-example")
            >>> for _ in range(2):
            ...     snapshot = table.append(pd.DataFrame({"a": [1]}), idempotency_key="once")
            >>> snapshot.version, snapshot.repeated, snapshot.rows
            (1, True, 1)
        """
        from atio_core.changes.append import write_append, write_append_by_partition
        from atio_core.changes.arrangement import Placement
        from atio_core.changes.constraints import Constraints
        from atio_core.data.object_files.kinds import require_rows, require_rows_of_each
        from atio_core.data.writing.incoming import Incoming

        mode = require_mode(schema_mode, rows_stay=True)
        intent, constraints = make_intent(self._clock, **options), Constraints.of(not_null, key)
        if isinstance(data, Mapping):
            require_rows_of_each(cast("Mapping[Any, Any]", data))
            given = ByPartition.of(cast("Mapping[Any, Any]", data), partition_by, partition, sort_by)
            return self._apply(
                with_progress(
                    lambda writing: write_append_by_partition(
                        writing,
                        given.pieces,
                        given.names,
                        mode,
                        sort_by=given.sort_by,
                        constraints=constraints,
                    ),
                    show_progress,
                    given.rows,
                ),
                intent,
            )
        placement = Placement.of(partition_by, partition, sort_by)
        require_rows(data)
        incoming = Incoming.of(data)
        return self._apply(
            with_progress(
                lambda writing: write_append(writing, incoming, mode, placement, constraints),
                show_progress,
                incoming.rows,
            ),
            intent,
        )

    def overwrite(
        self,
        data: Any,
        *,
        where: Any = None,
        format: str | None = None,  # noqa: A002 - as `write` calls it
        schema_mode: SchemaMode | None = None,
        partition_by: Sequence[str] | None = None,
        partition: Mapping[str, Any] | None = None,
        sort_by: Sequence[Any] | None = None,
        not_null: Sequence[Any] | None = None,
        key: Sequence[Any] | None = None,
        if_unchanged: IfUnchanged = "commit",
        show_progress: bool = False,
        **options: Unpack[CommitOptions],
    ) -> Done:
        """Replace all rows, and the schema; or all by an object. Makes the table if it isn't there.

        Args:
            data: As for `append`. Or an object: a NumPy array, a JSON
                value, a `str`, bytes, or a path (`pathlib.Path`) to a file or a folder: see `docs/guide/objects.md`.
            where: Replace only the rows that match. As for `delete`; all of them if None.
            format: "pickle" keeps anything, as a pickle. Else what is natural to the data is meant, and may be named:
                "parquet", "npy", "json", "text" or "bytes".
            schema_mode: "replace" takes the columns of the data, whatever the table's were, and is what None means
                without `where`; the others are as for `append`. With `where` None means "exact".
            partition_by: Columns that the table is partitioned by from now on; none for an empty list. If None, those
                that it is partitioned by already.
            partition: Values of further partition fields, which have no column: all rows of this write lie there.
            sort_by: Labels of the columns that the rows of each write are sorted by from now on, in each partition, so
                that reads that filter by these open little; those of a stream a file at a time. None for an empty list.
                If None, those that the table is sorted by already.
            not_null: Labels of the columns that take no nulls (nor NaN, in a table of pandas) from now on, whoever
                writes. If None, those that did before, as far as the data has them.
            key: Labels of the columns of the primary key: from now on no two rows have the same values there, nor a
                null, whoever writes. `[]` ends it. If None, the table's key stays, and the data must have its columns.
            if_unchanged: What becomes of just the rows, or the object, that the latest version has: "commit" makes a
                version that shares its files; "skip" makes none, and the snapshot is `unchanged`. In a transaction, and
                with `where`, a version is made in any case.
            show_progress: As for `append`; of an object bytes are counted.
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

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://overwrite-example")
            >>> _ = table.overwrite(pd.DataFrame({"day": [1, 2], "n": [5, 7]}))
            >>> _ = table.overwrite(pd.DataFrame({"day": [2], "n": [8]}), where=[("day", "==", 2)])
            >>> table.read()["n"].tolist(), table.read(1)["n"].tolist()
            ([5, 8], [5, 7])
        """
        from atio_core.changes.arrangement import Placement
        from atio_core.changes.constraints import Constraints
        from atio_core.changes.overwrite import write_overwrite, write_overwrite_where
        from atio_core.changes.overwrite_object import object_writer
        from atio_core.data.object_files.kinds import ROWS, checked_kind, require_rows
        from atio_core.data.writing.incoming import Incoming

        intent, placement = (
            make_intent(self._clock, **options),
            Placement.of(partition_by, partition, sort_by),
        )
        where = repeatable(where)
        constraints = Constraints.of(not_null, key)
        mode, kind = _mode_of_overwrite(schema_mode, where), checked_kind(data, format)
        unchanged = cast("IfUnchanged", require_choice("if_unchanged", if_unchanged, ("commit", "skip")))
        if kind != ROWS and where is None:
            if mode != "replace" or placement != Placement() or constraints != Constraints():
                said = (
                    "partitions, sort_by, not_null or key" if mode == "replace" else f"schema_mode={mode!r}"
                )
                raise InvalidInputError(f"{said} can only be said of columns, and an object has none")
            write = object_writer(data, kind, skip=unchanged == "skip")
            return self._apply(with_progress(write, show_progress, unit="bytes"), intent)
        require_rows(data, format)
        incoming = Incoming.of(data)
        if where is None:
            return self._apply(
                with_progress(
                    lambda writing: write_overwrite(
                        writing, incoming, mode, placement, constraints, if_unchanged=unchanged
                    ),
                    show_progress,
                    incoming.rows,
                ),
                intent,
            )
        if constraints != Constraints():
            raise InvalidInputError(
                f"{constraints.names} can't be had with where: overwrite the whole table with it"
            )
        return self._apply(
            with_progress(
                lambda writing: write_overwrite_where(writing, incoming, where, mode, placement),
                show_progress,
                incoming.rows,
            ),
            intent,
        )

    def overwrite_partitions(
        self,
        data: Any,
        *,
        partition_by: Sequence[str] | None = None,
        partition: Mapping[str, Any] | None = None,
        sort_by: Sequence[Any] | None = None,
        schema_mode: SchemaMode = "add",
        if_unchanged: IfUnchanged = "commit",
        show_progress: bool = False,
        **options: Unpack[CommitOptions],
    ) -> Done:
        """Replace whole partitions, all of them in one version; other partitions stay as they are.

        Args:
            data: A frame, or a stream of rows as for `append`: the partitions that it has rows of are replaced. Or, for
                values that need no column, a mapping of each partition to its rows: the key is the value, or a tuple of
                values if there are several fields.
            partition_by: The names of the partition fields, for a table that isn't there yet: of a frame its columns,
                of a mapping any names, `["partition"]` if None.
            partition: As for `overwrite`; not with a mapping.
            sort_by: As for `append`.
            schema_mode: How the table's columns may change: as for `append`.
            if_unchanged: A partition that holds just the rows that are to replace its own keeps its files. What becomes
                of it if all do is as for `overwrite`.
            show_progress: As for `append`.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            As for `append`; `InvalidInputError` too if the table has other partition fields.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://partitions-example")
            >>> days = {"2013-01-01": pd.DataFrame({"a": [1]}), "2013-01-02": pd.DataFrame({"a": [2]})}
            >>> _ = table.overwrite_partitions(days, partition_by=["day"])
            >>> _ = table.overwrite_partitions({"2013-01-02": pd.DataFrame({"a": [3]})}, partition_by=["day"])
            >>> table.read()["a"].tolist(), table.read(partitions=["2013-01-02"])["a"].tolist()
            ([1, 3], [3])
        """
        from atio_core.changes.arrangement import Placement
        from atio_core.changes.overwrite_partitions import write_partitions, write_partitions_of
        from atio_core.data.writing.incoming import Incoming

        mode = require_mode(schema_mode, rows_stay=True)
        unchanged = cast("IfUnchanged", require_choice("if_unchanged", if_unchanged, ("commit", "skip")))
        intent = make_intent(self._clock, **options)
        if not isinstance(data, Mapping):
            placement, incoming = Placement.of(partition_by, partition, sort_by), Incoming.of(data)
            return self._apply(
                with_progress(
                    lambda writing: write_partitions_of(
                        writing, incoming, mode, placement, if_unchanged=unchanged
                    ),
                    show_progress,
                    incoming.rows,
                ),
                intent,
            )
        given = ByPartition.of(cast("Mapping[Any, Any]", data), partition_by, partition, sort_by)
        return self._apply(
            with_progress(
                lambda writing: write_partitions(
                    writing, given.pieces, given.names, mode, given.sort_by, if_unchanged=unchanged
                ),
                show_progress,
                given.rows,
            ),
            intent,
        )


def _mode_of_overwrite(given: object, where: object) -> SchemaMode:
    if where is None:
        return "replace" if given is None else require_mode(given, rows_stay=False)
    return "exact" if given is None else require_mode(given, rows_stay=True)


def require_mode(given: object, *, rows_stay: bool) -> SchemaMode:
    """Return how a table's columns may change.

    Args:
        given: What a caller gave as `schema_mode`.
        rows_stay: Some of the table's rows may stay, so that its columns can't be replaced.

    Raises:
        InvalidInputError: There is no such mode, or not for such a write.
    """
    modes = ("exact", "add", "widen", "replace")
    mode = cast("SchemaMode", require_choice("schema_mode", given, modes))
    if rows_stay and mode == "replace":
        raise InvalidInputError(
            "schema_mode='replace' would take the columns away from the rows that stay: overwrite the whole table, or"
            " use 'add' or 'widen'"
        )
    return mode
