"""Every failure that atio raises, grouped by what a handler would do about it.

AtioError                          .code (stable), .table, .version
├── NotFoundError (LookupError)    what was asked for isn't there
│   ├── TableNotFoundError         (also FileNotFoundError)
│   ├── VersionNotFoundError       no such version was ever committed
│   ├── VersionExpiredError        it was committed, and has been expired since
│   ├── TagNotFoundError
│   ├── StageNotFoundError
│   └── ReleaseNotFoundError
├── AlreadyExistsError             (FileExistsError) the name is taken
├── InvalidInputError (ValueError) refused before anything changed
│   ├── SchemaMismatchError        the data doesn't fit the table's columns
│   ├── DuplicateKeyError          two rows would have the same key
│   ├── NotPreservableError        what was written couldn't come back equal
│   └── UnsupportedFormatError     no writer for this format and object
├── CommitError
│   ├── CommitConflictError        nothing was committed; read again and retry
│   ├── CommitUnknownError         it may have landed; look the commit id up, never just retry
│   └── StagedFilesExpiredError    files are older than the table's horizon; write them again
├── DamagedError                   bytes are not what was written
├── NewerFormatError               written by a later release; upgrade
└── StorageError (OSError)         the store refused or can't be reached
    └── UnsupportedStoreError      the store lacks a call that the promises need

Handlers catch the group; messages say what happened, to which table and version, and what to do next.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AtioError(Exception):
    """Root of every error that atio raises.

    Args:
        message: What happened, where, and what to do.
        table: The table's path, where one is concerned.
        version: The version's number, where one is concerned.
        **facts: Further facts, kept as attributes (`path`, `commit_id`, …).

    Example:
        >>> AtioError("nothing there", table="t").table
        't'
    """

    code: ClassVar[str] = "atio"

    def __init__(
        self, message: str, *, table: str | None = None, version: int | None = None, **facts: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.table = table
        self.version = version
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        """The message alone: OSError and LookupError would dress it up."""
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross process borders (executors, pools) whole."""
        return _rebuild, (type(self), self.message, self.table, self.version, self.facts)


def _rebuild(
    kind: type[AtioError], message: str, table: str | None, version: int | None, facts: dict[str, Any]
) -> AtioError:
    return kind(message, table=table, version=version, **facts)


class NotFoundError(AtioError, LookupError):
    """What was asked for isn't there."""

    code = "not-found"


class TableNotFoundError(NotFoundError, FileNotFoundError):
    """There is no table at this path."""

    code = "table-not-found"


class VersionNotFoundError(NotFoundError):
    """No version of this number was ever committed."""

    code = "version-not-found"


class VersionExpiredError(NotFoundError):
    """The version was committed and has been expired since."""

    code = "version-expired"


class TagNotFoundError(NotFoundError):
    """The table has no tag of this name."""

    code = "tag-not-found"


class StageNotFoundError(NotFoundError):
    """The table has no kept stage of this id that could be published: there was none, or it was settled."""

    code = "stage-not-found"


class ReleaseNotFoundError(NotFoundError):
    """The store has no release of this name or number, or no longer."""

    code = "release-not-found"


class AlreadyExistsError(AtioError, FileExistsError):
    """The name is taken, and taking it over wasn't asked for."""

    code = "already-exists"


class InvalidInputError(AtioError, ValueError):
    """Refused before anything changed."""

    code = "invalid-input"


class SchemaMismatchError(InvalidInputError):
    """The data doesn't fit the table's columns."""

    code = "schema-mismatch"


class DuplicateKeyError(InvalidInputError):
    """Two rows would have the same key: `columns` names it, `keys` has some that come twice."""

    code = "duplicate-key"


class NotPreservableError(InvalidInputError):
    """What was to be written couldn't come back equal."""

    code = "not-preservable"


class UnsupportedFormatError(InvalidInputError):
    """No writer is known for this format and this object."""

    code = "unsupported-format"


class CommitError(AtioError):
    """A commit didn't succeed, or isn't known to have."""

    code = "commit"


class CommitConflictError(CommitError):
    """Nothing was committed: another change came first. Read again and retry."""

    code = "commit-conflict"


class CommitUnknownError(CommitError):
    """The commit may have landed. Look `commit_id` up in the history; never just retry without a key."""

    code = "commit-unknown"


class StagedFilesExpiredError(CommitError):
    """Files to be committed are older than the table's horizon: cleaning may have taken them. Write them again."""

    code = "staged-files-expired"


class DamagedError(AtioError):
    """Bytes are not what was written: `path` names the file, `expected` and `found` the digests."""

    code = "damaged"


class NewerFormatError(AtioError):
    """The table was written by a later release. Upgrade atio."""

    code = "newer-format"


class StorageError(AtioError, OSError):
    """The store refused or can't be reached.

    `unknown` is True when the call may have taken effect all the same.
    """

    code = "storage"

    def __init__(
        self, message: str, *, table: str | None = None, version: int | None = None, **facts: Any
    ) -> None:
        self.unknown: bool = bool(facts.get("unknown", False))
        super().__init__(message, table=table, version=version, **facts)


class UnsupportedStoreError(StorageError):
    """The store lacks a call that the promises need."""

    code = "unsupported-store"
