"""What the tests on the wire share: the services, and a proxy before one of them."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.bucket_fixtures import moto, seaweedfs
from tests.support.bucket_servers import BucketServer
from tests.support.wire import Wire, wire

__all__ = ["moto", "seaweedfs"]


@pytest.fixture(params=["seaweedfs", "moto"])
def watched(request: pytest.FixtureRequest) -> Generator[Wire]:
    """A proxy before each of the services."""
    server: BucketServer = request.getfixturevalue(request.param)
    with wire(server) as found:
        yield found
