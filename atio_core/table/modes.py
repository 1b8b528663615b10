"""A change by its name: what `write_snapshot` takes as `mode`."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from atio_core.arguments import require_choice
from atio_core.errors import InvalidInputError
from atio_core.log.intent import CommitOptions
from atio_core.table.rows import RowChanges

Done = TypeVar("Done")

MODES = ("append", "overwrite", "overwrite_partitions", "upsert")
"""The methods of `RowChanges` that take data."""


def change_by_mode(changes: RowChanges[Done], data: Any, mode: object, options: dict[str, Any]) -> Done:
    """Make the change that a mode names, with its options.

    Args:
        changes: What has the methods.
        data: What is written.
        mode: One of `MODES`.
        options: The method's own, and those of any commit.

    Raises:
        InvalidInputError: There is no such mode, or it has no such option; else as the method.
    """
    name = require_choice("mode", mode, MODES)
    method = getattr(changes, name)
    own = inspect.signature(method).parameters.values()
    known = [one.name for one in own if one.kind is inspect.Parameter.KEYWORD_ONLY]
    unknown = options.keys() - set(known) - CommitOptions.__annotations__.keys()
    if unknown:
        message = f"a write with mode={name!r} has no option {', '.join(sorted(unknown))}"
        raise InvalidInputError(f"{message}; there are {', '.join([*known, *CommitOptions.__annotations__])}")
    return method(data, **options)
