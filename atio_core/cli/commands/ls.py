"""`atio ls`: the tables of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from atio_core.amounts import readable_bytes
from atio_core.cli.exits import Exit, exit_of
from atio_core.cli.options import AsJson, StorePath
from atio_core.cli.output import print_json, print_table
from atio_core.cli.places import open_store, open_table
from atio_core.cli.plain import one_line, told_minute
from atio_core.cli.version_json import version_json
from atio_core.errors import AtioError, InvalidInputError, NotFoundError, TableNotFoundError
from atio_core.snapshot import Snapshot
from atio_core.store import Store


def ls(
    store: StorePath,
    /,
    *,
    dropped: Annotated[bool, Parameter(negative="", help="Also tables that were dropped.")] = False,
    json: AsJson = False,
) -> int:
    """List the tables below a folder, each with its latest version.

    A table that can't be read is listed with the reason, and the exit code tells.
    """
    place = open_store(store)
    # All of them: whether a damaged one was dropped can't be told.
    found = {name: _latest(place, name) for name in place.tables(dropped=True)}
    if not found:
        _require_store(store)
    if not dropped:
        found = {name: one for name, one in found.items() if not isinstance(one, TableNotFoundError)}
    if json:
        print_json([_json(name, one) for name, one in found.items()])
    else:
        print_table(
            ("table", "version", "time (UTC)", "rows", "size", ""),
            [_row(name, one) for name, one in found.items()],
            right=("version", "rows", "size"),
            wraps="table",
        )
    failed = [
        one
        for one in found.values()
        if isinstance(one, AtioError) and not isinstance(one, TableNotFoundError)
    ]
    return max(map(exit_of, failed), default=Exit.OK)


def _latest(store: Store, name: str) -> Snapshot | AtioError:
    try:
        return store.table(name).snapshot()
    except AtioError as error:  # it is told; the other tables go on
        return error


def _row(name: str, found: Snapshot | AtioError) -> tuple[str, ...]:
    match found:
        case Snapshot():
            size = readable_bytes(found.bytes)
            return (name, str(found.version), told_minute(found.time), f"{found.rows:,}", size, "")
        case TableNotFoundError():
            return (name, "", "", "", "", "dropped")
        case _:
            return (name, "", "", "", "", f"{found.code}: {one_line(str(found))}")


def _json(name: str, found: Snapshot | AtioError) -> dict[str, Any]:
    match found:
        case Snapshot():
            return {"name": name, **version_json(found)}
        case TableNotFoundError():
            return {"name": name, "dropped": True}
        case _:
            return {"name": name, "error": found.code, "message": str(found)}


def _require_store(path: str) -> None:
    """Say why there are no tables, if the path can't be meant."""
    table = open_table(path)
    if table.exists():
        raise InvalidInputError(
            f"{path} is a table, not a folder of tables: atio log {path} lists its versions"
        )
    if "://" not in table.path and not Path(table.path).is_dir():
        raise NotFoundError(f"there is no folder {path}; correct the path")
