"""Are two frames, or two versions of tables, equal in all that can be seen? If not, what is the first difference?

Libraries' own comparisons forgive much: a NaN for another, -0.0 for 0.0, a list of a tuple, an index of another kind.
Here two things are equal if no program can tell one from the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from atio_core.data.kinds import kind_of
from atio_core.errors import InvalidInputError
from atio_core.model.entry import ROWS
from atio_core.testing.arrow_equality import assert_arrow_equal, assert_polars_equal
from atio_core.testing.exact import same
from atio_core.testing.pandas_equality import assert_pandas_equal

if TYPE_CHECKING:
    from atio_core.snapshot import Snapshot


def assert_snapshots_equal(
    left: Snapshot, right: Snapshot, *, read_as: Literal["pandas", "polars", "arrow"] = "arrow"
) -> None:
    """Demand that two versions read equal: columns, types, rows and their order. How files are cut plays no part.

    Objects are compared too: arrays, texts and the like as values, folders file by file.

    Args:
        left: A version.
        right: Another, of the same table or of any other.
        read_as: The library whose frames are compared. "pandas" compares index and attributes too. Nothing to objects.

    Raises:
        AssertionError: They differ. The message tells the first difference, left before right.

    Example:
        >>> import atio_core as atio, pandas as pd
        >>> one, two = (atio.Table(f"memory://equal-example-{number}") for number in (1, 2))
        >>> _ = one.append(pd.DataFrame({"a": [1]}))
        >>> _ = one.append(pd.DataFrame({"a": [2]}))
        >>> _ = two.append(pd.DataFrame({"a": [1, 3]}))
        >>> assert_snapshots_equal(one.snapshot(), two.snapshot())
        Traceback (most recent call last):
        AssertionError: column 'a', row 1: 2, and 3
    """
    same("kind", left.kind, right.kind)
    if left.kind == ROWS:
        assert_frames_equal(left.read(read_as), right.read(read_as))
    elif left.kind == "folder":
        _assert_folders_equal(left, right)
    else:
        same(f"the {left.kind}", left.read(), right.read())


def _assert_folders_equal(left: Snapshot, right: Snapshot) -> None:
    same("names of the files", left.names, right.names)
    for name in left.names:
        with left.open(name) as ours, right.open(name) as theirs:
            if ours.read() != theirs.read():
                raise AssertionError(f"file {name!r}: other bytes")
    if left.entry.content != right.entry.content:
        raise AssertionError("other files may be run by their owner, or other folders hold nothing")


def assert_frames_equal(left: Any, right: Any) -> None:
    """Demand that two frames of one library are equal in all that can be seen.

    Compared are labels with their types and order, dtypes (categories in order, time zones, units), values to the bit
    and to the type; of pandas the index with its kind and bounds, and `attrs`; of Arrow the metadata of the schema.

    Args:
        left: A pandas or polars DataFrame, or an Arrow table.
        right: Another.

    Raises:
        AssertionError: They differ. The message tells the first difference, left before right.
        InvalidInputError: `left` is no frame.

    Example:
        >>> import pandas as pd
        >>> assert_frames_equal(pd.DataFrame({"a": [0.0, 1.0]}), pd.DataFrame({"a": [-0.0, 1.0]}))
        Traceback (most recent call last):
        AssertionError: column 'a', row 0: 0.0, and -0.0
    """
    same("class", type(left), type(right))
    match kind_of(left):
        case "pandas":
            assert_pandas_equal(left, right)
        case "polars":
            assert_polars_equal(left, right)
        case "arrow":
            assert_arrow_equal(left, right)
        case _:
            raise InvalidInputError(
                f"{type(left).__name__} is no frame to be compared; give a pandas or polars DataFrame, or an Arrow"
                " table"
            )
