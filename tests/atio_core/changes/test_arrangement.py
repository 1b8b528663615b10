from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from atio_core.changes.arrangement import (
    Arrangement,
    Placement,
    external_fields,
    new_arrangement,
    own_arrangement,
    require_arrangement,
)
from atio_core.errors import CommitConflictError, InvalidInputError
from atio_core.model.entry import PartitionField, empty_entry
from tests.support.data_files import with_ids

SCHEMA = with_ids(pa.table({"day": [1], "x": [1.5]})).schema
NONE = empty_entry("t")
DAY, SRC = PartitionField("day", 1), PartitionField("src")


def base(*fields: PartitionField) -> Any:
    """A table that is there."""
    return NONE.with_(version=3, schema=1, partition_fields=fields)


@pytest.mark.parametrize(
    ("before", "placement", "fields"),
    [
        (NONE, Placement.of(), ()),
        (NONE, Placement.of(["day"]), (DAY,)),
        (NONE, Placement.of(partition={"src": "web"}), (SRC,)),
        (NONE, Placement.of(["src", "day"], {"src": "web"}), (SRC, DAY)),
        (base(DAY), Placement.of(), (DAY,)),
        (base(DAY), Placement.of([]), ()),
        (base(DAY), Placement.of(["x"]), (PartitionField("x", 2),)),
        (base(SRC), Placement.of(), ()),
        (base(SRC, DAY), Placement.of(), (DAY,)),
        (base(SRC, DAY), Placement.of(partition={"src": "web"}), (SRC, DAY)),
        (base(DAY), Placement.of(partition={"src": "web"}), (DAY, SRC)),
    ],
    ids=map(str, range(11)),
)
def test_a_full_overwrite_may_change_the_fields(before: Any, placement: Placement, fields: Any) -> None:
    """What it says counts; what it leaves out stays if it is a column, and goes if it has no value."""
    assert new_arrangement(before, SCHEMA, placement, "t").fields == fields


@pytest.mark.parametrize(
    ("before", "placement", "told"),
    [
        (NONE, Placement.of(["nope"]), r"partition_by names what the data has no column 'nope'"),
        (
            base(PartitionField("gone", 9)),
            Placement.of(),
            r"partitioned by gone, and the data has no column 'gone'",
        ),
        (NONE, Placement.of(["day"], {"src": 1}), "a value for 'src', which isn't in partition_by"),
        (NONE, Placement.of(partition={"x": 1}), "a value for 'x', which is a column of the data"),
    ],
    ids=["no column", "no column any more", "no field", "a column"],
)
def test_what_an_overwrite_can_not_do_is_refused(before: Any, placement: Placement, told: str) -> None:
    """Every field is a column, or has its value from the caller."""
    with pytest.raises(InvalidInputError, match=told):
        new_arrangement(before, SCHEMA, placement, "t")


def test_a_table_keeps_its_fields() -> None:
    """Rows that are added are split by the table's own fields."""
    assert own_arrangement(base(DAY), SCHEMA, Placement.of(), "t").fields == (DAY,)
    assert own_arrangement(base(DAY), SCHEMA, Placement.of(["day"]), "t").fields == (DAY,)
    arrangement = own_arrangement(base(SRC, DAY), SCHEMA, Placement.of(partition={"src": "web"}), "t")
    assert arrangement == Arrangement((SRC, DAY), {"src": "web"})
    assert arrangement.placed((5,)) == ("web", 5)
    assert arrangement.columns == [1]


@pytest.mark.parametrize(
    ("before", "placement", "told"),
    [
        (base(DAY), Placement.of(["x"]), "the table is partitioned by day, and partition_by says otherwise"),
        (base(), Placement.of(["day"]), "the table is not partitioned, and partition_by says otherwise"),
        (base(SRC), Placement.of(), "nothing says which src the rows belong to"),
        (base(DAY), Placement.of(partition={"day": 1}), "for 'day', .* where it is a column"),
        (base(), Placement.of(partition={"src": 1}), "for 'src', .* has no such field"),
    ],
    ids=["other fields", "no fields", "no value", "a column", "no field"],
)
def test_other_fields_are_refused(before: Any, placement: Placement, told: str) -> None:
    """Only a full overwrite changes them."""
    with pytest.raises(InvalidInputError, match=told):
        own_arrangement(before, SCHEMA, placement, "t")


@pytest.mark.parametrize(
    "given",
    [("day", None), (["a", "a"], None), ([1], None), (None, "x"), (None, {1: 2}), (None, {"a": [1]})],
    ids=["text", "twice", "a number", "no mapping", "no name", "no value"],
)
def test_odd_wishes_are_refused(given: Any) -> None:
    """What makes no sense is refused by its name."""
    with pytest.raises(InvalidInputError, match="partition"):
        Placement.of(*given)


def test_a_mapping_is_for_external_fields() -> None:
    """A table that is partitioned by a column takes a frame."""
    assert external_fields(NONE, ("day",), "t") == (PartitionField("day"),)
    with pytest.raises(InvalidInputError, match="by day, so it has no partitions by hour; overwrite"):
        external_fields(base(PartitionField("day")), ("hour",), "t")
    with pytest.raises(InvalidInputError, match="give one frame with the column 'day', not a mapping"):
        external_fields(base(DAY), ("day",), "t")


def test_files_for_other_fields_are_written_again() -> None:
    """If the fields, or the sorting, have changed since the files were written, they can't be committed."""
    require_arrangement(base(DAY), (DAY,), (), "append", "t")
    require_arrangement(NONE, (DAY,), (1,), "append", "t")
    with pytest.raises(CommitConflictError, match=r"for a table not partitioned, and .* by day") as caught:
        require_arrangement(base(DAY), (), (), "append", "t")
    assert caught.value.facts["write_again"] is True
    with pytest.raises(CommitConflictError, match=r"for a table sorted in another way") as caught:
        require_arrangement(base(DAY), (DAY,), (2,), "append", "t")
    assert caught.value.facts["write_again"] is True
    with pytest.raises(CommitConflictError, match=r"was staged for .* stage the data again") as caught:
        require_arrangement(base(DAY), (DAY,), (2,), "append", "t", write_again=False)
    assert "write_again" not in caught.value.facts


def test_numbers_of_numpy_are_pythons() -> None:
    """Values in records are plain."""
    (value,) = Placement.of(partition={"n": pd.Series([1])[0]}).partition.values()
    assert type(value) is int
