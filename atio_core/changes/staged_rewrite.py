"""Staged changes of matching rows, as one version.

A descriptor says which files they replace, not which rows they mean. So they are made on the version that they were
staged for, and on no other: whether a row that came since would have matched, nobody can tell. What keeps the rows may
have come, such as a tag, or a compaction of other files.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from atio_core.changes.rewrite import Rewrite
from atio_core.changes.schema import WrittenSchema
from atio_core.errors import CommitConflictError, InvalidInputError
from atio_core.log.change import Rebased
from atio_core.log.file_list import read_paths
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry
from atio_core.model.staged import Replaced, StagedFiles

_TOGETHER = ("delete", "update")
"""What looks at each row by itself: several of files of their own come to the same in any order."""


def require_together(operation: str, changes: Sequence[StagedFiles], table: str) -> None:
    """Raise `InvalidInputError` if changes that look at the rows there can't be one version."""
    looking = [change for change in changes if change.replaced is not None or change.begins]
    if not looking or len(changes) == 1:
        return
    if operation not in _TOGETHER:
        raise InvalidInputError(
            f"several changes of matching rows ({operation}) were staged for the table {table}, and each may bring rows"
            " that another one would have had to look at; nothing was committed: commit one, then stage the next",
            table=table,
        )
    paths = [path for change in looking for path, _ in _replaced(change).files]
    if len(set(paths)) < len(paths):
        raise InvalidInputError(
            f"several changes ({operation}) were staged for the same files of the table {table}; nothing was committed:"
            " commit one, then stage the next",
            table=table,
        )


def rewritten(
    operation: str, changes: Sequence[StagedFiles], base: LogEntry, scratch: Scratch, limits: Limits
) -> Rebased | None:
    """Apply changes of matching rows to the version that they were staged for; None if no row matched.

    Args:
        operation: Theirs.
        changes: They replace different files; each has the base's schema.
        base: That version, or an entry that has its rows.
        scratch: What the attempt writes.
        limits: Bounds of an entry.

    Raises:
        CommitConflictError: A file that is replaced isn't there: the rows lie in other files by now.
    """
    placed: dict[str, Sequence[DataFile]] = {}
    behind: list[DataFile] = []
    named: set[str] = set()
    for change in changes:
        start, replaced = 0, _replaced(change)
        for path, number in replaced.files:
            placed[path] = change.files[start : start + number]
            start += number
        behind += change.files[start:]
        named.update(replaced.lists)
    lists = _lists(base, scratch, placed, named)
    if lists is None:
        raise CommitConflictError(
            f"{operation} of {scratch.location} was staged for files whose rows lie in others by now; nothing was"
            " committed: stage it again",
            table=scratch.location,
            version=base.version,
            winner=base.version,
        )
    return Rewrite(
        operation=operation,
        seen=base,
        store=scratch,
        replaced=placed,
        lists=lists,
        behind=behind,
        reads=lambda _: False,
        schema=WrittenSchema(b"", changes[0].schema.digest, 0),
        content=changes[0].content,
        limits=limits,
    ).rebase(base, scratch)


def _replaced(change: StagedFiles) -> Replaced:
    return change.replaced or Replaced(())


def _lists(
    base: LogEntry, scratch: Scratch, wanted: Collection[str], named: Collection[str]
) -> frozenset[str] | None:
    """The manifests that list these files, those first that are named; None if a file isn't there."""
    missing = set(wanted) - {file.path for file in base.files}
    found: set[str] = set()
    for ref in sorted(base.manifests, key=lambda ref: ref.path not in named):
        if not missing:
            break
        listed = {path for path, _, _ in read_paths(scratch, ref)}
        if missing & listed:
            found.add(ref.path)
            missing -= listed
    return None if missing else frozenset(found)
