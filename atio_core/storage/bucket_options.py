"""What `storage_options` of a bucket may say, whatever library's names are used, and what of it is secret.

Names are those of obstore (`access_key_id`, `endpoint`, `region`, `account_name`, …, also with their prefix `aws_`,
`google_` or `azure_`), and those of fsspec's `s3fs`, `gcsfs` and `adlfs` where they differ. Those of its HTTP client
(`allow_http`, `timeout`, `connect_timeout`, `proxy_url`, …) stand beside them, and so do the bounds on retries:
`max_retries` and `retry_timeout` (seconds).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, cast

from atio_core.arguments import refusal
from atio_core.errors import InvalidInputError
from atio_core.storage.bucket_url import AZURE, GCS, S3

Options = tuple[tuple[str, str], ...]
RETRIES = ("max_retries", "retry_timeout")
PROFILE = "profile"
_FSSPEC = {
    S3: {
        "key": "access_key_id",
        "secret": "secret_access_key",
        "endpoint_url": "endpoint",
        "region_name": "region",
        "anon": "skip_signature",
        "aws_allow_http": "allow_http",
        "aws_profile": PROFILE,
    },
    GCS: {"anon": "skip_signature", "endpoint_url": "base_url", "google_allow_http": "allow_http"},
    AZURE: {"anon": "skip_signature", "sas_token": "sas_key", "azure_allow_http": "allow_http"},
}
_OTHERS_OWN = frozenset({"use_listings_cache", "skip_instance_cache", "asynchronous", "auto_mkdir"})
_NESTED = "client_kwargs"
_SECRET = re.compile(r"key|secret|token|sas|password|credential|authorization", re.IGNORECASE)
_LEAST_SECRET = 4
_ENDPOINTS = {
    S3: ("endpoint", "aws_endpoint", "aws_endpoint_url", "aws_endpoint_url_s3"),
    GCS: ("base_url", "google_base_url"),
    AZURE: ("endpoint", "azure_endpoint", "azure_storage_endpoint"),
}


def own_options(service: str, given: object) -> Options:
    """Return options by their own names, as text, sorted.

    Args:
        service: Whose bucket it is.
        given: What the caller gave: a mapping, or None.

    Raises:
        InvalidInputError: They are no mapping of names to text, numbers or booleans. Values are never told.

    Example:
        >>> own_options("s3", {"key": "AK", "client_kwargs": {"region_name": "eu-central-1"}})
        (('access_key_id', 'AK'), ('region', 'eu-central-1'))
    """
    own = dict(_flat(service, given or {}))
    endpoint = next((own[name] for name in _ENDPOINTS[service] if name in own), None)
    from_environment = (os.environ.get(name.upper(), "") for name in _ENDPOINTS[service] if "_" in name)
    if (endpoint or next(filter(None, from_environment), "")).startswith("http://"):
        own.setdefault("allow_http", "true")  # whoever writes it means it
    return tuple(sorted(own.items()))


def _flat(service: str, given: object) -> list[tuple[str, str]]:
    if not isinstance(given, Mapping):
        raise refusal("storage_options", "a mapping of names to values", type(given).__name__)
    found: list[tuple[str, str]] = []
    for name, value in cast("Mapping[object, Any]", given).items():
        if not isinstance(name, str):
            raise refusal("a name in storage_options", "text", type(name).__name__)
        if name == _NESTED:
            found += _flat(service, value)
        elif value is not None and name not in _OTHERS_OWN:
            own = _FSSPEC[service].get(name.lower(), name.lower())
            found.append((own, _text(name, value)))
    return found


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
