"""What shows a table to engines that don't know it, without copying data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atio_core.arguments import refusal, require_flag, require_text
from atio_core.errors import InvalidInputError
from atio_core.log.lookup import AnyVersion, find, history, require_selector
from atio_core.mirrors.report import MirrorReport
from atio_core.model.entry import LogEntry
from atio_core.table.base import TableBase


class Mirroring(TableBase):
    """What shows a table to engines that don't know it, without copying data."""

    def to_delta(self, version: AnyVersion | None = None, *, history: bool = False) -> MirrorReport:
        """Make the table's folder a Delta table too, which shows a version; or bring that up to date.

        Only metadata is written, in `_delta_log`: the data files are the table's own. Whoever reads Delta reads the
        folder then; nobody can write to it by Delta, nor clean it. What is shown has a tag (`mirror/delta/…`), so that
        no expiry takes it, until something else is shown. Killed anywhere, it is mended by being called again.

        Args:
            version: As for `snapshot`; the latest if None. Delta's latest version is what was shown last.
            history: Show all retained versions that came since what was shown last, the latest at the end, each as a
                version of Delta's; and keep all that have been shown, for its time travel. Else only what is shown last
                is kept.

        Returns:
            What is shown now; print it.

        Raises:
            NotPreservableError: Delta's readers couldn't read a column exactly: of nanoseconds, a time zone but UTC,
                durations, 64-bit numbers without a sign, one that was renamed, and so on; nothing was written.
            InvalidInputError: The version holds an object; or `history` and `version` are both given.
            AlreadyExistsError: Something else keeps a Delta log there.
            As for `snapshot` and `tag` else.

        Example:
            >>> import atio_core as atio, pandas as pd, tempfile
            >>> table = atio.Table(tempfile.mkdtemp())
            >>> _ = table.append(pd.DataFrame({"a": [1, 2]}))
            >>> table.to_delta().versions, table.tags()
            ((1,), {'mirror/delta/1': 1})
        """
        from atio_core.mirrors.delta import mirror

        return mirror(self._log, self._clock, self._chosen(version, history), history=history)

    def to_iceberg(
        self,
        version: AnyVersion | None = None,
        *,
        history: bool = False,
        catalog: Any = None,
        identifier: str | None = None,
    ) -> MirrorReport:
        """Make metadata by which Iceberg's readers see a version of the table; or bring that up to date.

        Only metadata is written, in `_iceberg`: the data files are the table's own. Each call that shows something else
        makes one more metadata file, whose path it returns, and deletes those before the last two. What is shown has a
        tag (`mirror/iceberg/…`), so that no expiry takes it, until something else is shown. Killed anywhere, it is
        mended by being called again.

        Args:
            version: As for `snapshot`; the latest if None.
            history: Show all retained versions, each as a snapshot of Iceberg's, and keep them. Else only one.
            catalog: A catalogue of pyiceberg's, in which the table is to be found too.
            identifier: Its name there, in a namespace that exists: "analytics.flights".

        Returns:
            What is shown now; its `location` is the metadata file's. Print it.

        Raises:
            NotPreservableError: Iceberg's readers couldn't read a column exactly: of nanoseconds, a time zone but UTC,
                lists, durations and so on; nothing was written.
            InvalidInputError: The version holds an object; or `history` and `version` are both given; or pyiceberg
                isn't installed; or the table lies in memory, or at a URL of `az://`, which they don't know.
            AlreadyExistsError: Something else lies there; or the catalogue has another table under this name.
            What the catalogue raises: then it shows what it did before; call again.
            As for `snapshot` and `tag` else.

        Example:
            >>> import atio_core as atio, pandas as pd, tempfile
            >>> table = atio.Table(tempfile.mkdtemp())
            >>> _ = table.append(pd.DataFrame({"a": [1, 2]}))
            >>> made = table.to_iceberg()
            >>> made.location.endswith("/_iceberg/metadata/v1.metadata.json"), table.tags()
            (True, {'mirror/iceberg/1': 1})
        """
        from atio_core.mirrors.iceberg import mirror, uri_of

        uri_of(self.path)
        if (catalog is None) != (identifier is None):
            raise InvalidInputError("catalog and identifier belong together: give both, or neither")
        name = None if identifier is None else require_text("identifier", identifier)
        if name is not None and not hasattr(catalog, "commit_table"):
            raise refusal("catalog", "a catalogue of pyiceberg's", catalog)

        def told(location: str) -> None:
            if name is not None:
                from atio_core.mirrors.iceberg_catalog import tell

                tell(catalog, name, location)

        return mirror(self._log, self._clock, self._chosen(version, history), told)

    def _chosen(self, version: AnyVersion | None, history: object) -> Callable[[], list[LogEntry]]:
        """Return what looks up the versions that are meant."""
        if require_flag("history", history) and version is not None:
            raise InvalidInputError("history shows all retained versions: leave version out")
        wanted = require_selector(version)
        self._log.latest()
        return self._readable_versions if history else lambda: [find(self._log, wanted).entry]

    def _readable_versions(self) -> list[LogEntry]:
        """The retained data versions that hold anything, oldest first."""
        return [one.entry for one in reversed(history(self._log)) if one.entry.is_there]
