"""The clients of buckets: made on first use, one for all tables in a bucket that are opened the same way.

Credentials come from `storage_options`, else from where obstore looks: environment variables, the metadata service of
the machine, web identities, Google's and Azure's files. Profiles of AWS (`~/.aws`) it doesn't read: boto3 does that for
it where it is installed and nothing else names credentials.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from atio_core.errors import InvalidInputError, StorageError
from atio_core.storage.buckets.bucket_options import RETRIES, Options, connection_options, secrets_of
from atio_core.storage.buckets.bucket_refusals import Failure, asked
from atio_core.storage.buckets.bucket_url import AZURE, S3, BucketUrl
from atio_core.storage.buckets.fsspec_options import PROFILE

_CLIENTS = 64
_ENVIRONMENT = ("AWS_", "AZURE_", "GOOGLE_", "HOME")
# A part of a file must get through in this time; a request that makes a commit is bounded by it, too.
_TIMEOUT = "120s"
_OWN_CREDENTIALS = (
    "access_key_id",
    "aws_access_key_id",
    "skip_signature",
    "aws_skip_signature",
    "web_identity_token_file",
    "aws_web_identity_token_file",
    "aws_container_credentials_relative_uri",
    "aws_container_credentials_full_uri",
)


@dataclass(slots=True, repr=False, eq=False)
class BucketClient:
    """obstore's clients of one bucket.

    Attributes:
        retrying: For calls that may be sent again.
        once: Sends each request once: a retry would hide that the answer to an earlier one was lost.
        secrets: What no message may hold.
        refuses_taken: Whether the service was seen to refuse a taken name.
    """

    retrying: Any  # obstore's types are partly unknown
    once: Any
    secrets: tuple[str, ...]
    refuses_taken: bool = field(default=False)


def open_client(url: BucketUrl, options: Options) -> BucketClient:
    """Return the clients of a bucket.

    Raises:
        InvalidInputError: obstore isn't installed, or can't make anything of the options.
        StorageError: The credentials can't be read.
    """
    environment = {name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)}
    return _opened(url.service, url.bucket, url.account, options, tuple(sorted(environment.items())))


@functools.lru_cache(_CLIENTS)
def _opened(service: str, bucket: str, account: str, options: Options, environment: Options) -> BucketClient:
    if importlib.util.find_spec("obstore") is None:
        raise InvalidInputError(
            "buckets need obstore, which isn't installed: pip install 'atio[buckets]' (in quotes)"
        )
    connection = _connection(dict(environment)) if service == AZURE else ()
    config: dict[str, Any] = {"timeout": _TIMEOUT, **dict(connection), **dict(options)}
    if account:
        config["account_name"] = account
    retry = _retry({name: config.pop(name) for name in RETRIES if name in config})
    more = _profile(config, dict(environment)) if service == S3 else {}
    kind = _kind(service)
    secrets = secrets_of((*options, *connection, *environment))

    def make(retries: Mapping[str, Any]) -> Any:
        try:
            return asked(lambda: kind(bucket, config=config, retry_config=retries or None, **more), secrets)
        except Failure as failure:
            message = f"storage_options of the bucket {bucket!r} can't be used: {failure.reason}"
            wrong = failure.kind in (
                "UnknownConfigurationKeyError",
                "TypeError",
                "ValueError",
                "OverflowError",
            )
            error = InvalidInputError(message) if wrong else StorageError(message)
        raise error

    return BucketClient(make(retry), make({"max_retries": 0}), secrets)


def _kind(service: str) -> Any:
    from obstore import store

    return store.S3Store if service == S3 else store.AzureStore if service == AZURE else store.GCSStore


def _connection(environment: Mapping[str, str]) -> Options:
    """What the connection string says that Azure's own tools take from the environment."""
    text = environment.get("AZURE_STORAGE_CONNECTION_STRING")
    return connection_options(text) if text else ()


def _retry(given: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        if "max_retries" in given:
            found["max_retries"] = int(given["max_retries"])
        if "retry_timeout" in given:
            found["retry_timeout"] = timedelta(seconds=float(given["retry_timeout"]))
    except (ValueError, OverflowError):
        raise InvalidInputError(
            "storage_options: max_retries must be a whole number, and retry_timeout a number of seconds"
        ) from None
    return found


def _profile(config: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Take the profile out of the options; return boto3's credentials if one is meant."""
    asked_for = config.pop(PROFILE, None)
    if asked_for is None and any(
        name in _OWN_CREDENTIALS for name in (*config, *map(str.lower, environment))
    ):
        return {}
    named = asked_for or environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    if not (named or _has_profiles(environment)):
        return {}
    if importlib.util.find_spec("boto3") is None:
        if not named:
            return {}
        raise InvalidInputError(
            f"the AWS profile {named!r} is asked for, and profiles are read by boto3, which isn't installed: pip"
            " install boto3, or give the credentials by environment variables or storage_options"
        )
    return _from_boto3(named, config, environment)


def _has_profiles(environment: Mapping[str, str]) -> bool:
    home = Path(environment.get("HOME", "~")).expanduser() / ".aws"
    files = (
        environment.get("AWS_SHARED_CREDENTIALS_FILE", home / "credentials"),
        environment.get("AWS_CONFIG_FILE", home / "config"),
    )
    return any(Path(file).is_file() for file in files)


def _from_boto3(named: str | None, config: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    import boto3  # pyright: ignore[reportMissingTypeStubs] - it ships none
    import botocore.exceptions  # pyright: ignore[reportMissingTypeStubs] - likewise
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        session: Any = boto3.Session(profile_name=named)
        if session.get_credentials() is None:
            return {}
    except botocore.exceptions.BotoCoreError as error:
        raise StorageError(f"the AWS profile can't be used: {error}") from None
    has_region = any("region" in name for name in (*config, *map(str.lower, environment)))
    if session.region_name and not has_region:
        config["region"] = session.region_name
    return {"credential_provider": Boto3CredentialProvider(session)}
