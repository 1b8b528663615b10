"""What two versions of a table differ in: made to be printed, and to give the rows."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from atio_core.amounts import counted, readable_bytes
from atio_core.arguments import require_flag, require_list
from atio_core.comparing.chosen_rows import RowsAs, chosen_rows, chosen_rows_in_order
from atio_core.comparing.file_changes import FileChanges, file_changes
from atio_core.comparing.object_changes import ObjectChanges, object_changes
from atio_core.comparing.rows import RowDifference, row_difference
from atio_core.comparing.schema_changes import SchemaChanges, labels_by_id, schema_changes
from atio_core.data.frames.columns import field_of
from atio_core.data.keys.key_match import KeyColumns
from atio_core.data.keys.primary_key import key_of
from atio_core.data.schema.conform import field_id
from atio_core.errors import InvalidInputError, VersionExpiredError
from atio_core.maintenance.expiry_report_lines import aligned
from atio_core.reading.selection import Version

_WIDTH = 80
_LISTED = 20
_NO_KEY = KeyColumns((), ())


@dataclass(frozen=True, eq=False)
class Diff:
    """What changed from one version of a table to another: see `Table.diff`. `print` it.

    Attributes:
        table: The table's path.
        before: Number of the version that is compared.
        after: Number of the version that it is compared with.
        key: Labels of the columns by which rows are known; none if there is no key.
        schema: Columns that were added, dropped, renamed, moved or retyped.
        files: Files, rows and bytes that only one of both has, and those that both have.
        rows_added: How many rows only the later one has.
        rows_removed: How many rows only the earlier one has.
        rows_changed: How many rows have a key that both have, and other values.
        columns_changed: In how many of these each column changed, by its label; those of one label together.
        objects: What the objects differ in, if one of both holds one instead of rows; else None.
    """

    table: str
    before: int
    after: int
    key: tuple[Any, ...]
    schema: SchemaChanges
    files: FileChanges
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int = 0
    columns_changed: Mapping[Any, int] = field(default_factory=dict[Any, int])
    objects: ObjectChanges | None = None
    rows: RowDifference | None = field(default=None, repr=False)
    """For `added`, `removed` and `changed`."""
    again: Callable[[], Diff] | None = field(default=None, repr=False)
    """Compares once more, with the files that the versions have then."""

    @property
    def equal(self) -> bool:
        """Whether rows and columns, or the objects, are the same. The order of rows and the files may differ."""
        rows = self.rows_added or self.rows_removed or self.rows_changed
        return not rows and not self.schema and (self.objects is None or self.objects.equal)

    def added(self, output_as: RowsAs = "pandas") -> Any:
        """Return the rows that only the later version has, as it has them. They are read when this is called.

        Args:
            output_as: "pandas", "polars" or "arrow"; or "batches" for a `pyarrow.RecordBatchReader`, in bounded memory.

        Raises:
            InvalidInputError: There is no such output, or a version holds an object.
            VersionExpiredError: The version has expired since: compare again.
            As for `Snapshot.read` else.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://diff-rows-example")
            >>> _ = table.append(pd.DataFrame({"id": [1, 2], "n": [1, 1]}))
            >>> _ = table.overwrite(pd.DataFrame({"id": [2, 3], "n": [5, 1]}))
            >>> diff = table.diff(1, 2, key=["id"])
            >>> diff.added()["id"].tolist(), diff.removed()["id"].tolist()
            ([3], [1])
            >>> diff.changed(before=True)["n"].tolist(), diff.changed()["n"].tolist()
            ([1], [5])
        """
        return self._read(lambda rows: chosen_rows(rows.after, rows.added, output_as))

    def removed(self, output_as: RowsAs = "pandas") -> Any:
        """Return the rows that only the earlier version has, as it had them: see `added`.

        Args:
            output_as: As for `added`.

        Raises:
            As for `added`.
        """
        return self._read(lambda rows: chosen_rows(rows.before, rows.removed, output_as))

    def changed(self, output_as: RowsAs = "pandas", *, before: bool = False) -> Any:
        """Return the rows that changed, as the later version has them; or as the earlier one had them, in this order.

        Args:
            output_as: As for `added`. With `before`, all are in memory.
            before: As the earlier one had them: the first row of these is what became the first row of those.

        Raises:
            As for `added`.
        """
        if require_flag("before", before):
            return self._read(lambda rows: chosen_rows_in_order(rows.before, rows.changed[0], output_as))
        return self._read(lambda rows: chosen_rows(rows.after, rows.changed[1], output_as))

    def _read(self, give: Callable[[RowDifference], Any]) -> Any:
        """Return rows from the files that the versions had, or from those that compactions have put in their places."""
        try:
            return give(self._rows())
        except VersionExpiredError:
            if self.again is None:
                raise
            again: Diff = self.again()
            return give(again._rows())

    def _rows(self) -> RowDifference:
        if self.rows is None:
            raise InvalidInputError(
                f"versions {self.before} and {self.after} of the table {self.table} don't both hold rows; look at"
                " objects",
                table=self.table,
            )
        return self.rows

    @property
    def headline(self) -> str:
        """The difference in one sentence."""
        what = f"{self.table}: version {self.before} to {self.after}"
        if self.objects is not None:
            return f"{what}: {'the same' if self.objects.equal else 'other'} content"
        if self.equal:
            return f"{what}: the same rows"
        told = f"{counted(self.rows_added, 'row')} added, {self.rows_removed:,} removed"
        return f"{what}: {told}{f', {self.rows_changed:,} changed' if self.key else ''}"

    def __str__(self) -> str:
        """The difference as text, in 80 columns: a headline, then columns, objects and files."""
        lines = textwrap.wrap(self.headline, _WIDTH, break_on_hyphens=False)
        if self.columns_changed:
            rows = [("rows changed", "column")]
            rows += [(f"{count:,}", _line(label)) for label, count in self.columns_changed.items()]
            lines += ["", *aligned(rows)]
        told = list(self.schema.lines())
        if told:
            lines += ["", *aligned([("columns", "which"), *told], left=(0,))]
        lines += self._objects_told()
        rows = [("files", "rows", "size", "which")]
        for what, one in (
            ("added", self.files.added),
            ("removed", self.files.removed),
            ("shared", self.files.shared),
        ):
            rows.append((f"{one.files:,}", f"{one.rows:,}", readable_bytes(one.bytes), what))
        return "\n".join([*lines, "", *aligned(rows)])

    def _objects_told(self) -> Iterator[str]:
        if self.objects is None:
            return
        kinds = self.objects.kinds
        if kinds[0] != kinds[1]:
            yield f"what it holds: {kinds[0]} → {kinds[1]}"
        for what in ("added", "removed", "changed"):
            names: Sequence[str] = getattr(self.objects, what)
            if names:
                more = f", and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
                text = f"{what} ({len(names):,}): {', '.join(map(_line, names[:_LISTED]))}{more}"
                yield from textwrap.wrap(text, _WIDTH, break_on_hyphens=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain values, fit for JSON; labels as text."""
        return {
            "table": self.table,
            "before": self.before,
            "after": self.after,
            "equal": self.equal,
            "key": list(map(str, self.key)),
            "rows_added": self.rows_added,
            "rows_removed": self.rows_removed,
            "rows_changed": self.rows_changed,
            "columns_changed": {str(label): count for label, count in self.columns_changed.items()},
            "schema": self.schema.to_dict(),
            "files": self.files.to_dict(),
            "objects": None if self.objects is None else self.objects.to_dict(),
        }


