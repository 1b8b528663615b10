"""What finds stages that are kept in the table under an id, publishes and drops them."""

from __future__ import annotations

import uuid
from typing import Unpack, overload

from atio_core.arguments import refusal
from atio_core.format.names import kept_path, stage_id_of
from atio_core.snapshot import Snapshot
from atio_core.table.base import TableBase
from atio_core.table.kept import KeptStage, PublishOptions, Stages


class KeptStages(TableBase):
    """What finds kept stages, and settles them."""

    @overload
    def staged(self) -> list[KeptStage]: ...

    @overload
    def staged(self, stage_id: str | uuid.UUID | KeptStage) -> KeptStage: ...

    def staged(self, stage_id: str | uuid.UUID | KeptStage | None = None) -> KeptStage | list[KeptStage]:
        """Return the stage that is kept under an id, or all that can be published, oldest first.

        Args:
            stage_id: `KeptStage.id`, or the stage itself; None for all.

        Raises:
            StageNotFoundError: There is none of this id, or it was published, dropped, or kept no longer.
            InvalidInputError: That is no id of a stage.
            DamagedError: A record isn't what was written.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://staged-example")
            >>> stage = table.stage(pd.DataFrame({"a": [1]}), "overwrite", keep=True)
            >>> [one.id == stage.id for one in table.staged()], table.staged(stage.id).read()["a"].tolist()
            ([True], [1])
            >>> table.publish(stage.id).version, table.staged()
            (1, [])
        """
        stages = self._kept
        return stages.all() if stage_id is None else stages.find(_stage_id(stage_id))

    def publish(self, stage_id: str | uuid.UUID | KeptStage, **options: Unpack[PublishOptions]) -> Snapshot:
        """Make a kept stage a version. Done again, it changes nothing and returns that version.

        An overwrite, or one of partitions, replaces what is there by then. Any other change, and an overwrite of some
        rows (`where`), is refused if another data
        version came after the one that it was staged for: what was checked is what becomes the latest.

        Args:
            stage_id: `KeptStage.id`, or the stage itself.
            **options: `expected_version`, `message`, `properties`: as for `overwrite`.

        Returns:
            The new version.

        Raises:
            StageNotFoundError: There is no such stage.
            StagedFilesExpiredError: It is kept no longer; nothing was committed.
            CommitConflictError: It was dropped, or another version came first; nothing was committed.
            As for `commit`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://publish-example")
            >>> stage = table.stage(pd.DataFrame({"a": [1]}), "overwrite", keep=True)
            >>> table.publish(stage.id).version, table.publish(stage.id).repeated
            (1, True)
        """
        return self._kept.publish(_stage_id(stage_id), options)

    def drop_staged(self, stage_id: str | uuid.UUID | KeptStage) -> None:
        """Give a kept stage up: nobody can publish it any more. Done again, it changes nothing.

        Its files go with an expiry, once the time until which it was to be kept has passed.

        Args:
            stage_id: `KeptStage.id`, or the stage itself.

        Raises:
            StageNotFoundError: There is no such stage.
            CommitConflictError: It was published already.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://drop-staged-example")
            >>> stage = table.stage(pd.DataFrame({"a": [1]}), keep=True)
            >>> table.drop_staged(stage.id)
            >>> table.staged(), table.exists()
            ([], False)
        """
        self._kept.drop(_stage_id(stage_id))

    @property
    def _kept(self) -> Stages:
        return Stages(self._log, self._handle, self._clock)


def _stage_id(given: object) -> uuid.UUID:
    """Return the id of a stage that a caller gave."""
    named = given.id if isinstance(given, KeptStage) else given
    text = str(named) if isinstance(named, uuid.UUID) else named
    try:
        found = uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or str(found) != text or stage_id_of(kept_path(found)) is None:
        raise refusal("stage_id", "the id of a kept stage", given)
    return found
