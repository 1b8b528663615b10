"""What two versions' columns differ in. A column is known by its id, whatever it is called and wherever it stands."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atio_core.data.schema.conform import field_id, is_required
from atio_core.data.schema.labels import canonical_json
from atio_core.data.schema.layout import METADATA_KEY, Column, layout_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class SchemaChanges:
    """What the columns of two versions differ in; the levels of a pandas index count as columns.

    Attributes:
        added: Labels of the columns that only the later one has.
        dropped: Labels of those that only the earlier one has. A column that was overwritten by one of another type is
            dropped, and another one added.
        renamed: New labels by the old ones.
        moved: Labels, the new ones, of the fewest columns that stand elsewhere among those that both have.
        retyped: The types before and after of columns that were widened, or mean something else, by the new labels.
        library: Whose frames they are, before and after, if that is different.
    """

    added: tuple[Any, ...] = ()
    dropped: tuple[Any, ...] = ()
    renamed: dict[Any, Any] = field(default_factory=dict[Any, Any])
    moved: tuple[Any, ...] = ()
    retyped: dict[Any, tuple[str, str]] = field(default_factory=dict[Any, tuple[str, str]])
    library: tuple[str, str] | None = None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.added or self.dropped or self.renamed or self.moved or self.retyped or self.library)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what is to be told: the kind of change, and what it is."""
        for what, labels in (("added", self.added), ("dropped", self.dropped), ("moved", self.moved)):
            if labels:
                yield what, ", ".join(map(str, labels))
        if self.renamed:
            yield "renamed", ", ".join(f"{old} → {new}" for old, new in self.renamed.items())
        if self.retyped:
            yield "retyped", ", ".join(f"{one}: {old} → {new}" for one, (old, new) in self.retyped.items())
        if self.library is not None:
            yield "library", " → ".join(self.library)

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain values; labels as text."""
        return {
            "added": list(map(str, self.added)),
            "dropped": list(map(str, self.dropped)),
            "renamed": {str(old): str(new) for old, new in self.renamed.items()},
            "moved": list(map(str, self.moved)),
            "retyped": {str(label): list(types) for label, types in self.retyped.items()},
            "library": None if self.library is None else list(self.library),
        }


def schema_changes(before: pa.Schema, after: pa.Schema) -> SchemaChanges:
    """Return what the columns of two versions differ in.

    Example:
        >>> import atio_core as atio, pyarrow as pa
        >>> table = atio.Table("memory://schema-changes-example")
        >>> before = table.append(pa.table({"a": [1], "b": [2]})).schema
        >>> schema_changes(before, table.rename_column("b", "c").schema).renamed
        {'b': 'c'}
    """
    old, new = _by_id(before), _by_id(after)
    both = [number for number in new if number in old]
    first, second = layout_of(before).library, layout_of(after).library
    foreign = first != second and bool(old) and bool(new)
    retyped = {
        new[number][0].value: types
        for number in both
        if (types := _types(*old[number], *new[number], foreign=foreign)) is not None
    }
    return SchemaChanges(
        added=tuple(column.value for number, (column, _) in new.items() if number not in old),
        dropped=tuple(column.value for number, (column, _) in old.items() if number not in new),
        renamed={
            old[number][0].value: new[number][0].value
            for number in both
            if canonical_json(old[number][0].label) != canonical_json(new[number][0].label)
        },
        moved=tuple(new[number][0].value for number in _moved([n for n in old if n in new], both)),
        retyped=retyped,
        library=(first, second) if foreign else None,
    )


def labels_by_id(schema: pa.Schema) -> dict[int, Any]:
    """Return the label of each column, and of each level of an index, by its id."""
    return {number: column.value for number, (column, _) in _by_id(schema).items()}


def _by_id(schema: pa.Schema) -> dict[int, tuple[Column, pa.Field]]:
    if METADATA_KEY not in (schema.metadata or {}):
        return {}
    layout = layout_of(schema)
    found: dict[int, tuple[Column, pa.Field]] = {}
    for column in (*layout.columns, *layout.index):
        one = schema.field(column.name)
        number = field_id(one)
        if number is not None:
            found[number] = column, one
    return found


def _types(
    was: Column, before: pa.Field, column: Column, after: pa.Field, *, foreign: bool
) -> tuple[str, str] | None:
    """The types of a column before and after, if they are different."""
    told = tuple(f"{one.type} not null" if is_required(one) else str(one.type) for one in (before, after))
    if told[0] != told[1]:
        return told[0], told[1]
    types = canonical_json(was.type), canonical_json(column.type)
    return None if foreign or types[0] == types[1] else (types[0].decode(), types[1].decode())


def _moved(before: list[int], after: list[int]) -> list[int]:
    """The fewest of some numbers whose moves bring them from one order into another."""
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    stay = {number for block in blocks for number in after[block.b : block.b + block.size]}
    return [number for number in after if number not in stay]
