"""NumPy arrays as pandas frames, for the formats of frames."""

from __future__ import annotations

from typing import Any

from atio_core.data.formats.base import WriteRequest
from atio_core.errors import InvalidInputError

OURS = ("columns",)


def as_frame(array: Any, request: WriteRequest) -> Any:
    """Return an array as a frame: a structured one by its fields, else a column per column.

    Args:
        array: A `numpy.ndarray` of one or two dimensions.
        request: Its option `columns` names the columns: by default "0", "1", …

    Returns:
        A `pandas.DataFrame`.

    Raises:
        InvalidInputError: The array has no rows and columns, or masked values.
    """
    import numpy as np
    import pandas as pd

    if isinstance(array, np.ma.MaskedArray):
        raise InvalidInputError(
            "A masked array has no place for its mask here. Fill it first: array.filled(…)."
        )
    if array.ndim not in {1, 2}:
        raise InvalidInputError(
            f"An array of {array.ndim} dimensions has no rows and columns. Reshape it, or write it as npy."
        )
    names: Any = array.dtype.names or ()
    if any(array.dtype[name].fields or array.dtype[name].shape for name in names):
        raise InvalidInputError(
            "A structured array with fields in its fields isn't a frame. Write it as npy."
        )
    native = np.asarray(array).astype(array.dtype.newbyteorder("="), copy=False)
    columns = request.options.get("columns")
    frame = pd.DataFrame(native, columns=columns)
    if columns is None:
        frame.columns = frame.columns.astype(str)
    return frame
