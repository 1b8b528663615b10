"""A change by its name: what `write_snapshot` and `stage` take as `mode`."""

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


STAGED_MODES = (*MODES, "delete", "update")
"""The methods of `RowChanges`."""

NO_DATA: Any = object()
"""What stands for the data of a change that has none."""


def change_by_mode(
    changes: RowChanges[Done],
    data: Any,
    mode: object,
    options: dict[str, Any],
    modes: tuple[str, ...] = MODES,
) -> Done:
    """Make the change that a mode names, with its options.

    Args:
        changes: What has the methods.
        data: What is written; `NO_DATA` if the change has none.
        mode: One of `modes`.
        options: The method's own arguments, and those of any commit.
        modes: Which changes can be made.

    Raises:
        InvalidInputError: There is no such mode, or it has no such option, or needs one; else as the method.
    """
    name = require_choice("mode", mode, modes)
    method = getattr(changes, name)
    own = {
        one.name: one.default is inspect.Parameter.empty
        for one in inspect.signature(method).parameters.values()
        if one.kind is not inspect.Parameter.VAR_KEYWORD
    }
    takes_data = own.pop("data", False)
    unknown = options.keys() - own.keys() - CommitOptions.__annotations__.keys()
    if unknown:
        message = f"a write with mode={name!r} has no option {', '.join(sorted(unknown))}"
        raise InvalidInputError(f"{message}; there are {', '.join([*own, *CommitOptions.__annotations__])}")
    if takes_data == (data is NO_DATA):
        told = "needs data" if takes_data else "has no data: leave it out"
        raise InvalidInputError(f"a write with mode={name!r} {told}")
    missing = [option for option, needed in own.items() if needed and option not in options]
    if missing:
        raise InvalidInputError(f"a write with mode={name!r} needs {' and '.join(missing)}")
    return method(data, **options) if takes_data else method(**options)
