"""What was done to all tables of a store, or found in it: made to be printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atio_core.amounts import counted, readable_bytes
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.expiry_report_lines import aligned
from atio_core.maintenance.verify_report import Problem, VerifyReport


@dataclass(frozen=True, slots=True)
class StoreExpiryReport:
    """The outcome of `Store.expire_all`. `print` it.

    Attributes:
        store: The store's path.
        dry_run: True if nothing was done.
        reports: What was done to each table, by its name.
        failures: What stopped the expiry of a table, by its name.
    """

    store: str
    dry_run: bool
    reports: Mapping[str, ExpiryReport]
    failures: Mapping[str, Exception]

    def __str__(self) -> str:
        """The report as text: a headline, the tables, then what failed."""
        head = ("table", "kept", "removed", "files", "freed")
        lines = [
            (
                name,
                str(len(report.kept)),
                str(len(report.removed)),
                str(report.files_removed),
                readable_bytes(report.bytes_removed),
            )
            for name, report in self.reports.items()
        ]
        told = [f"{name}: {error}" for name, error in _told(self.failures).items()]
        failed = [f"{counted(len(told), 'table')} could not be expired:", *told] if told else []
        return "\n".join([self.headline, *(aligned([head, *lines], left=(0,)) if lines else ()), *failed])

    @property
    def headline(self) -> str:
        """The report in one sentence."""
        reports = self.reports.values()
        versions = counted(sum(len(report.removed) for report in reports), "version")
        files = counted(sum(report.files_removed for report in reports), "file")
        freed = f"{sum(report.bytes_removed for report in reports):,} bytes"
        tables = counted(len(self.reports), "table")
        if self.dry_run:
            return (
                f"PREVIEW of {self.store}, {tables}: nothing was removed; a real run (dry_run=False) would remove"
                f" {versions} and {files}, {freed}"
            )
        return f"Expired {self.store}, {tables}: removed {versions} and {files}, {freed} freed"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "store": self.store,
            "dry_run": self.dry_run,
            "tables": {name: report.to_dict() for name, report in self.reports.items()},
            "failures": _told(self.failures),
        }


@dataclass(frozen=True, slots=True)
class StoreVerifyReport:
    """The outcome of `Store.verify`. `print` it.

    Attributes:
        store: The store's path.
        tables: What was found in each table, by its name.
        failures: What stopped the looking at a table, by its name.
        problems: What isn't as it should be in what the store itself keeps: releases and pins.
    """

    store: str
    tables: Mapping[str, VerifyReport]
    failures: Mapping[str, Exception]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether all is as it should be."""
        return not (self.problems or self.failures) and all(report.ok for report in self.tables.values())

    @property
    def headline(self) -> str:
        """The report in one sentence."""
        count = len(self.problems) + sum(len(report.problems) for report in self.tables.values())
        found = "all is as it was written" if self.ok else f"{counted(count, 'problem')} found"
        return f"{self.store}: {found}; {counted(len(self.tables), 'table')} looked at"

    def __str__(self) -> str:
        """The report as text: a headline, the problems of the store, its tables, then what failed."""
        failed = [f"{name} could not be verified: {error}" for name, error in _told(self.failures).items()]
        problems = (f"- {problem}" for problem in self.problems)
        return "\n".join([self.headline, *problems, *map(str, self.tables.values()), *failed])

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return {
            "store": self.store,
            "ok": self.ok,
            "tables": {name: report.to_dict() for name, report in self.tables.items()},
            "failures": _told(self.failures),
            "problems": [problem.to_dict() for problem in self.problems],
        }


def _told(failures: Mapping[str, Exception]) -> dict[str, str]:
    return {name: f"{type(error).__name__}: {error}" for name, error in failures.items()}
