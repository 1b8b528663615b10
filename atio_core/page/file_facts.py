"""The data files of versions, each told once: those of the newest version, and how the ones before differ from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from atio_core.log.file_list import difference, files_of
from atio_core.log.scratch import Readable
from atio_core.model.data_file import DataFile
from atio_core.model.entry import LogEntry

MOST_FILES = 20_000
"""So many files are told. Versions before those that have them come without."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of versions.

    Attributes:
        records: Path, rows and size of each.
        changes: For each version, the newest first, which files it has besides those of the one that came after it,
            and which of that one's it hasn't: their places in `records`. The first has all of its own.
    """

    records: list[tuple[str, int, int]] = field(default_factory=list[tuple[str, int, int]])
    changes: list[dict[str, list[int]]] = field(default_factory=list[dict[str, list[int]]])

    def sets(self) -> list[set[int]]:
        """Return the files of each version, the newest first: their places in `records`."""
        found: list[set[int]] = []
        for change in self.changes:
            before = found[-1] if found else set[int]()
            found.append((before - set(change["less"])) | set(change["more"]))
        return found

    def sums(self, places: Iterable[int]) -> tuple[int, int]:
        """Return rows and bytes of some files, by their places."""
        chosen = [self.records[place] for place in places]
        return sum(rows for _, rows, _ in chosen), sum(size for _, _, size in chosen)


def list_files(store: Readable, entries: Sequence[LogEntry], most: int = MOST_FILES) -> Files:
    """Return the files of versions. Manifests that a version shares with the next one aren't opened.

    Args:
        store: The table's store.
        entries: The newest first.
        most: So many files at most.

    Raises:
        NotFoundError: A manifest isn't there: damage, or a version has expired.
        DamagedError: One is not what was written.
    """
    found = Files()
    if not entries or entries[0].totals.files > most:
        return found
    places: dict[str, int] = {}

    def placed(files: Iterable[DataFile]) -> list[int]:
        for file in files:
            if file.path not in places:
                places[file.path] = len(found.records)
                found.records.append((file.path, file.rows, file.size))
        return [places[file.path] for file in files]

    found.changes.append({"more": placed(files_of(store, entries[0])), "less": []})
    for newer, older in pairwise(entries):
        own, others = difference(older, newer, store, store)
        if len(found.records) + len(own) > most:
            break
        found.changes.append({"more": placed(own), "less": placed(others)})
    return found
