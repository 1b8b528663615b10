"""Pickles: anything, if they are asked for by name."""

from __future__ import annotations

import pickle
from typing import Any, BinaryIO

from atio_core.data.formats import compression
from atio_core.data.formats.base import FileFormat, Order, Writer


def _from_anything(obj: Any, file: BinaryIO, order: Order) -> None:
    with compression.around(file, order) as stream:
        pickle.dump(obj, stream, **order.options)


FORMAT = FileFormat(
    name="pickle",
    suffixes=(".pkl", ".pickle"),
    writers={"anything": Writer("pickle.dump", _from_anything, compressions=compression.ALL)},
    only_named="whoever loads a pickle runs what is in it",
)
