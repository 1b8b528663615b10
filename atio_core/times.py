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
