from __future__ import annotations

import pytest

from atio_core.errors import InvalidInputError
from atio_core.storage.bucket_client import open_client
from atio_core.storage.bucket_url import BucketUrl


@pytest.mark.parametrize("retries", [-1, 10**30, "many", float("nan")])
@pytest.mark.parametrize("name", ["max_retries", "retry_timeout"])
def test_odd_bounds_on_retries_are_refused(name: str, retries: object) -> None:
    """What is no number of tries, or no time, is refused when the bucket is opened."""
    with pytest.raises(InvalidInputError, match="storage_options"):
        open_client(BucketUrl.parse("s3", "bucket"), ((name, str(retries)),))
