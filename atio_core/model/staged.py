"""What a staged change brings to a table: data files that are written, and what a commit must know of them."""

from __future__ import annotations

from dataclasses import dataclass

from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import ROWS, PartitionField, SchemaRef

NO_SCHEMA = SchemaRef("")
"""That of an object."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a change of matching rows takes from the version that it was staged for, and no other.

    Attributes:
        files: For each file that goes its path, and how many of the change's files stand in its place: the first ones
            for the first of these, and so on. The rest come behind all others.
        lists: The paths of that version's manifests that list them.
    """

    files: tuple[tuple[str, int], ...]
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StagedFiles:
    """The files of a change that isn't committed yet.

    Attributes:
        files: The data files, in the order of their rows; the number of their schema is given by the commit.
        schema: The schema that they were written with; it carries no bytes if the table named it already.
        content: Digest of their rows; of an object; or of what is done to matching rows.
        fields: The partition fields that the files were written for.
        sort_by: Ids of the columns that their rows are sorted by.
        partitions: The values of the partitions that are replaced, in the fields' order.
        grown_from: The digest of the table's schema that the schema has grown from; None if it was made from none.
        new_columns: The ids of the columns that it adds to that one.
        behind: The data version that it may follow, and no other, since its rows were looked at for what is new in the
            schema; None for any.
        keeps_columns: An overwrite that doesn't replace the table's columns.
        begins: An overwrite that is one only if there is no table.
        kind: What an overwrite makes of the table: `ROWS`, or the kind of an object.
        replaced: What a change of matching rows replaces; None for any other.
        key_before: The ids of the columns of the primary key of the table that an overwrite was staged for.
        not_null_before: The ids of those that took no nulls there.
    """

    files: tuple[DataFile, ...]
    schema: SchemaRef
    content: str
    fields: tuple[PartitionField, ...] = ()
    sort_by: tuple[int, ...] = ()
    partitions: tuple[tuple[Scalar, ...], ...] = ()
    grown_from: str | None = None
    new_columns: tuple[int, ...] = ()
    behind: int | None = None
    keeps_columns: bool = False
    begins: bool = False
    kind: str = ROWS
    replaced: Replaced | None = None
    key_before: tuple[int, ...] = ()
    not_null_before: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredChange:
    """Where the files of a change are listed, if they are too many for a descriptor: a file named by the stage's id.

    Attributes:
        digest: Digest of its bytes.
        size: Its length in bytes.
    """

    digest: str
    size: int
