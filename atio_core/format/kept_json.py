"""Records of kept stages: a descriptor that lies in the table, and the time until which its files are kept.

{"format":1,"until":…,"staged":{"format":1,"stage":"…",…},"digest":"xxh3-128:…"}
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from atio_core.format.seal import open_sealed, seal
from atio_core.format.staged_json import StagedChange, require_format, staged_from_json, staged_to_json
from atio_core.model.staged import StagedFiles
from atio_core.times import LAST_US


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """What a record says.

    Attributes:
        staged: The change; it lists its files itself, however many they are.
        until_us: No cleaning takes its files as long as its horizon isn't later, in microseconds since 1970.
    """

    staged: StagedChange
    until_us: int

    @property
    def files(self) -> StagedFiles:
        """The change's files."""
        if not isinstance(self.staged.change, StagedFiles):
            raise TypeError("a record lists its files itself")
        return self.staged.change


def encode_kept(record: KeptRecord) -> bytes:
    """Return the bytes of a record."""
    return seal({"format": 1, "until": record.until_us, "staged": staged_to_json(record.staged)})


def decode_kept(data: bytes, *, path: str, stage_id: uuid.UUID, table: str) -> KeptRecord:
    """Return the record that bytes hold.

    Args:
        data: The whole object.
        path: Its name, for messages.
        stage_id: The id that its name stands for.
        table: The table's location, for messages.

    Raises:
        DamagedError: The bytes are not what was written, or belong under another name.
        NewerFormatError: A later release wrote them.
    """

    def read(fields: dict[str, Any]) -> KeptRecord | None:
        require_format(fields["format"])
        staged = staged_from_json(fields["staged"], StagedChange)
        record = KeptRecord(staged, _time(fields["until"]))
        return record if staged.id == stage_id and isinstance(staged.change, StagedFiles) else None

    return open_sealed(
        data,
        read,
        what=f"the record {path} of a kept stage of the table {table}",
        advice="bring the file back from a backup, or delete it if the stage isn't wanted any more",
        kind="a record of a kept stage",
        table=table,
        path=path,
    )


def _time(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LAST_US:
        raise TypeError(f"expected a time, found {value!r}")
    return value
