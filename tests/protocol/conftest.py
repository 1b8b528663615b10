"""What the tests of the protocol share."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.decoding import decode_once


@pytest.fixture(autouse=True)
def decoded_once() -> Generator[None]:
    """Searches decode the same bytes very often."""
    with decode_once():
        yield
