"""What `storage_options` of a bucket may say, whatever library's names are used, and what of it is secret.

Names are those of obstore (`access_key_id`, `endpoint`, `region`, `account_name`, …, also with their prefix `aws_`,
`google_` or `azure_`), and those of fsspec's libraries (`fsspec_options.py`). Those of its HTTP client
(`allow_http`, `timeout`, `connect_timeout`, `proxy_url`, …) stand beside them, and so do the bounds on retries:
`max_retries` and `retry_timeout` (seconds). `account_id` tells the endpoint of a bucket of Cloudflare's R2. Azure's
`connection_string` stands for what it holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from atio_core.arguments import refusal
from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.bucket_url import AZURE, GCS, S3
from atio_core.storage.buckets.fsspec_options import own_names

Options = tuple[tuple[str, str], ...]
RETRIES = ("max_retries", "retry_timeout")
_SECRET = re.compile(r"key|secret|token|sas|password|credential|authorization", re.IGNORECASE)
_LEAST_SECRET = 4
_URL = re.compile(r"https?://([!-.0-~]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?")
_R2_ACCOUNT = re.compile(r"[0-9A-Za-z]+(\.(eu|fedramp))?")
_CONNECTION = ("connection_string", "azure_storage_connection_string")
_OF_CONNECTION = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "sharedaccesssignature": "sas_key",
    "blobendpoint": "endpoint",
}
_AZURES_SUFFIX = "core.windows.net"
_ENDPOINTS = {
    S3: ("endpoint", "aws_endpoint", "aws_endpoint_url", "aws_endpoint_url_s3"),
    GCS: ("base_url", "google_base_url"),
    AZURE: ("endpoint", "azure_endpoint", "azure_storage_endpoint"),
}


def own_options(service: str, given: object, endpoint: str = "") -> Options:
    """Return options by their own names, as text, sorted.

    Args:
        service: Whose bucket it is.
        given: What the caller gave: a mapping, or None.
        endpoint: What the URL says of it; an option and the environment go before it.

    Raises:
        InvalidInputError: They are no mapping of names to text, numbers or booleans, or the endpoint is no URL. Values
            are never told.

    Example:
        >>> own_options("s3", {"key": "AK", "client_kwargs": {"region_name": "eu-central-1"}})
        (('access_key_id', 'AK'), ('region', 'eu-central-1'))
    """
    own = dict(_flat(service, given or {}))
    if endpoint and not _endpoint(service, own):
        own["endpoint"] = endpoint
    if _required(service, _endpoint(service, own)).startswith("http://"):
        own.setdefault("allow_http", "true")  # whoever writes it means it
    return tuple(sorted(own.items()))


def r2_options(bucket: str, options: Options) -> Options:
    """Return the options of a bucket of Cloudflare's R2: with the endpoint that its account's id tells.

    Args:
        bucket: Its name, for messages.
        options: What the caller gave, by their own names.

    Raises:
        InvalidInputError: Nothing names the account, nor the endpoint; or that is no id.

    Example:
        >>> r2_options("bucket", (("account_id", "0123abcd"),))
        (('endpoint', 'https://0123abcd.r2.cloudflarestorage.com'), ('region', 'auto'))
    """
    own = dict(options)
    account = own.pop("account_id", "")
    if account and not _R2_ACCOUNT.fullmatch(account):
        raise InvalidInputError(
            f"storage_options of the bucket {bucket!r}: account_id must be the id of an account of Cloudflare's, with"
            " '.eu' or '.fedramp' behind it if the bucket lies there"
        )
    if account:
        own.setdefault("endpoint", f"https://{account}.r2.cloudflarestorage.com")
    if not _endpoint(S3, own):
        raise InvalidInputError(
            f"a URL of r2://{bucket}/… needs the account: give storage_options={{'account_id': …}}, or the endpoint"
        )
    own.setdefault("region", "auto")
    return tuple(sorted(own.items()))


def _endpoint(service: str, own: Mapping[str, str]) -> str:
    """The endpoint that is named, here or in the environment; "" if none is."""
    here = (own.get(name, "") for name in _ENDPOINTS[service])
    elsewhere = (os.environ.get(name.upper(), "") for name in _ENDPOINTS[service] if "_" in name)
    return next(filter(None, (*here, *elsewhere)), "")


def _required(service: str, endpoint: str) -> str:
    """Refuse an endpoint of which the client library would make no request, and break down."""
    if endpoint and _URL.fullmatch(endpoint) is None:
        names = ", ".join(name.upper() for name in _ENDPOINTS[service] if "_" in name)
        raise InvalidInputError(
            f"the endpoint of a bucket, as storage_options or the environment ({names}) tell it, must be a URL that"
            " begins with https:// or http://, such as 'http://localhost:9000'"
        )
    return endpoint


def connection_options(text: str) -> Options:
    """Return what a connection string of Azure's says, as options.

    Raises:
        InvalidInputError: It is none. It isn't told.

    Example:
        >>> connection_options("AccountName=a;AccountKey=k==;EndpointSuffix=core.windows.net")
        (('account_name', 'a'), ('account_key', 'k=='))
    """
    parts = [part.partition("=") for part in text.split(";") if part.strip()]
    told = {name.strip().lower(): value.strip() for name, equals, value in parts if equals}
    found = {own: told[name] for name, own in _OF_CONNECTION.items() if told.get(name)}
    if told.get("usedevelopmentstorage", "").lower() == "true":
        return (("use_emulator", "true"),)
    if "account_name" not in found and "endpoint" not in found:
        raise InvalidInputError(
            "connection_string must be one of Azure's, such as"
            " 'DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…'"
        )
    suffix = told.get("endpointsuffix", _AZURES_SUFFIX)
    if "endpoint" not in found and suffix != _AZURES_SUFFIX:
        protocol = told.get("defaultendpointsprotocol", "https")
        found["endpoint"] = f"{protocol}://{found['account_name']}.blob.{suffix}"
    return tuple(found.items())


def _flat(service: str, given: object) -> Iterator[tuple[str, str]]:
    if not isinstance(given, Mapping):
        raise refusal("storage_options", "a mapping of names to values", type(given).__name__)
    for name, value in own_names(service, cast("Mapping[object, Any]", given)):
        if service == AZURE and name in _CONNECTION:
            yield from connection_options(_text(name, value))
        else:
            yield name, _text(name, value)


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise InvalidInputError(
        f"storage_options[{name!r}] must be text, a number or True or False, not a {type(value).__name__}"
    )


def secrets_of(options: Options) -> tuple[str, ...]:
    """Return the values that nobody may see, the longest first."""
    found = {value for name, value in options if _SECRET.search(name) and len(value) >= _LEAST_SECRET}
    return tuple(sorted(found, key=len, reverse=True))
