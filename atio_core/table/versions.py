"""What names versions, and brings old ones back."""

from __future__ import annotations

from typing import Unpack

from atio_core.arguments import refusal, require_flag
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.log.lookup import AnyVersion, Wanted, find, require_wanted
from atio_core.model.tag_name import require_tag_name
from atio_core.snapshot import Snapshot
from atio_core.table.base import TableBase


class Versions(TableBase):
    """What names versions, and brings old ones back."""

    def restore(self, version: AnyVersion, **options: Unpack[CommitOptions]) -> Snapshot:
        """Make an old version's rows, schema and partitioning the latest again. No data is copied, nothing gets lost.

        Args:
            version: As for `snapshot`.
            **options: As for `overwrite`.

        Returns:
            The new version.

        Raises:
            As for `snapshot` and `append`: the version may have expired just now; then nothing was committed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://restore-example")
            >>> for number in (1, 2):
            ...     _ = table.overwrite(pd.DataFrame({"a": [number]}))
            >>> table.restore(1).version, table.read()["a"].tolist()
            (3, [1])
        """
        from atio_core.changes.restore import Restore

        intent, wanted = make_intent(self._clock, **options), require_wanted(version)
        if wanted == Wanted():
            raise refusal("version", "an older version", version)
        return self._handle.commit(
            lambda _: Restore(self._log, find(self._log, wanted).entry.data.version), intent
        )

    def drop(self, **options: Unpack[CommitOptions]) -> Snapshot:
        """End the table: there is none any more, and a later write begins a new one.

        Its versions stay readable, by their numbers and tags, and can be restored, until they are expired: see
        `expire`, which then removes their files. The folder stays, with its log.

        Args:
            **options: As for `overwrite`.

        Returns:
            The version that ended it, which holds nothing.

        Raises:
            TableNotFoundError: There is no table.
            As for `append` else.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://drop-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> table.drop().version, table.exists(), len(table.read(version=1))
            (2, False, 1)
            >>> table.append(pd.DataFrame({"b": [2]}), expected_version=0).version
            3
        """
        from atio_core.changes.drop import Drop

        return self._handle.commit(lambda _: Drop(), make_intent(self._clock, **options))

    def tag(self, name: str, version: AnyVersion | None = None, *, force: bool = False) -> Snapshot:
        """Name a version. As long as it has a tag, it doesn't expire.

        Args:
            name: Any text that can't be taken for a number or "latest", and doesn't begin with `release/`.
            version: As for `snapshot`; what is the latest now, if None.
            force: Take the name from another version that has it.

        Returns:
            The version that has the tag now.

        Raises:
            AlreadyExistsError: Another version has it, and `force` is False.
            As for `snapshot`; `CommitUnknownError` and `StorageError` as for `append`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://tag-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> table.tag("first").version, table.tags()
            (1, {'first': 1})
        """
        from atio_core.changes.tag import SetTag

        name, force = require_tag_name("name", name), require_flag("force", force)
        snapshot = self._handle.find(require_wanted(version))
        change = SetTag(self._log, name, snapshot.version, force=force)
        done = self._handle.commit(lambda _: change, make_intent(self._clock))
        return Snapshot(self._log, snapshot.version, snapshot.entry, latest=done.entry)

    def untag(self, name: str) -> None:
        """Take a tag away; its version goes when the retention says so.

        Raises:
            TagNotFoundError: There is no such tag.
            TableNotFoundError: There is no table.
        """
        from atio_core.changes.tag import RemoveTag

        change = RemoveTag(self._log, require_tag_name("name", name))
        self._handle.commit(lambda _: change, make_intent(self._clock))

    def tags(self) -> dict[str, int]:
        """Return the tags, each with the number of its version. Raises `TableNotFoundError` if there is no table."""
        return {name: tag.version for name, tag in sorted(self._log.latest().tags.items())}
