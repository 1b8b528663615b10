"""What a version of a table holds, as numbers in partitions, and what each change makes of it: no files, no numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from atio_core import errors

Parts = tuple[tuple[str | None, tuple[int, ...]], ...]
"""Rows, by the partition that they lie in (None, if there are no partitions), in their order."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change.

    Attributes:
        operation: The name of its method.
        columns: Those of its data; none for a folder, which has a file for each row. Or those that it leaves.
        parts: Its rows.
        where: Which rows it is about, if not all.
        value: What they get.
    """

    operation: str
    columns: tuple[str, ...] = ()
    parts: Parts = ()
    where: int | None = None
    value: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """What a version holds. `story` is all that its content comes of: equal stories have equal content."""

    columns: tuple[str, ...] = ()
    parts: Parts = ()
    story: tuple[object, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether there is a table."""
        return bool(self.parts)

    @property
    def rows(self) -> list[int]:
        """All rows."""
        return [row for _, rows in self.parts for row in rows]

    @property
    def partitioned(self) -> bool:
        """Whether it has partitions."""
        return self.is_there and self.parts[0][0] is not None


def same_rows(held: Held, found: Sequence[object], expected: Sequence[object]) -> bool:
    """Say whether rows are those expected: in their order, but for partitions, which may stay in place."""
    if held.partitioned:
        return sorted(map(repr, found)) == sorted(map(repr, expected))
    return list(found) == list(expected)


def does_nothing(held: Held, change: Change) -> bool:
    """Say whether a change leaves all as it is, and so makes no version."""
    no_rows = not any(rows for _, rows in change.parts)
    match change.operation:
        case "delete" | "update":
            return change.where not in held.rows
        case "overwrite":
            return no_rows and change.where is not None and change.where not in held.rows
        case "upsert":
            return no_rows
        case "rename_column" | "move_column":
            return held.columns == change.columns
        case _:
            return False


def misfits(held: Held, change: Change) -> set[type[errors.AtioError]]:
    """Return the errors of which a write, or a drop, has to come to one; none if it fits what is there."""
    if change.operation == "drop":
        return set() if held.is_there else {errors.TableNotFoundError}
    if not held.is_there or change.operation == "overwrite":
        return set()
    found = set[type[errors.AtioError]]()
    if held.partitioned != (change.operation == "overwrite_partitions"):
        found.add(errors.InvalidInputError)
    if not held.columns:
        found.add(errors.InvalidInputError)
    elif set(held.columns) != set(change.columns):
        found.add(errors.SchemaMismatchError)
    return found


def applied(held: Held, change: Change, number: int) -> Held:
    """Return what a change makes of what is there; `number` is that of the version that it becomes."""
    if does_nothing(held, change):
        return held
    ((_, new), *_) = change.parts or ((None, ()),)
    match change.operation:
        case "drop":
            return Held()
        case "append" | "overwrite_partitions":
            return _joined(held, change)
        case "overwrite" if change.where is None:
            return Held(change.columns, change.parts, (change,))
        case "upsert":
            added = tuple(row for row in new if row not in held.rows)
            return replace(held, parts=(*held.parts, (None, added)), story=(*held.story, number))
        case "delete" | "update" | "overwrite":
            return _edited(held, change, number, new if change.operation == "overwrite" else None)
        case _:
            return replace(held, columns=change.columns, story=(*held.story, number))


def _joined(held: Held, change: Change) -> Held:
    replaced = {value for value, _ in change.parts} if change.operation == "overwrite_partitions" else set()
    stays = [part for part in held.parts if part[0] not in replaced]
    return Held(held.columns or change.columns, (*stays, *change.parts), (*held.story, change))


def _edited(held: Held, change: Change, number: int, behind: tuple[int, ...] | None) -> Held:
    instead = (change.value,) if change.operation == "update" else ()
    parts = tuple(
        (value, tuple(one for row in rows for one in (instead if row == change.where else (row,))))
        for value, rows in held.parts
    )
    told = change if change.operation == "delete" else number
    parts = parts if behind is None else (*parts, (None, behind))
    return replace(held, parts=parts, story=(*held.story, told))
