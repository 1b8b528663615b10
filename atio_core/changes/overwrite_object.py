"""Replace all that a table holds by an object. Rebases over everything, while the base has the files that are shared.

Files of the version before that hold the same bytes are named again, not copied. They may be older than the horizon,
for the base reaches them; and none is there twice, for they replace those of the base.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from atio_core.changes.writing import Writing
from atio_core.data.object_files.kinds import FILE, FOLDER, KINDS, PATH
from atio_core.data.object_files.members import file_piece, folder_piece
from atio_core.data.object_files.write import Part, write_parts
from atio_core.errors import CommitConflictError
from atio_core.format.digest import digest
from atio_core.format.names import object_path
from atio_core.log.change import Rebased
from atio_core.log.file_list import files_of, with_added
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS, LogEntry, Totals
from atio_core.model.ids import uuid7
from atio_core.storage.files.source_files import SourceFile, SourceFolder, look_at

_SHARING_TRIES = 3


@dataclass(frozen=True, slots=True)
class OverwriteObject:
    """An object that replaces all that is there.

    Attributes:
        kind: What it is.
        files: The records of its files, in order; several may name one file of the base's.
        adds: Those of files that were written for it.
        content: Digest of the object.
        limits: Bounds of an entry.
        skip: Make no version if the latest is just this object.
    """

    kind: str
    files: Sequence[DataFile]
    adds: Sequence[DataFile]
    content: str
    limits: Limits
    skip: bool = False
    operation: str = field(default="overwrite", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased | None:
        """Apply the change to a base.

        Raises:
            CommitConflictError: With `write_again`: the base lacks a file that is shared.
        """
        if self.skip and not self.adds and (base.kind, base.content) == (self.kind, self.content):
            return None
        kept = Totals.of(self._kept_of(base, scratch))
        entry = with_added(base.emptied(self.kind), self.files, scratch, self.limits)
        return Rebased(
            entry.with_(content=self.content), Totals.of(list(self.files)) - kept, base.totals - kept
        )

    def _kept_of(self, base: LogEntry, scratch: Scratch) -> list[DataFile]:
        """The base's records that stay, those of files that the object shares: each as often as both have it."""
        new = {file.path for file in self.adds}
        shared = Counter(file.path for file in self.files if file.path not in new)
        if not shared:
            return []
        found = [file for file in files_of(scratch, base) if file.path in shared]
        if len({file.path for file in found}) < len(shared):
            raise CommitConflictError(
                f"{self.operation} of {scratch.location} shares files with a version that is no longer the latest;"
                " nothing was committed: write the object again",
                table=scratch.location,
                version=base.version,
                winner=base.version,
                write_again=True,
            )
        kept: list[DataFile] = []
        for file in found:
            if shared[file.path]:
                shared[file.path] -= 1
                kept.append(file)
        return kept


def object_writer(obj: Any, kind: str, *, skip: bool = False) -> Callable[[Writing], OverwriteObject]:
    """Return what writes an object as often as it is asked to, against whatever version.

    Who keeps losing the files that it shares to others' overwrites shares none in the end: that rebases over all.

    Args:
        obj: What was checked already; or a path.
        kind: A name of `KINDS`, or `PATH`.
        skip: Make no version if the latest is just this object.
    """
    tries = itertools.count()

    def write(writing: Writing) -> OverwriteObject:
        share = next(tries) < _SHARING_TRIES and not writing.apart
        return replace(write_object(writing, obj, kind, share=share), skip=skip)

    return write


def write_object(writing: Writing, obj: Any, kind: str, *, share: bool) -> OverwriteObject:
    """Write the files of an object.

    Args:
        writing: Where to.
        obj: What was checked already; or a path.
        kind: A name of `KINDS`, or `PATH`.
        share: Name files of the base again that hold the same.

    Raises:
        InvalidInputError: Nothing is at the path, or what can't be kept, or it changed while it was read; or the object
            can't be pickled.
        StorageError: The path can't be read, or the store refused.
    """
    known = files_of(writing.store, writing.base) if share and writing.base.kind != ROWS else ()
    if kind != PATH:
        return _write(writing, kind, [Part(partial(KINDS[kind].dump, obj))], known)
    found = look_at(obj, table=writing.store.location)
    if isinstance(found, SourceFile):
        return _write(writing, FILE, [_part_of(found)], known)
    return _write(writing, FOLDER, _parts_of(found), known, found.require_unchanged)


def _parts_of(folder: SourceFolder) -> list[Part]:
    """The parts of a folder, in the order of their names."""
    empty = [Part(_nothing, folder_piece(name), 0) for name in folder.empty]
    parts = [*(_part_of(file) for file in folder.files), *empty]
    return sorted(parts, key=lambda part: part.piece["name"])


def _part_of(file: SourceFile) -> Part:
    return Part(
        lambda out: file.read(out.write), file_piece(file.name, executable=file.executable), file.size
    )


def _nothing(_out: object) -> None:
    """A folder has no bytes."""


def _write(
    writing: Writing,
    kind: str,
    parts: list[Part],
    known: Sequence[DataFile],
    finish: Callable[[], object] = lambda: None,
) -> OverwriteObject:
    form = KINDS[FILE if kind == FOLDER else kind]
    base = writing.base
    written = write_parts(
        writing.store,
        parts,
        format_name=form.format,
        new_path=lambda: object_path(form.suffix, uuid7(writing.clock, not_before_us=base.horizon_us)),
        known=known,
        commit_id=writing.commit_id.hex(),
        time_us=writing.clock(),
        finish=finish,
        meter=writing.meter,
    )
    content = _content_of(kind, written.files)
    return OverwriteObject(kind, written.files, written.added, content, writing.limits)


def _content_of(kind: str, files: Sequence[DataFile]) -> str:
    """The digest of an object: its kind, and of each part what its record says of it, and the digest of its bytes."""
    parts = [[file.piece, file.size, file.digest] for file in files]
    text = json.dumps([kind, parts], sort_keys=True, separators=(",", ":"))
    return digest(text.encode("ascii"))
