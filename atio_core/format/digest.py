"""Digests, written as `<algorithm>:<hex>` so that a later release can use another algorithm.

XXH3 (128 bits) finds every damage by chance at memory speed; it is no defence against someone who wants a collision.
"""

from __future__ import annotations

import xxhash

ALGORITHM = "xxh3-128"


def digest(data: bytes | bytearray | memoryview) -> str:
    """Return the digest of bytes.

    Example:
        >>> digest(b"")
        'xxh3-128:99aa06d3014798d86001c324468d497f'
    """
    return f"{ALGORITHM}:{xxhash.xxh3_128_hexdigest(data)}"


def running_digest() -> xxhash.xxh3_128:
    """Return a digest to be fed piece by piece; `named(it)` gives its name."""
    return xxhash.xxh3_128()


def named(running: xxhash.xxh3_128) -> str:
    """Return the written form of a running digest."""
    return f"{ALGORITHM}:{running.hexdigest()}"
