"""Tell a catalogue of Iceberg what a mirror shows, in one step of the catalogue's own."""

from __future__ import annotations

from typing import Any

from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import StaticTable, update

from atio_core.errors import AlreadyExistsError

_UPDATE: Any = update  # its models take their arguments by names that type checkers don't see


def tell(catalog: Any, identifier: str, location: str) -> None:
    """Make a catalogue's table show what a state of a mirror does.

    Args:
        catalog: A catalogue of pyiceberg.
        identifier: The table's name there; its namespace is there already.
        location: The state's URI.

    Raises:
        AlreadyExistsError: The name is another table's, or what it names there is gone.
        What the catalogue raises: it shows what it did before; do it again.
    """
    try:
        there: Any = catalog.load_table(identifier)
    except NoSuchTableError:
        catalog.register_table(identifier, location)
        return
    except FileNotFoundError as error:
        raise AlreadyExistsError(
            f"{identifier} is a table in that catalogue by metadata that is gone: {error}. If it was this one's mirror"
            " before rows were erased, drop it there (catalog.drop_table), and call again",
            table=identifier,
        ) from error
    old, new = there.metadata, StaticTable.from_metadata(location).metadata
    if old.table_uuid != new.table_uuid:
        raise AlreadyExistsError(
            f"{identifier} is another table in that catalogue, at {old.location}: choose another identifier",
            table=identifier,
        )
    current = new.current_snapshot_id
    known, wanted = {one.snapshot_id for one in old.snapshots}, {one.snapshot_id for one in new.snapshots}
    if (known, old.current_snapshot_id) == (wanted, current):
        return
    schemas = {one.schema_id for one in old.schemas}
    updates = [_UPDATE.AddSchemaUpdate(schema=one) for one in new.schemas if one.schema_id not in schemas]
    updates += [_UPDATE.SetCurrentSchemaUpdate(schema_id=new.current_schema_id)]
    updates += [
        _UPDATE.AddSnapshotUpdate(snapshot=one) for one in new.snapshots if one.snapshot_id not in known
    ]
    updates += [_UPDATE.SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=current)]
    if gone := sorted(known - wanted):
        updates += [_UPDATE.RemoveSnapshotsUpdate(snapshot_ids=gone)]
    base = (
        _UPDATE.AssertTableUUID(uuid=old.table_uuid),
        _UPDATE.AssertRefSnapshotId(ref="main", snapshot_id=old.current_snapshot_id),
    )
    catalog.commit_table(there, base, tuple(updates))
