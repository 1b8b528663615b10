"""The files of a version, made ready to be read apart from each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from atio_core.data.scan.source import Source
from atio_core.data.schema.layout import layout_of
from atio_core.data.schema.pieces import has_default_index, named_range
from atio_core.model.data_file import DataFile


def bundled(files: Sequence[DataFile], most_bytes: int) -> Iterator[tuple[DataFile, ...]]:
    """Yield files that follow each other and have so many bytes at most, or one that has more; one bundle at least."""
    bundle: list[DataFile] = []
    size = 0
    for file in files:
        if bundle and size + file.size > most_bytes:
            yield tuple(bundle)
            bundle, size = [], 0
        bundle.append(file)
        size += file.size
    yield tuple(bundle)


def counts_rows(source: Source, files: Sequence[DataFile]) -> bool:
    """Say whether the index of a pandas frame of these files does no more than count its rows."""
    layout = layout_of(source.schema)
    return layout.library != "pandas" or (
        layout.has_range and all(has_default_index(file.piece) for file in files)
    )


def with_own_range(source: Source, files: Sequence[DataFile]) -> Sequence[DataFile]:
    """Return files each of which says by itself what labels a pandas range gives its rows, if there is one."""
    if not layout_of(source.schema).has_range:
        return files
    return [replace(file, piece=named_range(file.piece, file.rows)) for file in files]
