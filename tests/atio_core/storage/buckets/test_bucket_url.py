from __future__ import annotations

import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.bucket_options import own_options
from atio_core.storage.buckets.bucket_url import BucketUrl, require_printable

PLACES = {
    "s3://bucket": ("s3", "bucket", "", "s3://bucket", ""),
    "s3://bucket/": ("s3", "bucket", "", "s3://bucket", ""),
    "s3a://bucket/a b/é/": ("s3", "bucket", "a b/é/", "s3://bucket/a b/é", ""),
    "r2://bucket/a": ("s3", "bucket", "a/", "r2://bucket/a", ""),
    "gcs://bucket/a": ("gs", "bucket", "a/", "gs://bucket/a", ""),
    "az://box/a": ("az", "box", "a/", "az://box/a", ""),
    "abfs://box@acc.dfs.core.windows.net/a": (
        *("az", "box", "a/", "abfss://box@acc.dfs.core.windows.net/a", "acc"),
    ),
    "abfss://box@acc/a": ("az", "box", "a/", "abfss://box@acc/a", "acc"),
}


@pytest.mark.parametrize("url", PLACES)
def test_a_url_is_taken_apart(url: str) -> None:
    """Service, bucket and prefix are what the URL says, however many slashes end it."""
    scheme, _, rest = url.partition("://")
    found = BucketUrl.parse(scheme, rest)
    assert (found.service, found.bucket, found.prefix, found.location, found.account) == PLACES[url]


def test_a_url_may_name_another_of_azures_clouds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its account is reached there, not in the public one; an endpoint that is named goes before it."""
    found = BucketUrl.parse("abfss", "box@acc.dfs.core.chinacloudapi.cn/a")
    assert found.endpoint == "https://acc.blob.core.chinacloudapi.cn"
    assert BucketUrl.parse("abfss", "box@acc.blob.core.windows.net/a").endpoint == ""
    assert dict(own_options("az", {}, found.endpoint)) == {"endpoint": found.endpoint}
    assert dict(own_options("az", {"endpoint": "https://h"}, found.endpoint)) == {"endpoint": "https://h"}
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "https://h")
    assert own_options("az", {}, found.endpoint) == ()


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///a",
        "s3://AKIAKEY:hidden@bucket/a",
        "s3://hidden@bucket/a",
        "gs://user:hidden@bucket",
        "az://box@acc:hidden/a",
        "az://box/a?sv=2024&sig=hidden",
        "s3://bucket/a?X-Amz-Signature=hidden",
        "s3://bucket/a//b",
        "s3://bucket/../b",
        "s3://bucket/a\nb",
    ],
)
def test_what_is_no_place_is_refused(url: str) -> None:
    """What names no bucket, leaves it or holds credentials is refused, and these aren't repeated."""
    scheme, _, rest = url.partition("://")
    with pytest.raises(InvalidInputError) as caught:
        BucketUrl.parse(scheme, rest)
    assert "hidden" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


@pytest.mark.parametrize("name", ["a\tb", "\x00", "\x7f", "a\udcffb"], ids=ascii)
def test_a_listing_must_be_able_to_carry_a_name(name: str) -> None:
    """Control characters and bytes that are no text are refused."""
    with pytest.raises(InvalidInputError, match="can't be in a bucket"):
        require_printable(name)
    require_printable("a b/é/日本")
