"""polars' lazy frames: streamed into the file where polars can, collected where it can't."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, BinaryIO

from atio_core.data.formats.base import Shape, WriteRequest
from atio_core.errors import InvalidInputError


def sink(method: str, frame: Any, file: BinaryIO, request: WriteRequest, options: Mapping[str, Any]) -> None:
    """Run a lazy frame into a file, in bounded memory.

    Args:
        method: "sink_parquet", …
        frame: A `polars.LazyFrame`.
        file: Where the bytes go.
        request: What is to be written.
        options: For the method.

    Raises:
        InvalidInputError: `lazy=True`: nothing would be written.
    """
    if options.get("lazy"):
        raise InvalidInputError("The option lazy=True is refused: the file is written now. Drop it.")

    def count(piece: Any) -> Any:
        request.wrote(piece.height)
        return piece

    counted = frame.map_batches(count, streamable=True, validate_output_schema=False)
    getattr(counted, method)(file, **options)


def collect(frame: Any, _request: WriteRequest) -> Any:
    """Return an eager frame, for formats that polars doesn't stream."""
    return frame.collect(engine="streaming")


def shape_of_lazy(frame: Any) -> Shape:
    """Return a lazy frame's columns; its rows are known when it has run."""
    return None, len(frame.collect_schema())
