"""What a bucket refuses, as errors of ours that say where and what to do, and never what is secret.

The client library's own errors hold URLs with signatures and whole answers of the server. None of that may reach a log:
what is told is taken out of them here, and the errors themselves aren't kept as causes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from atio_core.errors import AlreadyExistsError, AtioError, NotFoundError, StorageError, UnsupportedStoreError

_Result = TypeVar("_Result")
_STATUS = re.compile(r"status code: (\d{3})([^:<\n]*)")
_CODE = re.compile(r"<Code>([^<]{1,80})</Code>")
_QUERY = re.compile(r"\?[^\s\"')>]+")
_USER = re.compile(r"://[^\s/?]*@")
_PANIC = "PanicException"  # of Rust, by way of the client library; no class to import, and no Exception
_SKEWED = ("RequestTimeTooSkewed", "RequestExpired")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
_UNSENT = re.compile(r"kind: Connect\b|dns error|URL scheme is not allowed")  # not `ConnectionReset`, for one
_DENIED = (401, 403)
_BUSY = (429, 503)
_UNCLEAR = (408, 409, 425, 429)  # not the server's fault; a gateway that limits rates may stand before it
_LEAST_FAULT = 500
_MOST_TOLD = 400
_CUT = "response body error"
_DROPPED, _ASKED_AGAIN = "error sending request", " retries, "
_NO_NAME = "object with invalid path"
_SENDS = 3  # of what is asked again since its answer was lost: the library doesn't for listings and deletions
_NOT_SATISFIABLE = 416
_NOT_IMPLEMENTED = 501
_NOT_THERE = ("NotSupportedError", "NotImplementedError")
_used_in: int | None = None


class Failure(Exception):  # noqa: N818 - it goes no further than this package, which makes an error of it
    """What the client library said, without what is secret.

    Attributes:
        kind: The name of its error's class.
        status: The status of the server's answer; 0 if there was none.
        reason: What to tell.
        unsent: The request didn't reach the server.
        no_bucket: There is no such bucket.
        past_end: The object ends before the part that was asked for.
        cut: The answer began, and broke off.
        dropped: The connection broke before an answer, and the library didn't ask again.
    """

    def __init__(self, error: BaseException, secrets: tuple[str, ...]) -> None:
        text = str(error)
        status = _STATUS.search(text)
        self.kind = type(error).__name__
        self.status = int(status[1]) if status else 0
        self.unsent = _UNSENT.search(text) is not None
        self.no_bucket = any(sign in text for sign in _NO_BUCKET)
        self.past_end = self.status == _NOT_SATISFIABLE or "Wanted range starting at" in text
        self.cut = _CUT in text
        self.dropped = _DROPPED in text and _ASKED_AGAIN not in text
        self.reason = _told(text, status, secrets)
        super().__init__(self.reason)

    @property
    def may_have_landed(self) -> bool:
        """Whether a write may have taken effect all the same."""
        if self.kind == _PANIC:
            return True
        if self.kind != "GenericError" or self.unsent:
            return False
        return not self.status or self.status >= _LEAST_FAULT or self.status in _UNCLEAR


def _told(text: str, status: re.Match[str] | None, secrets: tuple[str, ...]) -> str:
    code = _CODE.search(text)
    if status:
        told = f"the server answered {status[1]}{status[2].rstrip()}{f', {code[1]}' if code else ''}"
    else:
        told = _QUERY.sub("?…", text.partition("\n\nDebug source")[0].partition("<?xml")[0].strip())
        told = _USER.sub("://…@", told)
    for secret in secrets:
        told = told.replace(secret, "…")
    return told[:_MOST_TOLD]


def asked(call: Callable[[], _Result], secrets: tuple[str, ...]) -> _Result:
    """Make a call of the client library. Raises `Failure` if it fails, without the library's error behind it.

    Raises:
        StorageError: This process was forked from one that had made such a call: it would wait forever.
    """
    global _used_in  # noqa: PLW0603 - the library's threads belong to the process, too
    if _used_in is None:
        _used_in = os.getpid()
    elif _used_in != os.getpid():
        raise StorageError(
            "this process was forked from one that had used a bucket, and the client's threads stayed behind there:"
            " start processes by 'spawn' or 'forkserver' (multiprocessing.get_context), or fork before the first use"
        )
    try:
        return call()
    except BaseException as error:  # whatever it is, it may hold secrets; it is raised as ours below
        if not (isinstance(error, Exception) or type(error).__name__ == _PANIC):
            raise
        failure = Failure(error, secrets)
    raise failure


@dataclass(frozen=True, slots=True, repr=False)
class Asking:
    """Makes the calls of one store.

    Attributes:
        location: The store's root.
        secrets: What no message may hold.
    """

    location: str
    secrets: tuple[str, ...]

    def ask(
        self,
        action: str,
        name: str,
        call: Callable[[], _Result],
        *,
        writes: bool = False,
        again: bool = False,
    ) -> _Result:
        """Make a call of the client library.

        Args:
            action: What is tried: "write", "list", …
            name: The object or the folder.
            call: Makes the call.
            writes: Whether it would change something.
            again: Whether it may be made again where its answer broke off, or never came.

        Raises:
            AtioError: What the service refused, where, and what to do.
        """
        for left in reversed(range(_SENDS)):
            try:
                return asked(call, self.secrets)
            except Failure as failure:
                if left and again and (failure.cut or failure.dropped):
                    continue
                error = self.refused(failure, action, name, writes=writes)
            raise error
        raise AssertionError("unreachable: the last try returns or raises")

    def refused(self, failure: Failure, action: str, name: str, *, writes: bool) -> AtioError:
        """Return the error for a call that failed; the arguments are those of `ask`."""
        place = f"{self.location}/{name}".rstrip("/")
        if failure.kind == "AlreadyExistsError":
            return AlreadyExistsError(f"{place!r} exists already, and is left as it is.", path=name)
        if failure.kind == "FileNotFoundError" and not (failure.no_bucket or writes):
            return NotFoundError(f"There is no object {name!r} in {self.location!r}.", path=name)
        message = f"Could not {action} {place!r}: {failure.reason}. {_hint(failure)}"
        if failure.kind in _NOT_THERE or failure.status == _NOT_IMPLEMENTED:
            return UnsupportedStoreError(message, path=name)
        unknown = writes and failure.may_have_landed
        if unknown:
            message = f"{message} It may have taken effect all the same."
        return StorageError(message, path=name, unknown=unknown, busy=failure.status in _BUSY)


def _hint(failure: Failure) -> str:
    if failure.no_bucket:
        return "There is no such bucket: make it, or correct the path."
    if _NO_NAME in failure.reason:
        return (
            "Something else has put an object there with an empty part, '.' or '..' between slashes, which the client"
            " can't list: nothing of atio's is called so. Delete that object by another tool, then try again."
        )
    if any(code in failure.reason for code in _SKEWED):
        return (
            "This machine's clock and the service's tell times too far apart: set it right, then try again."
        )
    if failure.kind == _PANIC:
        return (
            "The client library broke down: check the options and the environment variables that it goes by."
        )
    if failure.status in _DENIED or failure.kind in ("PermissionDeniedError", "UnauthenticatedError"):
        return "Check the credentials, and what they allow."
    if failure.status in _BUSY:
        return "The service is busy: try again later."
    if failure.unsent or "credential" in failure.reason.lower():
        return "Check the endpoint, the credentials and the network, then try again."
    return "Try again; if that doesn't help, check the options and the service."
