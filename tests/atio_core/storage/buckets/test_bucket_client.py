from __future__ import annotations

import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.bucket_client import open_client
from atio_core.storage.buckets.bucket_url import BucketUrl


@pytest.mark.parametrize("retries", [-1, 10**30, "many", float("nan")])
@pytest.mark.parametrize("name", ["max_retries", "retry_timeout"])
def test_odd_bounds_on_retries_are_refused(name: str, retries: object) -> None:
    """What is no number of tries, or no time, is refused when the bucket is opened."""
    with pytest.raises(InvalidInputError, match="storage_options"):
        open_client(BucketUrl.parse("s3", "bucket"), ((name, str(retries)),))


def test_a_connection_string_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Azure's own tools have it; what is said by options comes before it, and its key is a secret."""
    text = "AccountName=there;AccountKey=a2V5a2V5;BlobEndpoint=https://host/there"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    client = open_client(BucketUrl.parse("az", "box"), (("account_name", "here"),))
    assert "a2V5a2V5" in client.secrets
    assert "here" in repr(client.once)
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "hidden")
    with pytest.raises(InvalidInputError, match=r"(?=.*one of Azure's)(?!.*hidden)"):
        open_client(BucketUrl.parse("az", "box"), ())
