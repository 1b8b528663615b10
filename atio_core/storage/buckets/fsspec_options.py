"""What fsspec's libraries (`s3fs`, `gcsfs`, `adlfs`) call an option of a bucket, and what it is called here.

What says how fsspec itself reads, caches and runs is passed over: it says nothing of the bucket. All else that has no
counterpart here is refused by its name, and no value is told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from atio_core.arguments import refusal
from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.bucket_url import AZURE, GCS, S3

PROFILE = "profile"
_RENAMED = {
    S3: {
        "key": "access_key_id",
        "username": "access_key_id",
        "secret": "secret_access_key",
        "password": "secret_access_key",
        "endpoint_url": "endpoint",
        "region_name": "region",
        "anon": "skip_signature",
        "requester_pays": "request_payer",
        "serversideencryption": "server_side_encryption",
        "ssekmskeyid": "sse_kms_key_id",
        "aws_allow_http": "allow_http",
        "aws_profile": PROFILE,
    },
    GCS: {"anon": "skip_signature", "endpoint_url": "base_url", "google_allow_http": "allow_http"},
    AZURE: {"anon": "skip_signature", "sas_token": "sas_key", "azure_allow_http": "allow_http"},
}
_NESTED = {
    S3: frozenset({"client_kwargs", "config_kwargs", "s3", "s3_additional_kwargs"}),
    GCS: frozenset({"client_kwargs"}),
    AZURE: frozenset({"client_kwargs"}),
}
_PASSED_OVER = frozenset(
    {
        "assume_container_exists",
        "asynchronous",
        "auto_mkdir",
        "batch_size",
        "block_size",
        "blocksize",
        "cache_regions",
        "cache_timeout",
        "check_connection",
        "consistency",
        "default_block_size",
        "default_cache_type",
        "default_fill_cache",
        "default_location",
        "fixed_upload_size",
        "listings_expiry_time",
        "loop",
        "max_concurrency",
        "max_paths",
        "project",
        "skip_instance_cache",
        "use_listings_cache",
    }
)
# Which of its values ask for nothing that isn't done anyway.
_ONLY: Mapping[str, tuple[object, ...]] = {
    "access": ("full_control", "read_write"),
    "location_mode": ("primary",),
    "signature_version": ("s3v4",),
    "version_aware": (False,),
}


def own_names(service: str, given: Mapping[object, Any]) -> Iterator[tuple[str, Any]]:
    """Yield options by the names that they have here, those within others too. None says nothing.

    Args:
        service: Whose bucket it is.
        given: By names of fsspec's libraries, or of obstore.

    Raises:
        InvalidInputError: A name is no text, or an option asks for what can't be done here.

    Example:
        >>> list(
        ...     own_names("s3", {"key": "AK", "client_kwargs": {"region_name": "eu-central-1"}, "loop": None})
        ... )
        [('access_key_id', 'AK'), ('region', 'eu-central-1')]
    """
    for name, value in given.items():
        if not isinstance(name, str):
            raise refusal("a name in storage_options", "text", type(name).__name__)
        low = name.lower()
        if value is None or low in _PASSED_OVER:
            continue
        if low in _NESTED[service]:
            if not isinstance(value, Mapping):
                raise refusal(f"storage_options[{name!r}]", "a mapping", type(value).__name__)
            yield from own_names(service, cast("Mapping[object, Any]", value))
        elif low in _ONLY:
            _require_one(name, value, _ONLY[low])
        elif (service, low) in _BY_VALUE:
            yield from _BY_VALUE[service, low](value)
        else:
            yield _RENAMED[service].get(low, low), value


def _require_one(name: str, value: object, possible: tuple[object, ...]) -> None:
    if not any(value is one or (isinstance(value, str) and value == one) for one in possible):
        wanted = " or ".join(map(repr, possible))
        raise InvalidInputError(f"storage_options[{name!r}] can only be {wanted} here: leave it out")


def _verify(value: object) -> Iterator[tuple[str, Any]]:
    """Whether the service's certificate is looked at; s3fs also takes a file of authorities."""
    if not isinstance(value, bool):
        raise InvalidInputError(
            "storage_options['verify'] can only be True or False here: give authorities as text by root_certificate"
        )
    if not value:
        yield "allow_invalid_certificates", True


def _use_ssl(value: object) -> Iterator[tuple[str, Any]]:
    if not value:
        yield "allow_http", True


def _requester_pays(value: object) -> Iterator[tuple[str, Any]]:
    if value:
        raise InvalidInputError("storage_options['requester_pays'] can't be done for Google's buckets here")
    yield from ()


def _addressing_style(value: object) -> Iterator[tuple[str, Any]]:
    _require_one("addressing_style", value, ("path", "virtual", "auto"))
    if value != "auto":
        yield "virtual_hosted_style_request", value == "virtual"


def _account_host(value: object) -> Iterator[tuple[str, Any]]:
    yield "endpoint", f"https://{value}" if isinstance(value, str) else value


def _google_token(value: Any) -> Iterator[tuple[str, Any]]:
    if value == "anon":
        yield "skip_signature", True
    elif isinstance(value, dict) and "private_key" in value:
        yield "service_account_key", json.dumps(value, default=str)
    elif isinstance(value, str | os.PathLike) and os.path.isfile(cast("str", value)):
        yield "application_credentials", os.fspath(cast("str", value))
    elif value != "google_default":
        raise InvalidInputError(
            "storage_options['token'] of a bucket of Google's must be 'google_default', 'anon', the path of a file with"
            " credentials, or the dict of a service account's key"
        )


_BY_VALUE: Mapping[tuple[str, str], Callable[[Any], Iterator[tuple[str, Any]]]] = {
    (S3, "verify"): _verify,
    (S3, "use_ssl"): _use_ssl,
    (S3, "addressing_style"): _addressing_style,
    (GCS, "token"): _google_token,
    (GCS, "requester_pays"): _requester_pays,
    (AZURE, "account_host"): _account_host,
}
