"""Staging that is killed, or loses its power: what is staged is nobody's, or known and whole."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from atio_core.changes import descriptors
from tests.crash.tables import Scenario, append_rows, appended, folder, frame, make_pairs, pairs, table

_SHORTLY = timedelta(microseconds=1)
"""Stages go with the first expiry; until then they can be published."""


def commit_staged(root: Path) -> None:
    """Two appends are staged, each told in a file, then committed as one version."""
    there = table(root)
    with mock.patch.object(descriptors, "_DESCRIPTOR_BYTES", 0):
        staged = [there.stage(frame(number)) for number in (3, 4)]
    there.commit(staged, idempotency_key="staged")


def keep(root: Path) -> None:
    """An append is kept under an id. Done again, it is another one."""
    table(root).stage(frame(3), keep=True, keep_for=_SHORTLY)


def make_kept(root: Path) -> None:
    """A table of pairs, and a delete that is kept."""
    make_pairs(root)
    table(root).stage(mode="delete", where=[("a", "in", [1, 3, 6])], keep=True, keep_for=_SHORTLY)


def publish(root: Path) -> None:
    """It becomes a version."""
    table(root).publish(_stage_id(root))


def drop_staged(root: Path) -> None:
    """It is given up."""
    table(root).drop_staged(_stage_id(root))


def _stage_id(root: Path) -> str:
    """The id of the stage, whether it is settled by now or not."""
    (record,) = (folder(root) / "_atio" / "staged").glob("*.json")
    return record.stem


_DELETED: list[Any] = [2, 2, 4, 4, 5, 5]
_KEPT = pairs(5) | {0: [_DELETED]}

STAGED_SCENARIOS = [
    Scenario(
        "commit-staged",
        lambda root: append_rows(root, 2),
        commit_staged,
        (appended(2), appended(2) | {3: [1, 2, 3, 4]}),
    ),
    Scenario("keep", lambda root: append_rows(root, 2), keep, (appended(2), appended(2) | {0: [[1, 2, 3]]})),
    Scenario("publish", make_kept, publish, (_KEPT, pairs(5) | {6: _DELETED})),
    Scenario("drop-staged", make_kept, drop_staged, (_KEPT, pairs(5))),
]
