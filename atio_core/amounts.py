"""Numbers of things, sizes and ages, as people read them."""

from __future__ import annotations

from datetime import timedelta

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_AGES = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}


def counted(number: int, noun: str) -> str:
    """Return a number of things.

    Example:
        >>> counted(1, "file"), counted(1200, "file")
        ('1 file', '1,200 files')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def readable_bytes(size: int) -> str:
    """Return a size for people.

    Example:
        >>> readable_bytes(999), readable_bytes(12_345_678)
        ('999 B', '12.3 MB')
    """
    power = min(max(len(str(size)) - 1, 0) // 3, len(_UNITS) - 1)
    return f"{size} B" if power == 0 else f"{size / 1000**power:.1f} {_UNITS[power]}"


def readable_age(age: timedelta) -> str:
    """Return an age for people, in its largest unit that makes it two or more; one of the future is none.

    Example:
        >>> (
        ...     readable_age(timedelta(hours=30)),
        ...     readable_age(timedelta(days=2)),
        ...     readable_age(timedelta(seconds=-3)),
        ... )
        ('30 hours', '2 days', '0 seconds')
    """
    seconds = max(age.total_seconds(), 0)
    unit = next((unit for unit, length in _AGES.items() if seconds >= 2 * length), "second")
    return counted(int(seconds // _AGES[unit]), unit)
