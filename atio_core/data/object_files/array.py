"""NumPy arrays as npy files: dtype, shape, order and every bit of the values; or refused."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from typing import Any

from atio_core.data.object_files.base import Out, refuse

_MAGIC_BYTES = 8
_ALIGNMENT = 64
_LONG_HEADER_BYTES = 65_000
_STEP_BYTES = 16 << 20
_PICKLED = "or keep the object as it is, with format='pickle'"


def check(array: Any) -> None:
    """Refuse an array that wouldn't come back equal.

    Args:
        array: A `numpy.ndarray`.

    Raises:
        NotPreservableError: A part of it would be lost, or its type changed.
    """
    import numpy as np

    dtype = array.dtype
    if isinstance(array, np.ma.MaskedArray):
        refuse("a masked array would lose its mask", f"fill it (array.filled(…)), {_PICKLED}")
    if type(array) not in {np.ndarray, np.memmap}:
        made = f"{type(array).__module__}.{type(array).__qualname__}"
        refuse(f"a {made} would come back as a plain array", f"give numpy.asarray(it), {_PICKLED}")
    if dtype.kind == "T":
        refuse("npy files have no place for StringDType", f"convert it: array.astype('U'), {_PICKLED}")
    if dtype.hasobject:
        refuse("an array of Python objects has no form but a pickle", f"give it another dtype, {_PICKLED}")
    if _has_metadata(dtype):
        refuse(f"the metadata of the dtype {dtype!r} would be lost", f"drop it, {_PICKLED}")
    try:
        found = np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype))
    except ValueError as error:  # fields that overlap, or stand in another order than in memory
        refuse(f"npy files have no place for the dtype {dtype!r} ({error})", f"convert the array, {_PICKLED}")
    if found != dtype or found.type is not dtype.type:
        refuse(f"the dtype {dtype!r} would come back as {found!r}", f"convert the array, {_PICKLED}")


def dump(array: Any, out: Out) -> None:
    """Write an array as npy, as NumPy would; equal arrays as equal bytes, what lies between fields included."""
    if _packed_bytes(array.dtype) != array.dtype.itemsize:
        array = _without_gaps(array)
    out.write(_header(array))
    for piece in _pieces(array.T if _is_by_columns(array) else array):
        if piece.nbytes:
            out.write(memoryview(piece.reshape(-1).view("u1")))


def load(data: memoryview) -> Any:
    """Return the array that the bytes of an npy file hold, over these very bytes.

    Args:
        data: Of a file that `dump` wrote; writable, and the array's from here on.

    Raises:
        ValueError: They are none.
        TypeError: This platform lacks the dtype.
    """
    import numpy as np

    version = data[_MAGIC_BYTES - 2]
    start = _MAGIC_BYTES + (2 if version == 1 else 4)
    end = start + int.from_bytes(data[_MAGIC_BYTES:start], "little")
    header = ast.literal_eval(str(data[start:end], "latin-1" if version < 3 else "utf-8"))  # noqa: PLR2004 - by npy
    dtype = np.lib.format.descr_to_dtype(header["descr"])
    order = "F" if header["fortran_order"] else "C"
    return np.ndarray(header["shape"], dtype, buffer=data, offset=end, order=order)


def _has_metadata(dtype: Any) -> bool:
    return bool(dtype.metadata) or any(_has_metadata(dtype[name]) for name in dtype.names or ())


def _is_by_columns(array: Any) -> bool:
    return bool(array.flags.f_contiguous and not array.flags.c_contiguous)


def _header(array: Any) -> bytes:
    """What stands before the values: the first version of it that has a place for all field names."""
    import numpy as np

    fields = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": _is_by_columns(array),
        "shape": array.shape,
    }
    text = f"{fields!r}".encode()
    version, width = (1, 2) if text.isascii() and len(text) < _LONG_HEADER_BYTES else (3, 4)
    start = np.lib.format.magic(version, 0)
    padding = -(len(start) + width + len(text) + 1) % _ALIGNMENT
    text += b" " * padding + b"\n"
    return b"".join([start, len(text).to_bytes(width, "little"), text])


def _pieces(array: Any) -> Iterator[Any]:
    """Yield the values in C order, as arrays that lie in memory so; copies are some megabytes large."""
    import numpy as np

    if array.flags.c_contiguous or array.nbytes <= _STEP_BYTES:
        yield np.ascontiguousarray(array)
        return
    rows = _STEP_BYTES * len(array) // array.nbytes
    for start in range(0, len(array), max(1, rows)):
        yield from _pieces(array[start : start + rows] if rows else array[start])


def _packed_bytes(dtype: Any) -> int:
    """How many bytes of an item belong to one of its fields."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return _packed_bytes(base) * math.prod(shape)
    if dtype.names is None:
        return dtype.itemsize
    return sum(_packed_bytes(dtype[name]) for name in dtype.names)


def _without_gaps(array: Any) -> Any:
    """A copy with zeros between the fields, where else anything may lie that was in memory."""
    import numpy as np

    clean = np.zeros(array.shape, array.dtype, order="F" if _is_by_columns(array) else "C")
    waiting = [(array, clean)]
    while waiting:
        source, target = waiting.pop()
        for name in source.dtype.names:
            if source[name].dtype.names:
                waiting.append((source[name], target[name]))
            else:
                target[name] = source[name]
    return clean
