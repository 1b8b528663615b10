"""Descriptors of staged changes: made to be sent as text, and distrusted when they come back.

    {"format":1,"stage":"…","table":"…","entry":7,…,"change":{…},"digest":"xxh3-128:…"}

A descriptor holds the change itself or, if that is large, `stored`: the digest and size of a file in the table that
holds it. So a descriptor is a text of some kilobytes, whatever it stands for.
"""

from __future__ import annotations

import base64
import json
import math
import uuid
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast

from atio_core.arguments import refusal, shown
from atio_core.errors import DamagedError, InvalidInputError, NewerFormatError
from atio_core.format.names import change_path, file_id_of, is_data_path, is_object_path
from atio_core.format.records import file_from_json, file_to_json, inside, text_of
from atio_core.format.seal import UNFIT, BrokenSealError, seal, unseal
from atio_core.model.data_file import DataFile, Scalar
from atio_core.model.entry import ROWS, PartitionField, SchemaRef, Totals
from atio_core.model.staged import NO_SCHEMA, Replaced, StagedFiles, StoredChange

FORMAT = 1
OPERATIONS = ("append", "overwrite", "overwrite_partitions", "delete", "update", "upsert")
"""The changes that can be staged."""

_Staged = TypeVar("_Staged", bound="StagedChange")


@dataclass(frozen=True, slots=True)
class StagedChange:
    """A change whose files are written and that `Table.commit` makes part of a version. Made by `Table.stage`.

    It is small, whatever it stands for, and goes from a worker to a driver by pickle or as text. It never goes out of
    date by itself; its files do, once the table's grace period has passed and an expiry has run.

    Attributes:
        id: Unique to this run of this worker: a task that ran twice has made two staged changes, of which one is to be
            committed.
        table_id: The table's id; None if there was no table yet.
        entry: Number of the log entry that the files were written against; 0 if there was no table yet.
        base_version: Number of the data version that they were written against.
        operation: The kind of change, such as "append".
        totals: Files, rows and bytes that it brings.
        change: What it brings, or where that is listed.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> table = atio.Table("memory://staged-change-example")
        >>> text = table.stage(pd.DataFrame({"a": [1, 2]})).to_json()
        >>> staged = atio.StagedChange.from_json(text)
        >>> staged.operation, staged.rows, table.exists()
        ('append', 2, False)
        >>> table.commit([staged]).rows
        2
    """

    id: uuid.UUID
    table_id: str | None
    entry: int
    base_version: int
    operation: str
    totals: Totals
    change: StagedFiles | StoredChange

    @property
    def rows(self) -> int:
        """Rows of the files that it brings; of a change of matching rows, those that stay in these files too."""
        return self.totals.rows

    def to_json(self) -> str:
        """Return the descriptor as text: one line of JSON that ends with a digest of what stands before."""
        return seal(staged_to_json(self)).decode().rstrip("\n")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the descriptor that `to_json` made a text of.

        Args:
            text: What `to_json` returned.

        Raises:
            InvalidInputError: The text is no descriptor.
            DamagedError: It was changed on its way.
            NewerFormatError: A later release made it.
        """
        if not isinstance(cast("object", text), str):
            raise refusal("text", "what StagedChange.to_json returned", text)
        what = f"the descriptor {shown(text)}"
        try:
            data = unseal(text.strip().encode() + b"\n")
        except UnicodeEncodeError as error:
            raise InvalidInputError(f"{what} is not valid Unicode text") from error
        except BrokenSealError as error:
            if not error.expected.startswith("xxh3-"):
                raise refusal("text", "what StagedChange.to_json returned", text) from None
            raise DamagedError(
                f"{what} was changed on its way from the worker: {error}; send it again as it was",
                path="descriptor",
                expected=error.expected,
                found=error.found,
            ) from None
        try:
            return staged_from_json(_loaded(data), cls)
        except UNFIT as error:
            message = f"{what} doesn't follow the format ({error!r}); stage the data again"
            raise InvalidInputError(message) from error

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle carries the text, so that it is verified when it comes back."""
        return type(self).from_json, (self.to_json(),)


def staged_to_json(staged: StagedChange) -> dict[str, Any]:
    """Return a descriptor as a JSON value."""
    fields: dict[str, Any] = {
        "format": FORMAT,
        "stage": str(staged.id),
        "table": staged.table_id,
        "entry": staged.entry,
        "base": staged.base_version,
        "operation": staged.operation,
        "totals": [staged.totals.files, staged.totals.rows, staged.totals.bytes],
    }
    change = staged.change
    if isinstance(change, StoredChange):
        return fields | {"stored": [change.digest, change.size]}
    return fields | {"change": _change_to_json(change)}


def staged_from_json(fields: dict[str, Any], kind: type[_Staged]) -> _Staged:
    """Return the descriptor that a JSON value stands for.

    Raises:
        NewerFormatError: A later release wrote it.
        AttributeError, KeyError, RecursionError, TypeError, ValueError: It doesn't follow the format.
    """
    require_format(fields["format"])
    operation = text_of(fields["operation"])
    if operation not in OPERATIONS:
        raise ValueError(f"{operation!r} can't be staged")
    table, (files, rows, size) = fields["table"], fields["totals"]
    change: StagedFiles | StoredChange
    if "stored" in fields:
        found, length = fields["stored"]
        change = StoredChange(text_of(found), _count(length))
    else:
        change = _change_from_json(fields["change"])
    return kind(
        id=_uuid7(fields["stage"]),
        table_id=None if table is None else text_of(table),
        entry=_count(fields["entry"]),
        base_version=_count(fields["base"]),
        operation=operation,
        totals=Totals(_count(files), _count(rows), _count(size)),
        change=change,
    )


