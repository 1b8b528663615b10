"""What each mode does to a table: decided from its columns and those of the rows, before anything changes.

| mode | table isn't there | the same columns | other columns |
|---|---|---|---|
| fail | make it | refuse | refuse |
| append | make it | add the rows | refuse |
| truncate | make it | delete the rows, add the new ones | refuse |
| upsert | make it, with the key | put each row in place of the one with its key, or beside | refuse |
| overwrite | make it | delete the rows that match `where`, add the new ones, which have to match | refuse |
| replace | make it | delete the rows, add the new ones | change the columns too |

A column of a table that is replaced keeps its type as long as it holds every new value exactly.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from atio_core.arguments import shown
from atio_core.databases.dialect import Column, Dialect, Shape, Table
from atio_core.databases.options import Request
from atio_core.databases.rows import Rows
from atio_core.databases.sql_types import SqlType, UnfitError, fit
from atio_core.errors import AlreadyExistsError, InvalidInputError, NotPreservableError, SchemaMismatchError

if TYPE_CHECKING:
    import pyarrow as pa

Step = Literal["create", "add", "clear", "overwrite", "reshape", "merge", "upsert"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to a table.

    Attributes:
        step: "create" it, "add" rows, "clear" and add, "overwrite" those that
            match, "reshape" its columns and add, "merge" (clear by key, for what
            foreign keys refer to), "upsert".
        columns: Those that are written, in the order of the rows.
        shape: How the columns change.
        key: By which rows are told apart.
        as_text: Columns that take other values as text.
        made: Columns whose type was chosen for the values.
        losses: What the columns can't keep of the values, one sentence each.
    """

    step: Step
    columns: tuple[Column, ...]
    shape: Shape = field(default_factory=Shape)
    key: tuple[str, ...] = ()
    as_text: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()
    losses: tuple[str, ...] = ()


def decide(dialect: Dialect, request: Request, table: Table | None, rows: Rows) -> Plan:
    """Decide what is to be done.

    Args:
        dialect: The database.
        request: What is asked for.
        table: As it stands; None if it isn't there.
        rows: What is to be written.

    Raises:
        AlreadyExistsError: It is there, and mode is "fail".
        SchemaMismatchError: The columns don't fit the table.
        InvalidInputError: A type or name is impossible in this database.
    """
    asked = _asked(dialect, request, rows.schema)
    plan = _decide(dialect, request, table, rows, asked)
    return dataclasses.replace(plan, as_text=_as_text(asked), losses=_losses(rows.schema, plan.columns))


def _decide(
    dialect: Dialect, request: Request, table: Table | None, rows: Rows, asked: Mapping[str, SqlType]
) -> Plan:
    if table is None:
        columns = tuple(_new_column(dialect, field, asked, request.key) for field in rows.schema)
        _check_key(request.key, columns)
        return Plan("create", columns, key=request.key, made=frozenset(rows.schema.names))
    if request.mode == "fail":
        message = f"Table {table.label} is there already. Nothing was written. Give if_exists= to change it."
        raise AlreadyExistsError(message)
    if request.mode == "replace":
        return _replace(dialect, request, table, rows, asked)
    columns = _existing(dialect, table, rows.schema)
    if request.mode == "upsert":
        return Plan("upsert", columns, key=_key_of(dialect, request.key, table, columns))
    if request.mode == "overwrite":
        return _overwritten(table, columns)
    return Plan("add", columns) if request.mode == "append" else _cleared(dialect, table, columns)


def _cleared(dialect: Dialect, table: Table, columns: tuple[Column, ...]) -> Plan:
    """Delete and add; row by row where others' foreign keys would follow a deleted row."""
    if not table.referenced:
        return Plan("clear", columns)
    there = {dialect.fold(column.name) for column in columns}
    if not {dialect.fold(name) for name in table.referenced} <= there:
        _mismatch(
            table, f"foreign keys of other tables refer to {', '.join(table.referenced)}; give these columns"
        )
    return Plan("merge", columns, key=table.referenced)


def _overwritten(table: Table, columns: tuple[Column, ...]) -> Plan:
    if table.referenced:
        _mismatch(table, "foreign keys of other tables refer to it, whose rows would follow; use upsert")
    return Plan("overwrite", columns)


def _replace(
    dialect: Dialect, request: Request, table: Table, rows: Rows, asked: Mapping[str, SqlType]
) -> Plan:
    old = {dialect.fold(column.name): column for column in table.columns}
    doubtful: dict[int, Column] = {}
    columns: list[Column] = []
    new: list[Column] = []
    changed: list[Column] = []
    for i, item in enumerate(rows.schema):
        wanted = _new_column(dialect, item, asked, request.key, lenient=dialect.fold(item.name) in old)
        there = old.get(dialect.fold(item.name))
        if there is None or there.computed:
            new.append(wanted)
        elif item.name in asked and there.type != wanted.type:
            changed.append(wanted)
        elif there.type != wanted.type:
            doubtful[i] = there
        columns.append(wanted if there is None or there.computed or wanted in changed else there)
    for i in _unfit(rows, doubtful, _as_text(asked)):
        columns[i] = _new_column(dialect, rows.schema.field(i), asked, request.key)
        changed.append(columns[i])
    written = {dialect.fold(column.name) for column in columns}
    gone = tuple(c.name for c in table.columns if dialect.fold(c.name) not in written or c.computed)
    shape = Shape(gone, tuple(changed), tuple(new), tuple(columns))
    if shape:
        return Plan("reshape", tuple(columns), shape, made=frozenset(c.name for c in (*changed, *new)))
    return _cleared(dialect, table, tuple(columns))


