"""Text and bytes, as they are."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, BinaryIO

from atio_core.data.formats import compression
from atio_core.data.formats.base import FileFormat, Shape, Writer, WriteRequest
from atio_core.data.losses.loss import Loss


def _from_text(text: str, file: BinaryIO, request: WriteRequest) -> None:
    """As `Path.write_text` does; line ends stay as they are on every system, unless `newline` says otherwise."""
    with compression.around(file, request) as stream:
        options: dict[str, Any] = {"encoding": "utf-8", "newline": "", **request.options}
        wrapper = io.TextIOWrapper(stream, **options)
        try:
            wrapper.write(text)
            wrapper.flush()
        finally:
            wrapper.detach()


def _losses_of_text(text: str, request: WriteRequest) -> Sequence[Loss]:
    errors, encoding = request.options.get("errors", "strict"), request.options.get("encoding", "utf-8")
    if errors in {"strict", "surrogateescape", "surrogatepass"}:
        return ()
    if text.encode(encoding, errors).decode(encoding) == text:
        return ()
    return (Loss(None, f"characters that {encoding} lacks are written as errors={errors!r} says"),)


def _from_bytes(data: Any, file: BinaryIO, request: WriteRequest) -> None:
    if request.options:
        raise TypeError(f"bytes take no options, but {', '.join(request.options)} was given")
    view = memoryview(data)
    with compression.around(file, request) as stream:
        stream.write(view if view.c_contiguous else view.tobytes())


def _no_shape(_obj: Any) -> Shape:
    return None, None


TEXT = FileFormat(
    name="text",
    suffixes=(".txt",),
    writers={
        "text": Writer(
            "TextIOWrapper.write", _from_text, _losses_of_text, shape=_no_shape, compressions=compression.ALL
        )
    },
)
BYTES = FileFormat(
    name="bytes",
    suffixes=(".bin",),
    writers={
        "bytes": Writer("file.write", _from_bytes, shape=_no_shape, compressions=compression.ALL),
    },
)
