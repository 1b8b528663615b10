"""The rows of two versions that differ, found by their digests and read again when they are asked for.

Rows are looked at as the later version's columns show them: a column that the earlier one lacks is null there, one that
the later one dropped doesn't count, and types are compared as the wider of both. So the rows of a file that both
versions have are the same, and the file isn't read.

For each row of a file that is read, its digest stays in memory, and that of its key: some 100 bytes with what it takes
to sort them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from atio_core.comparing.file_changes import Differing
from atio_core.comparing.multisets import doubled, pairs, unmatched
from atio_core.comparing.schema_changes import labels_by_id
from atio_core.data.digests.row_digest import as_compared, compared_type, row_digests, value_digests
from atio_core.data.keys.key_match import KeyColumns, as_keys
from atio_core.data.scan.scan import scan_portions
from atio_core.data.scan.scan_request import Portion, no_columns
from atio_core.data.schema.conform import field_id
from atio_core.model.data_file import DataFile
from atio_core.reading.selection import Version

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from atio_core.comparing.multisets import Places
    from atio_core.data.digests.row_digest import Digests

_TOLD = 3
"""So many keys that come twice are told."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the later version, as two versions are compared by it.

    Attributes:
        number: Its id.
        names: Of the stored column before and after; None if there was none.
        type: What its values are compared as; None if they are of two kinds, and never equal.
    """

    number: int | None
    names: tuple[str | None, str]
    type: pa.DataType | None


def compared_columns(before: pa.Schema, after: pa.Schema) -> list[Column]:
    """Return the columns by which two versions are compared."""
    known = {field_id(one): one for one in before}
    found: list[Column] = []
    for one in after:
        was = known.get(field_id(one))
        own = one.type if was is None else was.type
        name = None if was is None else was.name
        found.append(Column(field_id(one), (name, one.name), compared_type(own, one.type)))
    return found


@dataclass(frozen=True, slots=True)
class Digested:
    """What is kept of the rows of a version's files.

    Attributes:
        rows: Their digests.
        keys: Those of their keys; none if there is no key.
        known: Whether each has a key: no null and no NaN in it.
    """

    rows: Digests
    keys: Digests
    known: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two versions.

    Attributes:
        version: The version.
        files: Those of its files that are read.
        columns: The name of each column that it is compared by, None if it lacks it; and how.
        fields: Of each partition field that no column holds, where its values stand in records; None if it lacks it.
    """

    version: Version
    files: Sequence[DataFile]
    columns: Sequence[tuple[str | None, Column]]
    fields: Sequence[int | None]

    @property
    def rows(self) -> int:
        """How many rows its files have."""
        return sum(file.rows for file in self.files)

    @property
    def names(self) -> list[str]:
        """The names of the columns that are read."""
        return [name for name, _ in self.columns if name is not None]

    def digested(self, key: Collection[str]) -> Digested:
        """Read all rows.

        Args:
            key: Names of the columns of the key, in the later version.
        """
        import numpy as np

        rows, keys, known = [_none()], [_none()], [np.zeros(0, np.bool_)]
        for portion in self._read(self.files, self.names):
            values = self._values(portion)
            rows.append(self._placed(portion, row_digests(map(_digests, values), len(portion.kept))))
            if key:
                own = [
                    list(map(as_keys, parts))
                    for parts, (_, column) in zip(values, self.columns, strict=True)
                    if column.names[1] in key
                ]
                keys.append(row_digests(map(_digests, own), len(portion.kept), "key"))
                known.append(np.logical_and.reduce(list(map(_are_known, own))))
        return Digested(np.concatenate(rows, axis=1), np.concatenate(keys, axis=1), np.concatenate(known))

    def value_digests(self, places: Places) -> list[Digests]:
        """Return the digests of the values of some rows, column by column, in the order of the places."""
        import numpy as np

        order = np.argsort(places)
        parts: list[list[Digests]] = [[_none()] for _ in self.columns]
        for portion in self.chosen(places[order], self.names):
            for part, values in zip(parts, self._values(portion), strict=True):
                part.append(_digests(values))
        back = np.argsort(order)
        return [np.concatenate(part, axis=1)[:, back] for part in parts]

    def chosen(self, places: Places, names: Sequence[str] | None = None) -> Iterator[Portion]:
        """Yield some of the rows. Files that have none of them aren't read.

        Args:
            places: Which ones, in all files; rising.
            names: Of the stored columns; None for all.
        """
        import numpy as np

        starts = np.cumsum([0, *(file.rows for file in self.files)])
        first = np.searchsorted(places, starts)
        wanted = {
            file.path: places[first[at] : first[at + 1]] - starts[at]
            for at, file in enumerate(self.files)
            if first[at] < first[at + 1]
        }
        for portion in self._read([file for file in self.files if file.path in wanted], names):
            if not len(portion.kept):
                continue
            start, own = _as_int(portion.kept[0]), wanted[portion.file.path]  # rows come one after another
            own = own[np.searchsorted(own, start) : np.searchsorted(own, start + len(portion.kept))]
            if len(own):
                yield _taken(portion, own, start)

    def _read(self, files: Sequence[DataFile], names: Sequence[str] | None) -> Iterator[Portion]:
        return self.version.guarded(scan_portions(self.version.source, files, names))

    def _values(self, portion: Portion) -> list[Sequence[pa.ChunkedArray]]:
        """The columns by which rows are compared, each in parts."""
        missing = pa.chunked_array([pa.nulls(len(portion.kept))])
        return [
            [missing] if name is None else as_compared(portion.rows.column(name), column.type)
            for name, column in self.columns
        ]

    def _placed(self, portion: Portion, rows: Digests) -> Digests:
        """The digests of rows that know in which partition they lie."""
        if not self.fields:
            return rows
        place = repr([None if at is None else portion.file.partition[at] for at in self.fields])
        where = value_digests(pa.chunked_array([[place]]))
        return row_digests([rows, where], rows.shape[1], "place")


