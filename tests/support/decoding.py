"""Searches and simulations read the same few bytes very often: here what they mean is worked out once."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from functools import lru_cache
from unittest import mock

from atio_core.log import commit_log, file_list, key_list


@contextlib.contextmanager
def decode_once() -> Generator[None]:
    """Within the block, entries, manifests and lists of keys are decoded once each."""
    with contextlib.ExitStack() as stack:
        for module, function in (
            (commit_log, "decode_entry"),
            (file_list, "decode_manifest"),
            (file_list, "decode_paths"),
            (key_list, "decode_keys"),
        ):
            cached = lru_cache(maxsize=10_000)(getattr(module, function))
            stack.enter_context(mock.patch.object(module, function, cached))
        yield
