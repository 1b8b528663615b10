"""Who commits what, the same over all tries of a commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from atio_core.errors import InvalidInputError
from atio_core.log.key_list import key_digest
from atio_core.model.ids import Clock, uuid7

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Intent:
    """A commit's id, and what the caller said of it.

    Attributes:
        commit_id: 16 bytes, unique to the commit.
        key: Digest of the idempotency key; `NO_KEY` for none.
        key_not_before_us: The key can't have been used before this time.
        expected_version: The data version that the change must follow directly; None for any.
        message: A sentence for the history.
        properties: Facts for the history.
    """

    commit_id: bytes
    key: bytes
    key_not_before_us: int = 0
    expected_version: int | None = None
    message: str | None = None
    properties: dict[str, str] = field(default_factory=dict[str, str])


def make_intent(
    clock: Clock,
    *,
    expected_version: int | None = None,
    idempotency_key: str | None = None,
    key_not_before: datetime | None = None,
    message: str | None = None,
    properties: Mapping[str, str] | None = None,
) -> Intent:
    """Return the intent of a new commit.

    Raises:
        InvalidInputError: A value has the wrong type, or holds text that can't be stored.
    """
    if expected_version is not None and (type(expected_version) is not int or expected_version < 0):
        raise InvalidInputError(f"expected_version must be a version's number or 0, not {expected_version!r}")
    if idempotency_key is not None:
        _require_text("idempotency_key", idempotency_key)
        if not idempotency_key:
            raise InvalidInputError(
                "idempotency_key is empty: every write with it would count as the same one"
            )
    if key_not_before is not None and key_not_before.tzinfo is None:
        raise InvalidInputError(f"key_not_before must have a time zone, and {key_not_before!r} has none")
    if message is not None:
        _require_text("message", message)
    facts = dict(properties or {})
    for name, value in facts.items():
        _require_text("a property's name", name)
        _require_text(f"the property {name!r}", value)
    return Intent(
        commit_id=uuid7(clock).bytes,
        key=key_digest(idempotency_key),
        key_not_before_us=0
        if key_not_before is None
        else (key_not_before - _EPOCH) // timedelta(microseconds=1),
        expected_version=expected_version,
        message=message,
        properties=facts,
    )


def _require_text(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidInputError(f"{what} must be text, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"{what} is not valid Unicode text: {value!r}") from error
