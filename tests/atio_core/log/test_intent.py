from __future__ import annotations

import getpass
import os
import platform
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from atio_core.errors import InvalidInputError
from atio_core.log.intent import make_intent, this_user
from atio_core.log.key_list import key_digest
from atio_core.model.entry import NO_KEY
from atio_core.table import Table


def clock() -> int:
    """Tell the time."""
    return 1_700_000_000_000_000


def test_each_intent_has_an_id_of_its_own() -> None:
    """Two commits of the same thing are two, unless a key says otherwise."""
    one, other = make_intent(clock), make_intent(clock)
    assert one.commit_id != other.commit_id
    assert len(one.commit_id) == 16
    assert one.key == other.key == NO_KEY


def test_what_the_caller_said_is_kept() -> None:
    """An intent holds key, expectation, message and properties, whatever becomes of the caller's own objects."""
    facts = {"run": "7"}
    intent = make_intent(clock, expected_version=0, idempotency_key="k", message="née\n", properties=facts)
    facts["run"] = "8"
    told = (intent.key, intent.expected_version, intent.message, intent.properties)
    assert told == (key_digest("k"), 0, "née\n", {"run": "7"})


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))], ids=["utc", "seoul"])
def test_a_time_counts_in_any_zone(zone: Any) -> None:
    """The time before which a key can't have been used is one moment, in whatever zone it is told."""
    when = datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert make_intent(clock, key_not_before=when.astimezone(zone)).key_not_before_us == 1_704_164_645_000_006


REFUSED: dict[str, dict[str, Any]] = {
    "expected_version of text": {"expected_version": "1"},
    "expected_version of a truth value": {"expected_version": True},
    "expected_version of a fraction": {"expected_version": 1.0},
    "expected_version below 0": {"expected_version": -1},
    "idempotency_key of no text": {"idempotency_key": 7},
    "idempotency_key of bytes": {"idempotency_key": b"k"},
    "idempotency_key empty": {"idempotency_key": ""},
    "idempotency_key with half a character": {"idempotency_key": "\ud800"},
    "key_not_before without a zone": {"key_not_before": datetime(2024, 1, 1)},  # noqa: DTZ001 - what is refused
    "key_not_before as text": {"key_not_before": "2024-01-01"},
    "key_not_before as a number": {"key_not_before": 0},
    "message of no text": {"message": 7},
    "message with half a character": {"message": "\udfff"},
    "properties as a list": {"properties": [("a", "b")]},
    "properties as text": {"properties": "ab"},
    "properties as a number": {"properties": 7},
    "properties with a name of no text": {"properties": {1: "b"}},
    "properties with a value of no text": {"properties": {"a": 1}},
    "properties with half a character": {"properties": {"a": "\ud800"}},
    "properties with half a character in a name": {"properties": {"\ud800": "a"}},
}


@pytest.mark.parametrize("told", REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_kept_is_refused(told: dict[str, Any]) -> None:
    """An argument of the wrong type, or text that can't be stored, is refused by name before anything is written."""
    (name,) = told
    with pytest.raises(InvalidInputError, match="property|properties" if name == "properties" else name):
        make_intent(clock, **told)


def test_who_commits_is_told(tmp_path: Path) -> None:
    """The history says who made each version, and on which machine; also after an expiry, which carries it on."""
    table = Table(tmp_path)
    table.append(pa.table({"a": [1]}))
    table.append(pa.table({"a": [2]}))
    table.expire(keep_last=1)
    assert [found.who for found in table.history()] == [f"{getpass.getuser()}@{platform.node()}"]


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system knows no name, the number is told: a commit doesn't fail for that."""

    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr(platform, "node", lambda: "")
    assert this_user.__wrapped__() == f"user {os.getuid()}@somewhere"
