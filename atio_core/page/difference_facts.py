"""What pairs of versions differ in, row by row, as far as that can be found with bounded effort.

The page itself tells from the files of any two versions what came and went. Where one of both has files that the other
lacks, and not the other way round, that is exact. Else rows have to be read: of neighbours first, the newest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from atio_core.comparing.diff import Diff
from atio_core.errors import DuplicateKeyError, VersionExpiredError
from atio_core.page.file_facts import Files
from atio_core.page.row_facts import shortened, told_rows
from atio_core.snapshot import Snapshot

_MOST_NAMES = 100
_ALL_PAIRS = 20
"""Of so many versions all pairs are compared, of those before them neighbours alone."""


@dataclass(slots=True)
class Effort:
    """How much may be read to compare rows.

    Attributes:
        rows: So many rows.
        bytes: In files of this size.
        pairs: Of so many pairs of versions.
    """

    rows: int = 2_000_000
    bytes: int = 64 << 20
    pairs: int = 500

    def allows(self, rows: int, size: int) -> bool:
        """Whether a pair may be compared; then what it takes is taken off."""
        if not self.pairs or rows > self.rows or size > self.bytes:
            return False
        self.rows, self.bytes, self.pairs = self.rows - rows, self.bytes - size, self.pairs - 1
        return True


def difference_facts(
    snapshots: Sequence[Snapshot], files: Files, sample: int, effort: Effort
) -> list[dict[str, Any]]:
    """Return what pairs of versions differ in, as far as that isn't told by their files alone.

    Args:
        snapshots: The newest first.
        files: Theirs; perhaps of the newest of them alone.
        sample: So many of the rows that differ are told.
        effort: How much may be read; what is taken is taken off.

    Raises:
        DamagedError: Bytes are not what was written.
    """
    sets, found = files.sets(), list[dict[str, Any]]()
    for newer, older in _pairs(len(sets)):
        before, after = snapshots[older], snapshots[newer]
        gone, came = sets[older] - sets[newer], sets[newer] - sets[older]
        if not (gone and came) and not (sample and (gone or came)):
            continue
        cost = files.sums(gone | came) if gone and came else (0, 0)
        if effort.allows(*cost) and (diff := _diff(before, after)) is not None:
            found.append(_told(diff, sample))
    return found


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    """Places of a version and of one before it, the newest being 0: neighbours first."""
    yield from ((newer, newer + 1) for newer in range(count - 1))
    few = min(count, _ALL_PAIRS)
    for apart in range(2, few):
        yield from ((newer, newer + apart) for newer in range(few - apart))


def _diff(before: Snapshot, after: Snapshot) -> Diff | None:
    """What two versions differ in; None if one of them has expired meanwhile, which the page needn't tell."""
    try:
        return before.diff(after)
    except DuplicateKeyError:  # rows of before the key was declared
        return before.diff(after, key=[])
    except VersionExpiredError:
        return None


def _told(diff: Diff, sample: int) -> dict[str, Any]:
    told: dict[str, Any] = {"before": diff.before, "after": diff.after}
    if diff.objects is not None:
        names = {kind: getattr(diff.objects, kind) for kind in ("added", "removed", "changed")}
        return told | {
            "objects": {
                "equal": diff.objects.equal,
                **{
                    kind: [len(some), list(map(shortened, some[:_MOST_NAMES]))]
                    for kind, some in names.items()
                },
            }
        }
    told["rows"] = {"added": diff.rows_added, "removed": diff.rows_removed, "changed": diff.rows_changed}
    told["key"] = list(map(str, diff.key))
    told["columns_changed"] = [
        [shortened(str(label)), count] for label, count in islice(diff.columns_changed.items(), _MOST_NAMES)
    ]
    if sample:
        told["samples"] = {
            kind: told_rows(getattr(diff, kind)("batches"), sample)
            for kind, count in told["rows"].items()
            if count
        }
    return told
