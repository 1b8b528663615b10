"""What kind of index the labels of a table's columns are, when columns come, go or change their label; pandas alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from atio_core.data.frames.misfit import MisfitError
from atio_core.data.schema.labels import Json
from atio_core.data.schema.layout import Column, Layout

_TEXT: dict[str, Json] = {"dtype": {"string": ["pyarrow", "nan"]}}
"""The kind of the labels of other libraries."""


def joined_kind(old: Layout, given: Layout, new: Sequence[Column]) -> Json:
    """Return the kind of a table's labels once some columns of a frame are among them.

    Args:
        old: The table's layout.
        given: The frame's.
        new: The columns that are added.

    Raises:
        MisfitError: The labels of table and frame are of kinds that don't go together.
    """
    if old.library != "pandas":
        return old.labels
    theirs = given.labels if given.library == "pandas" else _TEXT
    if given.library == "pandas":
        _require_same_names(old.labels, theirs)
    if not new:
        return old.labels
    return kind_of_labels(old.labels, theirs, [column.label for column in (*old.columns, *new)])


def _require_same_names(ours: dict[str, Json], theirs: dict[str, Json]) -> None:
    for key in ("name", "names"):
        before, after = ours.get(key), theirs.get(key)
        if before != after:
            reason = (
                f"the index of the columns has the {key} {before!r} in the table, but {after!r} in the data"
            )
            raise MisfitError(reason, f"name it as the table does: df.columns.names = {before!r}")
    if ("levels" in ours) != ("levels" in theirs):
        raise MisfitError(
            "the labels of the columns have levels in one of table and data, and none in the other"
        )


def kind_of_label(label: Any) -> dict[str, Json]:
    """Return the kind of an index that has this label alone."""
    import pandas as pd

    from atio_core.data.frames.pandas_index import describe_index

    if isinstance(label, tuple) and label:
        return describe_index(cast("Any", pd).MultiIndex.from_tuples([label]))[0]
    return describe_index(cast("Any", pd).Index([label], tupleize_cols=False))[0]


def kind_of_labels(ours: dict[str, Json], theirs: dict[str, Json], labels: Sequence[Json]) -> dict[str, Json]:
    """Return the kind of an index that has the labels of two.

    Args:
        ours: The kind of the first.
        theirs: The kind of the second.
        labels: All labels, as JSON.

    Raises:
        MisfitError: No index holds them as they are.

    Example:
        >>> kind_of_labels({"dtype": "int64"}, {"range": [0, 3, 1]}, [5, 2])
        {'dtype': 'int64'}
    """
    kept = {key: value for key, value in ours.items() if key in ("name", "names")}
    if "levels" in ours:
        if len(ours["levels"]) != len(theirs.get("levels", ())):
            raise MisfitError("the labels of the columns have several levels, and not all have as many")
        levels = [a if a == b else "object" for a, b in zip(ours["levels"], theirs["levels"], strict=False)]
        return _checked({"levels": levels, **kept}, labels)
    step = _range_of(labels) if "range" in ours else None
    if step is not None:
        return {"range": step, **kept}
    dtypes = ["int64" if "range" in kind else kind.get("dtype", "object") for kind in (ours, theirs)]
    return _checked({"dtype": dtypes[0] if dtypes[0] == dtypes[1] else "object", **kept}, labels)


def _range_of(labels: Sequence[Json]) -> list[int] | None:
    """The start, stop and step of a range of these labels, if they are one that starts and steps as usual."""
    return [0, len(labels), 1] if list(labels) == list(range(len(labels))) else None


def _checked(kind: dict[str, Json], labels: Sequence[Json]) -> dict[str, Json]:
    from atio_core.data.frames.pandas_index import UnknownDtypeError, build_index, describe_index
    from atio_core.data.schema.labels import UnknownValueError

    try:
        made, values = describe_index(build_index(kind, labels))
    except (UnknownValueError, UnknownDtypeError, ValueError, TypeError) as error:
        raise MisfitError(f"no index holds all labels of the columns as they are ({error})") from error
    if values != list(labels):
        raise MisfitError("no index holds all labels of the columns as they are")
    return cast("dict[str, Any]", made)
