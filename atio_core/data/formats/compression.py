"""Compression around a whole file, as its last suffix asks for it: `prices.csv.gz`.

The libraries take it from the path, and we hand them an open file: so it is passed to them in words.
"""

from __future__ import annotations

import contextlib
import lzma
import zipfile
from collections.abc import Generator, Iterator, Mapping
from typing import Any, BinaryIO, cast

from atio_core.arguments import refusal, shown
from atio_core.data.formats.base import WriteRequest
from atio_core.data.losses.loss import Loss

SUFFIXES = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
ALL = tuple(SUFFIXES.values())
POLARS = ("gzip", "zstd")
_NONE_OF_ITS_OWN = (None, "infer", "uncompressed")


def asked(option: Any) -> str | None:
    """Return the method that a `compression` option names.

    Args:
        option: A name, pandas' dict with `method` in it, or None.

    Raises:
        InvalidInputError: It names none.

    Example:
        >>> asked({"method": "gzip", "mtime": 1})
        'gzip'
    """
    method = _details(option).get("method")
    if not isinstance(method, str | None):
        raise refusal("compression", "the name of a method, a dict with it as 'method', or None", option)
    return method


def untold(request: WriteRequest) -> Iterator[Loss]:
    """Yield a loss if the file is compressed and its name doesn't say so, by which readers go.

    Args:
        request: What is to be written.
    """
    option = request.options.get("compression")
    if request.compression is None and asked(option) not in _NONE_OF_ITS_OWN:
        advice = "end its name with " + " or ".join(SUFFIXES)
        yield Loss(
            None, f"it is compressed as compression={shown(option)} says, which its name doesn't: {advice}"
        )


def for_pandas(request: WriteRequest, *ours: str) -> dict[str, Any]:
    """Return the caller's options, with the `compression` that pandas would have taken from the path.

    Args:
        request: What is to be written.
        *ours: Options that are not pandas'.
    """
    details = dict(_details(request.options.get("compression", "infer")))
    if details.get("method") == "infer":
        details["method"] = request.compression
    if details.get("method") == "zip":  # pandas names the file in the archive after the path
        details.setdefault("archive_name", request.name.removesuffix(".zip"))
    return {**request.without(*ours), "compression": details}


def for_polars(request: WriteRequest) -> dict[str, Any]:
    """Return the options for a writer of polars: it compresses as the name says, unless the caller says how.

    Args:
        request: What is to be written.
    """
    by_name = {"compression": request.compression} if request.compression else {}
    return {**by_name, **request.options}


def around(file: BinaryIO, request: WriteRequest) -> contextlib.AbstractContextManager[BinaryIO]:
    """Give a file whose bytes reach the given one compressed, for writers that don't compress themselves.

    Args:
        file: Where the compressed bytes go.
        request: What is to be written.

    Returns:
        A context manager.
    """
    method = request.compression
    return contextlib.nullcontext(file) if method is None else _around(file, method, request.name)


@contextlib.contextmanager
def _around(file: BinaryIO, method: str, name: str) -> Generator[BinaryIO]:
    match method:
        case "xz":
            with lzma.LZMAFile(file, "w") as stream:
                yield cast("BinaryIO", stream)
        case "zip":
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                inside = zipfile.ZipInfo(name.removesuffix(".zip"))
                inside.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(inside, "w", force_zip64=True) as stream:
                    yield cast("BinaryIO", stream)
        case _:
            import pyarrow as pa

            with pa.CompressedOutputStream(file, method) as stream:
                yield stream


def _details(option: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", option) if isinstance(option, Mapping) else {"method": option}
