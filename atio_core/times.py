"""Times as they are stored, whole microseconds since 1970 in UTC, and as people handle them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime.fromtimestamp(0, UTC)


def time_of(microseconds: int) -> datetime:
    """Return a stored time, in UTC.

    Raises:
        OverflowError: No calendar holds it.

    Example:
        >>> time_of(1_500_000).isoformat()
        '1970-01-01T00:00:01.500000+00:00'
    """
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(time: datetime) -> int:
    """Return a time that has a zone as it is stored.

    Example:
        >>> microseconds_of(datetime(1970, 1, 1, 1, tzinfo=UTC))
        3600000000
    """
    return int((time - _EPOCH) // MICROSECOND)


_FIRST_US = microseconds_of(datetime.min.replace(tzinfo=UTC))
LAST_US = microseconds_of(datetime.max.replace(tzinfo=UTC))
"""The last time that a calendar holds, as it is stored."""


def calendar_time(microseconds: int) -> datetime:
    """Return a stored time, in UTC; what no calendar holds is as the first or the last that it does."""
    return time_of(min(max(microseconds, _FIRST_US), LAST_US))


def told_time(microseconds: int) -> str:
    """Return a stored time as people read it, to the second.

    Example:
        >>> told_time(1_500_000)
        '1970-01-01 00:00:01 UTC'
    """
    return f"{calendar_time(microseconds):%Y-%m-%d %H:%M:%S} UTC"
