"""Fixtures: the buckets that tests write to. A conftest imports those that its tests need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bucket_servers import (
    BucketServer,
    azurite_server,
    google_stub,
    moto_server,
    seaweedfs_server,
)


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[BucketServer]:
    """A SeaweedFS: a real service of S3's kind."""
    with seaweedfs_server() as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[BucketServer]:
    """The S3 of moto."""
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def azurite() -> Iterator[BucketServer]:
    """The Azure of Azurite, where it is installed."""
    with azurite_server() as server:
        yield server


@pytest.fixture(scope="session")
def google() -> Iterator[BucketServer]:
    """A stand-in for Google's buckets."""
    with google_stub() as server:
        yield server
