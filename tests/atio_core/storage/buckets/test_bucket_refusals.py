from __future__ import annotations

import os
import subprocess
import sys

import pytest

import atio_core as atio
from atio_core.errors import AlreadyExistsError, AtioError, NotFoundError, StorageError, UnsupportedStoreError
from atio_core.storage.buckets.bucket_refusals import Asking, Failure


class GenericError(Exception):
    """As obstore's class of that name."""


def answer(status: str) -> str:
    """What obstore says of an answer of the server."""
    return (
        f"Generic S3 error: Error performing PUT http://h/b?sig=hidden in 1ms - Server returned non-2xx status code:"
        f" {status}: <?xml?><Error><Code>Odd</Code><SignatureProvided>hidden</SignatureProvided></Error>"
    )


UNKNOWN = {
    "400 Bad Request": False,
    "403 Forbidden": False,
    "404 Not Found": False,
    "408 Request Timeout": True,
    "409 Conflict": True,
    "429 Too Many Requests": True,
    "500 Internal Server Error": True,
    "503 Slow Down": True,
}


def refusal(error: BaseException, *, writes: bool = True) -> AtioError:
    """What becomes of an error of the client library."""

    def call() -> None:
        raise error

    with pytest.raises(AtioError) as caught:
        Asking("s3://b", ("hidden",)).ask("write", "a", call, writes=writes)
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("status", UNKNOWN)
def test_whether_a_write_may_have_landed_is_told(status: str) -> None:
    """A refusal by the service is one; what may have been lost on the way isn't; reading changes nothing."""
    error = refusal(GenericError(answer(status)))
    assert isinstance(error, StorageError)
    assert error.unknown is UNKNOWN[status]
    assert f"the server answered {status}, Odd" in str(error)
    assert "hidden" not in str(error)
    error = refusal(GenericError(answer(status)), writes=False)
    assert isinstance(error, StorageError)
    assert not error.unknown


def test_a_connection_that_broke_leaves_doubt_and_one_that_was_never_made_none() -> None:
    """What was not sent can't have landed."""
    broken = refusal(GenericError("Generic S3 error: HTTP error: error sending request kind: Request"))
    reset = refusal(
        GenericError("error sending request\n\nDebug source:\nGeneric { kind: ConnectionReset, }")
    )
    unmade = refusal(GenericError("HTTP error\n\nDebug source:\nGeneric { kind: Connect }"))
    assert isinstance(broken, StorageError)
    assert isinstance(unmade, StorageError)
    assert isinstance(reset, StorageError)
    assert (broken.unknown, reset.unknown, unmade.unknown) == (True, True, False)


def test_each_error_becomes_one_of_ours() -> None:
    """Taken, missing and unsupported are told apart; a missing bucket is no missing object."""
    assert isinstance(refusal(type("AlreadyExistsError", (Exception,), {})("taken")), AlreadyExistsError)
    assert isinstance(refusal(FileNotFoundError("gone"), writes=False), NotFoundError)
    assert type(refusal(FileNotFoundError("NoSuchBucket"), writes=False)) is StorageError
    assert type(refusal(FileNotFoundError("gone"))) is StorageError
    assert isinstance(refusal(type("NotSupportedError", (Exception,), {})("no")), UnsupportedStoreError)
    assert isinstance(refusal(GenericError(answer("501 Not Implemented"))), UnsupportedStoreError)


def test_a_breakdown_of_the_client_library_is_an_error_like_others() -> None:
    """Nothing of Rust's reaches the caller, who may catch no more than exceptions; and no interrupt is held back."""
    with pytest.raises(StorageError, match=r"Could not list 's3://bucket/t.*broke down"):
        atio.Table("s3://bucket/t", storage_options={"region": "no region", "key": "k", "secret": "s"}).read()
    error = refusal(type("PanicException", (BaseException,), {})("hidden"))
    assert isinstance(error, StorageError)
    assert error.unknown
    assert "hidden" not in str(error)
    with pytest.raises(KeyboardInterrupt):
        Asking("s3://b", ()).ask("read", "a", interrupted)


def interrupted() -> None:
    """Be interrupted; by no signal, which who started the tests may have them ignore."""
    raise KeyboardInterrupt


def test_a_wrong_clock_is_told() -> None:
    """Where the service refuses what was signed at another time, it isn't the credentials that are doubted."""
    error = refusal(GenericError(answer("403 Forbidden").replace("Odd", "RequestTimeTooSkewed")))
    assert "clock" in str(error)
    assert "credentials" not in str(error)


def test_secrets_and_queries_are_left_out() -> None:
    """Neither a secret, nor the query of a URL, nor who is named in it is told, and what is told is bounded."""
    assert Failure(GenericError("no http://user:p@ss@h:1/b@c?d"), ()).reason == "no http://…@h:1/b@c?…"
    failure = Failure(GenericError(f"no http://h/b?X-Amz-Signature=abc and hidden {'x' * 9999}"), ("hidden",))
    assert failure.reason.startswith("no http://h/b?… and … xxx")
    assert len(failure.reason) < 1000


FORKED = """
import multiprocessing, sys
from atio_core.errors import StorageError
from atio_core.storage.buckets.bucket_refusals import asked
def child():
    try:
        asked(int, ())
    except StorageError as error:
        sys.exit(7 if "spawn" in str(error) else 8)
asked(int, ())
process = multiprocessing.get_context("fork").Process(target=child)
process.start()
process.join()
sys.exit(process.exitcode)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_a_forked_process_is_told_instead_of_waiting_forever() -> None:
    """The client's threads don't come along: what would hang says what to do."""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], check=False).returncode == 7
