"""Where the rows of a write go: into which partitions, and in which order, by what the caller says and the table is.

A table keeps its partition fields, and what it is sorted by. Only a full overwrite changes them, if the caller says so;
one that says nothing keeps those that are columns, and drops external ones, for which it has no values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from atio_core.arguments import refusal, require_list, require_text, shown
from atio_core.data.writing.partition_columns import find_column, partition_column
from atio_core.data.writing.sorting import sort_columns
from atio_core.errors import CommitConflictError, InvalidInputError
from atio_core.model.data_file import Scalar
from atio_core.model.entry import LogEntry, PartitionField
from atio_core.model.partition import partition_fields, partition_values

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Placement:
    """What a caller says of where rows go.

    Attributes:
        partition_by: Names of the partition fields; None for the table's own.
        partition: Values of external fields, which all rows of the write have.
        sort_by: Labels of the columns that rows are sorted by; None for the table's own.
    """

    partition_by: tuple[str, ...] | None = None
    partition: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    sort_by: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, partition_by: object = None, partition: object = None, sort_by: object = None) -> Placement:
        """Return what a caller gave.

        Raises:
            InvalidInputError: They are no names, no values, or no labels.
        """
        names = None if partition_by is None else partition_fields(partition_by, least=0)
        labels = None if sort_by is None else tuple(require_list("sort_by", sort_by, "labels"))
        if partition is None:
            return cls(names, sort_by=labels)
        if not isinstance(partition, Mapping):
            raise refusal("partition", "a mapping of the fields' names to their values", partition)
        facts = cast("Mapping[object, object]", partition)
        given = {require_text("each name in partition", name): value for name, value in facts.items()}
        values = partition_values(tuple(given.values()), given)
        return cls(names, dict(zip(given, values, strict=True)), labels)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where rows go.

    Attributes:
        fields: The table's partition fields.
        values: The values of external fields.
        sort_by: Ids of the columns that rows are sorted by, within their partition.
    """

    fields: tuple[PartitionField, ...] = ()
    values: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    sort_by: tuple[int, ...] = ()

    @property
    def columns(self) -> list[int]:
        """Ids of the columns that rows are partitioned by."""
        return [one.column for one in self.fields if one.column is not None]

    def placed(self, of_columns: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        """Return the value of each field, given those of the columns."""
        given = iter(of_columns)
        return tuple(self.values[one.name] if one.column is None else next(given) for one in self.fields)


def own_arrangement(base: LogEntry, schema: pa.Schema, placement: Placement, table: str) -> Arrangement:
    """Return where rows go that are added to a table; a new table takes what is wished for.

    Args:
        base: The version that they are written against.
        schema: The rows' own; each field carries its column's id.
        placement: What the caller says.
        table: The table's path, for messages.

    Raises:
        InvalidInputError: The table has other partition fields, or the value of an external one is missing.
    """
    if not base.is_there:
        return new_arrangement(base, schema, placement, table)
    sort_by = own_sorting(base, schema, placement.sort_by, table)
    own = tuple(one.name for one in base.partition_fields)
    if placement.partition_by not in (None, own):
        raise _refusal(
            f"the table is {described(base.partition_fields)}, and partition_by says otherwise; leave it out, or change"
            " it by a full overwrite",
            base,
            table,
        )
    external = [one.name for one in base.partition_fields if one.column is None]
    missing = [name for name in external if name not in placement.partition]
    if missing:
        raise _refusal(
            f"the table is {described(base.partition_fields)}, and nothing says which {_listed(missing)} the rows"
            f" belong to: give partition={{{missing[0]!r}: …}}, or use overwrite_partitions with a mapping",
            base,
            table,
        )
    for name in placement.partition:
        if name not in external:
            raise _refusal(
                f"partition gives a value for {name!r}, and the table is {described(base.partition_fields)},"
                f" {'where it is a column' if name in own else 'which has no such field'}; leave it out",
                base,
                table,
            )
    return Arrangement(base.partition_fields, placement.partition, sort_by)


def own_sorting(
    base: LogEntry, schema: pa.Schema, wished: Sequence[object] | None, table: str
) -> tuple[int, ...]:
    """Return what the rows of a table are sorted by; a new table takes what is wished for.

    Args:
        base: As for `own_arrangement`.
        schema: As for `own_arrangement`.
        wished: The labels that the caller names, if any.
        table: As for `own_arrangement`.

    Raises:
        InvalidInputError: The table is sorted by other columns; or there is no such column.
    """
    if wished is None:
        return base.sort_by
    found = sort_columns(schema, wished)
    if base.is_there and found != base.sort_by:
        raise _refusal(
            f"the table isn't sorted by {_listed(map(shown, wished)) or 'nothing'}, as sort_by says; leave it out, or"
            " change it by a full overwrite",
            base,
            table,
        )
    return found


def new_arrangement(
    base: LogEntry, schema: pa.Schema, placement: Placement, table: str, sorted_by: Sequence[object] = ()
) -> Arrangement:
    """Return where rows go that replace a whole table.

    Args:
        base: As for `own_arrangement`.
        schema: As for `own_arrangement`.
        placement: As for `own_arrangement`.
        table: As for `own_arrangement`.
        sorted_by: Labels of the columns that the table is sorted by so far.

    Raises:
        InvalidInputError: There is no such column, or it can't partition a table, or rows can't be sorted by it.
    """
    names = placement.partition_by
    if names is None:
        kept = [
            one.name
            for one in base.partition_fields
            if one.column is not None or one.name in placement.partition
        ]
        names = tuple(dict.fromkeys([*kept, *placement.partition]))
    for name in placement.partition:
        if name not in names:
            raise _refusal(f"partition gives a value for {name!r}, which isn't in partition_by", base, table)
        if find_column(schema, name, "partition") is not None:
            raise _refusal(
                f"partition gives a value for {name!r}, which is a column of the data; leave out either",
                base,
                table,
            )
    fields = tuple(_field(name, schema, placement, base, table) for name in names)
    return Arrangement(fields, placement.partition, _new_sorting(schema, placement, base, table, sorted_by))


def _new_sorting(
    schema: pa.Schema, placement: Placement, base: LogEntry, table: str, sorted_by: Sequence[object]
) -> tuple[int, ...]:
    if placement.sort_by is not None:
        return sort_columns(schema, placement.sort_by)
    for label in sorted_by:
        if find_column(schema, label, "sort_by") is None:
            raise _refusal(
                f"the table is sorted by {_listed(map(shown, sorted_by))}, and the data has no column {shown(label)}:"
                " add it, give sort_by=[…], or [] for none",
                base,
                table,
            )
    return sort_columns(schema, sorted_by)


def _field(name: str, schema: pa.Schema, placement: Placement, base: LogEntry, table: str) -> PartitionField:
    if name in placement.partition:
        return PartitionField(name)
    column = partition_column(schema, name)
    if column is None:
        kept = placement.partition_by is None
        told = f"the table is {described(base.partition_fields)}, and" if kept else "partition_by names what"
        advice = "give partition_by=[…], or [] for none" if kept else f"or give partition={{{name!r}: …}}"
        raise _refusal(f"{told} the data has no column {name!r}: add it, {advice}", base, table)
    return PartitionField(name, column)


def external_fields(base: LogEntry, names: tuple[str, ...], table: str) -> tuple[PartitionField, ...]:
    """Return the partition fields of these names, none of them a column.

    Raises:
        InvalidInputError: They aren't the table's own.
    """
    fields = tuple(PartitionField(name) for name in names)
    if base.is_there and base.partition_fields != fields:
        columns = [one.name for one in base.partition_fields if one.column is not None]
        advice = "overwrite the whole table, or write to another"
        if columns:
            advice = f"give one frame with the column {columns[0]!r}, not a mapping"
        raise _refusal(
            f"the table is {described(base.partition_fields)}, so it has no partitions by {_listed(names)};"
            f" {advice}",
            base,
            table,
        )
    return fields


def require_partitioned(base: LogEntry, fields: tuple[PartitionField, ...], table: str) -> None:
    """Raise `InvalidInputError` if there are no partition fields."""
    if not fields:
        told = (
            "the table is not partitioned" if base.is_there else "nothing says how the table is partitioned"
        )
        advice = "overwrite it with partition_by=[…]" if base.is_there else "give partition_by=[…]"
        raise _refusal(f"{told}, so no partitions of it can be replaced; {advice}", base, table)


def require_arrangement(
    base: LogEntry,
    fields: tuple[PartitionField, ...],
    sort_by: tuple[int, ...],
    operation: str,
    table: str,
    *,
    write_again: bool = True,
) -> None:
    """Raise `CommitConflictError` if files were written for other partition fields, or sorted by other columns.

    Args:
        base: What they are to be added to.
        fields: The partition fields that they were written for.
        sort_by: Ids of the columns that their rows are sorted by.
        operation: What brings them.
        table: The table's path.
        write_again: They can be written again.
    """
    if not base.is_there or (base.partition_fields, base.sort_by) == (fields, sort_by):
        return
    told = f"{described(fields)}, and the latest version is {described(base.partition_fields)}"
    if base.partition_fields == fields:
        told = "sorted in another way than the latest version is"
    written, advice = ("written", "write") if write_again else ("staged", "stage")
    raise CommitConflictError(
        f"{operation} of {table} was {written} for a table {told}; nothing was committed: {advice} the data again",
        table=table,
        version=base.version,
        winner=base.version,
        **({"write_again": True} if write_again else {}),
    )


def described(fields: tuple[PartitionField, ...]) -> str:
    """Return what to say of a table with these partition fields."""
    return f"partitioned by {_listed(one.name for one in fields)}" if fields else "not partitioned"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _refusal(message: str, base: LogEntry, table: str) -> InvalidInputError:
    return InvalidInputError(f"{table}: {message}. Nothing was written", table=table, version=base.version)
