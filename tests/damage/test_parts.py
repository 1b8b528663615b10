"""Whichever byte of a data file is changed: a read of a part of it says so, or is right all the same."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from atio_core.data.digests.blocks import BlockDigester
from atio_core.data.scan import scan
from atio_core.data.writing import sink, writer
from atio_core.errors import DamagedError
from atio_core.table import Table
from tests.damage.tables import holding, right_or_damaged

ROWS = 24
WAYS: dict[str, Callable[[Table], Any]] = {
    "all": lambda table: table.read(output_as="arrow").to_pydict(),
    "columns": lambda table: table.read(output_as="arrow", columns=["b"]).to_pydict(),
    "filter": lambda table: table.read(output_as="arrow", filter=[("a", ">", 20)]).to_pydict(),
    "filter of another column": lambda table: table.read(
        output_as="arrow", columns=["c"], filter=pc.field("b") == "7"
    ).to_pydict(),
    "limit": lambda table: table.read(output_as="arrow", limit=3).to_pydict(),
    "lazy": lambda table: (
        table.read(output_as="lazy").filter(pl.col("a") < 4).select("c").collect().to_dicts()
    ),
    "scan": lambda table: [batch.to_pydict() for batch in table.scan(columns=["a"], filter=[("a", "<", 9)])],
    "dataset": lambda table: table.read(output_as="dataset").to_table(["b"], pc.field("a") > 13).to_pydict(),
}


@pytest.fixture
def table(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    """One data file of many row groups and blocks, read by these."""
    monkeypatch.setattr(scan, "SMALL_FILE_BYTES", 0)
    monkeypatch.setattr(sink, "BlockDigester", functools.partial(BlockDigester, block_bytes=128))
    monkeypatch.setattr(writer, "_GROUP_ROWS", 4)
    table = Table(disk / "table")
    numbers = list(range(ROWS))
    table.append(pa.table({"a": numbers, "b": [str(n) for n in numbers], "c": [n / 3 for n in numbers]}))
    return table


def data_file(table: Table) -> str:
    """The name of the one data file."""
    (file,) = table.snapshot().data_files()
    return file.path


def named(act: Callable[[], Any], name: str) -> Callable[[], Any]:
    """An act whose errors are those of a read, where polars has told them in its own words."""

    def read() -> Any:
        try:
            return act()
        except pl.exceptions.ComputeError as error:
            if "DamagedError" not in str(error):
                raise
            raise DamagedError(str(error), path=name) from error

    return read


@pytest.mark.parametrize("way", WAYS)
def test_no_changed_byte_that_a_read_uses_goes_unseen(way: str, table: Table) -> None:
    """Every changed byte is told with the file's name, or lies where this read doesn't look."""
    name = data_file(table)
    path = Path(table.path) / name
    data = path.read_bytes()
    act = named(lambda: WAYS[way](table), name)
    expected = act()
    right = 0
    places = range(list(WAYS).index(way), len(data), 5)
    for at in places:
        with holding(path, data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]):
            right += right_or_damaged(act, expected, {name})
    assert (right == 0) == (way == "all")


@pytest.mark.parametrize("small_file_bytes", [scan.SMALL_FILE_BYTES, 0], ids=["whole", "blocks"])
def test_a_read_that_does_not_verify_takes_what_is_there(
    small_file_bytes: int, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `verify="never"` no digest of a data file is looked at; without it all are, of what is read."""
    monkeypatch.setattr(scan, "SMALL_FILE_BYTES", small_file_bytes)
    name = data_file(table)
    path = Path(table.path) / name
    data = path.read_bytes()
    digests = data.index(b'"digests":') + 20  # in the footer, of no use to who doesn't check
    snapshot = table.snapshot()
    with holding(path, data[:digests] + bytes([data[digests] ^ 1]) + data[digests + 1 :]):
        for output in ("pandas", "polars", "arrow"):
            assert len(table.read(output_as=output, verify="never")) == ROWS
            with pytest.raises(DamagedError, match=name):
                table.read(output_as=output)
        assert table.read(output_as="batches", verify="never").read_all().num_rows == ROWS
        assert table.read(output_as="lazy", verify="never").collect().height == ROWS
        assert table.read(output_as="dataset", verify="never").to_table().num_rows == ROWS
        assert (
            sum(batch.num_rows for batch in snapshot.scan(verify="never", filter=[("a", ">", 3)])) == ROWS - 4
        )
        with pytest.raises(DamagedError, match=name):
            snapshot.scan()
        with pytest.raises(DamagedError, match=name):
            snapshot.read(verify="always")
