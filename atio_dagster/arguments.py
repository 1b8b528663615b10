"""What is refused by its name: arguments of builders, fields that there aren't, and names that are nearly a setting's.

Dagster's own refusals name the arguments of its functions, and some come only when a step runs; fields of resources and
metadata that it doesn't know it passes over, and with them what was meant.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import dagster as dg

from atio_core.arguments import (
    refusal,
    require_choice,
    require_flag,
    require_text,
    require_texts,
    require_whole,
)
from atio_core.errors import InvalidInputError


class KnownFields:
    """Goes before Dagster's class: a field that it hasn't is refused.

    Example:
        >>> class Folder(KnownFields, dg.ConfigurableResource):
        ...     path: str
        >>> Folder(path="a", pth="b")
        Traceback (most recent call last):
        ...
        atio_core.errors.InvalidInputError: Folder has no field 'pth': 'path' may be meant
    """

    def __init__(self, **fields: Any) -> None:
        """Take the fields, by name.

        Raises:
            InvalidInputError: There is no such field.
        """
        known = list(cast("Any", type(self)).model_fields)
        for name in fields:
            if name not in known:
                meant = difflib.get_close_matches(name, known, n=1)
                told = f"{meant[0]!r} may be meant" if meant else f"there are {', '.join(known)}"
                raise InvalidInputError(f"{type(self).__name__} has no field {name!r}: {told}")
        super().__init__(**fields)


def require_known(place: str, said: Iterable[str], names: Sequence[str]) -> None:
    """Refuse names that are nearly those of settings: what is misspelt would be passed over. Others are for others.

    Args:
        place: What has the names, for messages.
        said: The names that are there.
        names: Those of settings, without the `atio/` before them.

    Raises:
        InvalidInputError: A name is misspelt.

    Example:
        >>> require_known("the input's metadata", ["atio/columns", "owner"], ["columns"])
    """
    for name in said:
        setting = name.removeprefix("atio/")
        if setting in (name, *names):
            continue
        if meant := difflib.get_close_matches(setting, names, n=1, cutoff=0.75):
            raise InvalidInputError(
                f"{name!r} among {place} is no setting: 'atio/{meant[0]}' may be meant. Nothing was read or written"
            )


def require_kind(name: str, value: object, *kinds: type) -> None:
    """Raise `InvalidInputError` if an argument is of none of some classes."""
    if not isinstance(value, kinds):
        raise refusal(name, f"a {' or '.join(kind.__name__ for kind in kinds)}", value)


def require_arguments(**given: Any) -> None:
    """See that arguments that several builders take are what they must be; None stands for itself where it may.

    Raises:
        InvalidInputError: One isn't; the message names it.

    Example:
        >>> require_arguments(name="expire", tags=None, blocking=True)
    """
    for name, value in given.items():
        if value is not None or name not in _MAY_BE_NONE:
            _RULES[name](name, value)


def _identifier(name: str, value: object) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_]+", require_text(name, value)):
        raise refusal(name, "letters, digits and underscores", value)


def _not_empty(name: str, value: object) -> None:
    if not require_text(name, value).strip():
        raise refusal(name, "text that isn't empty", value)


def _of_kind(*kinds: type) -> Callable[[str, object], None]:
    return lambda name, value: require_kind(name, value, *kinds)


def _interval(name: str, value: object) -> None:
    require_whole(name, value, least=0)


def _requests(name: str, value: object) -> None:
    if not callable(value):
        raise refusal(name, "a function that takes a snapshot", value)


_RULES: dict[str, Callable[[str, Any], object]] = {
    "automation_condition": _of_kind(dg.AutomationCondition),
    "blocking": require_flag,
    "deep": require_flag,
    "description": require_text,
    "execution_timezone": _not_empty,
    "group_name": _not_empty,
    "instance": _of_kind(dg.DagsterInstance),
    "io_manager_key": _not_empty,
    "minimum_interval_seconds": _interval,
    "name": _identifier,
    "outside_only": require_flag,
    "partitions_def": _of_kind(dg.PartitionsDefinition),
    "pickles": require_flag,
    "requests": _requests,
    "resource_key": _identifier,
    "severity": _of_kind(dg.AssetCheckSeverity),
    "tags": require_texts,
    "values": require_flag,
    "versions": lambda name, value: require_choice(name, value, ("latest", "all")),
}
_MAY_BE_NONE = {
    "automation_condition",
    "description",
    "execution_timezone",
    "group_name",
    "instance",
    "minimum_interval_seconds",
    "partitions_def",
    "requests",
    "tags",
}
