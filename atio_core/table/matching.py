"""Changes of the rows that match a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, Unpack, cast

from atio_core.arguments import repeatable, require_flag, require_list
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.table.applying import Applying
from atio_core.table.by_partition import ByPartition
from atio_core.table.with_progress import with_progress

Done = TypeVar("Done")


class MatchingChanges(Applying[Done]):
    """What changes the rows that match a filter. Others stay as they are, in their order."""

    def delete(self, where: Any, **options: Unpack[CommitOptions]) -> Done:
        """Delete the rows that match.

        A row of which it isn't known whether it matches, since a value is null, stays, as in SQL. A file without rows
        that match isn't written anew. If none matches, no version is made, and the snapshot is `unchanged`.

        Args:
            where: Which rows, as `filter` of `Snapshot.read` has it: `[("column", ">", 3), …]`, which all must hold, a
                list of such lists, or an expression of pyarrow or polars. `[]` means all rows.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: `where` is no filter of its rows; nothing was written.
            CommitConflictError: `expected_version` isn't the latest, or others kept changing the same files.
            CommitUnknownError: The commit may have landed.
            DamagedError: A file with rows that may match is damaged.
            StorageError: The store failed; nothing was committed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://delete-example")
            >>> _ = table.append(pd.DataFrame({"a": [1, 2, 3]}))
            >>> table.delete([("a", "==", 2)]).rows, table.read()["a"].tolist()
            (2, [1, 3])
        """
        from atio_core.changes.delete import write_delete

        intent, where = make_intent(self._clock, **options), repeatable(where)
        return self._apply(lambda writing: write_delete(writing, where), intent)

    def upsert(
        self,
        data: Any,
        *,
        key: Sequence[Any] | None = None,
        delete_missing: bool = False,
        partition_by: Sequence[str] | None = None,
        partition: Mapping[str, Any] | None = None,
        sort_by: Sequence[Any] | None = None,
        show_progress: bool = False,
        **options: Unpack[CommitOptions],
    ) -> Done:
        """Replace the rows that have a key of the data, and add the data's other rows; makes the table if need be.

        Rows are replaced in their place, new ones come behind. Of a partitioned table whose partition columns aren't
        all in the key, those that are replaced come behind too. Only files that may hold one of the keys are read, so
        it is quick where the table is sorted by the key. If all rows of the data are there already, no version is made,
        and the snapshot is `unchanged`.

        Args:
            data: A frame with the table's columns; or, of a table whose partitions need no column, a mapping of each
                partition to its rows: only rows that lie there are replaced.
            key: Labels of the columns that tell rows apart; those of the table's primary key if None. No two rows of
                the data have the same, and none is null; a null in the table equals nothing.
            delete_missing: Also delete the rows whose key isn't in the data; with `partition`, those that lie there.
            partition_by: As for `append`.
            partition: Values of further partition fields, which have no column: only rows that lie there are replaced,
                and new ones go there.
            sort_by: As for `append`.
            show_progress: As for `append`; rows that are written anew beside those of the data count too.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            InvalidInputError: The key can't be one, or there is none, or the data has a null in it.
            DuplicateKeyError: The data has a key twice; or rows would have the same primary key.
            As for `append`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://upsert-example")
            >>> _ = table.append(pd.DataFrame({"id": [1, 2], "n": [10, 20]}))
            >>> _ = table.upsert(pd.DataFrame({"id": [2, 3], "n": [21, 30]}), key=["id"])
            >>> table.read()["n"].tolist()
            [10, 21, 30]
        """
        from atio_core.changes.arrangement import Placement
        from atio_core.changes.upsert import write_upsert, write_upsert_by_partition
        from atio_core.data.frames.frames import to_piece

        intent = make_intent(self._clock, **options)
        labels = None if key is None else require_list("key", key, "labels")
        missing = require_flag("delete_missing", delete_missing)
        if isinstance(data, Mapping):
            given = ByPartition.of(cast("Mapping[Any, Any]", data), partition_by, partition, sort_by)
            return self._apply(
                with_progress(
                    lambda writing: write_upsert_by_partition(
                        writing, given.pieces, given.names, labels, given.sort_by, delete_missing=missing
                    ),
                    show_progress,
                ),
                intent,
            )
        piece, placement = to_piece(data), Placement.of(partition_by, partition, sort_by)
        return self._apply(
            with_progress(
                lambda writing: write_upsert(writing, piece, labels, placement, delete_missing=missing),
                show_progress,
            ),
            intent,
        )

    def update(self, where: Any, set: Mapping[Any, Any], **options: Unpack[CommitOptions]) -> Done:  # noqa: A002 - SQL's word
        """Set columns of the rows that match.

        Args:
            where: Which rows, as for `delete`.
            set: For each column's label what these rows get: a plain value, or an expression of pyarrow or polars over
                the row's own columns, as they were. A value that the column's type doesn't hold exactly is refused.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            As for `delete`; `InvalidInputError` too if a column can't hold what it is to get.

        Example:
            >>> import atio_core as atio, pandas as pd, pyarrow.compute as pc
            >>> table = atio.Table("memory://update-example")
            >>> _ = table.append(pd.DataFrame({"item": ["pen", "ink"], "n": [1, 2]}))
            >>> _ = table.update([("item", "==", "ink")], set={"n": pc.field("n") + 10})
            >>> table.read()["n"].tolist()
            [1, 12]
        """
        from atio_core.changes.update import write_update

        intent, where = make_intent(self._clock, **options), repeatable(where)
        given = dict(set) if isinstance(cast("object", set), Mapping) else set
        return self._apply(lambda writing: write_update(writing, where, given), intent)
