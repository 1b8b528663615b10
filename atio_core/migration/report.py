"""What became of a migration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """What was taken over. Prints as a sentence or two.

    Attributes:
        table: Where the new table lies.
        kind: What wrote the old one: "atio", "delta", "iceberg" or "parquet".
        versions: For each number of an old version, that of the new one; a folder of files counts as version 0, and
            a snapshot of Iceberg's as its id.
            Versions that were taken over before and have expired since are left out.
        written: How many of them were written now.
        skipped: The old versions that couldn't be read, and why.
    """

    table: str
    kind: str
    versions: Mapping[int, int]
    written: int
    skipped: Mapping[int, str]

    def __str__(self) -> str:
        """Say what was done."""
        before = len(self.versions) - self.written
        lines = [f"{self.table}: {self.written} versions taken over now, {before} before"]
        lines += [f"  not version {number}: {reason}" for number, reason in self.skipped.items()]
        return "\n".join(lines)
