"""Taking over tables that something else wrote: the predecessor of this package, Delta, Iceberg, plain Parquet."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from atio_core.arguments import require_choice
from atio_core.errors import AlreadyExistsError, DamagedError, InvalidInputError, NotFoundError
from atio_core.format.names import META
from atio_core.migration import delta, iceberg, parquet_folder, predecessor
from atio_core.migration.report import Migration
from atio_core.migration.source import OldVersion, Source
from atio_core.model.tag_name import require_tag_name
from atio_core.snapshot import Snapshot
from atio_core.table import Table

_ID = "migrated.id"
_CURRENT = "current "
_METADATA_FILE = ".metadata.json"


def migrate(
    old_table: str | os.PathLike[str],
    new_table: str | os.PathLike[str] | Table,
    *,
    if_unreadable: Literal["refuse", "skip"] = "refuse",
) -> Migration:
    """Take over a table of `atio` 2 or 3, or of Iceberg, with its history; a Delta table or Parquet as they are.

    The old table is only read, and its rows are copied. Of `atio` 2 and 3, and of Iceberg, each version becomes one of
    the new table, oldest first, with the rows in the order in which the old package reads them; message, tags and time
    come along: versions are committed now, and their properties say when the old ones were (`migrated.time`, UTC). If
    it is stopped, call it again: it goes on behind what is there already. Called later, it takes over the versions that
    came since.

    Args:
        old_table: The old table's folder; or the metadata file (`….metadata.json`) of an Iceberg table, which its
            catalogue names.
        new_table: The new table, or its path. It must not hold anything but what comes from the old one.
        if_unreadable: What becomes of old versions whose files are missing or damaged, or hold what the old package
            couldn't read itself: "refuse" refuses before anything is written, "skip" leaves them out; the report says
            which, and why.

    Returns:
        Which old version became which new one.

    Raises:
        NotFoundError: There is no such folder.
        InvalidInputError: The folder holds no table that is known, or is the new one's too.
        AlreadyExistsError: The new table holds something else.
        DamagedError: An old version can't be read; nothing was written.
        CommitConflictError: Another wrote to the new table meanwhile; what was taken over stays.

    Example:
        >>> import atio_core as atio, pandas as pd, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> pd.DataFrame({"a": [1, 2]}).to_parquet(folder / "rows.parquet")
        >>> atio.migrate(folder, "memory://migrate-example").versions
        {0: 1}
        >>> atio.read_table("memory://migrate-example")["a"].tolist()
        [1, 2]
    """
    skip = require_choice("if_unreadable", if_unreadable, ("refuse", "skip")) == "skip"
    folder = _place(old_table)
    table = new_table if isinstance(new_table, Table) else Table(new_table)
    _require_apart(folder, table.path)
    source = iceberg.read_source(folder) if folder.endswith(_METADATA_FILE) else _source(folder)
    if source.unreadable and not skip:
        number, reason = next(iter(source.unreadable.items()))
        raise DamagedError(
            f"version {number} of {folder} can't be read: {reason}; nothing was written. Say if_unreadable='skip' to"
            f" leave out what can't be ({len(source.unreadable)} versions)",
            table=folder,
        )
    if not source.versions:
        raise InvalidInputError(f"{folder} has no version that can be read: there is nothing to take over")
    return _take_over(source, table, skip=skip)


def _take_over(source: Source, table: Table, *, skip: bool) -> Migration:
    there, newest = _there(table, source)
    places = {version.id: place for place, version in enumerate(source.versions)}
    next_place = max((places[id_] + 1 for id_ in _versions_of(there)), default=0)
    numbers = {id_: snapshot.version for id_, snapshot in there.items()}
    latest = max(numbers.values(), default=0)
    written, skipped = 0, dict(source.unreadable)
    for version in source.versions[next_place:]:
        try:
            snapshot = _commit(source, version, table, latest)
        except DamagedError as error:  # only its data, in the middle, tells
            if not skip or version.number is None or error.table != source.location:
                raise
            skipped[version.number] = error.message
            continue
        latest, newest = snapshot.version, version.id
        numbers[newest] = latest
        written += not snapshot.repeated
    if source.current in numbers and newest.removeprefix(_CURRENT) != source.current:
        _restore(source.current, numbers[source.current], table, latest)
    if numbers:
        _tag(source, table, numbers)
    versions = {
        version.number or 0: numbers[version.id] for version in source.versions if version.id in numbers
    }
    return Migration(table.path, source.kind, versions, written, skipped)


def _there(table: Table, source: Source) -> tuple[dict[str, Snapshot], str]:
    """Return the versions that the new table holds already, by id, and the id of the latest."""
    try:
        history = table.history()
    except NotFoundError:
        return {}, ""
    known = {id_ for version in source.versions for id_ in (version.id, _CURRENT + version.id)}
    for snapshot in history:
        if snapshot.properties.get(_ID) not in known:
            raise AlreadyExistsError(
                f"{table.path} has version {snapshot.version}, which doesn't come from {source.location}: take it over"
                " to a table of its own. Nothing was written",
                table=table.path,
                version=snapshot.version,
            )
    return {snapshot.properties[_ID]: snapshot for snapshot in history}, history[0].properties[_ID]


def _versions_of(there: dict[str, Snapshot]) -> set[str]:
    return {id_.removeprefix(_CURRENT) for id_ in there}


def _commit(source: Source, version: OldVersion, table: Table, latest: int) -> Snapshot:
    name = f"version {version.number} of {source.kind}" if version.number is not None else source.kind
    properties = {_ID: version.id, "migrated.from": source.kind, "migrated.location": source.location}
    if version.number is not None:
        properties["migrated.version"] = str(version.number)
    if version.time is not None:
        properties["migrated.time"] = version.time.isoformat()
        name += f", {version.time:%Y-%m-%d %H:%M:%S} UTC"
    if version.tags:
        properties["migrated.tags"] = ", ".join(version.tags)
    with ExitStack() as stack:
        return table.overwrite(
            _opened(version, source, stack),
            partition_by=list(version.partition_by) or None,
            expected_version=latest,
            idempotency_key=f"migrate {version.id}",
            message=f"{version.message} ({name})" if version.message else f"Taken over: {name}",
            properties=properties,
        )


def _opened(version: OldVersion, source: Source, stack: ExitStack) -> Any:
    import pyarrow as pa

    try:
        return stack.enter_context(version.opened())
    except (OSError, pa.ArrowException) as error:
        raise DamagedError(
            f"version {version.number} of {source.location} can't be read: {' '.join(str(error).split())}; the"
            " versions before it are taken over",
            table=source.location,
            version=version.number,
        ) from error


def _restore(current: str, number: int, table: Table, latest: int) -> None:
    """Make the old table's current version the latest again: somebody had rolled back to it."""
    table.restore(
        number,
        expected_version=latest,
        idempotency_key=f"migrate {_CURRENT}{current} after {latest}",
        message="The old table was rolled back to this version",
        properties={_ID: _CURRENT + current},
    )


