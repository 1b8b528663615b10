"""What the tests that simulate histories share."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.decoding import decode_once


@pytest.fixture(autouse=True)
def decoded_once() -> Generator[None]:
    """Histories decode the same bytes very often."""
    with decode_once():
        yield
