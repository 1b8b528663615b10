"""What sees whether a table is whole, and mends it."""

from __future__ import annotations

from typing import Literal

from atio_core.arguments import require_choice, require_flag
from atio_core.maintenance.repair_report import RepairReport
from atio_core.maintenance.verify_report import VerifyReport
from atio_core.progress import Teller, Watched
from atio_core.table.base import TableBase


class Integrity(TableBase):
    """What sees whether a table is whole, and mends it."""

    def verify(
        self,
        versions: Literal["latest", "all"] = "latest",
        *,
        deep: bool = True,
        values: bool = False,
        show_progress: bool = False,
    ) -> VerifyReport:
        """See whether all that versions need is there, and is what was written. Nothing is changed.

        Reads check what they use by themselves. This looks at everything: before a backup, after a disk had errors.

        Args:
            versions: "latest", or "all" that are retained; then kept stages are looked at too, and leftovers that no
                version needs are listed.
            deep: Read data files whole. Else their lengths and ends are looked at, which finds files that are missing
                or cut, but not a flipped byte.
            values: Also read the rows, and compare their number, bounds and nulls with what reads rely on to leave
                files out. It takes several times as long.
            show_progress: Show on stderr how much was read, and how fast.

        Returns:
            What was found; `ok` says whether there is no problem. Damage raises nothing.

        Raises:
            TableNotFoundError: There is no table, and never was.
            NewerFormatError: It was written by a later release.
            StorageError: The store failed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://verify-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> report = table.verify("all")
            >>> report.ok, report.files
            (True, 2)
        """
        from atio_core.data.meter import Meter
        from atio_core.maintenance.verification import verify

        every = require_choice("versions", versions, ("latest", "all")) == "all"
        deep, values, meter = require_flag("deep", deep), require_flag("values", values), Meter()
        teller = Teller(verbose=False, show_progress=require_flag("show_progress", show_progress))
        with teller.watch(Watched(self.path, "bytes", lambda: meter.done, doing="checking")):
            return verify(
                self._log, every_version=every, deep=deep, values=values, clock=self._clock, seen=meter.add
            )

    def repair(
        self,
        *,
        dry_run: bool = True,
        deep: bool = True,
        forget_keys: bool = False,
        forget_tags: bool = False,
        show_progress: bool = False,
    ) -> RepairReport:
        """Make a damaged table usable again, as far as what is whole allows it. Nothing is overwritten or deleted.

        One commit does all of it. What can be made anew, byte for byte, is: lists of files, keys and tags, and schemas.
        If the latest version isn't whole then, the newest one that is becomes the latest again, as by `restore`. Log
        entries that can't be read are passed over.

        Args:
            dry_run: Only say what would be done: exactly that is done with False.
            deep: Read data files whole, as `verify` does. Else a flipped byte isn't found.
            forget_keys: Let go of lists of idempotency keys that are damaged, if they can't be made anew, and of all
                older ones: then a retry of a write with such a key writes once more. Else they stay as they are.
            forget_tags: Let go of a list of tags that is damaged, if it can't be made anew: then tags that no older log
                entry knows are gone, and their versions may expire.
            show_progress: Show on stderr how much was read, and how fast.

        Returns:
            What was done, and what can't be, file by file; print it.

        Raises:
            TableNotFoundError: There is no table, and never was.
            NewerFormatError: It was written by a later release.
            DamagedError: The newest log entry is another table's.
            CommitConflictError: Others committed each time that all had been read; nothing was changed.
            CommitUnknownError: The repair may have been committed: run it again.
            StorageError: The store failed.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://repair-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> print(table.repair())
            PREVIEW, nothing was changed: memory://repair-example: there is nothing to repair
        """
        from atio_core.data.meter import Meter
        from atio_core.maintenance.repairing import repair

        dry_run, deep = require_flag("dry_run", dry_run), require_flag("deep", deep)
        forget_keys, meter = require_flag("forget_keys", forget_keys), Meter()
        forget_tags = require_flag("forget_tags", forget_tags)
        teller = Teller(verbose=False, show_progress=require_flag("show_progress", show_progress))
        with teller.watch(Watched(self.path, "bytes", lambda: meter.done, doing="checking")):
            return repair(
                self._log,
                dry_run=dry_run,
                deep=deep,
                forget_keys=forget_keys,
                forget_tags=forget_tags,
                clock=self._clock,
                seen=meter.add,
            )
