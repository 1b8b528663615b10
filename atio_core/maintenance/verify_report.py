"""What a look at a table has found: made to be printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atio_core.amounts import counted, readable_bytes
from atio_core.errors import AtioError, NotFoundError
from atio_core.maintenance.expiry_report_lines import FileLine, files_told

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that isn't what it should be.

    Attributes:
        path: Its name in the table.
        what: What is wrong: "is missing".
        versions: The versions that need it, among those that were looked at.
        expected: What it should be: a digest, a size.
        found: What it is.
        stages: The ids of the kept stages that need it.
    """

    path: str
    what: str
    versions: tuple[int, ...]
    expected: str
    found: str
    stages: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str, error: AtioError, versions: tuple[int, ...] = ()) -> Problem:
        """Return what an error says of a file."""
        if isinstance(error, NotFoundError):
            return cls(path, "is missing", versions, "a file", "nothing")
        expected, found = (
            error.facts.get("expected", "what was written"),
            error.facts.get("found", str(error)),
        )
        return cls(path, "is damaged", versions, str(expected), str(found))

    def __str__(self) -> str:
        """The problem in one line."""
        told = f"{self.path} {self.what} (expected {self.expected}, found {self.found})"
        return "; ".join([told, *_needed("version", self.versions), *_needed("kept stage", self.stages)])

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "path": self.path,
            "what": self.what,
            "versions": list(self.versions),
            "expected": self.expected,
            "found": self.found,
            "stages": list(self.stages),
        }


def _needed(what: str, by: tuple[object, ...]) -> list[str]:
    """What needs a file, as the end of a line; nothing if nothing does."""
    plural, more = "" if len(by) == 1 else "s", " …" if len(by) > _SHOWN else ""
    return [f"{what}{plural} {', '.join(map(str, by[:_SHOWN]))}{more}"] if by else []


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The outcome of `Table.verify`. `print` it.

    Attributes:
        table: The table's path.
        deep: Whether data files were read whole.
        versions: The versions that were looked at.
        files: How many files were.
        bytes: Their size in all.
        problems: What isn't as it should be.
        old_entries: Names of log entries that no version needs and expiry would remove; strays are among them.
        leftovers: Files that no version reaches. Cleaning takes them once they are old enough.
    """

    table: str
    deep: bool
    versions: tuple[int, ...]
    files: int
    bytes: int
    problems: tuple[Problem, ...]
    old_entries: tuple[str, ...] = ()
    leftovers: tuple[FileLine, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all is as it should be. Leftovers are no problem."""
        return not self.problems

    @property
    def headline(self) -> str:
        """The report in one sentence."""
        looked = "read" if self.deep else "looked at"
        checked = f"{counted(self.files, 'file')} of {counted(len(self.versions), 'version')} {looked}"
        found = (
            f"{counted(len(self.problems), 'problem')} found" if self.problems else "all is as it was written"
        )
        return f"{self.table}: {found}; {checked}, {readable_bytes(self.bytes)}"

    def __str__(self) -> str:
        """The report as text: a headline, the problems, then what no version needs."""
        lines = [self.headline, *(f"- {problem}" for problem in self.problems)]
        if self.old_entries:
            lines.append(f"Log entries that no version needs: {', '.join(self.old_entries)}")
        if self.leftovers:
            lines += files_told("In no version; cleaning takes them once they are old enough", self.leftovers)
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "table": self.table,
            "ok": self.ok,
            "deep": self.deep,
            "versions": list(self.versions),
            "files": self.files,
            "bytes": self.bytes,
            "problems": [problem.to_dict() for problem in self.problems],
            "old_entries": list(self.old_entries),
            "leftovers": [line.to_dict() for line in self.leftovers],
        }
