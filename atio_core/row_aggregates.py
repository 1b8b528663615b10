"""What a version tells of its rows without handing them out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from atio_core.reading.selection import Selection, Version


class RowAggregates(ABC):
    """Counts rows and finds the bounds of columns, from the records of files as far as they tell."""

    @abstractmethod
    def _readable(self, verify: Literal["always", "never"]) -> Version:
        """The version, to be read."""

    @abstractmethod
    def _selection(
        self,
        columns: Sequence[Any] | None,
        partitions: Collection[Any] | None,
        row_filter: object,
        limit: int | None,
    ) -> Selection:
        """What a caller asked for."""

    @abstractmethod
    def _explaining_missing(self) -> AbstractContextManager[None]:
        """Say of a missing file whether it is damage, or the version has expired."""

    def count(
        self,
        filter: Any = None,  # noqa: A002 - every library calls it so
        *,
        partitions: Collection[Any] | None = None,
    ) -> int:
        """Return the number of rows, or of those that match; files whose records tell it are not read.

        Args:
            filter: As for `read`.
            partitions: As for `read`.

        Raises:
            As for `read`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> snapshot = atio.write_snapshot(pd.DataFrame({"a": [1, 2, 3]}), "memory://count-example")
            >>> snapshot.count(), snapshot.count([("a", ">", 1)]), snapshot.min("a"), snapshot.max("a")
            (3, 2, 1, 3)
        """
        from atio_core.reading.aggregates import count_rows

        selection = self._selection(None, partitions, filter, None)
        with self._explaining_missing():
            return count_rows(self._readable("always"), selection)

    def min(self, column: Any) -> Any:
        """Return the lowest value of a column, as Python has it; only files that may have it are read.

        A time that Python's calendar lacks comes as NumPy has it. A null counts for nothing, and a NaN only where there
        is no other number. None if there is no value.

        Args:
            column: Its label.

        Raises:
            InvalidInputError: There is no such column, or its values have no order.
            VersionExpiredError: The version has expired.
            DamagedError: Bytes are not what was written.

        Example:
            >>> import atio_core as atio, pyarrow as pa
            >>> snapshot = atio.write_snapshot(pa.table({"a": [3.5, None, 1.5]}), "memory://min-example")
            >>> snapshot.min("a"), snapshot.max("a"), snapshot.null_count("a")
            (1.5, 3.5, 1)
        """
        return self._extreme(column, highest=False)

    def max(self, column: Any) -> Any:
        """Return the highest value of a column; see `min`.

        Args:
            column: Its label.

        Raises:
            As for `min`.
        """
        return self._extreme(column, highest=True)

    def null_count(self, column: Any) -> int:
        """Return how many values of a column are null; only files whose records don't tell it are read.

        Args:
            column: Its label.

        Raises:
            As for `min`.
        """
        from atio_core.reading.aggregates import count_nulls

        with self._explaining_missing():
            return count_nulls(self._readable("always"), column)

    def _extreme(self, column: Any, *, highest: bool) -> Any:
        from atio_core.reading.aggregates import extreme

        with self._explaining_missing():
            return extreme(self._readable("always"), column, highest=highest)
