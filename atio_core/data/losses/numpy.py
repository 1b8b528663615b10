"""What NumPy's own files don't keep of an array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from atio_core.data.losses.loss import Loss, refuse
from atio_core.data.write_request import WriteRequest


def of_array(array: Any, request: WriteRequest) -> Sequence[Loss]:
    """Return what `numpy.load` won't find again.

    Args:
        array: A `numpy.ndarray`, or a scalar of NumPy.
        request: How it is written.

    Raises:
        NotPreservableError: A part of it would be dropped, or pickled.
    """
    return [*_of_array("the array", array, request)]


def of_arrays(arrays: Mapping[str, Any], request: WriteRequest) -> Sequence[Loss]:
    """Return the same for several.

    Args:
        arrays: By name.
        request: How they are written.

    Raises:
        NotPreservableError: A part of one would be dropped, or pickled.
    """
    return [loss for name, array in arrays.items() for loss in _of_array(f"array {name!r}", array, request)]


def _of_array(where: str, array: Any, request: WriteRequest) -> Iterator[Loss]:
    import numpy as np

    if isinstance(array, np.ma.MaskedArray):
        refuse(where, "its mask would be lost", "Fill it (array.filled(…)), or write format='pickle'")
    if array.dtype.hasobject and not request.options.get("allow_pickle"):
        refuse(
            where,
            "holds Python objects, which are pickled: whoever loads a pickle runs what is in it",
            "Convert it to a dtype without objects, or ask for it: allow_pickle=True",
        )
    if array.dtype.kind == "T":
        refuse(where, "StringDType has no place in npy files", "Convert it: array.astype('U')")
    if _with_metadata(array.dtype):
        yield Loss(where, "the dtype's metadata isn't kept")
    if isinstance(array, np.generic):
        yield Loss(where, "a scalar comes back as an array without dimensions")
    elif type(array) is not np.ndarray:
        yield Loss(where, f"{type(array).__name__} comes back as a plain array")


def _with_metadata(dtype: Any) -> bool:
    return bool(dtype.metadata) or any(_with_metadata(dtype[name]) for name in dtype.names or ())
