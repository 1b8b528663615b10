from __future__ import annotations

from typing import Any

import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.bucket_options import connection_options, own_options, r2_options, secrets_of


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
    "name", ["localhost:9000", "minio", "http://", "http://a b", "ftp://h", "https://h:x"]
)
def test_an_endpoint_that_is_no_url_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is said, what the client library would break down over is told from the start, but not shown."""
    for service, option in (
        ("s3", "endpoint_url"),
        ("s3", "endpoint"),
        ("gs", "base_url"),
        ("az", "endpoint"),
    ):
        with pytest.raises(InvalidInputError, match="http://localhost:9000") as caught:
            own_options(service, {option: name})
        assert "minio" not in str(caught.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", name)
    with pytest.raises(InvalidInputError, match="AWS_ENDPOINT_URL"):
        own_options("s3", {})


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9000", "http://[::1]:9000/", "https://u:p@my_host.example/path?a=b", "https://h"],
)
def test_an_endpoint_is_any_url_of_a_server(url: str) -> None:
    """Hosts by name or number, a port, a path, and who asks: all of it is taken."""
    assert ("endpoint", url) in own_options("s3", {"endpoint": url})


@pytest.mark.parametrize(
    "given", ["secret", [("key", "secret")], {5: "secret"}, {"key": ["secret"]}], ids=repr
)
def test_what_is_no_options_is_refused(given: Any) -> None:
    """A wrong kind is refused without its value."""
    with pytest.raises(InvalidInputError) as caught:
        own_options("s3", given)
    assert "'secret'" not in str(caught.value).replace("'storage_options'", "")


def test_an_account_tells_the_endpoint_of_r2(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or an endpoint is named, here or in the environment; else it is said what to give."""
    assert r2_options("b", own_options("s3", {"account_id": "0a1b.eu", "key": "AK"})) == (
        ("access_key_id", "AK"),
        ("endpoint", "https://0a1b.eu.r2.cloudflarestorage.com"),
        ("region", "auto"),
    )
    named = (("endpoint", "https://host"), ("region", "weur"))
    assert r2_options("b", named) == named
    for options, advice in ((), "account_id"), ((("account_id", "a/b"),), "must be the id of an account"):
        with pytest.raises(InvalidInputError, match=advice):
            r2_options("b", options)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://host")
    assert r2_options("b", ()) == (("region", "auto"),)


def test_a_connection_string_stands_for_what_it_holds() -> None:
    """Account, key or signature, and endpoint if it isn't Azure's own; nothing of one that is none is told."""
    key = "AccountName=acc;AccountKey=a+b/c==;"
    assert dict(own_options("az", {"connection_string": f"DefaultEndpointsProtocol=https;{key}"})) == {
        "account_name": "acc",
        "account_key": "a+b/c==",
    }
    sas = "BlobEndpoint=http://127.0.0.1:1/acc;SharedAccessSignature=sv=1&sig=x%3D"
    assert dict(own_options("az", {"connection_string": sas})) == {
        "endpoint": "http://127.0.0.1:1/acc",
        "sas_key": "sv=1&sig=x%3D",
        "allow_http": "true",
    }
    assert dict(connection_options(f"{key}EndpointSuffix=core.chinacloudapi.cn"))["endpoint"] == (
        "https://acc.blob.core.chinacloudapi.cn"
    )
    assert connection_options("UseDevelopmentStorage=true") == (("use_emulator", "true"),)
    with pytest.raises(InvalidInputError) as caught:
        own_options("az", {"connection_string": "secret-thing"})
    assert "secret-thing" not in str(caught.value)


def test_secrets_are_known_by_their_names() -> None:
    """Whatever may be a secret counts as one; longer ones come first, as they may hold shorter ones."""
    options = own_options(
        "s3", {"secret_access_key": "longer", "session_token": "short", "region": "eu-west-1"}
    )
    assert secrets_of(options) == ("longer", "short")
