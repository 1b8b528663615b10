"""NumPy's own files: an array (npy), or several by name (npz)."""

from __future__ import annotations

from typing import Any, BinaryIO

from atio_core.data.formats.base import FileFormat, Shape, Writer, WriteRequest
from atio_core.data.losses import numpy as losses
from atio_core.errors import InvalidInputError


def _from_array(array: Any, file: BinaryIO, request: WriteRequest) -> None:
    import numpy as np

    np.save(file, array, **{"allow_pickle": False, **request.options})


def _named(arrays: Any, _request: WriteRequest) -> Any:
    for name in arrays:
        if not isinstance(name, str) or name in {"", "file", "allow_pickle"} or name.endswith(".npy"):
            raise InvalidInputError(
                f"An array of an npz file can't be called {name!r}. Give it another name: text, without .npy."
            )
    return arrays


def _from_arrays(arrays: Any, file: BinaryIO, request: WriteRequest) -> None:
    import numpy as np

    save = np.savez_compressed if request.options.get("compressed") else np.savez
    save(file, **request.without("compressed"), **arrays)


def _no_shape(_arrays: Any) -> Shape:
    return None, None


NPY = FileFormat(
    name="npy",
    suffixes=(".npy",),
    writers={"array": Writer("numpy.save", _from_array, losses.of_array)},
)
NPZ = FileFormat(
    name="npz",
    suffixes=(".npz",),
    writers={"arrays": Writer("numpy.savez", _from_arrays, losses.of_arrays, _named, _no_shape)},
)
