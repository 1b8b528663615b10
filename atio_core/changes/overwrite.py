"""Replace all rows, or whole partitions. Both rebase over everything: they replace blindly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from atio_core.changes.schema import WrittenSchema, add_schema, require_same_schema
from atio_core.errors import InvalidInputError
from atio_core.format.digest import digest
from atio_core.log.change import Rebased
from atio_core.log.file_list import with_added, without
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import LogEntry, PartitionField, Totals
from atio_core.model.manifest import may_hold


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Attributes:
    adds: The files, written with `schema`.
    schema: Becomes the table's.
    content: Digest of the rows.
    limits: Bounds of an entry.
    """

    adds: Sequence[DataFile]
    schema: WrittenSchema
    content: str
    limits: Limits
    operation: str = field(default="overwrite", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base."""
        emptied = base.with_(files=(), manifests=(), totals=Totals(), partition_fields=(), kind="table")
        entry, number = add_schema(emptied, self.schema, scratch)
        entry = entry.with_(schemas={number: entry.schemas[number]}, content=self.content)
        files = [replace(file, schema=number) for file in self.adds]
        return Rebased(with_added(entry, files, scratch, self.limits), Totals.of(files), base.totals)


@dataclass(frozen=True, slots=True)
class OverwritePartitions:
    """Attributes:
    adds: The files of all partitions, written with `schema`.
    partitions: The values of the partitions that are replaced, in the fields' order.
    fields: The names of the partition fields; the table's own, if it has rows.
    schema: Must be the table's own when the change is applied.
    content: Digest of the rows.
    limits: Bounds of an entry.
    """

    adds: Sequence[DataFile]
    partitions: frozenset[tuple[Scalar, ...]]
    fields: tuple[str, ...]
    schema: WrittenSchema
    content: str
    limits: Limits
    operation: str = field(default="overwrite_partitions", init=False)
    changes_rows: bool = field(default=True, init=False)

    def rebase(self, base: LogEntry, scratch: Scratch) -> Rebased:
        """Apply the change to a base."""
        require_same_schema(base, self.schema, self.operation, scratch.store.location)
        require_fields(base, self.fields, scratch.store.location)
        kept = without(
            base,
            goes=lambda file: file.partition in self.partitions,
            may_hold=lambda ref: any(may_hold(ref, values) for values in self.partitions),
            scratch=scratch,
        )
        entry, number = add_schema(kept, self.schema, scratch)
        files = [replace(file, schema=number) for file in self.adds]
        fields = base.partition_fields if base.version else tuple(PartitionField(name) for name in self.fields)
        content = digest(f"{base.content} {self.content}".encode()) if base.version else self.content
        entry = with_added(entry, files, scratch, self.limits).with_(partition_fields=fields, content=content)
        return Rebased(entry, Totals.of(files), base.totals - kept.totals)


def require_fields(base: LogEntry, fields: tuple[str, ...], table: str) -> None:
    """Raise `InvalidInputError` if a table isn't partitioned by these fields."""
    own = tuple(f.name for f in base.partition_fields)
    if base.version and own != fields:
        told = f"partitioned by {', '.join(own)}" if own else "not partitioned"
        raise InvalidInputError(
            f"the table {table} is {told}, so its partitions by {', '.join(fields)} can't be replaced; overwrite the"
            " whole table, or write to another",
            table=table,
            version=base.version,
        )
