"""A handle goes on from the version that it knows, however much others have changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from atio_core.errors import CommitConflictError, DamagedError, SchemaMismatchError
from atio_core.log.limits import Limits
from atio_core.table import Table

LIMITS = Limits(per_bucket=4, recent=2, inline_files=2, inline_tags=1, fanout=2)
NO_GRACE = timedelta(0)


def frame(*values: int, column: str = "a") -> pa.Table:
    """Rows with a column."""
    return pa.table({column: pa.array(values, pa.int64())})


def wide(number: int) -> pa.Table:
    """A row whose schema lies in a file of its own."""
    return pa.table({f"{name * 7919:x}{name * 104729:o}{name * 1299709:b}": [number] for name in range(150)})


def append(table: Table, number: int) -> None:
    """A row."""
    table.append(frame(number))


def append_keyed(table: Table, number: int) -> None:
    """A row, once."""
    table.append(frame(number), idempotency_key=str(number))


def replace_partition(table: Table, number: int) -> None:
    """A row for one of seven partitions."""
    table.overwrite_partitions({number % 7: frame(number)})


def append_wide(table: Table, number: int) -> None:
    """A wide row."""
    table.append(wide(number))


@pytest.mark.parametrize("known", [4, 5, 9, 12])
@pytest.mark.parametrize("missed", [1, 2])
@pytest.mark.parametrize("change", [append, append_keyed, replace_partition, append_wide])
def test_files_of_a_known_version_may_be_gone(
    change: Callable[[Table, int], None], missed: int, known: int, disk: Path
) -> None:
    """A commit on a version that an expiry has let go since finds its way to the latest."""
    mine, other = Table(disk / "t", limits=LIMITS), Table(disk / "t", limits=LIMITS)
    for number in range(known):
        change(mine, number)
    for number in range(known, known + missed):
        change(other, number)
    other.expire(keep_last=1, grace=NO_GRACE)
    rows = sum(replaced(change, known + missed, number) for number in range(known + missed + 1))
    change(mine, known + missed)
    assert mine.snapshot().rows == rows


def replaced(change: Callable[[Table, int], None], last: int, number: int) -> bool:
    """Whether the row of a number is still there after the last change."""
    return change is not replace_partition or number > last - 7


def test_an_expiry_may_come_between(disk: Path) -> None:
    """A handle's own expiry doesn't mind another's."""
    mine, other = Table(disk / "t", limits=LIMITS), Table(disk / "t", limits=LIMITS)
    for number in range(12):
        append_keyed(mine, number)
        append_keyed(other, 100 + number)
        other.expire(keep_last=1, grace=NO_GRACE)
        assert [line.version for line in mine.expire(keep_last=1, grace=NO_GRACE).kept] == [
            mine.snapshot().version
        ]


def test_an_expected_version_is_compared_with_the_latest(disk: Path) -> None:
    """A handle that missed the version which is expected commits all the same."""
    mine, other = Table(disk / "t"), Table(disk / "t")
    append(mine, 1)
    append(other, 2)
    assert mine.append(frame(3), expected_version=2).version == 3
    with pytest.raises(CommitConflictError, match="expected version 2"):
        other.append(frame(4), expected_version=2)


def test_a_schema_is_compared_with_the_latest(disk: Path) -> None:
    """A handle that missed a change of the schema is judged by the new one."""
    mine, other = Table(disk / "t"), Table(disk / "t")
    append(mine, 1)
    other.overwrite(frame(2, column="b"))
    assert mine.append(frame(3, column="b")).version == 3
    with pytest.raises(SchemaMismatchError, match="version 3"):
        mine.append(frame(3))


def test_a_partitioning_is_compared_with_the_latest(disk: Path) -> None:
    """A handle that missed a change of the partitioning is judged by the new one."""
    mine, other = Table(disk / "t"), Table(disk / "t")
    replace_partition(mine, 1)
    other.overwrite(frame(2))
    assert mine.append(frame(3)).rows == 2


def test_a_missing_file_of_the_latest_is_damage(disk: Path) -> None:
    """A commit that needs a file which should be there says which one."""
    table = Table(disk / "t", limits=LIMITS)
    for number in range(4):
        replace_partition(table, number)
    paths = sorted((disk / "t" / "_atio" / "manifests").iterdir())
    for path in paths:
        path.unlink()
    with pytest.raises(DamagedError, match="is missing") as caught:
        replace_partition(table, 0)
    assert caught.value.facts["path"] in {f"_atio/manifests/{path.name}" for path in paths}
    assert Table(disk / "t", limits=LIMITS).snapshot().version == 4
