from __future__ import annotations

from typing import Any

import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.bucket_options import own_options, secrets_of


def test_names_of_other_libraries_are_known() -> None:
    """What was written for fsspec's libraries is understood; what says nothing of the bucket is passed over."""
    given = {
        "key": "AK",
        "secret": "SK",
        "anon": False,
        "client_kwargs": {"endpoint_url": "https://host", "region_name": "r"},
        "use_listings_cache": True,
        "token": None,
    }
    assert dict(own_options("s3", given)) == {
        "access_key_id": "AK",
        "secret_access_key": "SK",
        "skip_signature": "false",
        "endpoint": "https://host",
        "region": "r",
    }
    assert dict(own_options("az", {"sas_token": "s"})) == {"sas_key": "s"}


def test_own_names_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values become text; an endpoint without encryption is allowed by naming it, here or in the environment."""
    assert own_options("s3", None) == ()
    assert own_options("gs", {"max_retries": 3}) == (("max_retries", "3"),)
    assert ("allow_http", "true") in own_options("s3", {"endpoint": "http://host"})
    assert ("allow_http", "true") not in own_options("s3", {"endpoint": "https://host"})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://host")
    assert own_options("s3", {}) == (("allow_http", "true"),)


@pytest.mark.parametrize(
    "given", ["secret", [("key", "secret")], {5: "secret"}, {"key": ["secret"]}], ids=repr
)
def test_what_is_no_options_is_refused(given: Any) -> None:
    """A wrong kind is refused without its value."""
    with pytest.raises(InvalidInputError) as caught:
        own_options("s3", given)
    assert "'secret'" not in str(caught.value).replace("'storage_options'", "")


def test_secrets_are_known_by_their_names() -> None:
    """Whatever may be a secret counts as one; longer ones come first, as they may hold shorter ones."""
    options = own_options(
        "s3", {"secret_access_key": "longer", "session_token": "short", "region": "eu-west-1"}
    )
    assert secrets_of(options) == ("longer", "short")
