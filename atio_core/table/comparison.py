"""What two versions of a table differ in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atio_core.arguments import repeatable
from atio_core.errors import VersionExpiredError
from atio_core.log.lookup import AnyVersion, find, first_holding, require_wanted
from atio_core.snapshot import Snapshot
from atio_core.table.base import TableBase

if TYPE_CHECKING:
    from atio_core.comparing.diff import Diff


class Comparison(TableBase):
    """What two versions of a table differ in."""

    def diff(self, a: AnyVersion, b: AnyVersion = "latest", key: Sequence[Any] | None = None) -> Diff:
        """Return what changed from a version to another: rows, columns, files.

        Files that both versions have aren't read, nor are lists of files that both have. Of each row in the others
        some 50 bytes are in memory, whatever it holds.

        Rows are looked at as `b` shows them: a column that `a` lacks is null there, one that `b` has dropped doesn't
        count, and a column that was widened is compared by its values. Values are compared as they are stored: NaN
        equals NaN, and 0.0 isn't -0.0. Duplicates count: of three equal rows, one may be removed. The order of rows
        doesn't matter, nor do the labels of a range index. A partition's value that no column holds belongs to its
        rows.

        Args:
            a: The version before; named as for `snapshot`.
            b: The version after.
            key: Labels of the columns by which a row is known: rows with other values under a key that both versions
                have are changed, instead of removed and added. The primary key of `b`, if it has one, if None; an
                empty list for no key. A key with a null or NaN in it equals none.

        Returns:
            What was found; `print` it. Its `added`, `removed` and `changed` give the rows.

        Raises:
            InvalidInputError: There is no such column, or it can't be a key, or `a` hasn't got it.
            DuplicateKeyError: Rows that differ have a key that comes twice in a version.
            As for `snapshot` and `Snapshot.read`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://diff-example")
            >>> _ = table.append(pd.DataFrame({"id": [1, 2], "name": ["Ann", "Bob"]}))
            >>> _ = table.upsert(pd.DataFrame({"id": [2, 3], "name": ["Rob", "Eve"]}), key=["id"])
            >>> diff = table.diff(1, key=["id"])
            >>> diff.rows_added, diff.rows_removed, diff.rows_changed, diff.columns_changed
            (1, 0, 1, {'name': 1})
            >>> diff.changed()["name"].tolist(), diff.changed(before=True)["name"].tolist()
            (['Rob'], ['Bob'])
        """
        key = repeatable(key)
        found = [find(self._log, require_wanted(one)) for one in (a, b)]
        # The later of both is taken with the files that its commit gave it: they are next to those of the earlier one.
        later = max(found, key=lambda one: one.entry.data.version)
        near = [first_holding(self._log, one) if one is later else one for one in found]
        try:
            before, after = (Snapshot.of(self._log, one) for one in near)
            return before.diff(after, key)
        except VersionExpiredError:
            before, after = (
                Snapshot.of(self._log, find(self._log, require_wanted(one.entry.data.version)))
                for one in found
            )
            return before.diff(after, key)
