"""What makes rows vanish for good."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, cast

from atio_core.arguments import refusal, repeatable, require_flag, require_list
from atio_core.errors import CommitConflictError, InvalidInputError, TagNotFoundError
from atio_core.maintenance.erase_report import EraseReport
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.purge import purge
from atio_core.mirrors.removing import mirrors_of, remove_mirrors
from atio_core.model.entry import ROWS, Tag
from atio_core.snapshot import Snapshot
from atio_core.table.reads import Reads
from atio_core.table.rows import RowChanges
from atio_core.table.staging import Staging
from atio_core.table.versions import Versions


class Erasing(Reads, RowChanges[Snapshot], Staging, Versions):
    """What makes rows vanish for good."""

    def erase(
        self,
        where: Any,
        *,
        tags: Iterable[str] | Literal["all"] = (),
        staged: Iterable[str | uuid.UUID] | Literal["all"] = (),
        dry_run: bool = False,
    ) -> EraseReport:
        """Make rows vanish for good, such as a person's data: from the latest version, and with all older versions.

        The rows are deleted; then every older version expires, without grace, with all files, statistics and log
        entries that could tell of them, and mirrors for other engines: make them anew. What protects older versions, or
        could bring rows back, stands in the way: tags (mirrors' too), leases and kept stages. Each has to be named, and
        is dropped then. Stages that were handed out as descriptors can't be committed any more. Killed in the middle,
        it is finished by being called again.

        Args:
            where: Which rows, as for `delete`.
            tags: Names of tags that may go; "all" for whatever there are.
            staged: Ids of kept stages that may go; "all" for whatever there are.
            dry_run: Say what would go, and change nothing.

        Returns:
            What went; print it.

        Raises:
            InvalidInputError: Something stands in the way that isn't named, or `where` is no filter; nothing was
                changed.
            TableNotFoundError: There is no table, and no older version of one.
            CommitConflictError: An older version was tagged, leased or mirrored meanwhile, or a stage kept, and stays;
                erase again.
            As for `delete`, `untag`, `drop_staged` and `expire`: then some of it may be left to be done; call again.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://erase-example")
            >>> _ = table.append(pd.DataFrame({"name": ["Kim", "Lee"]}))
            >>> _ = table.tag("first")
            >>> report = table.erase([("name", "==", "Kim")], tags=["first"])
            >>> report.rows, report.versions, table.read()["name"].tolist()
            (1, (1,), ['Lee'])
        """
        where, dry_run = repeatable(where), require_flag("dry_run", dry_run)
        there = self._log.tags()
        kept = [one.id for one in self.staged()]
        named = require_named(self.path, there, kept, tags=tags, staged=staged)
        expected = preview(self, where, named)
        mirrors = mirrors_of(self._log, expected.tags)
        going = (f"the mirror for {one} goes: make it anew with to_{one.lower()}" for one in mirrors)
        expected = replace(expected, notes=(*expected.notes, *going))
        if dry_run:
            return expected
        rows, before = 0, max(expected.versions, default=-1) + 1
        if expected.rows:
            done = self.delete(where)
            rows, before = done.removed.rows - done.added.rows, done.version
        for name in expected.tags:
            with suppress(TagNotFoundError):
                self.untag(name)
        for stage in expected.staged:
            self.drop_staged(stage)
        mirrored = remove_mirrors(self._log, mirrors, self._clock)
        report, files = purge(self._log, self._clock)
        require_gone(report, before)
        self._require_no_stage()
        # A mirroring that had begun before may have written meanwhile.
        mirrored += remove_mirrors(self._log, mirrors, self._clock)
        return replace(
            expected,
            dry_run=False,
            rows=rows,
            versions=tuple(line.version for line in report.removed),
            files=report.files_removed + report.entries_removed + files + mirrored,
            bytes=report.bytes_removed,
        )

    def _require_no_stage(self) -> None:
        """Raise `CommitConflictError` if stages were kept while rows were erased."""
        left = self.staged()
        if left:
            told = ", ".join(stage.id for stage in left)
            raise CommitConflictError(
                f"stages of the table {self.path} were kept while rows were erased, and may have them still: {told};"
                " erase again, and name what may go",
                table=self.path,
            )


def require_gone(report: ExpiryReport, before: int) -> None:
    """Raise `CommitConflictError` if versions before one stay, since something has begun to protect them meanwhile."""
    left = [line for line in report.kept if line.version < before]
    if left:
        told = "; ".join(f"version {line.version} ({', '.join(line.reasons)})" for line in left)
        raise CommitConflictError(
            f"older versions of the table {report.table} were protected while rows were erased, and may have them"
            f" still: {told}; erase again, and name what may go",
            table=report.table,
            version=left[0].version,
        )


def preview(table: Erasing, where: Any, named: tuple[tuple[str, ...], tuple[str, ...]]) -> EraseReport:
    """Return what an erasing would do.

    Args:
        table: The table.
        where: Which rows.
        named: The tags and the stages that would go.

    Raises:
        InvalidInputError: `where` is no filter.
    """
    current = table.snapshot() if table.exists() else None
    rows = 0 if current is None else current.count(where)
    versions = sorted(found.version for found in table.history())
    older = tuple(versions if rows else versions[:-1])
    notes = () if current is None else _notes(current)
    return EraseReport(table.path, rows, older, 0, 0, *named, notes, dry_run=True)


def require_named(
    table: str,
    there: Mapping[str, Tag],
    kept: Sequence[str],
    *,
    tags: object,
    staged: object,
    ending: Collection[str] = (),
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the tags and the stages that are dropped for an erasing.

    Args:
        table: Where the table lies.
        there: Its tags.
        kept: Ids of its kept stages.
        tags: What the caller says of tags.
        staged: What the caller says of stages.
        ending: Ids of entries of releases that end before the erasing.

    Raises:
        InvalidInputError: Something stands in the way that isn't named.
    """
    own = [name for name, tag in sorted(there.items()) if tag.release is None]
    named_tags, named_stages = _named("tags", tags, own), _named("staged", staged, kept)
    others = [f"the tag {name!r}" for name in own if name not in named_tags]
    others += [f"the kept stage {one}" for one in kept if one not in named_stages]
    others += [
        f"the release {tag.release.number} of its store (see Store.erase; away from that store, untag {name!r})"
        for name, tag in there.items()
        if tag.release is not None and tag.release.entry_id not in ending
    ]
    if others:
        raise InvalidInputError(
            f"rows of the table {table} can't be erased while these stand in the way: {'; '.join(others)}; nothing was"
            " changed: name what may go",
            table=table,
        )
    return named_tags, named_stages


def _named(argument: str, given: object, there: Sequence[str]) -> tuple[str, ...]:
    """What of the things that are there a caller has named."""
    if isinstance(given, str) and given == "all":
        return tuple(there)
    given = list(cast("Iterable[object]", given)) if isinstance(given, set | frozenset) else given
    names: list[str] = []
    for one in require_list(argument, given, f'{argument}, or "all"'):
        if not isinstance(one, str | uuid.UUID):
            raise refusal(f"each of {argument}", "text or a UUID", one)
        names.append(str(one))
    return tuple(name for name in there if name in names)


def _notes(current: Snapshot) -> tuple[str, ...]:
    """What the types of the columns tell, whatever the rows are."""
    if current.kind != ROWS:
        return ()
    import pyarrow as pa

    named = [field.name for field in current.schema if pa.types.is_dictionary(field.type)]
    if not named:
        return ()
    return (f"the categories of {', '.join(map(repr, named))} are part of the columns' types, and stay",)
