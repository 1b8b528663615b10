"""What the tests of tables in buckets share."""

from tests.support.bucket_fixtures import moto, seaweedfs

__all__ = ["moto", "seaweedfs"]
