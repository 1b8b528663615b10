"""What you need to test a pipeline that writes with atio: folders for tables, stores that fail, exact comparison.

Nothing here is loaded by `import atio_core`, and pytest only by `temporary_store`.

Example:
    >>> import atio_core as atio, pandas as pd
    >>> from atio_core.testing import Fault, FaultyStore, temporary_folder
    >>> with temporary_folder() as folder:
    ...     table = atio.Table(store=FaultyStore(folder / "prices", Fault("put_if_absent", after=True)))
    ...     table.append(pd.DataFrame({"price": [1.5]})).rows
    1
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atio_core.testing.equality import assert_frames_equal, assert_snapshots_equal
from atio_core.testing.faulty import VERBS, Fault, FaultyStore, StoreWrapper, lost_answer, refusal
from atio_core.testing.folders import temporary_folder

if TYPE_CHECKING:
    from atio_core.testing.fixtures import temporary_store

__all__ = [
    "VERBS",
    "Fault",
    "FaultyStore",
    "StoreWrapper",
    "assert_frames_equal",
    "assert_snapshots_equal",
    "lost_answer",
    "refusal",
    "temporary_folder",
    "temporary_store",
]


def __getattr__(name: str) -> Any:
    """Load the fixture when it is asked for: pytest needn't be there otherwise."""
    if name != "temporary_store":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from atio_core.testing.fixtures import temporary_store

    return temporary_store
