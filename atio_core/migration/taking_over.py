"""Write an old table's versions to a new one, oldest first, each exactly once: called again, it goes on."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from atio_core.errors import AlreadyExistsError, DamagedError, InvalidInputError, NotFoundError
from atio_core.migration.report import Migration
from atio_core.migration.source import OldVersion, Source
from atio_core.model.tag_name import require_tag_name
from atio_core.snapshot import Snapshot
from atio_core.table import Table

_ID = "migrated.id"
_CURRENT = "current "


def take_over(source: Source, table: Table, *, skip: bool) -> Migration:
    """Write the versions of an old table that the new one lacks.

    Args:
        source: The old table.
        table: The new one.
        skip: Leave out what can't be read.

    Raises:
        InvalidInputError: There is no version that can be read.
        AlreadyExistsError: The new table holds something else.
        DamagedError: An old version can't be read; without `skip`.
        CommitConflictError: Another wrote to the new table meanwhile; what was taken over stays.
    """
    if source.unreadable and not skip:
        number, reason = next(iter(source.unreadable.items()))
        raise DamagedError(
            f"version {number} of {source.location} can't be read: {reason}; nothing was written. Say"
            f" if_unreadable='skip' to leave out what can't be ({len(source.unreadable)} versions)",
            table=source.location,
        )
    if not source.versions:
        raise InvalidInputError(
            f"{source.location} has no version that can be read: there is nothing to take over"
        )
    there, newest = _there(table, source)
    places = {version.id: place for place, version in enumerate(source.versions)}
    next_place = max((places.get(id_, -1) + 1 for id_ in _versions_of(there)), default=0)
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
    if source.beginning is not None:
        known.add(source.beginning)
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
