"""What rows must hold in each version, as a caller declares it: columns that take no nulls, and the primary key.

A table keeps them in its schema. The write that makes it declares them, and a full overwrite may do so anew; one that
says nothing keeps what holds for the columns that its data has. The key it can't lose in this way: that has to be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atio_core.arguments import require_list, shown
from atio_core.data.frames.columns import has_column, not_null_labels, required_labels, with_required
from atio_core.data.keys.primary_key import key_labels, with_key
from atio_core.data.schema.labels import label_key
from atio_core.errors import InvalidInputError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a caller declares.

    Attributes:
        not_null: Labels of the columns that take no nulls; None for those that the table has said so of.
        key: Labels of the columns of the primary key, none for no key; None for the table's.
    """

    not_null: tuple[Any, ...] | None = None
    key: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, not_null: object = None, key: object = None) -> Constraints:
        """Return what a caller gave.

        Raises:
            InvalidInputError: They are no lists of labels.
        """
        return cls(
            None if not_null is None else tuple(require_list("not_null", not_null, "labels")),
            None if key is None else tuple(require_list("key", key, "labels")),
        )

    @property
    def names(self) -> str:
        """The arguments that say something, for messages."""
        given = {"not_null": self.not_null, "key": self.key}
        return " and ".join(name for name, labels in given.items() if labels is not None)

    def declared(self, schema: pa.Schema, like: pa.Schema | None, table: str) -> pa.Schema:
        """Return a schema that a table is to have, with what holds for its columns.

        Args:
            schema: The new columns.
            like: The table's schema so far.
            table: Its path.

        Raises:
            InvalidInputError: There are no such columns, or they can't be a key; or the data lacks one of the key's.
        """
        not_null, key = self.not_null, self.key
        if not_null is None and like is not None:
            not_null = tuple(label for label in not_null_labels(like) if has_column(schema, label))
        if key is None and like is not None:
            key = tuple(key_labels(like))
            missing = [label for label in key if not has_column(schema, label)]
            if missing:
                raise InvalidInputError(
                    f"the primary key of the table {table} is {shown(list(key))}, and the data has no column"
                    f" {shown(missing[0])}; nothing was written: add it, or say key=[…] for another, key=[] for none",
                    table=table,
                )
        return with_key(with_required(schema, not_null or ()), key or ())

    def require_own(self, schema: pa.Schema, table: str) -> None:
        """Raise `InvalidInputError` unless what is declared, if anything, is what the schema of the table says."""
        own, key = required_labels(schema), key_labels(schema)
        if self.not_null is not None and not _same([*self.not_null, *key], own):
            raise InvalidInputError(
                f"the table {table} takes no nulls in {shown(own)}, and not in {shown(list(self.not_null))}: leave"
                " not_null out, or overwrite the whole table with it",
                table=table,
            )
        if self.key is not None and not _same(self.key, key):
            raise InvalidInputError(
                f"the primary key of the table {table} is {shown(key)}, and not {shown(list(self.key))}: leave key out,"
                " or change it with Table.set_key",
                table=table,
            )


def _same(some: Sequence[object], others: Sequence[object]) -> bool:
    return set(map(label_key, some)) == set(map(label_key, others))
