"""An overwrite of a large table in content-defined chunks: files are cut where rows say so (`data/writing/cuts.py`).

Chunks that the version before has in files of their own are not written again: the new version names these files.
So a version that differs in a few places from the one before takes the space of these places.

A file is shared if its record gives the digest of just these rows, it was written with the same schema, what belongs
to the piece is the same (but for where a default range begins), and it still holds what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from atio_core.changes.writing import Writing
from atio_core.cores import CORES
from atio_core.data.digests.content import content_digest
from atio_core.data.frames.frames import Piece, slice_info
from atio_core.data.object_files.read import StoredFile
from atio_core.data.schema.labels import canonical_json
from atio_core.data.schema.pieces import has_default_index
from atio_core.data.writing.cuts import stable_cuts
from atio_core.log.file_list import files_of
from atio_core.model.data_file import DataFile

_WORKERS = min(8, CORES)


@dataclass(frozen=True, slots=True)
class Chunks:
    """What the rows became.

    Attributes:
        files: The records of all files, in the order of the rows.
        adds: Those of files that were written for them.
        content: Digest of the rows.
    """

    files: Sequence[DataFile]
    adds: Sequence[DataFile]
    content: str


def write_chunks(writing: Writing, piece: Piece, radius: int, *, share: bool) -> Chunks:
    """Write the chunks of a piece that the version before lacks.

    Args:
        writing: Against which version.
        piece: All rows, with ids.
        radius: Of the cuts.
        share: Name files of that version again; it has the same schema, and its rows lie likewise.

    Raises:
        NotPreservableError: Parquet can't keep a column.
        StorageError: The store refused.
    """
    rows, places = piece.table, stable_cuts(piece.table, radius)
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="atio-digest") as pool:
        content = pool.submit(content_digest, rows)
        contents = list(pool.map(content_digest, [rows.slice(*place) for place in places]))
        infos = [
            {**slice_info(piece.info, *place), "content": own}
            for place, own in zip(places, contents, strict=True)
        ]
        wanted = [(count, info) for (_, count), info in zip(places, infos, strict=True)]
        there = list(pool.map(partial(_if_intact, writing), _found(writing, wanted, share=share)))
    missing = [place for place, file in zip(places, there, strict=True) if file is None]
    written = iter(adds := _written(writing, piece, missing) if missing else [])
    writing.meter.add(rows.num_rows - sum(count for _, count in missing))
    files = [replace(file or next(written), piece=info) for file, info in zip(there, infos, strict=True)]
    new = {file.path for file in adds}
    return Chunks(files, [file for file in files if file.path in new], content.result())


def _written(writing: Writing, piece: Piece, places: Sequence[tuple[int, int]]) -> list[DataFile]:
    from atio_core.data.writing.writer import write_files

    return write_files(
        writing.store,
        piece.table,
        new_path=writing.new_path,
        info=piece.info,
        slice_info=slice_info,
        schema=0,
        partition=(),
        commit_id=writing.commit_id.hex(),
        time_us=writing.clock(),
        meter=writing.meter,
        places=places,
    )


def _found(
    writing: Writing, wanted: Sequence[tuple[int, dict[str, Any]]], *, share: bool
) -> list[DataFile | None]:
    """The version's file of each chunk, each file once; None if there is none."""
    base = writing.base
    known: dict[tuple[int, bytes], list[DataFile]] = {}
    for file in files_of(writing.store, base) if share else ():
        if file.schema == base.schema and "content" in file.piece:
            known.setdefault((file.rows, _telling(file.piece)), []).append(file)
    unused = {key: iter(files) for key, files in known.items()}
    return [next(unused.get((count, _telling(info)), iter(())), None) for count, info in wanted]


def _telling(info: dict[str, Any]) -> bytes:
    """What must be equal in the records of files that hold the same."""
    if has_default_index(info):
        info = {key: one for key, one in info.items() if key != "range_index"}
    return canonical_json(info)


def _if_intact(writing: Writing, file: DataFile | None) -> DataFile | None:
    return file if file is not None and StoredFile(writing.store, file).is_intact() else None
