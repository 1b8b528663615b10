"""The catalogue of Iceberg, and the buckets, that tests of this folder use."""

from tests.support.bucket_fixtures import azurite, google, moto
from tests.support.iceberg_fixtures import iceberg_catalog

__all__ = ["azurite", "google", "iceberg_catalog", "moto"]
