"""What is staged in the histories of `test_history.py`: kept, published, dropped, committed; and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, multiple, precondition, rule

from atio_core.errors import (
    AtioError,
    CommitConflictError,
    StagedFilesExpiredError,
    StageNotFoundError,
)
from atio_core.model.entry import DAY_US
from tests.protocol.history_changes import TableChanges, handles, row_changes, rows, tried
from tests.support import looking
from tests.support.held import Change, applied
from tests.support.model import KEY_RETENTION_US


@dataclass(frozen=True, slots=True)
class Kept:
    """A stage that is kept: its change, the version that it was staged for, when, and until when."""

    id: str
    change: Change
    base: int
    time_us: int
    until_us: int


class StagedChanges(TableChanges):
    """A table, its model, and what is staged for both."""

    kept = Bundle("kept")

    @precondition(lambda self: self.model.held.columns and not self.model.held.partitioned)
    @rule(target=kept, handle=handles, change=row_changes, whole=st.booleans(), days=st.sampled_from([1, 90]))
    def keep(self, handle: int, change: Change, days: int, *, whole: bool) -> Any:
        """Keep a change under an id; it reads as the version that it would become."""
        change = self._fitting(change)
        if whole and change.operation == "overwrite":
            change = Change("overwrite", change.columns, change.parts)
        before = looking.other_files(self.folder)
        until_us = self.clock.now_us + days * DAY_US
        said = {"mode": change.operation, "keep": True, "keep_for": timedelta(days=days)}
        stage = tried(lambda: self.tables[handle].stage(**said, **self._said(change)))
        if until_us < self.model.horizon_us:  # the clock was set back
            assert type(stage) is StagedFilesExpiredError
            assert looking.other_files(self.folder) == before
            return multiple()
        self.staged |= looking.other_files(self.folder) - before
        assert stage.read("arrow", columns=["a"])["a"].to_pylist() == applied(self.model.held, change, 0).rows
        return Kept(stage.id, change, self.model.versions[-1].number, self.model.time_us, until_us)

    @rule(handle=handles, kept=consumes(kept))
    def publish(self, handle: int, kept: Kept) -> None:
        """Publish a stage: an overwrite over everything, any other change behind the version it was checked on."""
        refusals = self._ended(kept)
        blind = kept.change.operation == "overwrite" and kept.change.where is None
        if not blind and kept.base != self.model.versions[-1].number:
            refusals |= {CommitConflictError}
        snapshot = tried(lambda: self.tables[handle].publish(kept.id))
        if self._is_forgotten(kept, snapshot) or self._refused(snapshot, refusals):
            return
        made = self.model.commit([kept.change], None, self.clock.now_us)
        assert snapshot.unchanged == (made is None)
        if made is None:
            self.model.keep_rows(self.clock.now_us)
        self._same(snapshot, self.model.versions[-1])
        assert self.tables[1 - handle].publish(kept.id).repeated
        assert type(tried(lambda: self.tables[handle].drop_staged(kept.id))) is CommitConflictError

    @precondition(lambda self: self.model.held.columns and not self.model.held.partitioned)
    @rule(handle=handles, ours=rows, theirs=rows)
    def overtake(self, handle: int, ours: tuple[int, ...], theirs: tuple[int, ...]) -> None:
        """Rows come between the moment when an append was checked, and the one when it is to be published."""
        kept = self.keep(handle, Change("append", parts=((None, ours),)), 90, whole=False)
        self.change_rows(1 - handle, Change("append", parts=((None, theirs),)))
        if isinstance(kept, Kept):
            self.publish(handle, kept)

    @rule(handle=handles, kept=consumes(kept))
    def drop_staged(self, handle: int, kept: Kept) -> None:
        """Give a stage up: nobody can publish it any more."""
        found = tried(lambda: self.tables[handle].drop_staged(kept.id))
        if isinstance(found, AtioError):
            assert type(found) in self._ended(kept)
            return
        self.model.keep_rows(self.clock.now_us)
        assert type(tried(lambda: self.tables[1 - handle].publish(kept.id))) is CommitConflictError

    def _ended(self, kept: Kept) -> set[type[AtioError]]:
        """The errors of a stage whose time has passed."""
        passed = kept.until_us < self.model.horizon_us
        return {StageNotFoundError, StagedFilesExpiredError} if passed else set()

    def _is_forgotten(self, kept: Kept, found: Any) -> bool:
        """Whether the table can't know any more whether a stage was published."""
        old = self.clock.now_us - kept.time_us > KEY_RETENTION_US
        return old and type(found) is StagedFilesExpiredError

    @precondition(lambda self: self.model.held.columns and not self.model.held.partitioned)
    @rule(handle=handles, several=st.lists(rows, min_size=1, max_size=3))
    def commit_staged(self, handle: int, several: list[tuple[int, ...]]) -> None:
        """Several appends are staged by one handle, and made one version by the other; twice is once."""
        changes = [Change("append", self.model.held.columns, ((None, values),)) for values in several]
        before = looking.other_files(self.folder)
        staged = [self.tables[handle].stage(**self._said(change)) for change in changes]
        self.staged |= looking.other_files(self.folder) - before
        snapshot = self.tables[1 - handle].commit(staged)
        self._same(snapshot, self._committed(changes))
        assert self.tables[handle].commit(staged[::-1]).repeated
