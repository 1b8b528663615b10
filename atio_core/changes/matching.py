"""The rows of a version that match a filter, and the files that are written without them, or with others for them.

1. Files that can't hold such a row, by what is recorded of them, aren't opened. They stay as they are.
2. Files all of whose rows surely match needn't be opened either.
3. Of the others the filter's columns are read. A file with matches is read whole, and written anew in its place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Self

import pyarrow as pa

from atio_core.changes.file_workers import FileWorkers, weight
from atio_core.changes.rewrite import Rewrite
from atio_core.changes.schema import WrittenSchema, read_schema, require_rows, written_schema
from atio_core.changes.writing import Writing
from atio_core.data.filters.filters import RowFilter, read_filter
from atio_core.data.scan.scan import scan_file, scan_portions
from atio_core.data.scan.source import Source
from atio_core.data.schema.layout import layout_of
from atio_core.data.schema.pieces import has_default_index, info_of_rest
from atio_core.data.undoing import undo
from atio_core.data.writing.sorting import sorted_order
from atio_core.errors import InvalidInputError
from atio_core.format.digest import digest
from atio_core.log.commit_log import no_table
from atio_core.log.file_list import read_manifest
from atio_core.model.data_file import DataFile
from atio_core.model.manifest import ManifestRef, Span


@dataclass(frozen=True, slots=True)
class Matched:
    """A file with rows that match.

    Attributes:
        file: Its record.
        rows: The numbers of those rows in the file, rising; None for all of them.
    """

    file: DataFile
    rows: Any


class Matching:
    """Looks for rows in the version that a change is written against, and writes files for those that held some.

    If anything fails within its block, none of the files written is left.

    Args:
        writing: Where files go.
        grown: A schema that the table's grows to by the change, with its written form; None if it stays.

    Raises:
        TableNotFoundError: There is no table.
        InvalidInputError: It holds an object.
    """

    def __init__(self, writing: Writing, grown: tuple[pa.Schema, WrittenSchema] | None = None) -> None:
        base, store = writing.base, writing.store
        if not base.is_there:
            raise no_table(store.location, base)
        require_rows(base, store.location)
        schemas = {number: read_schema(store, ref, base.version) for number, ref in base.schemas.items()}
        own = schemas[base.schema]
        columns, self.schema = grown or (own, written_schema(own, base.schemas[base.schema]))
        self.writing = writing
        self.source = Source(store, columns, schemas, store.location, base.version)
        self.fields = [one.ref for one in base.partition_fields]
        self._replaced: dict[str, Sequence[DataFile]] = {}
        self._behind: list[DataFile] = []
        self._lists: dict[str, str] = {}  # of files that may match, the manifest that lists them

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Take away what was written, if it has failed; that error stays the one that is raised."""
        if error is None:
            return
        written = [*itertools.chain.from_iterable(self._replaced.values()), *self._behind]
        undo(lambda: self.writing.store.delete([file.path for file in written]), error)

    def filter(self, where: object) -> RowFilter:
        """Return a filter of the version's rows. Raises `InvalidInputError` if it is none."""
        if where is None:
            raise InvalidInputError("where must say which rows are meant, and is None; [] means all of them")
        return read_filter(where, self.source.schema, self.fields)

    def files(self, row_filter: RowFilter) -> list[DataFile]:
        """Return the files that may hold rows that match."""
        found: list[DataFile] = []
        known = self.source.schemas
        for ref, file in self._listed(lambda span: row_filter.manifest_may_match(span, known)):
            if self._may_match(row_filter, file):
                found.append(file)
                if ref is not None:
                    self._lists[file.path] = ref.path
        return found

    def all_files(self) -> list[DataFile]:
        """Return all files of the version."""
        found: list[DataFile] = []
        for ref, file in self._listed(lambda _: True):
            found.append(file)
            if ref is not None:
                self._lists[file.path] = ref.path
        return found

    def matched(self, row_filter: RowFilter) -> Iterator[Matched]:
        """Yield the files that do."""
        unsure: list[DataFile] = []
        for file in self.files(row_filter):
            if row_filter.file_must_match(file, self.source.schemas[file.schema]):
                yield Matched(file, None)
            else:
                unsure.append(file)
        import numpy as np

        portions = scan_portions(self.source, unsure, [], row_filter)
        for _, parts in itertools.groupby(portions, key=lambda portion: portion.file.path):
            found = [part for part in parts if len(part.kept)]
            if found:
                rows = np.concatenate([part.numbers() for part in found])
                yield Matched(found[0].file, rows if len(rows) < found[0].file.rows else None)

    def each(self, row_filter: RowFilter, act: Callable[[Matched], object]) -> None:
        """Do something with each of the files that do, with large ones side by side."""
        with FileWorkers() as workers:
            for matched in self.matched(row_filter):
                workers.do(weight([matched.file], len(self.source.schema)), partial(act, matched))

    def drop(self, matched: Matched) -> None:
        """Take the rows that match out of their file."""
        if matched.rows is None:
            self._replaced[matched.file.path] = ()
            return
        import numpy as np

        file = matched.file
        stays = np.ones(file.rows, bool)
        stays[matched.rows] = False
        rows = self.rows(file, lambda rows, start: rows.filter(pa.array(stays[start : start + len(rows)])))
        info = info_of_rest(self.source.info(file), file.rows, np.flatnonzero(stays), labelled=self.labelled)
        self.replace(file, rows, info)

    def rows(self, file: DataFile, change: Callable[[pa.Table, int], pa.Table]) -> pa.Table:
        """Return the rows of a file, changed as they are read: `change` gets some, and the number of the first."""
        parts = scan_file(self.source, file)
        changed = [change(part.rows, int(part.kept[0])) for part in parts]
        return pa.concat_tables(changed) if changed else self.source.schema.empty_table()

    def replace(self, file: DataFile, rows: pa.Table, info: dict[str, Any]) -> None:
        """Write rows into a file that stands in the place of another, sorted as the table is."""
        self.writing.require_values(rows)
        rows = self.in_order(rows, self.writing.base.sort_by)
        self._replaced[file.path] = self.writing.files_like(file, rows, info)

    def in_order(self, rows: pa.Table, columns: Sequence[int]) -> pa.Table:
        """Return rows of one file, sorted by some columns; where a pandas range gives them labels, as they are."""
        order = sorted_order(rows, columns)
        return rows if order is None or self.labelled else rows.take(pa.array(order))

    def merge(self, files: Sequence[DataFile], parts: Sequence[tuple[pa.Table, dict[str, Any]]]) -> None:
        """Write a file of each of some rows, with their info, in the place of several files of one partition."""
        first, *others = files
        self._replaced[first.path] = self.writing.parts_like(first, parts)
        self._replaced |= {file.path: () for file in others}

    def add(self, files: Sequence[DataFile]) -> None:
        """Take in files that were written to stand behind all others."""
        self._behind += files

    def change(self, operation: str, filters: Sequence[RowFilter], *more: str) -> Rewrite:
        """Return the change that all this comes to.

        Args:
            operation: Its name in the history.
            filters: Which rows were looked for, by any of them.
            more: What else tells it from another change of the same rows.
        """
        content = digest("\n".join((operation, *(one.text for one in filters), *more)).encode())
        return self.rewrite(
            operation, content, lambda file: any(self._may_match(one, file) for one in filters)
        )

    def rewrite(self, operation: str, content: str | None, reads: Callable[[DataFile], bool]) -> Rewrite:
        """Return the files written so far as a change; `reads` says which others it would have had to read."""
        base = self.writing.base
        return Rewrite(
            operation=operation,
            seen=base,
            store=self.writing.store,
            replaced=self._replaced,
            lists=frozenset(self._lists[path] for path in self._replaced if path in self._lists),
            behind=self._behind,
            reads=reads,
            schema=self.schema,
            content=content,
            limits=self.writing.limits,
        )

    def _may_match(self, row_filter: RowFilter, file: DataFile) -> bool:
        known = self.source.schemas  # a record with another is damaged, which is told when the file is opened
        return file.schema not in known or row_filter.file_may_match(file, known[file.schema])

    @cached_property
    def labelled(self) -> bool:
        """Whether rows have labels of their own: a pandas range other than 0 … n-1 over the whole table."""
        if not layout_of(self.source.schema).has_range:
            return False
        return not all(has_default_index(file.piece) for _, file in self._listed(lambda _: True))

    def _listed(
        self, wanted: Callable[[ManifestRef | Span], bool]
    ) -> Iterator[tuple[ManifestRef | None, DataFile]]:
        """Yield the files of the version, each with the manifest that lists it."""
        base = self.writing.base
        for ref in base.manifests:
            if wanted(ref):
                yield from ((ref, file) for file in read_manifest(self.writing.store, ref, wanted))
        yield from ((None, file) for file in base.files)
