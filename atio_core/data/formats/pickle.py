"""Pickles: anything, if they are asked for by name."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

from atio_core.data.formats import compression
from atio_core.data.formats.base import FileFormat, Writer, WriteRequest


def _from_anything(obj: Any, file: BinaryIO, request: WriteRequest) -> None:
    with compression.around(file, request) as stream:
        pickle.dump(obj, stream, **request.options)


FORMAT = FileFormat(
    name="pickle",
    suffixes=(".pkl", ".pickle"),
    writers={"anything": Writer("pickle.dump", _from_anything, compressions=compression.ALL)},
    only_named="whoever loads a pickle runs what is in it",
)
