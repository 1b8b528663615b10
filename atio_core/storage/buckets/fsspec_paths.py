"""Paths of fsspec's (`UPath`) as what they mean here: a folder, or a bucket's URL and how it is opened.

Nothing of fsspec is imported: what has a protocol and storage options is such a path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol, cast

from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.bucket_options import own_options
from atio_core.storage.buckets.bucket_url import SCHEMES, BucketUrl

_LOCAL = ("", "file", "local")
_MEMORY = "memory"


class FsspecPath(Protocol):
    """A path of fsspec's, such as `UPath("s3://bucket/prefix")`."""

    @property
    def protocol(self) -> str:
        """By what it is reached: "s3", "gs", …; "" for a folder."""
        ...

    @property
    def path(self) -> str:
        """The path without the protocol."""
        ...

    @property
    def storage_options(self) -> Mapping[str, Any]:
        """How its file system is opened."""
        ...


Place = str | os.PathLike[str] | FsspecPath
"""Where a table or a store of tables lies."""


def is_fsspec_path(path: object) -> bool:
    """Whether it is a path of fsspec's. An object that answers to any name is none."""
    parts = [getattr(path, name, None) for name in ("protocol", "path", "storage_options")]
    return all(isinstance(part, kind) for part, kind in zip(parts, (str, str, Mapping), strict=True))


def place_and_options(
    path: object, storage_options: Mapping[str, Any] | None = None
) -> tuple[object, Mapping[str, Any] | None]:
    """Return the path of a folder or the URL of a bucket, and how it is opened; what is no path of fsspec's as it is.

    Args:
        path: What the caller gave.
        storage_options: What the caller gave beside it; they go before the path's own.

    Raises:
        InvalidInputError: No table can lie there. The options aren't told.

    Example:
        >>> place_and_options("s3://bucket/prefix")
        ('s3://bucket/prefix', None)
    """
    if not is_fsspec_path(path):
        return path, storage_options
    found = cast("FsspecPath", path)
    if found.protocol in _LOCAL:
        return found.path, storage_options
    if found.protocol not in SCHEMES:
        raise InvalidInputError(
            f"a path of fsspec's by {found.protocol!r} can't be used: {_why(found.protocol)}"
        )
    url = f"{found.protocol}://{found.path.lstrip('/')}"
    given: Any = storage_options or {}  # what is no mapping is refused where options are read
    if not isinstance(given, Mapping):
        return url, given
    own = {name: value for name, value in found.storage_options.items() if name not in given}
    return url, {**own, **given}


def place_as_text(path: object) -> tuple[str, dict[str, str]]:
    """Return the path of a folder or the URL of a bucket, and how it is opened, by the names that options have here.

    Args:
        path: One of fsspec's.

    Raises:
        InvalidInputError: No table can lie there, or an option asks for what can't be done. No value is told.
    """
    plain, options = place_and_options(path)
    place = str(plain)
    scheme, separator, rest = place.partition("://")
    service = BucketUrl.parse(scheme, rest).service if separator else ""
    return place, dict(own_options(service, options)) if options else {}


def _why(protocol: str) -> str:
    if protocol == _MEMORY:
        return (
            "fsspec keeps what it has in memory for itself. The text 'memory://<name>' names a store of atio's own, for"
            " this process alone."
        )
    return (
        f"of its protocols, atio knows those of files and of buckets ({', '.join(sorted(SCHEMES))}), without another"
        " one in front (a cache, an archive). Give the path of a folder, or the URL of the bucket itself."
    )
