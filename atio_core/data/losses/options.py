"""Options of the libraries that make a file another than their readers expect, unless they are told the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from atio_core.data.losses.loss import Loss
from atio_core.data.write_request import WriteRequest

_SHOWN = 40  # characters of a value


def of_options(request: WriteRequest, harmless: Mapping[str, tuple[Any, ...]]) -> Iterator[Loss]:
    """Yield the options that were given another value than those that readers can do with.

    Args:
        request: How it is written.
        harmless: By the names of options, the values that change nothing of what is read.
    """
    for name, values in harmless.items():
        given = request.options.get(name, values[0])
        # By type first: arrays and frames compare item by item, and 1 is no True.
        if not any(type(given) is type(value) and given == value for value in values):
            yield Loss(
                None, f"it is written as {name}={repr(given)[:_SHOWN]} says, which readers aren't told"
            )
