"""Arguments and options that several commands have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from cyclopts import Parameter

from atio_core.errors import InvalidInputError
from atio_core.log.lookup import AnyVersion
from atio_core.model.tag_name import looks_like_number

TablePath = Annotated[str, Parameter(help="The table's folder.")]
StorePath = Annotated[str, Parameter(help="The store's folder.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, for programs.")]
DryRun = Annotated[bool, Parameter(name="--dry-run", negative="", help="Tell what would go, and stop.")]
Yes = Annotated[bool, Parameter(name=("--yes", "-y"), negative="", help="Don't ask.")]
VersionName = Annotated[str, Parameter(allow_leading_hyphen=True)]

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_WHOLE = re.compile(r"[+-]?\d+")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WhichVersion:
    """Which version of a table is meant: the latest, if nothing is said."""

    version: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True, help="Its number; counted back: -1 is the latest, -2 the one before."
        ),
    ] = None
    tag: Annotated[str | None, Parameter(help="Its tag.")] = None
    as_of: Annotated[
        str | None, Parameter(help="A time with a zone, such as 2026-01-31T12:00Z: what was the latest then.")
    ] = None

    def chosen(self) -> AnyVersion | None:
        """Return it as `Table.snapshot` takes it; None for the latest.

        Raises:
            InvalidInputError: It can't be meant, or several are named.
        """
        given = [name for name in ("version", "tag", "as_of") if getattr(self, name) is not None]
        if len(given) > 1:
            options = " and ".join(f"--{name.replace('_', '-')}" for name in given)
            raise InvalidInputError(f"{options} each name a version: give one of them")
        if self.as_of is not None:
            return time_of("--as-of", self.as_of)
        return self.tag if self.version is None else version_of(self.version)


def version_of(text: str) -> int | str:
    """Return the version that a text names: a number, or a tag or "latest".

    Raises:
        InvalidInputError: It looks like a number, and is none that a version has.
    """
    if _WHOLE.fullmatch(text):
        return int(text)
    if looks_like_number(text):
        raise InvalidInputError(f"{text!r} names no version: give a whole number, a tag or latest")
    return text


def time_of(name: str, text: str) -> datetime:
    """Return the time that a text says.

    Raises:
        InvalidInputError: It says none, or lacks its zone.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(f"{name} is no time: {text!r}; give one like 2026-01-31T12:00Z") from error
    if time.tzinfo is None:
        raise InvalidInputError(f"{name} lacks its time zone: add Z for UTC, or an offset: {text}+01:00")
    return time


def duration_of(name: str, text: str) -> timedelta:
    """Return the duration that a text says: `90s`, `30min`, `12h`, `7d`, `2w`, or several: `1d 12h`.

    Raises:
        InvalidInputError: It says none.

    Example:
        >>> duration_of("--keep-for", "1d 12h")
        datetime.timedelta(days=1, seconds=43200)
    """
    found, left = _DURATION.findall(text), _DURATION.sub("", text).strip()
    if left or not found:
        raise InvalidInputError(f"{name} is no duration: {text!r}; give one like 90s, 30min, 12h, 7d or 2w")
    try:
        return sum((timedelta(seconds=float(number) * _SECONDS[unit]) for number, unit in found), timedelta())
    except OverflowError as error:
        raise InvalidInputError(f"{name} is longer than any duration: {text!r}") from error
