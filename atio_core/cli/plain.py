"""Texts for people's eyes: nothing in them moves a terminal's cursor, or begins a line where none should."""

from __future__ import annotations

from datetime import datetime


def printable(text: str) -> str:
    """Return a text whose control characters are spelled as Python does."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def one_line(text: str) -> str:
    """Return a text in one line."""
    return printable(" ".join(line.strip() for line in text.splitlines()))


def told_minute(time: datetime) -> str:
    """Return a time as tables have it: `2026-11-24 13:05`, in UTC."""
    return f"{time:%Y-%m-%d %H:%M}"


def told_microsecond(time: datetime) -> str:
    """Return a time to the microsecond, and its zone: `2026-11-24 13:05:09.123456 UTC`."""
    return f"{time:%Y-%m-%d %H:%M:%S.%f} UTC"