@dataclass(frozen=True, eq=False)
class RowDifference:
    """The rows in which two versions differ.

    Attributes:
        before: The earlier version.
        after: The later one.
        removed: Places, among the rows of the files that are read, of those that only the earlier one has.
        added: Places of those that only the later one has.
        changed: Places before and after of rows that have the same key, those after rising.
    """

    before: Side
    after: Side
    removed: Places
    added: Places
    changed: tuple[Places, Places]

    @cached_property
    def columns_changed(self) -> dict[Any, int]:
        """In how many of the rows that changed each column did, by its label; those that did alone."""
        import numpy as np

        labels = labels_by_id(self.after.version.source.schema)
        found: dict[Any, int] = {}
        old = self.before.value_digests(self.changed[0])
        new = self.after.value_digests(self.changed[1])
        for (_, column), one, other in zip(self.after.columns, old, new, strict=True):
            changed = int(np.count_nonzero((one != other).any(axis=0)))
            if changed and column.number is not None:
                label = labels[column.number]  # which several columns of a pandas frame may have
                found[label] = found.get(label, 0) + changed
        return found


def row_difference(before: Version, after: Version, files: Differing, key: KeyColumns) -> RowDifference:
    """Return the rows in which two versions differ.

    Args:
        before: The earlier version.
        after: The later one.
        files: Those of their files that have to be read.
        key: The columns, of the later one, by which a row is known; with none, no row is said to have changed.

    Raises:
        DuplicateKeyError: Rows that differ have a key that comes twice in a version.
        VersionExpiredError: One of the versions has expired meanwhile.
        DamagedError: Bytes are not what was written.
    """
    columns = compared_columns(before.source.schema, after.source.schema)
    fields = [field.name for field in after.entry.partition_fields if field.column is None]
    sides = [
        Side(version, some, [(column.names[at], column) for column in columns], _places_of(fields, version))
        for at, (version, some) in enumerate(((before, files.before), (after, files.after)))
    ]
    if not files.before or not files.after:  # what is there isn't compared with anything, nor read
        return _all_of(*sides)
    old, new = (side.digested(key.names) for side in sides)
    removed, added = unmatched(old.rows, new.rows)
    changed = removed[:0], added[:0]
    if key.names:
        known = removed[old.known[removed]], added[new.known[added]]
        for side, places, digested in zip(sides, known, (old, new), strict=True):
            _require_distinct(side, places, digested.keys[:, places], key)
        first, second = pairs(old.keys[:, known[0]], new.keys[:, known[1]])
        changed = known[0][first], known[1][second]
        removed, added = _without(removed, changed[0]), _without(added, changed[1])
    return RowDifference(sides[0], sides[1], removed, added, changed)


def _all_of(before: Side, after: Side) -> RowDifference:
    import numpy as np

    removed, added = np.arange(before.rows), np.arange(after.rows)
    return RowDifference(before, after, removed, added, (removed[:0], added[:0]))


def _require_distinct(side: Side, places: Places, keys: Digests, key: KeyColumns) -> None:
    """Raise `DuplicateKeyError` if some rows have a key that others of them have, too."""
    twice = doubled(keys)
    if not len(twice):
        return
    own = {column.names[1]: name for name, column in side.columns}
    names = tuple(name for label in key.names if (name := own[label]) is not None)
    rows = pa.concat_tables(portion.rows for portion in side.chosen(places[twice[:_TOLD]], names))
    version, table = side.version.source.version, side.version.source.table
    what = f"version {version} of the table {table} has {len(twice)} keys that come twice among the rows that differ"
    told = KeyColumns(key.labels, names)
    raise told.doubled(what, rows, "choose a longer key, or none", table=table, writes=False)


def _without(places: Places, others: Places) -> Places:
    import numpy as np

    return np.setdiff1d(places, others, assume_unique=True)


def _places_of(fields: Sequence[str], version: Version) -> list[int | None]:
    """Where a version's records have the values of partition fields."""
    own = [one.name if one.column is None else None for one in version.entry.partition_fields]
    return [own.index(name) if name in own else None for name in fields]


def _digests(parts: Sequence[pa.ChunkedArray]) -> Digests:
    import numpy as np

    return np.concatenate([_none(), *map(value_digests, parts)], axis=1)


def _are_known(parts: Sequence[pa.ChunkedArray]) -> npt.NDArray[np.bool_]:
    """Whether each of some values can be a key's: nothing equals null, or NaN."""
    import numpy as np

    found = [pc.is_valid(part).to_numpy() for part in parts]
    for at, part in enumerate(parts):
        if pa.types.is_floating(part.type):
            found[at] &= ~pc.fill_null(pc.is_nan(part), True).to_numpy()  # noqa: FBT003 - Arrow's signature
    return np.concatenate([np.zeros(0, np.bool_), *found])


def _taken(portion: Portion, own: Places, start: int) -> Portion:
    """Some of the rows of a portion, by their places in its file."""
    if len(own) == len(portion.kept):
        return portion
    kept = pa.array(own, pa.int64())
    if not portion.rows.num_columns:
        return Portion(portion.file, no_columns(len(own), portion.rows.schema), kept)
    return Portion(portion.file, portion.rows.take(pa.array(own - start)), kept)


def _none() -> Digests:
    import numpy as np

    return np.zeros((2, 0), np.uint64)


def _as_int(place: object) -> int:
    return place if isinstance(place, int) else place.as_py()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - a pyarrow scalar
