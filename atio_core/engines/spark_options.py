"""The options of Spark's data source, which are texts, as the arguments that they stand for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from atio_core.errors import InvalidInputError


def _texts(text: str) -> list[str]:
    """Return a list: `a, b`, or a JSON list of texts."""
    if not text.lstrip().startswith("["):
        return [one.strip() for one in text.split(",")]
    found = json.loads(text)
    if not all(isinstance(one, str) for one in cast("list[Any]", found)):
        raise ValueError("not all of them are texts")
    return cast("list[str]", found)


def _terms(text: str) -> list[tuple[Any, ...]]:
    """Return a filter: a JSON list of lists, each a column, an operator and a value, or a column and a test."""
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(one, list) for one in cast("list[Any]", found)):
        raise ValueError('it is a JSON list such as [["km", ">", 2]]')
    return [tuple(one) for one in cast("list[list[Any]]", found)]


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it is true or false")
    return text.lower() == "true"


_READ: dict[str, Callable[[str], Any]] = {
    "version": int,
    "tag": str,
    "as_of": datetime.fromisoformat,
    "columns": _texts,
    "filter": _terms,
    "push_filters": _flag,
}
_WRITE: dict[str, Callable[[str], Any]] = {
    "partition_by": _texts,
    "sort_by": _texts,
    "schema_mode": str,
    "expected_version": int,
    "idempotency_key": str,
    "message": str,
}
OVERWRITE_MODE = "partitionoverwritemode"
"""Spark's own name: "dynamic" replaces just the partitions that there are rows of, "static" everything."""


_STORAGE = "storage_options."


def path_of(options: Mapping[str, str]) -> str:
    """Return the table's path. Raises `InvalidInputError` if there is none."""
    path = options.get("path")
    if not path:
        raise InvalidInputError(
            "no table was named: give its path, by load(path), save(path) or option('path', …)"
        )
    return path


def storage_options_of(options: Mapping[str, str]) -> dict[str, str] | None:
    """Return how the table's bucket is opened: `storage_options.region` and the like, which each name one option.

    Example:
        >>> storage_options_of({"path": "s3://bucket/trips", "storage_options.region": "eu-central-1"})
        {'region': 'eu-central-1'}
    """
    found = {
        name[len(_STORAGE) :]: text for name, text in options.items() if name.lower().startswith(_STORAGE)
    }
    return found or None


def read_options(options: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments of a read.

    Raises:
        InvalidInputError: There is no such option, or it can't be read.
    """
    return _taken(options, _READ)


def write_options(options: Mapping[str, str], *, overwrite: bool) -> tuple[str, dict[str, Any]]:
    """Return the mode and the arguments of a write; raises as `read_options`.

    Args:
        options: As they were given.
        overwrite: Whether rows are to be replaced.
    """
    known = {**_WRITE, OVERWRITE_MODE: _overwrite_mode}
    taken = _taken(options, known)
    dynamic = taken.pop(OVERWRITE_MODE, "static") == "dynamic"
    if not overwrite:
        return "append", taken
    return ("overwrite_partitions" if dynamic else "overwrite"), taken


def _overwrite_mode(text: str) -> str:
    if text.lower() not in ("static", "dynamic"):
        raise ValueError("it is static or dynamic")
    return text.lower()


def _taken(options: Mapping[str, str], known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    given = {
        name.lower(): text
        for name, text in options.items()
        if name.lower() != "path" and not name.lower().startswith(_STORAGE)
    }
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        raise InvalidInputError(
            f"there is no option {', '.join(unknown)}; there are path, {_STORAGE}…, {', '.join(known)}"
        )
    taken: dict[str, Any] = {}
    for name, text in given.items():
        try:
            taken[name] = known[name](text)
        except ValueError as error:
            raise InvalidInputError(f"the option {name}={text!r} can't be read: {error}") from error
    return taken
