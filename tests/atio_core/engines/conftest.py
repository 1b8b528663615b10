"""The buckets that tests of this folder use."""

from tests.support.bucket_fixtures import moto

__all__ = ["moto"]