def _tag(source: Source, table: Table, numbers: dict[str, int]) -> None:
    tags = table.tags()
    for version in source.versions:
        for name in version.tags:
            if name not in tags and version.id in numbers and _can_be_tag(name):
                table.tag(name, numbers[version.id])


def _can_be_tag(name: str) -> bool:
    """Say whether a tag can be one here; else the properties alone tell of it."""
    try:
        require_tag_name("name", name)
    except InvalidInputError:
        return False
    return True


def _place(old_table: str | os.PathLike[str]) -> str:
    try:
        text = os.fsdecode(old_table)
        is_file = text.endswith(_METADATA_FILE)
        # Catalogues name the file by a URI, in which nothing is escaped.
        place = Path(text.removeprefix("file://") if is_file else text).expanduser().absolute()
        there = place.is_file() if is_file else place.is_dir()
    except (RuntimeError, TypeError, ValueError) as error:  # no home is known, no path, a NUL in it
        raise InvalidInputError(f"old_table must be the path of a folder, not {old_table!r}") from error
    if not there:
        what = "file" if is_file else "folder"
        raise NotFoundError(f"there is no {what} {place}: give the old table's", path=str(place))
    return str(place)


def _require_apart(old: str, new: str) -> None:
    """Refuse a new table within the old one's folder, or around it: each would take the other's files for its own."""
    if "://" in new:
        return
    ours, theirs = Path(new).resolve(), Path(old).resolve()
    if ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
        raise InvalidInputError(f"{new} and {old} lie in each other: give the new table a folder of its own")


def _source(folder: str) -> Source:
    """Find out what wrote a folder, and read what it says."""
    names = {path.name for path in Path(folder).iterdir()}
    if META in names:
        raise InvalidInputError(f"{folder} is a table of this atio already: there is nothing to take over")
    if "_current_version.json" in names:
        return predecessor.read_source(folder)
    if "_delta_log" in names:
        return delta.read_source(folder)
    if (metadata := iceberg.metadata_file(folder)) is not None:
        return iceberg.read_source(metadata)
    if ".hoodie" in names or any(Path(folder, "metadata").glob("*.metadata.json")):
        raise InvalidInputError(
            f"{folder} is a table whose Parquet files alone don't say which rows count: of Hudi, or of"
            " atio 2 or 3 whose _current_version.json is missing. Write it to a folder of Parquet files by what made it"
        )
    return parquet_folder.read_source(folder)
