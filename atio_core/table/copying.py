"""What takes a table elsewhere, with its history."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

from atio_core.arguments import refusal, require_list, require_whole
from atio_core.errors import InvalidInputError
from atio_core.format.names import TEMPORARY
from atio_core.log.commit_log import CommitLog
from atio_core.maintenance.copying import (
    Chosen,
    CopyReport,
    FolderDestination,
    StoreDestination,
    TarDestination,
    choose_all,
    choose_some,
    copy,
    require_copy_of,
)
from atio_core.storage.base import ObjectStore
from atio_core.storage.buckets.fsspec_paths import Place
from atio_core.storage.files.new_folder import find_folder, new_folder
from atio_core.storage.files.publication import plan_publication
from atio_core.storage.files.replacement import replacement
from atio_core.storage.files.source_files import require_apart
from atio_core.storage.locate import given_store
from atio_core.storage.tar import TarWriter, names_tar, open_tar
from atio_core.table.base import TableBase


class Copying(TableBase):
    """What takes a table elsewhere, with its history."""

    def export(
        self, path: str | os.PathLike[str], versions: Sequence[int] | Literal["all", "latest"] = "all"
    ) -> CopyReport:
        """Write a copy with the history chosen into a new folder, which is a table itself; or into one tar file.

        Versions keep their numbers, times and tags; kept stages stay behind. Every byte is checked on the way. The
        folder, or the file, appears whole, or not at all.

        Args:
            path: The folder to make; what is there may only be an empty one. A path that ends with `.tar` is that of a
                file: `import_` takes it, and a tar program makes the folder of it.
            versions: "all" that are retained, "latest", or numbers of data versions.

        Returns:
            What was copied; print it.

        Raises:
            TableNotFoundError: There is no table.
            VersionNotFoundError: There is no such version. VersionExpiredError: Not any more.
            AlreadyExistsError: Something is there.
            DamagedError: A file isn't what was written; nothing was made.
            InvalidInputError: The path or the versions can't be meant, or the folder lies in the table's.
            StorageError: The disk refused.

        Example:
            >>> import atio_core as atio, pandas as pd, tempfile
            >>> table = atio.Table("memory://export-example")
            >>> for number in range(3):
            ...     _ = table.overwrite(pd.DataFrame({"a": [number]}))
            >>> folder = tempfile.mkdtemp()
            >>> table.export(folder, versions=[1, 3]).versions
            (1, 3)
            >>> atio.Table(folder).read(version=1)["a"].tolist()
            [0]
        """
        given = cast("object", versions)
        if isinstance(given, str):
            words = {"all": choose_all, "latest": choose_some(None, self._clock)}
            if given not in words:
                raise refusal("versions", 'numbers of versions, "all" or "latest"', given)
            choose = words[given]
        else:
            numbers = [
                require_whole("versions", one, least=1) for one in require_list("versions", given, "numbers")
            ]
            if not numbers:
                raise InvalidInputError("versions is empty: name a version at least")
            choose = choose_some(numbers, self._clock)
        self._log.latest()
        if names_tar(path):
            return self._export_tar(path, choose)
        target = find_folder(path)
        require_apart(target, self.path)
        with new_folder(target) as folder:
            return copy(self._log, FolderDestination(folder), target, choose)

    def _export_tar(self, path: str | os.PathLike[str], choose: Callable[[CommitLog], Chosen]) -> CopyReport:
        publication = plan_publication(path, if_exists="fail")
        publication.is_skipped()  # or raise, before anything is read
        require_apart(os.path.realpath(publication.target.file), self.path)
        with replacement(publication) as new:
            tar = TarWriter(new, self._clock() // 1_000_000)
            report = copy(self._log, TarDestination(tar), publication.target.path, choose)
            tar.end()
            new.sync()
            new.publish()
        return report

    def copy_to(
        self,
        target: Place | ObjectStore,
        *,
        storage_options: Mapping[str, Any] | None = None,
    ) -> CopyReport:
        """Copy the table with all its history to another place, or bring a copy there up to date.

        The copy is a table itself, with the same numbers, times, tags and keys; kept stages stay behind. Every byte is
        checked on the way. Broken off anywhere, it goes on when it is done again: files that are there with the right
        digest are passed over. One copy at a time goes to a place, and nobody else commits there.

        Args:
            target: Where to: a path, or a store.
            storage_options: How the bucket of that path is opened: see `Table`.

        Returns:
            What was copied; print it.

        Raises:
            TableNotFoundError: There is no table.
            AlreadyExistsError: Another table is there, or something was committed to the copy.
            DamagedError: A file isn't what was written.
            InvalidInputError: The target can't be meant.
            StorageError: A store refused.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://copy-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> table.copy_to("memory://copy-example-2").files
            1
            >>> table.copy_to("memory://copy-example-2").files
            0
        """
        return _copied(self._log, _log_at(target, self._log, storage_options))

    def import_(
        self, path: Place | ObjectStore, *, storage_options: Mapping[str, Any] | None = None
    ) -> CopyReport:
        """Take over a table that was exported, or any other, with its history; here there must be none yet.

        As `copy_to`, the other way: broken off anywhere, it goes on when it is done again.

        Args:
            path: Where the other table lies; or the tar file that it was exported to.
            storage_options: How the bucket of that path is opened: see `Table`.

        Returns:
            What was copied; print it.

        Raises:
            DamagedError: Also if the tar file is cut off, or none. InvalidInputError: Also if it holds what no export
                does, such as a link, or a name that leads elsewhere. NotFoundError: There is no such file.
            As for `copy_to` else.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> _ = atio.Table("memory://import-example").append(pd.DataFrame({"a": [1]}))
            >>> table = atio.Table("memory://import-example-2")
            >>> table.import_("memory://import-example").versions
            (1,)
        """
        if not names_tar(path):
            return _copied(_log_at(path, self._log, storage_options), self._log)
        with open_tar(cast("str | os.PathLike[str]", path)) as tar:
            return _copied(CommitLog(tar, self._log.limits), self._log)


def _log_at(
    place: Place | ObjectStore, like: CommitLog, storage_options: Mapping[str, Any] | None
) -> CommitLog:
    path, store = (None, place) if isinstance(place, ObjectStore) else (place, None)
    found = given_store(path, store, temporary=TEMPORARY, storage_options=storage_options)
    return CommitLog(found, like.limits)


def _copied(source: CommitLog, target: CommitLog) -> CopyReport:
    require_copy_of(target, source)
    return copy(source, StoreDestination(target), target.location, choose_all)
