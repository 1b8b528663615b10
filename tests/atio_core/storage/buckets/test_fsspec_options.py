from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.bucket_options import own_options

KNOWN = [
    ("s3", {"username": "A", "password": "B"}, {"access_key_id": "A", "secret_access_key": "B"}),
    ("s3", {"client_kwargs": {"aws_session_token": "t"}}, {"aws_session_token": "t"}),
    ("s3", {"requester_pays": True, "token": "t"}, {"request_payer": "true", "token": "t"}),
    ("s3", {"use_ssl": True, "client_kwargs": {"verify": True}}, {}),
    (
        "s3",
        {"use_ssl": False, "client_kwargs": {"verify": False}},
        {"allow_http": "true", "allow_invalid_certificates": "true"},
    ),
    (
        "s3",
        {"config_kwargs": {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}},
        {"virtual_hosted_style_request": "true"},
    ),
    ("s3", {"config_kwargs": {"s3": {"addressing_style": "auto"}}, "version_aware": False}, {}),
    (
        "s3",
        {"s3_additional_kwargs": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}},
        {"server_side_encryption": "aws:kms", "sse_kms_key_id": "k"},
    ),
    ("s3", {"use_listings_cache": False, "default_cache_type": "none", "loop": None}, {}),
    ("gs", {"token": "anon", "project": "p"}, {"skip_signature": "true"}),
    ("gs", {"token": "google_default", "access": "full_control"}, {}),
    ("gs", {"token": {"private_key": "p"}}, {"service_account_key": json.dumps({"private_key": "p"})}),
    ("gs", {"token": __file__}, {"application_credentials": __file__}),
    ("gs", {"token": Path(__file__), "requester_pays": False}, {"application_credentials": __file__}),
    (
        "az",
        {"account_host": "acc.blob.core.chinacloudapi.cn"},
        {"endpoint": "https://acc.blob.core.chinacloudapi.cn"},
    ),
    ("az", {"tenant_id": "t", "location_mode": "primary"}, {"tenant_id": "t"}),
]
REFUSED = [
    ("s3", {"client_kwargs": {"verify": "hidden"}}, "verify"),
    ("s3", {"session": ["hidden"]}, "session"),
    ("s3", {"version_aware": True}, "version_aware"),
    ("s3", {"config_kwargs": {"signature_version": "hidden"}}, "signature_version"),
    ("s3", {"config_kwargs": {"s3": {"addressing_style": "hidden"}}}, "addressing_style"),
    ("s3", {"client_kwargs": "hidden"}, "client_kwargs"),
    ("gs", {"token": "hidden"}, "token"),
    ("gs", {"token": {"refresh_token": "hidden"}}, "token"),
    ("gs", {"requester_pays": True}, "requester_pays"),
    ("gs", {"access": "read_only"}, "access"),
    ("az", {"credential": ["hidden"]}, "credential"),
    ("az", {"location_mode": "secondary"}, "location_mode"),
]


@pytest.mark.parametrize(("service", "given", "own"), KNOWN, ids=range(len(KNOWN)))
def test_options_of_fsspecs_libraries_have_counterparts(
    service: str, given: Any, own: dict[str, str]
) -> None:
    """Each says what it says there; what only says how fsspec reads and runs says nothing."""
    assert dict(own_options(service, given)) == own


@pytest.mark.parametrize(("service", "given", "name"), REFUSED, ids=range(len(REFUSED)))
def test_what_has_none_is_refused_by_its_name(service: str, given: Any, name: str) -> None:
    """It isn't ignored, and its value isn't told."""
    with pytest.raises(InvalidInputError, match=rf"\['{name}'\]") as caught:
        own_options(service, given)
    assert "hidden" not in str(caught.value)
