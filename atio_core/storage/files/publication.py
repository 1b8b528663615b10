"""Where and how a file is published, as the caller asked for it: checked before anything is made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, cast

from atio_core.arguments import refusal, require_choice, require_flag, require_whole
from atio_core.errors import AlreadyExistsError, InvalidInputError
from atio_core.storage.files.target import Target, find_target, look, looking_at

IfExists = Literal["replace", "fail", "skip"]
_WORDS = ("replace", "fail", "skip")
_PREVIOUS = ".previous"
_ROOM_FOR_NUMBERS = ".999999"


@dataclass(frozen=True, slots=True)
class Keep:
    """How the file that is replaced is kept.

    Attributes:
        file: Under which name. With generations, each has a dot and a number behind it.
        generations: How many are kept; None for one file, without a number.
    """

    file: str
    generations: int | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """Where and how a file is published.

    Attributes:
        target: Where.
        durable: Whether to wait until the disk holds it.
        if_exists: What to do if there is a file: replace it, fail, or leave it.
        keep: How to keep the file that is replaced, if at all.
        mkdir: Whether to make folders that are missing.
    """

    target: Target
    durable: bool = True
    if_exists: IfExists = "replace"
    keep: Keep | None = None
    mkdir: bool = False

    def is_skipped(self) -> bool:
        """Whether there is nothing to do, since the file is there.

        Raises:
            AlreadyExistsError: It is, and mustn't be.
        """
        with looking_at(self.target.path):
            if self.if_exists == "replace" or look(self.target.file) is None:
                return False
        if self.if_exists == "fail":
            raise already_there(self.target)
        return True


def plan_publication(
    path: object,
    *,
    durable: object = True,
    if_exists: object = "replace",
    keep_previous: object = False,
    mkdir: object = False,
) -> Publication:
    """Check a path and the options for it.

    Args:
        path: As `find_target` takes it.
        durable: Whether to wait until the disk holds the file.
        if_exists: "replace", "fail" or "skip".
        keep_previous: Whether to keep the file that is replaced; or under which path; or how many of them.
        mkdir: Whether to make folders that are missing.

    Returns:
        What is to be done. Nothing was changed.

    Raises:
        InvalidInputError: The path or an option won't do.
        StorageError: The file or its folder mustn't be written to.

    Example:
        >>> plan_publication("/tmp/prices.csv", keep_previous=True).keep
        Keep(file='/tmp/prices.csv.previous', generations=None)
    """
    word = cast("IfExists", require_choice("if_exists", if_exists, _WORDS))
    wait, make = require_flag("durable", durable), require_flag("mkdir", mkdir)
    target = find_target(path, mkdir=make, replacing=word == "replace")
    with looking_at(target.path):
        keep = _plan_keeping(target, keep_previous, mkdir=make)
    return Publication(target, wait, word, keep, make)


def already_there(target: Target) -> AlreadyExistsError:
    """Say that there is a file.

    Args:
        target: Where.

    Returns:
        The error to raise.
    """
    advice = "Give another path, or if_exists='replace' or 'skip'."
    return AlreadyExistsError(
        f"{target.path!r} exists already, and is left as it is. {advice}", path=target.path
    )


def _plan_keeping(target: Target, asked: object, *, mkdir: bool) -> Keep | None:
    if asked is False:
        return None
    beside = target.file + _PREVIOUS
    if asked is True:
        return Keep(_kept_at(target, beside, mkdir=mkdir))
    if isinstance(asked, str | bytes | os.PathLike):
        return Keep(_kept_at(target, cast("object", asked), mkdir=mkdir))
    if isinstance(asked, bool) or not hasattr(asked, "__index__"):
        raise refusal("keep_previous", "True, False, a path, or a number of generations", asked)
    generations = require_whole("keep_previous", asked, least=1)
    _kept_at(target, beside + _ROOM_FOR_NUMBERS, mkdir=mkdir)
    return Keep(beside, generations)


def _kept_at(target: Target, path: object, *, mkdir: bool) -> str:
    """The file that the old one is kept as, or a refusal."""
    try:
        kept = find_target(path, mkdir=mkdir)
    except InvalidInputError as error:
        raise InvalidInputError(f"keep_previous is refused: {error}", **error.facts) from error
    if (
        kept.file == target.file
        or _is_one_place(target.file, kept.file)
        or _is_one_name(kept.file, target.file)
    ):
        message = f"keep_previous={kept.path!r} is the file that is written. Give another path."
        raise InvalidInputError(message, path=kept.path)
    if _device(kept.folder) != _device(target.folder):
        message = (
            f"keep_previous={kept.path!r} lies in another file system than {target.path!r}, where no file "
        )
        raise InvalidInputError(
            message + "can be moved to in one step. Give a path in the same one.", path=kept.path
        )
    return kept.file


def _is_one_place(one: str, other: str) -> bool:
    if os.path.basename(one) != os.path.basename(other):
        return False
    here, there = look(os.path.dirname(one)), look(os.path.dirname(other))
    return here is not None and there is not None and os.path.samestat(here, there)


def _is_one_name(kept: str, target: str) -> bool:
    """Whether a file has one name, spelled in two ways: some file systems take capitals for small letters.

    The kept file is looked at first: meanwhile others may give its name to the target's file, never the other way.
    """
    first, second = look(kept), look(target)
    if first is None or second is None or not os.path.samestat(first, second):
        return False
    return first.st_nlink == second.st_nlink == 1


def _device(folder: str) -> int:
    """The file system of a folder, also of one that will be made."""
    while (found := look(folder)) is None:
        folder = os.path.dirname(folder)
    return found.st_dev
