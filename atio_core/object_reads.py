"""What a version of an object offers beside what every version does: its files, to be opened or put on the disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from atio_core.arguments import require_choice, require_text
from atio_core.errors import DamagedError, InvalidInputError, NewerFormatError
from atio_core.log.commit_log import CommitLog
from atio_core.log.file_list import files_of
from atio_core.model.data_file import DataFile
from atio_core.model.entry import ROWS, LogEntry

if TYPE_CHECKING:
    import os
    from io import BufferedReader
    from pathlib import Path

    from atio_core.data.object_files.members import Member
    from atio_core.data.object_files.read import StoredFile

_FOLDER = "folder"
_IF_EXISTS = ("fail", "replace")


class ObjectReads(ABC):
    """Reads the object of a version. For one of rows each method refuses, and says what to do."""

    _log: CommitLog
    version: int

    @property
    @abstractmethod
    def entry(self) -> LogEntry:
        """The log entry."""

    @abstractmethod
    def _explaining_missing(self) -> AbstractContextManager[None]:
        """Say of a missing file whether it is damage, or the version has expired."""

    @property
    def kind(self) -> str:
        """What the version holds: "table" for rows; "array", "json", "text", "bytes", "pickle", "file" or "folder"."""
        return self.entry.kind

    @property
    def names(self) -> tuple[str, ...]:
        """The names of a folder's files, with `/` between parts, sorted; or the name of a single file.

        Raises:
            InvalidInputError: The version holds neither.
        """
        if self.kind == _FOLDER:
            return tuple(member.name for member in self._members() if not member.is_folder)
        name = self._single("has no file names").piece.get("name")
        if name is None:
            raise self._refusal("has no file names", "read it")
        return (name,)

    def open(self, name: str | None = None) -> BufferedReader:
        """Open a file of the object for reading, at any place. All of it is read and checked first.

        Args:
            name: Of a file in a folder, as `names` has it; None for an object of one file.

        Returns:
            A file, as `open(…, "rb")` gives it. What it hands out is checked once more, so that it never is damaged.

        Raises:
            InvalidInputError: The version holds rows, or has no such file.
            VersionExpiredError: The version has expired; also while the file is read.
            DamagedError: Bytes are not what was written; also while the file is read.

        Example:
            >>> import atio_core as atio, pathlib, tempfile
            >>> folder = pathlib.Path(tempfile.mkdtemp())
            >>> _ = (folder / "weights").write_bytes(b"123")
            >>> snapshot = atio.write_snapshot(folder, "memory://open-example")
            >>> snapshot.open("weights").read()
            b'123'
        """
        from atio_core.data.object_files.stream import open_checked

        record = self._single("can't be opened") if name is None else self._member(name).record
        with self._explaining_missing():
            return open_checked(self._stored(record), self._explaining_missing)

    def download(self, target: str | bytes | os.PathLike[Any], *, if_exists: str = "fail") -> Path:
        """Put the object on the disk: a folder as a folder, any other as one file. It appears whole, and is durable.

        Args:
            target: The path of the folder or file to make. For a folder, an empty one may be there already.
            if_exists: "fail" if something is there, or "replace" it in one step: a folder with all that is in it.

        Returns:
            The absolute path.

        Raises:
            AlreadyExistsError: Something is there.
            InvalidInputError: The version holds rows, or the target lies in the table, or can't be made.
            VersionExpiredError: The version has expired.
            DamagedError: Bytes are not what was written; nothing was made.
            StorageError: The disk refused.

        Example:
            >>> import atio_core as atio, pathlib, tempfile
            >>> snapshot = atio.write_snapshot({"a": 1}, "memory://download-example")
            >>> snapshot.download(pathlib.Path(tempfile.mkdtemp()) / "it.json").read_text()
            '{"a":1}'
        """
        from atio_core.data.object_files.download import download_file, download_folder

        require_choice("if_exists", if_exists, _IF_EXISTS)
        with self._explaining_missing():
            if self.kind == _FOLDER:
                return download_folder(
                    self._log.store, self._members(), target, version=self.version, if_exists=if_exists
                )
            record = self._single("can't be downloaded")
            executable = "executable" in record.piece
            return download_file(self._stored(record), target, if_exists=if_exists, executable=executable)

    def _read_object(self) -> Any:
        """Return the object."""
        from atio_core.data.object_files.kinds import KINDS
        from atio_core.data.object_files.read import load_object

        if self.kind == _FOLDER:
            raise self._refusal(
                "is not read at once", "download it, or open one of its files (names lists them)"
            )
        with self._explaining_missing():
            return load_object(self._stored(self._single("can't be read")), KINDS[self.kind])

    def _require_object_options(self, **given: object) -> None:
        """Raise `InvalidInputError` for what only rows have."""
        named = [name for name, value in given.items() if value is not None]
        if named:
            raise self._refusal(f"has no {', '.join(named)}", "leave it out")

    def _stored(self, record: DataFile) -> StoredFile:
        from atio_core.data.object_files.read import StoredFile

        return StoredFile(self._log.store, record, self.version)

    def _single(self, problem: str) -> DataFile:
        """The one file of an object."""
        if self.kind == ROWS:
            raise self._refusal(problem, "read it")
        if self.kind == _FOLDER:
            raise self._refusal(problem, "say which of its files is meant (names lists them), or download it")
        with self._explaining_missing():
            files = files_of(self._log.store, self.entry)
        self._require_known(files)
        if len(files) != 1:
            raise self._damaged(f"holds an object ({self.kind}) of {len(files)} files")
        return files[0]

    def _member(self, name: str) -> Member:
        wanted = require_text("name", name)
        if self.kind != _FOLDER:
            raise self._refusal(f"has no file {wanted!r}", "leave name out")
        for member in self._members():
            if member.name == wanted and not member.is_folder:
                return member
        raise self._refusal(f"has no file {wanted!r}", "names lists those that it has")

    def _members(self) -> list[Member]:
        from atio_core.data.object_files.members import members_of

        with self._explaining_missing():
            files = files_of(self._log.store, self.entry)
        self._require_known(files)
        try:
            return members_of(files)
        except ValueError as error:
            raise self._damaged(f"holds a folder that can't be: {error}") from error

    def _require_known(self, files: Sequence[DataFile]) -> None:
        """Raise `NewerFormatError` for a kind, or files of a format, that this release doesn't know."""
        from atio_core.data.object_files.kinds import FILE, KINDS

        known = KINDS.get(FILE if self.kind == _FOLDER else self.kind)
        formats = {file.format for file in files}
        if known is None or formats - {known.format}:
            raise NewerFormatError(
                f"version {self.version} of the table {self._log.location} holds an object ({self.kind}, as"
                f" {', '.join(sorted(formats))}) that a later release wrote; upgrade atio",
                table=self._log.location,
                version=self.version,
            )

    def _refusal(self, problem: str, advice: str) -> InvalidInputError:
        what = "rows" if self.kind == ROWS else f"an object ({self.kind})"
        message = (
            f"version {self.version} of the table {self._log.location} holds {what} and {problem}: {advice}"
        )
        return InvalidInputError(message, table=self._log.location, version=self.version)

    def _damaged(self, what: str) -> DamagedError:
        path = self._log.sequence.names.name(self.entry.version)
        message = f"version {self.version} of the table {self._log.location} {what}; bring {path} back from a backup"
        return DamagedError(
            message,
            table=self._log.location,
            version=self.version,
            path=path,
            expected="an object",
            found=what,
        )
