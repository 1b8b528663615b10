"""What may become of kept stages in a history: each is published once or dropped, and its files stay until its time."""

from __future__ import annotations

import random
import uuid
from typing import Any

from atio_core.errors import (
    CommitConflictError,
    CommitUnknownError,
    StagedFilesExpiredError,
    StageNotFoundError,
    StorageError,
)
from atio_core.format.kept_json import KeptRecord
from atio_core.log.intent import Intent
from atio_core.log.kept import drop_id
from atio_core.log.preconditions import is_too_old
from atio_core.table.kept import PublishOptions, Stages
from tests.support.chain import Chain, Deed, Stage
from tests.support.commits import Writer
from tests.support.judge import Judge
from tests.support.world import MINUTE_US, Party, promised

_LASTING_US = (MINUTE_US, 90 * MINUTE_US, 3 * 24 * 60 * MINUTE_US)
"""How long stages are kept: some for less than a grace period, none for so long that it outlives a history."""


class StageJudge(Judge):
    """Keeps, publishes and drops stages, and sees what that comes to.

    Args:
        party: Its turn, its clock, its view of the store.
        chain: The true history.
        choices: Decides what it does.
        writer: Writes to the table.
    """

    def __init__(self, party: Party, chain: Chain, choices: random.Random, writer: Writer) -> None:
        super().__init__(party, chain)
        self.choices = choices
        self.writer = writer
        self.written = 0

    def new_word(self) -> str:
        """Return a word that nobody else writes."""
        self.written += 1
        return f"{self.party.name}{self.written}"

    def keep(self) -> None:
        """Keep an append or an overwrite by a new word, for a while."""
        kind, word = self.choices.choice(("append", "overwrite")), self.new_word()
        until_us = self.party.clock() + self.choices.choice(_LASTING_US)
        making = self.writer.appending if kind == "append" else self.writer.overwriting

        made = Stage("", kind, word, until_us, "")

        def act() -> str:
            base = self.log.find_latest()
            file = self.writer.file(word, not_before_us=base.horizon_us if base else 0)
            made.path = file.path
            return self.writer.keep(making(file), until_us)

        try:
            stage_id = self.look(act, may_write=True)
        except StagedFilesExpiredError:
            latest = [link.entry for link in self.seen() if link]
            if not any(is_too_old(made.path, one) or until_us < one.horizon_us for one in latest):
                raise
            return
        if stage_id is not None:
            made.id = stage_id
            self.chain.stages.append(made)

    def publish(self) -> None:
        """Publish a stage that somebody has kept."""
        stage = self._any_stage()
        if stage is None:
            return
        self._begin()
        stages = _Noted(self, stage)
        try:
            done = stages.publish(uuid.UUID(stage.id), {})
        except CommitUnknownError:
            self._require_trouble()
        except StorageError:
            self._require_trouble()
            self._refuse_all(stages)
        except (CommitConflictError, StageNotFoundError, StagedFilesExpiredError) as error:
            self._refuse_all(stages)
            self._check_unpublished(error, stage, stages)
        else:
            (deed,) = stages.deeds
            self._check_done(done, deed)

    def drop(self) -> None:
        """Drop a stage that somebody has kept."""
        stage = self._any_stage()
        if stage is None:
            return
        commit_id = drop_id(uuid.UUID(stage.id)).hex()
        deed = self.chain.deeds.get(commit_id) or self.chain.expect(
            Deed(commit_id, "drop_staged", stage.word, key=stage.id)
        )
        self._begin()
        try:
            Stages(self.log, self.handle, self.party.clock).drop(uuid.UUID(stage.id))
        except (CommitUnknownError, StorageError):
            self._require_trouble()
        except CommitConflictError:
            promised(
                self._settled_by(stage, "drop_staged") is False,
                f"{stage.word} wasn't published, and can't be dropped",
            )
        except StageNotFoundError:
            self._require_ended(stage)
        else:
            promised(
                any(link.deed is deed for link in self.chain.links), f"{stage.word} was dropped, and isn't"
            )

    def _any_stage(self) -> Stage | None:
        return self.choices.choice(self.chain.stages) if self.chain.stages else None

    def _settled_by(self, stage: Stage, kind: str) -> bool | None:
        """Whether it was a commit of this kind that settled a stage; None if nothing did."""
        kinds = [link.deed.kind for link in self.chain.links if link.deed and link.deed.key == stage.id]
        return kinds[0] == kind if kinds else None

    def _require_ended(self, stage: Stage) -> None:
        tip = self.chain.link(self.chain.tip).entry if self.chain.tip else None
        if tip is None or tip.horizon_us <= stage.until_us:
            raise  # noqa: PLE0704 - the error that is being handled: it is kept still

    def _check_unpublished(self, error: Exception, stage: Stage, stages: _Noted) -> None:
        if not isinstance(error, CommitConflictError):
            self._require_ended(stage)
        elif not self._settled_by(stage, "drop_staged"):
            (deed,) = stages.deeds
            known = [link.entry.data.version if link else 0 for link in self.seen()]
            if deed.expected is None or known == [deed.expected] * len(known):
                raise error

    def _refuse_all(self, stages: _Noted) -> None:
        for deed in stages.deeds:
            self._refuse(deed)


class _Noted(Stages):
    """The stages of a table, whose publishing is expected by the chain."""

    def __init__(self, judge: StageJudge, stage: Stage) -> None:
        super().__init__(judge.log, judge.handle, judge.party.clock)
        self._judge, self._stage = judge, stage
        self.deeds: list[Deed] = []

    def _intent(self, wanted: uuid.UUID, record: KeptRecord | None, options: PublishOptions) -> Intent:
        intent, stage = super()._intent(wanted, record, options), self._stage
        expected = record.staged.base_version if record and stage.kind == "append" else None
        made: dict[str, Any] = {"key": stage.id, "expected": expected}
        self.deeds.append(
            self._judge.chain.expect(Deed(intent.commit_id.hex(), stage.kind, stage.word, **made))
        )
        return intent
