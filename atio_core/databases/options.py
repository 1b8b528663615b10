"""What the caller asks for: the options of `to_sql` and `write_database`, as one `Request`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from atio_core.arguments import require_flag, require_list, require_text, shown
from atio_core.databases.conditions import Where, read_where
from atio_core.errors import InvalidInputError

Mode = Literal["fail", "replace", "append", "truncate", "upsert", "overwrite"]
CHUNK_ROWS = 65_536

_SYNONYMS = {"delete_rows": "truncate"}  # pandas' word
_NAMES = ("name", "table_name")
_CONNECTIONS = ("con", "connection_uri", "connection")
_MODES = ("if_exists", "if_table_exists")
_KNOWN = {
    *(*_NAMES, *_CONNECTIONS, *_MODES),
    *(
        "schema",
        "strict",
        "dtype",
        "index",
        "index_label",
        "chunksize",
        "key",
        "where",
        "idempotency_key",
        "method",
        "engine",
    ),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be done to which table.

    Attributes:
        con: What was handed in.
        schema: None for the connection's own.
        name: The table's.
        mode: What happens to what is there.
        dtype: Types asked for, by column; under None for all.
        index: Write a pandas index; None for yes.
        index_label: Names of its columns.
        chunk_rows: Rows in memory at a time.
        key: Columns that tell rows apart.
        idempotency_key: What makes a retry change nothing.
        strict: Refuse what can't be kept.
        where: Which rows an overwrite replaces.
    """

    con: Any
    schema: str | None
    name: str
    mode: Mode
    dtype: Mapping[str | None, Any]
    index: bool | None
    index_label: Any
    chunk_rows: int
    key: tuple[str, ...]
    idempotency_key: str | None
    strict: bool = False
    where: Where = ()


def read_options(options: Mapping[str, Any]) -> Request:
    """Return what the options ask for.

    Args:
        options: As `write` got them.

    Raises:
        InvalidInputError: One is missing, unknown or makes no sense.

    Example:
        >>> read_options({"name": "prices", "con": "sqlite://", "if_exists": "append"}).mode
        'append'
    """
    for option in options:
        if option not in _KNOWN:
            known = ", ".join(sorted(_KNOWN - {"method", "engine"}))
            raise InvalidInputError(f"There is no option {option} for databases. There are: {known}.")
    if options.get("method") not in {None, "multi"}:
        raise InvalidInputError(
            "method= would load rows in another way than the one that is promised. Drop it."
        )
    con = _one(options, _CONNECTIONS, "a connection")
    schema, name = _table(options)
    mode = _one(options, _MODES, None)
    mode = "fail" if mode is None else mode
    mode = _SYNONYMS.get(mode, mode) if isinstance(mode, str) else mode
    if not isinstance(mode, str) or mode not in get_args(Mode):
        raise InvalidInputError(f"if_exists={shown(mode)} is none of {', '.join(get_args(Mode))}.")
    key = _key(options.get("key"))
    if (mode == "upsert") != bool(key):
        if key and mode not in {"replace", "fail"}:
            raise InvalidInputError(
                f"key= is for upsert, and for the primary key of a new table, not for {mode}."
            )
        if not key:
            raise InvalidInputError("upsert needs key=[...], the columns that tell rows apart.")
    return Request(
        con,
        schema,
        name,
        cast("Mode", mode),
        _dtype(options.get("dtype")),
        _flag(options.get("index")),
        options.get("index_label"),
        _chunk(options.get("chunksize")),
        key,
        _token(options.get("idempotency_key")),
        require_flag("strict", options.get("strict", False)),
        _where(options.get("where"), mode),
    )


def _one(options: Mapping[str, Any], names: tuple[str, ...], what: str | None) -> Any:
    given = [name for name in names if options.get(name) is not None]
    if len(given) > 1:
        raise InvalidInputError(f"{' and '.join(given)} mean the same. Give one.")
    if not given and what is not None:
        raise InvalidInputError(f"A database needs {what}: {names[0]}=. Give it.")
    return options[given[0]] if given else None


def _table(options: Mapping[str, Any]) -> tuple[str | None, str]:
    name, schema = _one(options, _NAMES, "a table"), options.get("schema")
    if not isinstance(name, str) or not (schema is None or isinstance(schema, str)):
        raise InvalidInputError(
            f"The table's name and schema are text, not {shown(name)} and {shown(schema)}."
        )
    if "table_name" in options and schema is None and "." in name:
        # polars' way: "schema.table", with quotes around a part that has a point itself
        parts = re.findall(r'"(?:[^"]|"")*"|[^."]+', name)
        if len(parts) != 2 or ".".join(parts) != name:  # noqa: PLR2004 - a schema and a table
            raise InvalidInputError(
                f"table_name={name!r} is no table, nor 'schema.table'. Give schema= and name=."
            )
        schema, name = (p[1:-1].replace('""', '"') if p.startswith('"') else p for p in parts)
    return schema, name


def _key(key: Any) -> tuple[str, ...]:
    if key is None:
        return ()
    names: list[Any] = [key] if isinstance(key, str) else require_list("key", key, "column names")
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise InvalidInputError(f"key={shown(key)} is no list of different column names.")
    return tuple(names)


def _where(where: Any, mode: str) -> Where:
    if (mode == "overwrite") != (where is not None):
        if where is None:
            raise InvalidInputError(
                "overwrite needs where=[...], which rows are replaced; replace takes all."
            )
        raise InvalidInputError(f"where= is for overwrite, not for {mode}.")
    return () if where is None else read_where(where)


def _dtype(dtype: Any) -> Mapping[str | None, Any]:
    if dtype is None:
        return {}
    return dict(cast("Mapping[str | None, Any]", dtype)) if isinstance(dtype, Mapping) else {None: dtype}


def _flag(index: Any) -> bool | None:
    if index is not None and not isinstance(index, bool):
        raise InvalidInputError(f"index={shown(index)} is neither True nor False.")
    return index


def _chunk(rows: Any) -> int:
    if rows is None:
        return CHUNK_ROWS
    if not isinstance(rows, int) or isinstance(rows, bool) or rows < 1:
        raise InvalidInputError(f"chunksize={shown(rows)} is no number of rows.")
    return rows


def _token(key: Any) -> str | None:
    if key is None:
        return None
    if not isinstance(key, str) or not key or "\0" in key or len(key) > 255 or key != key.strip():  # noqa: PLR2004 - fits every database
        raise InvalidInputError("idempotency_key is a text of 1 to 255 characters, without spaces around it.")
    return require_text("idempotency_key", key)
