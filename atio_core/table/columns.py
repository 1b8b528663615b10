"""Changes of a table's columns alone: no file is written anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from atio_core.arguments import require_list, require_whole
from atio_core.errors import InvalidInputError
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.table.applying import Applying

if TYPE_CHECKING:
    import pyarrow as pa

    from atio_core.model.entry import LogEntry, PartitionField

Done = TypeVar("Done")

_UNSAID: Any = object()
"""What a column can't be called, as None can."""


class ColumnChanges(Applying[Done]):
    """What changes columns. Rows stay as they are, and so do older versions."""

    _log: CommitLog

    def rename_column(self, label: Any, new: Any, **options: Unpack[CommitOptions]) -> Done:
        """Give a column another label. Filters and partitions know it by the new one from then on.

        Args:
            label: The column's.
            new: What it is to be. Text; in a table of pandas anything that a label can be.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: No column has the label, or several do; or there is a column of the new one.
            CommitConflictError: `expected_version` isn't the latest.
            CommitUnknownError: The commit may have landed.
            StorageError: The store failed; nothing was committed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://rename-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> table.rename_column("a", "b").schema.names, table.read(version=1).columns.tolist()
            (['b'], ['a'])
        """
        from atio_core.changes.columns import rename

        return self._change("rename_column", lambda base, schema: rename(base, schema, label, new), **options)

    def drop_column(self, label: Any, **options: Unpack[CommitOptions]) -> Done:
        """Leave a column out from now on. One of the same label that comes later is another, without these values.

        The values stay in the files of older versions, and in those that the table goes on with, until an expiry and a
        write of these files. To erase them for good, overwrite the table, and expire what was before.

        Args:
            label: The column's.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            As for `rename_column`; `InvalidInputError` too if the table is partitioned or sorted by
            the column, or has no other.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://drop-column-example")
            >>> _ = table.append(pd.DataFrame({"a": [1], "b": [2]}))
            >>> table.drop_column("b").schema.names
            ['a']
        """
        from atio_core.changes.columns import drop

        return self._change("drop_column", lambda base, schema: drop(base, schema, label), **options)

    def move_column(
        self,
        label: Any,
        *,
        before: Any = _UNSAID,
        after: Any = _UNSAID,
        to: int | None = None,
        **options: Unpack[CommitOptions],
    ) -> Done:
        """Put a column elsewhere among the others.

        Args:
            label: The column's.
            before: The label of the column that it is to stand before; or
            after: of the one that it is to stand behind; or
            to: its place: 0 is the first, -1 the last.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            As for `rename_column`; `InvalidInputError` too if not exactly one place is given, or there is none such.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://move-column-example")
            >>> _ = table.append(pd.DataFrame({"a": [1], "b": [2], "c": [3]}))
            >>> table.move_column("c", before="a").schema.names, table.move_column("c", to=-1).schema.names
            (['c', 'a', 'b'], ['a', 'b', 'c'])
        """
        from atio_core.data.frames.columns import moved

        if sum((before is not _UNSAID, after is not _UNSAID, to is not None)) != 1:
            raise InvalidInputError(
                "a column is moved before=, after= or to= a place: give exactly one of them"
            )
        place = None if to is None else require_whole("to", to)

        def target(others: int, find: Callable[[object], int]) -> int:
            if place is not None:
                return place if place >= 0 else others + 1 + place
            return find(before) if before is not _UNSAID else find(after) + 1

        def apply(base: LogEntry, schema: pa.Schema) -> tuple[pa.Schema, tuple[PartitionField, ...]]:
            return moved(schema, label, target), base.partition_fields

        return self._change("move_column", apply, **options)

    def set_key(self, key: Sequence[Any], **options: Unpack[CommitOptions]) -> Done:
        """Declare the primary key: from now on no two rows have the same values in these columns, whoever writes.

        All rows are looked at, as far as these columns go; no file is written.

        Args:
            key: Labels of the columns, which take no nulls (nor NaN) from then on. `[]` ends it.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            DuplicateKeyError: Two rows have the same key; nothing was committed.
            As for `rename_column`; `InvalidInputError` too if a column can't be one of a key, or has a null.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://set-key-example")
            >>> _ = table.append(pd.DataFrame({"id": [1, 2], "n": [10, 20]}))
            >>> table.set_key(["id"]).key
            ('id',)
            >>> table.append(pd.DataFrame({"id": [2], "n": [30]}))
            Traceback (most recent call last):
            atio_core.errors.DuplicateKeyError: rows have a primary key that other rows of the table ...
        """
        from atio_core.changes.columns import declare_key

        labels = require_list("key", key, "labels")
        return self._change("set_key", lambda base, schema: declare_key(base, schema, labels), **options)

    def _change(
        self,
        operation: str,
        apply: Callable[[LogEntry, pa.Schema], tuple[pa.Schema, tuple[PartitionField, ...]]],
        **options: Unpack[CommitOptions],
    ) -> Done:
        from atio_core.changes.columns import ColumnChange

        change = ColumnChange(operation, apply)
        return self._apply(lambda _: change, make_intent(self._clock, **options))
