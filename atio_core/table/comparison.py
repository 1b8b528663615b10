"""What two versions of a table differ in, and what changed since one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from atio_core.arguments import repeatable, require_list, require_whole
from atio_core.errors import VersionExpiredError
from atio_core.log.lookup import AnyVersion, Found, Steps, find, first_holding, require_selector
from atio_core.snapshot import Snapshot
from atio_core.table.base import TableBase

if TYPE_CHECKING:
    from atio_core.comparing.changes import Changes
    from atio_core.comparing.chosen_rows import RowsAs
    from atio_core.comparing.diff import Diff


class Comparison(TableBase):
    """What two versions of a table differ in, and what changed since one of them."""

    def diff(self, a: AnyVersion, b: AnyVersion = "latest", key: Sequence[Any] | None = None) -> Diff:
        """Return what changed from a version to another: rows, columns, files.

        Files that both versions have aren't read, nor are lists of files that both have. Of each row in the others
        some 100 bytes are in memory, whatever it holds.

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
        found = [find(self._log, require_selector(one)) for one in (a, b)]
        # The later of both is taken with the files that its commit gave it: they are next to those of the earlier one.
        later = max(found, key=lambda one: one.entry.data.version)
        near = [first_holding(self._log, one) if one is later else one for one in found]
        before, after = (Snapshot.of(self._log, one) for one in near)
        return before.diff(after, key)

    def changes(
        self, since: int, *, key: Sequence[Any] | None = None, output_as: RowsAs = "batches"
    ) -> Changes:
        """Return what happened to the rows since a version, version by version, up to the latest.

        For a reader that comes back for what is new: whenever a change is the `last` of its version, it keeps the
        version's number with what it made of the rows, in one step, and goes on from there. So it deals with each
        change once, wherever it is killed.

        Of each version come the rows that went ("delete"), the columns if they changed ("columns"), the rows that have
        other values under the same key ("update"), and the rows that came ("insert"), in this order. Rows that moved to
        other files are no changes: compactions show nothing, a restore or an overwrite shows the difference. Of
        versions in between that have expired nothing is told, but what they changed is told with the next one.

        An append's rows are read from its files, once. Else files that both versions have aren't read: see `diff`.

        Args:
            since: The number of the last version that was dealt with; 0 to begin with nothing.
            key: As for `diff`. Where columns of it are missing, rows are deleted and inserted instead.
            output_as: "batches" for record batches; else "pandas", "polars" or "arrow": some rows as a frame.

        Returns:
            An iterator of `RowChange`s, a few row groups in memory at a time. Its `cursor` is the last version of which
            all changes were handed out, and in the end the latest.

        Raises:
            TableNotFoundError: There is no table.
            VersionNotFoundError: No such version was ever committed.
            VersionExpiredError: It has expired; also later, if a version expires while it is gone through.
            InvalidInputError: An argument makes no sense; later, if a version holds an object.
            As for `diff` else.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://changes-example")
            >>> _ = table.append(pd.DataFrame({"a": [1, 2]}))
            >>> _ = table.append(pd.DataFrame({"a": [3]}))
            >>> _ = table.delete([("a", "==", 1)])
            >>> changes = table.changes(since=1)
            >>> [(change.version, change.kind, change.rows["a"].to_pylist()) for change in changes]
            [(2, 'insert', [3]), (3, 'delete', [1])]
            >>> changes.cursor, list(table.changes(since=3))
            (3, [])
        """
        from atio_core.comparing.changes import Changes
        from atio_core.comparing.chosen_rows import require_rows_as
        from atio_core.data.keys.key_match import KeyColumns

        labels = None if key is None else require_list("key", key, "labels")
        output = require_rows_as(output_as)
        steps = Steps(self._log, require_whole("since", since, least=0))
        if labels and steps.latest.schema:
            KeyColumns.of(Snapshot.of(self._log, Found(steps.latest, steps.latest)).schema, labels)
        return Changes(self._diffs(steps, labels), since, steps.until, output)

    def _diffs(self, steps: Steps, key: list[Any] | None) -> Iterator[Diff]:
        """What each version changed."""
        for older, newer in steps:
            before, after = (Snapshot.of(self._log, found) for found in (older, newer))
            try:
                diff = before.diff(after, _as_far_as_known(key, before, after))
            except VersionExpiredError:  # perhaps a compaction has put other files in the places of its own
                steps.look_again(before.version)
            else:
                yield diff


def _as_far_as_known(key: list[Any] | None, before: Snapshot, after: Snapshot) -> list[Any] | None:
    """The key, if both versions have its columns; else none."""
    if key is None:
        return None
    from atio_core.data.frames.columns import have_in_common

    both_there = before.entry.schema and after.entry.schema
    return key if both_there and have_in_common(before.schema, after.schema, key) else []