def encode_change(stage_id: uuid.UUID, change: StagedFiles) -> bytes:
    """Return the bytes of the file that lists a change which is too large for a descriptor."""
    return seal({"format": FORMAT, "stage": str(stage_id), "change": _change_to_json(change)})


def decode_change(data: bytes) -> StagedFiles:
    """Return the change that such a file lists, its digest checked already; fails as `staged_from_json` does."""
    fields = _loaded(unseal(data))
    require_format(fields["format"])
    return _change_from_json(fields["change"])


def require_format(number: object) -> None:
    """Raise `NewerFormatError` if a staged change was written by a later release, `TypeError` if it is no format."""
    if _count(number) > FORMAT:
        raise NewerFormatError(
            f"a staged change was written in format {number}, and this release reads formats up to {FORMAT}; upgrade"
            " atio"
        )


def _loaded(data: bytes) -> dict[str, Any]:
    return json.loads(data, parse_constant=_no_number)


def _change_to_json(change: StagedFiles) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "files": [file_to_json(file) for file in change.files],
        "content": change.content,
    }
    if change.kind == ROWS:
        fields["schema"] = _schema_to_json(change.schema)
    else:
        fields["kind"] = change.kind
    if change.grown_from is not None:
        alone = () if change.behind is None else (change.behind,)
        fields["grown"] = [change.grown_from, list(change.new_columns), *alone]
    if change.keeps_columns:
        fields["keeps_columns"] = True
    if change.begins:
        fields["begins"] = True
    if change.replaced is not None:
        fields["replaced"] = [list(map(list, change.replaced.files)), list(change.replaced.lists)]
    for name in ("key_before", "not_null_before", "sort_by"):
        if getattr(change, name):
            fields[name] = list(getattr(change, name))
    if change.fields:
        fields["partition_fields"] = [[one.name, one.column] for one in change.fields]
    if change.partitions:
        fields["partitions"] = list(map(list, change.partitions))
    return fields


def _change_from_json(fields: dict[str, Any]) -> StagedFiles:
    names = tuple(_partition_field(*one) for one in fields.get("partition_fields", ()))
    kind = text_of(fields.get("kind", ROWS))
    files = tuple(_file(record, kind) for record in fields["files"])
    partitions = tuple(tuple(map(_scalar, values)) for values in fields.get("partitions", ()))
    if any(len(values) != len(names) for values in (*partitions, *(file.partition for file in files))):
        raise ValueError("a partition has one value for each field")
    grown_from, new_columns, *behind = fields.get("grown", (None, ()))
    return StagedFiles(
        files=files,
        schema=_schema_from_json(fields["schema"]) if kind == ROWS else NO_SCHEMA,
        content=text_of(fields["content"]),
        fields=names,
        sort_by=tuple(map(_count, fields.get("sort_by", ()))),
        partitions=partitions,
        grown_from=None if grown_from is None else text_of(grown_from),
        new_columns=tuple(map(_count, new_columns)),
        behind=_count(*behind) if behind else None,
        keeps_columns=fields.get("keeps_columns", False) is True,
        begins=fields.get("begins", False) is True,
        kind=kind,
        replaced=_replaced(fields["replaced"], len(files)) if "replaced" in fields else None,
        key_before=tuple(map(_count, fields.get("key_before", ()))),
        not_null_before=tuple(map(_count, fields.get("not_null_before", ()))),
    )


def _replaced(fields: list[Any], most: int) -> Replaced:
    replaced, lists = fields
    files = tuple((inside(text_of(path)), _count(number)) for path, number in replaced)
    if len({path for path, _ in files}) < len(files) or sum(number for _, number in files) > most:
        raise ValueError("a file that is replaced is there twice, or by files that the change hasn't got")
    return Replaced(files, tuple(inside(text_of(path)) for path in lists))


def _schema_to_json(ref: SchemaRef) -> list[str | None]:
    return [ref.digest, None if ref.inline is None else base64.b64encode(ref.inline).decode()]


def _schema_from_json(fields: list[str | None]) -> SchemaRef:
    found, carried = fields
    return SchemaRef(text_of(found), None if carried is None else base64.b64decode(carried, validate=True))


def _file(record: dict[str, Any], kind: str) -> DataFile:
    """A record as an entry has it, but that nothing of it is trusted."""
    file = file_from_json(record)
    for text in (file.format, file.digest, file.footer_digest, file.commit_id):
        text_of(text)
    for number in (file.size, file.rows, file.footer_size, file.schema, file.time_us):
        _count(number)
    for stats in file.stats.values():
        for bound in (stats.nulls, stats.low, stats.high):
            _scalar(bound)
    for value in file.partition:
        _scalar(value)
    is_ours = is_data_path if kind == ROWS else is_object_path
    if not is_ours(file.path) or not isinstance(cast("object", file.piece), dict):
        raise ValueError(f"{file.path!r} is no data file's record")
    return file


def _partition_field(name: object, column: object) -> PartitionField:
    return PartitionField(text_of(name), None if column is None else _count(column))


def _uuid7(text: object) -> uuid.UUID:
    found = uuid.UUID(text_of(text))
    if str(found) != text or file_id_of(change_path(found)) is None:
        raise ValueError(f"{text!r} is no id of a stage")
    return found


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise TypeError(f"expected a count, found {value!r}")
    return value


def _scalar(value: Any) -> Scalar:
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError(f"expected a text, a number, true, false or null, found {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} can't be kept")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")
