from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import atio_core as atio
from atio_core.data.filters import filter_arrow
from atio_core.storage.memory import MemoryStore

ROWS = pa.table(
    {
        "i": pa.array([1, -128, None, 5], pa.int8()),
        "u": pa.array([0, 2**64 - 1, None, 7], pa.uint64()),
        "f": pa.array([0.1, float("nan"), None, 1.5], pa.float32()),
        "d": pa.array([0.1, float("inf"), None, -0.0], pa.float64()),
        "b": [True, False, None, True],
        "n": pa.array([Decimal("1.10"), Decimal("0.00"), None, Decimal("3.00")], pa.decimal128(10, 2)),
        "s": ["a", "b", None, "c"],
        "row": [0, 1, 2, 3],
    }
)


@pytest.mark.parametrize(
    "given",
    [
        pc.field("f").isin([0.1]),
        pc.field("f").isin([Decimal("0.1")]),
        pc.field("d").isin([0.1, 7.0]),
        ~pc.field("d").isin([0.1]),
        ~(pc.field("d") <= pc.scalar(float("nan"))),
        pc.field("u").isin([7]),
        ~pc.field("u").isin([0, None]),
        pc.field("i").isin([1, 300]),
        pc.field("b").isin([1]),
        pc.field("n").isin([Decimal("1.1")]),
    ],
    ids=map(str, range(10)),
)
def test_files_are_ruled_out_by_the_rule_that_rows_are(given: pc.Expression) -> None:
    """The same rows match however they lie in files: what rules a file out is true of all of its rows."""
    whole, apart = atio.Table(store=MemoryStore()), atio.Table(store=MemoryStore())
    whole.append(ROWS)
    for place in range(ROWS.num_rows):
        apart.append(ROWS.slice(place, 1))
    assert matching(apart, given) == matching(whole, given)


def test_an_expression_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is safe to ask pyarrow about files is told by the expression, not anew for each file."""
    judged: list[str] = []
    rule = filter_arrow._rules_files_out_well  # noqa: SLF001 - what is called how often is the promise
    monkeypatch.setattr(
        filter_arrow, "_rules_files_out_well", lambda *given: judged.append(str(given[0])) or rule(*given)
    )
    table = atio.Table(store=MemoryStore())
    for place in range(ROWS.num_rows):
        table.append(ROWS.slice(place, 1), partition={"p": place}, partition_by=["p"])
    assert len(matching(table, pc.field("i").isin([1, 5]) & (pc.field("p") >= 0))) == 2
    assert len(judged) == 1


def test_files_without_one_of_the_values_are_ruled_out() -> None:
    """A list of whole numbers, or of values of the column's own type, spares files beyond it."""
    table = atio.Table(store=MemoryStore())
    for place in range(ROWS.num_rows):
        table.append(ROWS.slice(place, 1))
    for given in (pc.field("i").isin([5]), pc.field("s").isin(["c"])):
        before = table.io_stats()
        assert len(matching(table, given)) == 1
        assert (table.io_stats() - before).reads == 2  # the version's entry, and the one file


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        (pc.field("day") == "x", [0, 1]),
        (pc.field("day") != "x", [2, 3]),
        (pc.field("day").isin(["y", "z"]), [2, 3]),
        (pc.field("day").is_null(), [4, 5]),
        ((pc.field("day") == "y") & (pc.field("row") > 2), [3]),
        (pc.field("size") > 0.5, [0, 1, 2, 3, 4, 5]),
        (pc.field("size") == 7, [4, 5]),
    ],
    ids=map(str, range(7)),
)
def test_partition_fields_without_a_column_can_be_named(given: pc.Expression, rows: list[int]) -> None:
    """An expression looks at their values as at those of a column."""
    table = atio.Table(store=MemoryStore())
    for place, (day, size) in enumerate([("x", 1), ("y", 1.5), (None, 7)]):
        table.append(pa.table({"row": [2 * place, 2 * place + 1]}), partition={"day": day, "size": size})
    assert matching(table, given) == rows
    assert table.snapshot().count(given) == len(rows)
    assert table.delete(given).rows == 6 - len(rows)
    assert matching(table, None) == [row for row in range(6) if row not in rows]


def test_other_partitions_are_not_opened() -> None:
    """What their records say of them rules files out."""
    table = atio.Table(store=MemoryStore())
    for day in ("x", "y", None):
        table.append(pa.table({"row": [1]}), partition={"day": day})
    before = table.io_stats()
    assert matching(table, pc.field("day") == "x") == [1]
    assert (table.io_stats() - before).reads == 2  # the version's entry, and the one file


@pytest.mark.parametrize("given", [pc.field("day"), pc.field("day") > 1, pc.field("night") == "x"], ids=str)
def test_expressions_of_partition_fields_that_make_no_sense_are_refused(given: pc.Expression) -> None:
    """One that is no truth, that compares other kinds, or that names nothing."""
    table = atio.Table(store=MemoryStore())
    table.append(pa.table({"row": [1]}), partition={"day": "x"})
    with pytest.raises(atio.InvalidInputError, match=r"in filter (gives string|can't be computed)"):
        table.read(filter=given)


def test_what_cannot_be_computed_is_refused_however_rows_lie() -> None:
    """The error is atio's, and names the column, also where files are asked first."""
    table = atio.Table(store=MemoryStore())
    for place in range(ROWS.num_rows):
        table.append(ROWS.slice(place, 1))
    with pytest.raises(atio.InvalidInputError, match="can't be computed over 'u'"):
        table.read(filter=pc.field("u") >= 0)


def matching(table: atio.Table, given: Any) -> list[int]:
    """Return the numbers of the rows that match."""
    return table.read(output_as="arrow", filter=given, columns=["row"])["row"].to_pylist()