def compare(before: Version, after: Version, key: object, again: Callable[[], Diff]) -> Diff:
    """Return what two versions of a table differ in.

    Args:
        before: A version.
        after: Another one.
        key: Labels of columns; those of the primary key of the later one if None; empty for no key.
        again: Compares them once more, with the files that they have then.

    Raises:
        InvalidInputError: There is no such column, or it can't be a key.
        DuplicateKeyError: Rows that differ have a key that comes twice in a version.
        VersionExpiredError: One of the versions has expired meanwhile.
        DamagedError: Bytes are not what was written.
    """
    table, numbers = after.source.table, (before.entry.data.version, after.entry.data.version)
    objects = object_changes(before, after)
    columns = schema_changes(before.source.schema, after.source.schema)
    files, differing = file_changes(before, after)
    if objects is not None:
        return Diff(table, *numbers, (), columns, files, objects=objects)
    chosen = _key(before, after, key)
    rows = row_difference(before, after, differing, chosen)
    return Diff(
        table,
        *numbers,
        chosen.labels,
        columns,
        files,
        len(rows.added),
        len(rows.removed),
        len(rows.changed[1]),
        rows.columns_changed if len(rows.changed[1]) else {},
        rows=rows,
        again=again,
    )


def _key(before: Version, after: Version, given: object) -> KeyColumns:
    """The key by which two versions are compared."""
    old, new = before.source.schema, after.source.schema
    known = labels_by_id(old)
    if given is None:
        key = key_of(new)
        return key if all(field_id(new.field(name)) in known for name in key.names) else _NO_KEY
    labels = require_list("key", given, "labels")
    if not labels:
        return _NO_KEY
    key = KeyColumns.of(new, labels)
    for label in key.labels:
        if known and field_id(field_of(new, label)) not in known:
            raise InvalidInputError(
                f"column {label!r} of version {after.source.version} of the table {after.source.table} isn't in version"
                f" {before.source.version}, so no row can be known by it; choose another key",
                table=after.source.table,
            )
    return key


def _line(text: object) -> str:
    return "".join(one if one.isprintable() else " " for one in str(text))
