"""What names versions, and brings old ones back."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Self, Unpack, overload

from atio_core.arguments import refusal, require_flag, require_time
from atio_core.errors import InvalidInputError
from atio_core.log.intent import CommitOptions, make_intent
from atio_core.log.lookup import AnyVersion, VersionSelector, find, require_selector
from atio_core.model.tag_name import LEASE, MIRROR, RELEASE, require_tag_name
from atio_core.snapshot import Snapshot
from atio_core.table.kept import KeptStage
from atio_core.table.kept_stages import KeptStages
from atio_core.times import microseconds_of, time_of

_ALL: Any = object()
"""Instead of the id of a kept stage: the table."""


class TaggedVersion(int):
    """The number of a version that has a tag."""

    until_us: int | None
    """When the tag ends, in microseconds since 1970; None for never."""

    def __new__(cls, version: int, until_us: int | None = None) -> Self:
        """Return the number of a version, and when its tag ends."""
        number = super().__new__(cls, version)
        number.until_us = until_us
        return number

    @property
    def until(self) -> datetime | None:
        """When the tag ends (UTC); None for never."""
        return None if self.until_us is None else time_of(self.until_us)

    def __reduce__(self) -> tuple[type[Self], tuple[int, int | None]]:
        """It crosses processes whole."""
        return type(self), (int(self), self.until_us)


class Versions(KeptStages):
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

        intent, wanted = make_intent(self._clock, **options), require_selector(version)
        if wanted == VersionSelector():
            raise refusal("version", "an older version", version)
        return self._handle.commit(
            lambda _: Restore(self._log, find(self._log, wanted).entry.data.version), intent
        )

    @overload
    def drop(self, **options: Unpack[CommitOptions]) -> Snapshot: ...

    @overload
    def drop(self, stage_id: str | uuid.UUID | KeptStage) -> None: ...

    def drop(
        self, stage_id: str | uuid.UUID | KeptStage = _ALL, **options: Unpack[CommitOptions]
    ) -> Snapshot | None:
        """End the table: there is none any more, and a later write begins a new one. With a stage's id: drop just that.

        Its versions stay readable, by their numbers and tags, and can be restored, until they are expired: see
        `expire`, which then removes their files. The folder stays, with its log.

        Args:
            stage_id: That of a kept stage, which is given up instead, as by `drop_staged`; the table stays.
            **options: As for `overwrite`; none for a stage.

        Returns:
            The version that ended it, which holds nothing; None for a stage.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: That is no id of a stage.
            As for `drop_staged`, and else for `append`.

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

        if stage_id is not _ALL:
            if options:
                raise InvalidInputError(
                    f"dropping a kept stage takes no {', '.join(options)}; nothing was changed: give its id alone"
                )
            return self.drop_staged(stage_id)
        return self._handle.commit(lambda _: Drop(), make_intent(self._clock, **options))

    def tag(
        self,
        name: str,
        version: AnyVersion | None = None,
        *,
        until: datetime | None = None,
        force: bool = False,
    ) -> Snapshot:
        """Name a version. As long as it has a tag, it doesn't expire.

        Args:
            name: Any text that can't be taken for a number or "latest", and doesn't begin with `release/`, `lease/` or
                `mirror/`.
            version: As for `snapshot`; what is the latest now, if None.
            until: When the tag ends: from then on it protects nothing, and the next expiry takes it away. Never if
                None. While a program reads, a `Snapshot.lease` is simpler.
            force: Take the name from another version that has it, or give it another end.

        Returns:
            The version that has the tag now.

        Raises:
            AlreadyExistsError: Another version has it, or this one until another time, and `force` is False.
            InvalidInputError: It would end in the past, or the name is none.
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
        until_us = None if until is None else microseconds_of(require_time("until", until))
        if until_us is not None and until_us <= self._clock():
            raise refusal("until", "a time that lies ahead", until)
        snapshot = self._handle.find(require_selector(version))
        change = SetTag(self._log, name, snapshot.version, force=force, until_us=until_us)
        done = self._handle.commit(lambda _: change, make_intent(self._clock))
        return Snapshot(self._log, snapshot.version, snapshot.entry, latest=done.entry)

    def untag(self, name: str) -> None:
        """Take a tag away; its version goes when the retention says so.

        A lease's too, such as one of a program that was killed; a program that is still at work takes it again when
        it renews it. And a mirror's: what others read by it may go then. And a release's, if the table was moved or
        copied away from the store of the release.

        Args:
            name: The tag's name.

        Raises:
            TagNotFoundError: There is no such tag.
            InvalidInputError: It is a release's of the store that the table lies in: drop the release.
            TableNotFoundError: There is no table.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://untag-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> _ = table.tag("first")
            >>> table.untag("first")
            >>> table.tags()
            {}
        """
        from atio_core.changes.tag import RemoveTag

        name = require_tag_name("name", name, but=(LEASE, MIRROR, RELEASE))
        self._require_no_release(name)
        change = RemoveTag(self._log, name)
        self._handle.commit(lambda _: change, make_intent(self._clock))

    def _require_no_release(self, name: str) -> None:
        """Refuse a tag by which a release of the store that the table lies in may keep its version."""
        from atio_core.maintenance.release_tags import store_of

        tag = self._log.tags().get(name) if name.startswith(RELEASE) else None
        if tag is not None and tag.release is not None and store_of(self._log, tag.release, self._clock):
            raise InvalidInputError(
                f"the tag {name!r} of the table {self.path} is that of release {tag.release.number} of its store: end"
                " it by Store.drop_release",
                table=self.path,
            )

    def tags(self) -> dict[str, TaggedVersion]:
        """Return the tags, leases among them, each with the number of its version, which knows `until` when it lasts.

        Raises `TableNotFoundError` if there is no table.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> from datetime import UTC, datetime
            >>> table = atio.Table("memory://tags-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> _ = table.tag("audit", until=datetime(2100, 1, 1, tzinfo=UTC))
            >>> table.tags()["audit"], table.tags()["audit"].until.year
            (1, 2100)
        """
        tags = sorted(self._log.tags().items())
        return {name: TaggedVersion(tag.version, tag.until_us) for name, tag in tags}
