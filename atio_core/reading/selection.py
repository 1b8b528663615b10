"""Which rows and columns of a version are read, and which files that takes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from atio_core.arguments import require_list, require_whole
from atio_core.data.filters.filters import RowFilter, read_filter
from atio_core.data.scan.source import Source
from atio_core.data.schema.layout import layout_of
from atio_core.errors import InvalidInputError
from atio_core.log.file_list import files_of
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import LogEntry
from atio_core.model.manifest import ManifestRef, Span, may_hold, partition_key
from atio_core.storage.base import ObjectStore

if TYPE_CHECKING:
    import pyarrow as pa

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Version:
    """A version to be read.

    Attributes:
        source: Where its rows are.
        entry: Its entry in the log.
        explaining_missing: A context that says of a file that is missing what that means.
    """

    source: Source
    entry: LogEntry
    explaining_missing: Callable[[], AbstractContextManager[None]]

    def guarded(self, found: Iterator[_Item]) -> Generator[_Item]:
        """Yield what an iterator does; its errors get their meaning."""
        with self.explaining_missing():
            yield from found


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows and columns of a version are read.

    Attributes:
        columns: Labels, in the order wished for; None for all.
        partitions: Values of partitions; None for all.
        row_filter: Which rows; None for all.
        limit: At most so many rows.
    """

    columns: list[Any] | None = None
    partitions: tuple[tuple[Scalar, ...], ...] | None = None
    row_filter: RowFilter | None = None
    limit: int | None = None


def make_selection(
    entry: LogEntry,
    schema: pa.Schema,
    *,
    columns: Sequence[Any] | None,
    partitions: Collection[tuple[Scalar, ...]] | None,
    row_filter: object,
    limit: int | None,
) -> Selection:
    """Return what a caller asked for.

    Raises:
        InvalidInputError: It makes no sense.
    """
    return Selection(
        None if columns is None else require_list("columns", columns, "labels"),
        None if partitions is None else tuple(partitions),
        None if row_filter is None else read_filter(row_filter, schema, field_refs(entry)),
        None if limit is None else require_whole("limit", limit, least=0),
    )


def field_refs(entry: LogEntry) -> list[int | str]:
    """Return the partition fields, in order, as predicates call them."""
    return [field.ref for field in entry.partition_fields]


def select_files(
    store: ObjectStore,
    entry: LogEntry,
    partitions: Collection[tuple[Scalar, ...]] | None,
    may_match: Callable[[ManifestRef | Span], bool] = lambda _: True,
) -> tuple[DataFile, ...]:
    """Return the files of some partitions, or of all, in the order of their rows.

    Args:
        store: Where the files lie.
        entry: The version that has them.
        partitions: Their values; None for all.
        may_match: Says of many files at once, by what is known of them, whether one is wanted.
    """

    def may_list(span: ManifestRef | Span) -> bool:
        return (partitions is None or any(may_hold(span, values) for values in partitions)) and may_match(
            span
        )

    files = files_of(store, entry, may_list, may_list)
    if partitions is not None:
        keys = {partition_key(values) for values in partitions}
        files = tuple(file for file in files if partition_key(file.partition) in keys)
    return files


def files_to_read(version: Version, selection: Selection) -> tuple[DataFile, ...]:
    """Return the files that rows are read from."""
    chosen, store, known = selection.row_filter, version.source.store, version.source.schemas
    if chosen is not None:
        may_match = functools.partial(chosen.manifest_may_match, known=known)
        files = select_files(store, version.entry, selection.partitions, may_match)
        # A record with another schema is damaged, which is told when the file is opened.
        return tuple(f for f in files if f.schema not in known or chosen.file_may_match(f, known[f.schema]))
    files = select_files(store, version.entry, selection.partitions)
    if selection.limit is None:
        return files
    before = itertools.accumulate((file.rows for file in files), initial=0)
    return tuple(file for file, rows in zip(files, before, strict=False) if rows < selection.limit)


def narrowed(
    version: Version,
    selection: Selection,
    *,
    names: Collection[str] | None,
    wanted: Any = None,
    limit: int | None = None,
) -> tuple[Selection, bool]:
    """Return what to read of a selection for one who wants less of it, and whether `wanted` was seen to.

    Args:
        version: Which version.
        selection: Which rows.
        names: The columns, by the names that they have outside pandas; None for all.
        wanted: An expression that the rows are filtered by; None for all.
        limit: The first so many of them are enough.
    """
    labels = [column.value for column in layout_of(version.source.schema).columns]
    known = {str(label): label for label in (labels if selection.columns is None else selection.columns)}
    columns = selection.columns
    if names is not None and known.keys() >= set(names):  # else they are of the index, which comes with all
        columns = [known[name] for name in names]
    limit = min((most for most in (selection.limit, limit) if most is not None), default=None)
    if wanted is None or limit is not None:  # the first rows come before those of them that match
        return replace(selection, columns=columns, limit=limit), False
    try:
        own = read_filter(wanted, version.source.schema, field_refs(version.entry))
    except InvalidInputError:  # whoever wants it may know what can't be read here
        return replace(selection, columns=columns), False
    row_filter = own if selection.row_filter is None else selection.row_filter.and_also(own)
    return replace(selection, columns=columns, row_filter=row_filter), True
