from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from atio_core.errors import CommitConflictError, InvalidInputError, SchemaMismatchError
from atio_core.format.digest import digest
from atio_core.model.entry import Totals
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import SCHEMA, Writer


def table(*words: str) -> Writer:
    """Return a writer of a table to which these were appended, one by one."""
    writer = Writer(MemoryStore())
    for word in words:
        writer.append(word)
    return writer


def test_rows_are_added_behind_the_others() -> None:
    """An append adds its files behind those there, and counts what it added; nothing is removed."""
    writer = table("a", "b")
    entry = writer.append("c", "d").entry
    assert entry is not None
    assert writer.words() == ["a", "b", "c", "d"]
    assert (entry.operation, entry.data.added, entry.data.removed) == ("append", Totals(2, 2, 2), Totals())
    assert entry.totals == Totals(4, 4, 4)


def test_it_rebases_over_any_rows() -> None:
    """Appends and overwrites that came first don't disturb an append: its rows come behind what is there then."""
    writer = table("a")
    base = writer.log.latest()
    change = writer.appending(writer.file("mine"))
    writer.append("b")
    writer.overwrite("c")
    assert writer.commit(change, base=base).version == 4
    assert writer.words() == ["c", "mine"]


def test_the_content_is_the_parent_s_and_the_piece_s() -> None:
    """The digest of a table after an append is taken of the parent's and the piece's, so that order counts."""
    writer = table("a")
    first = writer.log.latest()
    change = writer.appending(writer.file("b"))
    entry = writer.commit(change).entry
    assert entry is not None
    assert entry.content == digest(f"{first.content} {change.content}".encode())
    assert first.content == table("a").log.latest().content
    assert table("a", "b").log.latest().content != table("b", "a").log.latest().content


def test_the_first_append_makes_the_table() -> None:
    """Without a table, an append gives it its schema."""
    entry = table("a").log.latest()
    assert (entry.version, entry.schema, entry.schemas[1].digest) == (1, 1, SCHEMA.digest)


def test_a_schema_that_changed_meanwhile_is_noticed(tmp_path: Path) -> None:
    """If an overwrite changed the columns in between, the append is refused or, if it fits, written again."""
    mine, other = Table(tmp_path), Table(tmp_path)
    mine.append(pd.DataFrame({"a": [1]}))
    other.overwrite(pd.DataFrame({"a": ["x"]}))
    with pytest.raises(SchemaMismatchError, match="version 2"):
        mine.append(pd.DataFrame({"a": [2]}))
    mine.read()
    other.overwrite(pd.DataFrame({"b": [1]}))
    assert mine.append(pd.DataFrame({"b": [2]})).version == 4
    assert mine.read()["b"].tolist() == [1, 2]


def test_files_written_for_another_schema_ask_for_a_new_write() -> None:
    """The change itself says that the data is to be written again; nothing was committed."""
    writer = table("a")
    change = writer.appending(writer.file("b"))
    Table(store=writer.store, limits=writer.limits).overwrite(pa.table({"other": [1]}))
    with pytest.raises(CommitConflictError, match="write the data again") as caught:
        writer.commit(change)
    assert caught.value.facts["write_again"] is True


def test_a_partitioned_table_is_not_appended_to(tmp_path: Path) -> None:
    """Nobody could tell into which partition the rows belong; the error says what to use, and nothing is written."""
    table_ = Table(tmp_path)
    table_.overwrite_partitions({"x": pd.DataFrame({"a": [1]})}, partition_by=["day"])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(
        InvalidInputError, match=r"by day, and nothing says which day .* use overwrite_partitions"
    ):
        table_.append(pd.DataFrame({"a": [2]}))
    assert sorted(tmp_path.rglob("*")) == before


def test_no_rows_leave_the_content_as_it_is() -> None:
    """An append of no rows is a version with the content of the one before, unless it brings a column."""
    table = Table("memory://append-nothing")
    before = table.append(pa.table({"n": [1]}))
    after = table.append(pa.table({"n": pa.array([], pa.int64())}))
    assert (after.version, after.content) == (2, before.content)
    more = pa.table({"n": pa.array([], pa.int64()), "m": pa.array([], pa.int64())})
    assert table.append(more, schema_mode="add").content != before.content
