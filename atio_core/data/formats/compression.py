"""Compression around a whole file, as its last suffix asks for it: `prices.csv.gz`.

The libraries take it from the path, and we hand them an open file: so it is passed to them in words.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any, BinaryIO, cast

from atio_core.data.formats.base import Order

SUFFIXES = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
PANDAS = tuple(SUFFIXES.values())
POLARS = ("gzip", "zstd")
ARROW = ("gzip", "bz2", "zstd")


def asked(option: Any) -> Any:
    """Return the method that a `compression` option names.

    Args:
        option: A name, pandas' dict with `method` in it, or None.

    Example:
        >>> asked({"method": "gzip", "mtime": 1})
        'gzip'
    """
    return _details(option).get("method")


def for_pandas(order: Order) -> dict[str, Any]:
    """Return the caller's options, with the `compression` that pandas would have taken from the path.

    Args:
        order: What is to be written.
    """
    details = dict(_details(order.options.get("compression", "infer")))
    if details.get("method") == "infer":
        details["method"] = order.compression
    if details.get("method") == "zip":  # pandas names the file in the archive after the path
        details.setdefault("archive_name", order.name.removesuffix(".zip"))
    return {**order.options, "compression": details}


@contextlib.contextmanager
def around(order: Order) -> Generator[BinaryIO]:
    """Yield a file whose bytes reach the ordered one compressed, for writers that don't compress themselves.

    Args:
        order: What is to be written.
    """
    if order.compression is None:
        yield order.file
        return
    import pyarrow as pa

    with pa.CompressedOutputStream(order.file, order.compression) as stream:
        yield stream


def _details(option: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", option) if isinstance(option, Mapping) else {"method": option}
