"""Merge small files, or sort rows anew. The rows stay as they are, so the data version does too.

Files of one partition that follow each other in it become one, up to a target size. It rebases over whatever leaves
these files where they are: rows that come meanwhile just aren't merged.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pyarrow as pa

from atio_core.changes.file_workers import FileWorkers, weight
from atio_core.changes.matching import Matching
from atio_core.changes.rewrite import Rewrite
from atio_core.changes.writing import Writing
from atio_core.data.schema.pieces import merged_info
from atio_core.data.writing.sorting import sort_columns
from atio_core.errors import InvalidInputError, SchemaMismatchError
from atio_core.model.data_file import DataFile
from atio_core.model.manifest import partition_key

TARGET_BYTES = 64 << 20
"""About how large a file becomes, on disk."""

_RUN_FILES = 8
"""So many files of the target size are sorted together: what is in memory at a time, decoded."""


def write_compact(writing: Writing, target_bytes: int, sort_by: Sequence[Any] | None) -> Rewrite:
    """Write the files of a compaction.

    Args:
        writing: Where they go.
        target_bytes: About how large a file becomes.
        sort_by: Labels of columns by which all rows are sorted anew; none to leave the rows in their order. If None,
            files that are merged are sorted by what the table is.

    Raises:
        TableNotFoundError: There is no table.
        InvalidInputError: Rows can't be sorted so.
    """
    with Matching(writing) as matching:
        keys = _keys(matching, sort_by or ())
        own = writing.base.sort_by if sort_by is None else ()
        partitions: dict[tuple[str, ...], list[DataFile]] = {}
        for file in matching.all_files():
            partitions.setdefault(partition_key(file.partition), []).append(file)
        columns = len(matching.source.schema)
        with FileWorkers() as workers:
            for files in partitions.values():
                if keys:
                    for run in _runs(files, target_bytes * _RUN_FILES):
                        workers.do(weight(run, columns), partial(_sort, matching, run, keys, target_bytes))
                else:
                    for group in _groups(matching, files, target_bytes):
                        workers.do(weight(group, columns), partial(_merge, matching, group, own))
        return matching.rewrite("compact", None, lambda _: False)


def _keys(matching: Matching, labels: Sequence[Any]) -> tuple[int, ...]:
    """The ids of the columns to sort by."""
    columns = sort_columns(matching.source.schema, labels)
    if columns and matching.labelled:
        raise InvalidInputError(
            "the rows have labels, a pandas range other than 0 … n-1, which sorting would mix up: sort_by needs a table"
            " whose frames had the usual index, or one that is stored"
        )
    return columns


def _groups(matching: Matching, files: Sequence[DataFile], target_bytes: int) -> Iterator[list[DataFile]]:
    """Yield files that become one: small ones that follow each other, of which one info says all."""
    group: list[DataFile] = []
    for file in files:
        small = file.size * 2 <= target_bytes
        if group and (not small or _info(matching, [*group, file]) is None):
            yield group
            group = []
        if small:
            group.append(file)
        if _size(group) >= target_bytes:
            yield group
            group = []
    if group:
        yield group


def _size(files: Sequence[DataFile]) -> int:
    return sum(file.size for file in files)


def _info(matching: Matching, files: Sequence[DataFile]) -> dict[str, Any] | None:
    infos = [(file.rows, matching.source.info(file)) for file in files]
    return merged_info(infos, labelled=matching.labelled)


def _merge(matching: Matching, group: Sequence[DataFile], own: Sequence[int]) -> None:
    info = _info(matching, group)
    if len(group) > 1 and info is not None:
        with suppress(SchemaMismatchError):  # values that don't fit the version's types stay in their files
            rows = pa.concat_tables([matching.rows(file, lambda rows, _: rows) for file in group])
            matching.merge(group, [(matching.in_order(rows, own), info)])


def _runs(files: Sequence[DataFile], most_bytes: int) -> Iterator[list[DataFile]]:
    """Yield files that are sorted together."""
    run: list[DataFile] = []
    for file in files:
        if run and _size(run) + file.size > most_bytes:
            yield run
            run = []
        run.append(file)
    if run:
        yield run


def _sort(matching: Matching, run: Sequence[DataFile], keys: Sequence[int], target_bytes: int) -> None:
    info = _info(matching, run)
    if info is None:
        raise SchemaMismatchError(
            f"the files of the table {matching.source.table} hold frames that differ in what isn't a column (attrs, the"
            " kind of missing values), so their rows can't be sorted together; overwrite the table with one frame",
            table=matching.source.table,
        )
    rows = pa.concat_tables([matching.rows(file, lambda rows, _: rows) for file in run])
    rows = matching.in_order(rows, keys)
    files = max(1, round(_size(run) / target_bytes))
    cuts = [rows.num_rows * place // files for place in range(files + 1)]
    parts = [(rows.slice(a, b - a), info) for a, b in itertools.pairwise(cuts) if b > a]
    matching.merge(run, parts or [(rows, info)])
