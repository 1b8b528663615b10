"""What a staged change brings to a table: data files that are written, and what a commit must know of them."""

from __future__ import annotations

from dataclasses import dataclass

from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import PartitionField, SchemaRef


@dataclass(frozen=True, slots=True)
class StagedFiles:
    """The files of a change that isn't committed yet.

    Attributes:
        files: The data files, in the order of their rows; the number of their schema is given by the commit.
        schema: The schema that they were written with; it carries no bytes if the table named it already.
        content: Digest of their rows.
        fields: The partition fields that the files were written for.
        sort_by: Ids of the columns that their rows are sorted by.
        partitions: The values of the partitions that are replaced, in the fields' order.
        grown_from: The digest of the table's schema that the schema has grown from; None if it was made from none.
        new_columns: The ids of the columns that it adds to that one.
        keeps_columns: An overwrite that doesn't replace the table's columns.
    """

    files: tuple[DataFile, ...]
    schema: SchemaRef
    content: str
    fields: tuple[PartitionField, ...] = ()
    sort_by: tuple[int, ...] = ()
    partitions: tuple[tuple[Scalar, ...], ...] = ()
    grown_from: str | None = None
    new_columns: tuple[int, ...] = ()
    keeps_columns: bool = False


@dataclass(frozen=True, slots=True)
class StoredChange:
    """Where the files of a change are listed, if they are too many for a descriptor: a file named by the stage's id.

    Attributes:
        digest: Digest of its bytes.
        size: Its length in bytes.
    """

    digest: str
    size: int
