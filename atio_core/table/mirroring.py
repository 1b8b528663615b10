"""What shows a table to engines that don't know it, without copying data."""

from __future__ import annotations

from atio_core.arguments import require_flag
from atio_core.errors import InvalidInputError
from atio_core.log.lookup import AnyVersion, find, history, require_wanted
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

        require_flag("history", history)
        if history and version is not None:
            raise InvalidInputError("history shows all retained versions: leave version out")
        wanted = require_wanted(version)
        self._log.latest()

        def choose() -> list[LogEntry]:
            return self._readable_versions() if history else [find(self._log, wanted).entry]

        return mirror(self._log, self._clock, choose, history=history)

    def _readable_versions(self) -> list[LogEntry]:
        """The retained data versions that hold anything, oldest first."""
        return [one.entry for one in reversed(history(self._log)) if one.entry.is_there]
