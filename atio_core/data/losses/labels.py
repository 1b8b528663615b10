"""What formats without types make of the labels and the index of a pandas frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from atio_core.data.losses.loss import Loss
from atio_core.data.losses.texts import VALUE

_ODD = re.compile(r"[\x00-\x1f\x7f\"\ufeff\ufffe\uffff]|\.\d+$|^Unnamed: |_x[0-9A-Fa-f]{4}_")
"""Names with what readers treat: quotes, control characters, numbers of duplicates, escapes."""
_DATE_NAME = re.compile(r".*_(at|time)|timestamp.*|modified|date", re.IGNORECASE)
"""As `pandas.read_json` knows columns of times."""


def has_plain_index(frame: Any) -> bool:
    """Tell whether a frame's index only counts its rows.

    Args:
        frame: A `pandas.DataFrame`.
    """
    import pandas as pd

    index = frame.index
    counts = type(index) is pd.RangeIndex and (index.start, index.step, index.name) == (0, 1, None)
    return counts and index.stop == len(index)


def of_labels(frame: Any) -> Iterator[Loss]:
    """Yield what is lost of the column labels where each is written as text.

    Args:
        frame: A `pandas.DataFrame`.
    """
    import pandas as pd

    labels = frame.columns
    if len(labels) == 0:
        yield Loss(None, "a frame without columns doesn't come back")
        return
    if isinstance(labels, pd.MultiIndex) or labels.dtype != "str" or labels.hasnans:
        yield Loss("the column labels", f"come back as text, not as {_kind(labels)}")
    elif getattr(labels.dtype, "storage", None) != "pyarrow":
        yield Loss("the column labels", "come back as str in Arrow's memory")
    if not labels.is_unique:
        yield Loss("the column labels", "are not unique; readers number those that repeat")
    if any(name is not None for name in labels.names):
        yield Loss("the column labels", f"lose their name {labels.names[0]!r}")
    yield from of_names(labels)
    yield from of_frame(frame)


def of_frame(frame: Any) -> Iterator[Loss]:
    """Yield what no file keeps but those with a place for it: the class, `attrs` and flags.

    Args:
        frame: A `pandas.DataFrame`.
    """
    import pandas as pd

    if type(frame) is not pd.DataFrame:
        yield Loss(None, f"the class {type(frame).__module__}.{type(frame).__qualname__} isn't kept")
    if frame.attrs:
        yield Loss(None, "attrs aren't kept")
    if not frame.flags.allows_duplicate_labels:
        yield Loss(None, "the flag allows_duplicate_labels isn't kept")


def of_names(names: Iterable[Any]) -> Iterator[Loss]:
    """Yield the names that readers of formats without types take for another, or for none.

    Args:
        names: The labels of the columns.
    """
    for name in names:
        odd = isinstance(name, str) and (name != name.strip() or not name or _ODD.search(name))
        if odd or (isinstance(name, str) and re.search(VALUE, name)):
            yield Loss(f"column {name!r}", "its name may be read as another")


def of_dates_by_name(names: Iterable[Any]) -> Iterator[Loss]:
    """Yield the columns for whose values `pandas.read_json` makes dates, by their names.

    Args:
        names: The labels of the columns.
    """
    for name in names:
        if isinstance(name, str) and _DATE_NAME.fullmatch(name):
            yield Loss(f"column {name!r}", "read_json takes its values for times, by its name")


def _kind(labels: Any) -> str:
    return type(labels).__name__ if labels.nlevels > 1 else str(labels.dtype)