def _unfit(rows: Rows, doubtful: Mapping[int, Column], texts: frozenset[str]) -> list[int]:
    """Return the columns whose values the table's type doesn't hold, by a look at all of them."""
    left = dict(doubtful)
    if not left or not rows.again:  # a stream can be read once: its values are refused when they come
        return []
    unfit: list[int] = []
    for batch in rows.batches(1 << 16):
        for i, column in list(left.items()):
            try:
                fit(batch.column(i), column.type, as_text=column.name in texts)
            except UnfitError:
                unfit.append(i)
                del left[i]
    return unfit


def _asked(dialect: Dialect, request: Request, schema: pa.Schema) -> dict[str, SqlType]:
    """Return the types that `dtype` asks for, by column."""
    asked: dict[str, SqlType] = {}
    for name, dtype in request.dtype.items():
        if name is not None and name not in schema.names:
            raise InvalidInputError(
                f"dtype= names a column {name!r}, which the data doesn't have. Nothing was written."
            )
        made = dialect.parse(_spelled(dialect, dtype))
        asked |= dict.fromkeys(schema.names if name is None else [name], made)
    return asked


def _spelled(dialect: Dialect, dtype: Any) -> str:
    """Return a SQLAlchemy type as the database spells it."""
    import sqlalchemy
    from sqlalchemy.dialects import registry
    from sqlalchemy.exc import CompileError

    made = dtype() if isinstance(dtype, type) else dtype
    if not isinstance(made, sqlalchemy.types.TypeEngine):
        raise InvalidInputError(f"dtype= takes SQLAlchemy's types, not {shown(dtype)}. Nothing was written.")
    known: Any = registry.load(dialect.sqlalchemy_name)()
    try:
        return made.compile(dialect=known)
    except CompileError as error:
        raise InvalidInputError(
            f"dtype={dtype!r} is impossible here: {error}. Nothing was written."
        ) from error


def _as_text(asked: Mapping[str, SqlType]) -> frozenset[str]:
    return frozenset(name for name, wanted in asked.items() if wanted.family == "text")


def _losses(schema: pa.Schema, columns: Sequence[Column]) -> tuple[str, ...]:
    """Return what is lost although every value is equal."""
    return tuple(
        f"Column {field.name!r}: its instants are kept, its time zone {field.type.tz} isn't."
        for field, column in zip(schema, columns, strict=True)
        if column.type.family == "timestamptz" and field.type.tz not in {"UTC", "Etc/UTC", "+00:00"}
    )


def _new_column(
    dialect: Dialect,
    field: pa.Field,
    asked: Mapping[str, SqlType],
    key: Sequence[str],
    *,
    lenient: bool = False,
) -> Column:
    """Return the column that holds a field's values."""
    dialect.check_name(field.name, "The column")
    required = field.name in key
    if field.name in asked:
        return Column(field.name, asked[field.name], required)
    try:
        return Column(field.name, dialect.type_for(field.type, key=required), required)
    except UnfitError as error:
        if lenient:  # the column that is there may hold it
            return Column(field.name, SqlType("", "other"), required)
        message = f"Column {field.name!r} can't be written: {error}. Nothing was written."
        raise NotPreservableError(message) from error


def _existing(dialect: Dialect, table: Table, schema: pa.Schema) -> tuple[Column, ...]:
    """Return the table's columns for those that are written."""
    old = {dialect.fold(column.name): column for column in table.columns}
    columns: list[Column] = []
    for name in schema.names:
        found = old.get(dialect.fold(name))
        if found is None:
            there = ", ".join(repr(column.name) for column in table.columns)
            _mismatch(table, f"it has no column {name!r}, only {there}")
        if found.computed:
            _mismatch(table, f"column {name!r} is computed by the database; leave it out")
        columns.append(found)
    given = {column.name for column in columns}
    missing = [column.name for column in table.columns if column.required and column.name not in given]
    if missing:
        _mismatch(table, f"column {missing[0]!r} needs a value, and the data has none")
    return tuple(columns)


def _check_key(key: Sequence[str], columns: Sequence[Column]) -> None:
    names = {column.name for column in columns}
    for name in key:
        if name not in names:
            raise InvalidInputError(
                f"key= names a column {name!r}, which the data doesn't have. Nothing was written."
            )


def _key_of(dialect: Dialect, key: Sequence[str], table: Table, columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the key as the table spells it, or refuse it if nothing makes it unique."""
    _check_key(
        key, [*columns, *(Column(name, columns[0].type) for name in key if _is_among(dialect, name, columns))]
    )
    folded = {dialect.fold(name) for name in key}
    if all({dialect.fold(name) for name in names} != folded for names in table.keys):
        names = dialect.quoted(key)
        _mismatch(
            table,
            f"nothing makes ({', '.join(key)}) unique, so a row's place can't be told; first run "
            f"CREATE UNIQUE INDEX ON {table.sql} ({names})",
        )
    return tuple(column.name for column in columns if dialect.fold(column.name) in folded)


def _is_among(dialect: Dialect, name: str, columns: Sequence[Column]) -> bool:
    return any(dialect.fold(name) == dialect.fold(column.name) for column in columns)


def _mismatch(table: Table, what: str) -> NoReturn:
    raise SchemaMismatchError(f"Table {table.label}: {what}. Nothing was written.")
