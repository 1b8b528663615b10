"""Releases of the libraries at hand. Tests ask here whether they can do what older ones that are allowed can't."""

from __future__ import annotations

from importlib.metadata import version


def _release(library: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version(library).split(".")[:2])


PANDAS = _release("pandas")
PYARROW = _release("pyarrow")

READS_FIXED_NULLS = PYARROW >= (26, 0)
"""Lists of a fixed size that are null come back from Parquet."""
TAKES_UUIDS = PYARROW >= (24, 0)
"""Arrow makes a column of UUIDs of Python's."""
KEEPS_MAPS = PYARROW >= (24, 0)
"""Parquet gives a map back with large texts, and says that its keys are sorted."""
WRITES_LIST_VIEWS = PYARROW >= (25, 0)
"""Parquet takes list views."""
READS_ALL_OF_PANDAS = PYARROW >= (25, 0) and PANDAS >= (3, 1)
"""pandas reads from Parquet and Feather as it was what older releases read with another zone, dtype or not at all."""
WRITES_ANY_LABEL = PANDAS >= (3, 1)
"""pandas writes JSON whatever the labels are; 3.0 may kill the process."""
SHOWS_WIDGETS = _release("tqdm") >= (4, 70)
"""tqdm sees the notebook that it runs in, whatever the release of IPython."""
