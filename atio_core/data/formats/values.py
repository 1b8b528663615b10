"""Python's own values as JSON text."""

from __future__ import annotations

import sys
from typing import Any, cast

from atio_core.data.formats.base import WriteRequest


def dump_options(request: WriteRequest) -> dict[str, Any]:
    """Return the options for `json.dump`: no NaN unless asked for, numbers and arrays of NumPy as Python's.

    Args:
        request: What is to be written.
    """
    return {"allow_nan": False, "default": _of_numpy, **request.options}


def _of_numpy(value: object) -> Any:
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray | numpy.generic):
        plain = cast("Any", value).tolist()
        if plain is not value:
            return plain
    kind = type(value)
    raise TypeError(
        f"JSON has no {kind.__module__}.{kind.__qualname__}; give default=, which turns it into one"
    )
