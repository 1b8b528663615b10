"""Who commits what, the same over all tries of a commit."""

from __future__ import annotations

import functools
import getpass
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypedDict

from atio_core.arguments import require_text, require_texts, require_time, require_whole
from atio_core.errors import InvalidInputError
from atio_core.log.key_list import key_digest
from atio_core.model.ids import Clock, uuid7
from atio_core.times import microseconds_of


class CommitOptions(TypedDict, total=False):
    """What can be said of any commit.

    Attributes:
        expected_version: Refuse if this isn't the latest version; 0 for a table that must not be there yet.
        idempotency_key: A retry with the same key changes nothing and returns the version that has it.
        key_not_before: The key can't have been used before this time; saves looking through older ones.
        message: A sentence for the history.
        properties: Facts for the history, text to text.
    """

    expected_version: int | None
    idempotency_key: str | None
    key_not_before: datetime | None
    message: str | None
    properties: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Intent:
    """A commit's id, and what the caller said of it.

    Attributes:
        commit_id: 16 bytes, unique to the commit.
        key: Digest of the idempotency key; `NO_KEY` for none.
        key_not_before_us: The key can't have been used before this time.
        key_after_version: Nor by this entry or any before it.
        expected_version: The data version that the change must follow directly; None for any.
        message: A sentence for the history.
        properties: Facts for the history.
        started: When the caller began, by `time.perf_counter`.
        who: Who commits: "user@machine".
    """

    commit_id: bytes
    key: bytes
    key_not_before_us: int = 0
    key_after_version: int = 0
    expected_version: int | None = None
    message: str | None = None
    properties: dict[str, str] = field(default_factory=dict[str, str])
    started: float = field(default_factory=time.perf_counter, compare=False)
    who: str | None = None


@functools.cache
def this_user() -> str:
    """Return who runs this process, and where: "user@machine"."""
    try:
        user = getpass.getuser()
    except (ImportError, KeyError, OSError):  # the system has no name for the user, as in many containers
        user = f"user {os.getuid()}" if hasattr(os, "getuid") else "somebody"
    return f"{user}@{platform.node() or 'somewhere'}".encode(errors="replace").decode()


def make_intent(
    clock: Clock,
    *,
    expected_version: int | None = None,
    idempotency_key: str | None = None,
    key_not_before: datetime | None = None,
    message: str | None = None,
    properties: Mapping[str, str] | None = None,
    **unknown: Any,
) -> Intent:
    """Return the intent of a new commit.

    Raises:
        InvalidInputError: There is no such option, or a value has the wrong type, or holds text that can't be stored.
    """
    if unknown:
        known = ", ".join(CommitOptions.__annotations__)
        raise InvalidInputError(f"a write has no option {', '.join(unknown)}; there are {known}")
    if expected_version is not None:
        expected_version = require_whole("expected_version", expected_version, least=0)
    if idempotency_key is not None and not require_text("idempotency_key", idempotency_key):
        raise InvalidInputError("idempotency_key is empty: every write with it would count as the same one")
    if key_not_before is not None:
        key_not_before = require_time("key_not_before", key_not_before)
    return Intent(
        commit_id=uuid7(clock).bytes,
        key=key_digest(idempotency_key),
        key_not_before_us=0 if key_not_before is None else microseconds_of(key_not_before),
        expected_version=expected_version,
        message=None if message is None else require_text("message", message),
        properties={} if properties is None else require_texts("properties", properties),
        who=this_user(),
    )
