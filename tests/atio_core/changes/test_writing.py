from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from atio_core.changes.arrangement import Arrangement
from atio_core.changes.schema import column_id
from atio_core.changes.writing import Writing
from atio_core.data.frames.frames import to_piece
from atio_core.errors import SchemaMismatchError
from atio_core.format.names import file_id_of
from atio_core.log.commit_log import CommitLog
from atio_core.log.limits import DEFAULT_LIMITS
from atio_core.model.entry import LogEntry, PartitionField, empty_entry
from atio_core.model.ids import uuid7_time_us
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table
from tests.support.commits import START_US

COMMIT = bytes(range(16))


def writing(base: LogEntry | None = None, store: MemoryStore | None = None) -> Writing:
    """Return what writes the files of one commit."""
    entry = base or empty_entry("t")
    return Writing(store or MemoryStore("table"), entry, COMMIT, lambda: START_US, DEFAULT_LIMITS)


def test_a_new_table_takes_any_schema() -> None:
    """Columns get ids in their order; no value is touched."""
    piece = to_piece(pd.DataFrame({"a": [1], "b": ["x"]}))
    fitted, schema = writing().own_schema(piece)
    assert [column_id(field) for field in fitted.table.schema] == [1, 2]
    assert schema.last_column == 2
    assert fitted.table.columns == piece.table.columns


def test_rows_take_the_table_s_own_schema() -> None:
    """Rows that fit are written with the schema that the table has already, ids included; others are refused."""
    store = MemoryStore("table")
    Table(store=store).overwrite(pd.DataFrame({"b": [1]}))
    Table(store=store).overwrite(pd.DataFrame({"a": [1], "b": [1]}))
    base = CommitLog(store).latest()
    fitted, schema = writing(base, store).own_schema(to_piece(pd.DataFrame({"a": [2], "b": [3]})))
    assert schema.digest == base.schemas[base.schema].digest
    assert [column_id(field) for field in fitted.table.schema] == [2, 1]
    with pytest.raises(
        SchemaMismatchError, match=r"version 2 of the table memory://table: .*; nothing was written"
    ):
        writing(base, store).own_schema(to_piece(pd.DataFrame({"a": [2]})))


def test_a_new_schema_keeps_the_ids_of_columns_that_stay() -> None:
    """An overwrite with some of the columns is readable beside older files of the same ids."""
    store = MemoryStore("table")
    Table(store=store).overwrite(pd.DataFrame({"a": [1], "b": [1]}))
    fitted, schema = writing(CommitLog(store).latest(), store).new_schema(
        to_piece(pd.DataFrame({"c": [1], "b": [2]}))
    )
    assert [column_id(field) for field in fitted.table.schema] == [3, 2]
    assert schema.last_column == 3


def test_files_tell_who_wrote_them_and_what_they_hold() -> None:
    """Each record has the commit, the time, the partition and the digest of the content."""
    store = MemoryStore("table")
    write = writing(store=store)
    fitted, _ = write.own_schema(to_piece(pa.table({"a": [1, 2]})))
    (file,), contents = write.placed(fitted, Arrangement((PartitionField("day"),), {"day": "mon"}))
    assert (file.commit_id, file.time_us, file.partition, file.rows) == (COMMIT.hex(), START_US, ("mon",), 2)
    assert {("mon",): file.piece["content"]} == contents
    assert file.path.startswith("data/day=mon/")
    assert store.size(file.path) == file.size


def test_files_are_no_older_than_the_horizon() -> None:
    """With a clock that is behind, new files don't look like leftovers, and can be committed."""
    base = empty_entry("t").with_(horizon_us=START_US + 10**9)
    write = writing(base)
    fitted, _ = write.new_schema(to_piece(pa.table({"a": [1]})))
    (file,), _ = write.placed(fitted, Arrangement(()))
    file_id = file_id_of(file.path)
    assert file_id is not None
    assert uuid7_time_us(file_id) >= base.horizon_us


def test_equal_rows_have_equal_content() -> None:
    """The digest is of the values, not of the file."""
    write = writing()
    fitted, _ = write.own_schema(to_piece(pa.table({"a": [1, 2]})))
    (one,), first = write.placed(fitted, Arrangement(()))
    (other,), second = write.placed(fitted, Arrangement(()))
    assert first == second
    assert one.path != other.path
