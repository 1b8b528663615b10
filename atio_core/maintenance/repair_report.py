"""What a repair has done, or would do: made to be printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from atio_core.format.names import TAGS
from atio_core.maintenance.verify_report import Problem


@dataclass(frozen=True, slots=True)
class RepairReport:
    """The outcome of `Table.repair`. `print` it.

    Attributes:
        table: The table's path.
        dry_run: True if nothing was done.
        ok: Whether the latest version is whole then, and can be committed after.
        version: The number of the log entry that mends the table; None if none does.
        restored: The data version whose content is the latest again; None if the latest keeps its own.
        rebuilt: Files whose content was made anew, from what is whole, and is stored under other names.
        unreadable: Numbers of log entries that are damaged or missing: they are retained no more.
        superseded: Retained data versions that come after the one restored: what they changed isn't in the latest.
        tags: Tags of versions that can't be read any more; they go.
        forgotten: Lists of idempotency keys that are let go: a retry with one of these keys writes once more. And lists
            of tags: those that no older entry knows are gone.
        problems: What is damaged still, by file, with the versions that need it.
        notes: What to know, and what to do about the rest.
    """

    table: str
    dry_run: bool
    ok: bool
    version: int | None = None
    restored: int | None = None
    rebuilt: tuple[str, ...] = ()
    unreadable: tuple[int, ...] = ()
    superseded: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The report in one sentence."""
        if self.version is None:
            whole = "there is nothing to repair" + (", the latest version is whole" if self.problems else "")
            done = whole if self.ok else "nothing can be repaired"
        else:
            verb = "a repair would make" if self.dry_run else "repaired by"
            what = (
                "the latest keeps its rows"
                if self.restored is None
                else f"version {self.restored} is the latest again"
            )
            done = f"{verb} version {self.version}, {what}"
        preview = "PREVIEW, nothing was changed: " if self.dry_run else ""
        return f"{preview}{self.table}: {done}"

    def __str__(self) -> str:
        """The report as text: a headline, what was done, then what can't be."""
        lines = [self.headline]
        lines += [f"- {path} is made anew" for path in self.rebuilt]
        lines += [
            f"- log entry {number} can't be read, nor a version that it alone holds"
            for number in self.unreadable
        ]
        lines += [f"- what version {number} changed isn't in the latest" for number in self.superseded]
        lines += [f"- the tag {name!r} goes" for name in self.tags]
        lines += [
            f"- the {'tags' if path.startswith(TAGS) else 'keys'} in {path} are forgotten"
            for path in self.forgotten
        ]
        lines += [f"- not repaired: {problem}" for problem in self.problems]
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "table": self.table,
            "dry_run": self.dry_run,
            "ok": self.ok,
            "version": self.version,
            "restored": self.restored,
            "rebuilt": list(self.rebuilt),
            "unreadable": list(self.unreadable),
            "superseded": list(self.superseded),
            "tags": list(self.tags),
            "forgotten": list(self.forgotten),
            "problems": [problem.to_dict() for problem in self.problems],
            "notes": list(self.notes),
        }
