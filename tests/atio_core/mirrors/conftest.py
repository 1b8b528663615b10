"""The catalogue of Iceberg that tests of this folder use."""

from tests.support.iceberg_fixtures import iceberg_catalog

__all__ = ["iceberg_catalog"]
