"""What the tests of the protocol share."""

from __future__ import annotations

from functools import lru_cache

import pytest

from atio_core.log import commit_log, file_list, key_list


@pytest.fixture(autouse=True)
def decode_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches read the same few bytes very often: what they mean is worked out once."""
    for module, function in (
        (commit_log, "decode_entry"),
        (file_list, "decode_manifest"),
        (file_list, "decode_paths"),
        (key_list, "decode_keys"),
    ):
        monkeypatch.setattr(module, function, lru_cache(maxsize=10_000)(getattr(module, function)))
