from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.changes.schema import (
    WrittenSchema,
    add_schema,
    column_id,
    read_schema,
    require_same_schema,
    with_ids,
    written_schema,
)
from atio_core.errors import CommitConflictError, DamagedError, InvalidInputError, NotFoundError
from atio_core.log.limits import Limits
from atio_core.log.scratch import Scratch
from atio_core.model.entry import empty_entry
from atio_core.storage.memory import MemoryStore
from atio_core.table import Table

names = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)


def schema(*names_: str, type_: pa.DataType | None = None) -> pa.Schema:
    """Return a schema of columns of one type, without ids."""
    return pa.schema([(name, type_ or pa.int64()) for name in names_])


def wide() -> pa.Schema:
    """Return a schema that is too large to lie in an entry."""
    return schema(*(f"column {number * 7919 % 10007}" for number in range(2000)))


def ids(of: pa.Schema) -> list[int]:
    """Return the ids of the columns."""
    return [column_id(field) for field in of]


@given(st.lists(names, max_size=5))
def test_a_column_keeps_its_id_and_no_id_is_given_twice(history: list[list[str]]) -> None:
    """Over any history, a column that stays has its id, a new one has an id that no column ever had."""
    last, before = 0, None
    ever: set[int] = set()
    for columns in history:
        made = with_ids(schema(*columns), like=before, last_column=last)
        known = {field.name: column_id(field) for field in before} if before else {}
        for field in made:
            if field.name in known:
                assert column_id(field) == known[field.name]
            else:
                assert column_id(field) not in ever
        ever |= set(ids(made))
        last, before = max(ever, default=0), made


def test_a_column_of_another_type_is_another_column() -> None:
    """A name that comes back with another type gets a new id: old files' values aren't taken for it."""
    first = with_ids(schema("a", "b"), like=None, last_column=0)
    assert ids(with_ids(schema("a", type_=pa.string()), like=first, last_column=2)) == [3]


def test_metadata_of_columns_stays() -> None:
    """What a schema says of a column is kept beside the id."""
    told = pa.schema([pa.field("a", pa.int64(), nullable=False, metadata={"k": "v"})], metadata={"s": "t"})
    (field,) = made = with_ids(told, like=None, last_column=0)
    assert field.metadata == {b"k": b"v", b"PARQUET:field_id": b"1"}
    assert (field.nullable, made.metadata) == (False, {b"s": b"t"})


def test_a_schema_that_is_there_is_not_added_again() -> None:
    """Equal schemas share a number, and a version keeps those that its files were written with."""
    scratch = Scratch(MemoryStore(), empty_entry("t"), lambda: 0)
    first = WrittenSchema.of(with_ids(schema("a"), like=None, last_column=0))
    other = WrittenSchema.of(with_ids(schema("b"), like=None, last_column=1))
    entry, number = add_schema(empty_entry("t"), first, scratch)
    assert (number, entry.schema, entry.last_schema, entry.last_column) == (1, 1, 1, 1)
    entry, number = add_schema(entry, other, scratch)
    assert (number, entry.schema, list(entry.schemas), entry.last_column) == (2, 2, [1, 2], 2)
    entry, number = add_schema(entry, first, scratch)
    assert (number, entry.schema, list(entry.schemas), entry.last_schema) == (1, 1, [1, 2], 2)


def test_the_numbers_of_schemas_that_went_are_not_used_again() -> None:
    """A number means one schema for good, as files refer to it."""
    scratch = Scratch(MemoryStore(), empty_entry("t"), lambda: 0)
    entry, _ = add_schema(
        empty_entry("t"), WrittenSchema.of(with_ids(schema("a"), like=None, last_column=0)), scratch
    )
    emptied = entry.with_(schemas={})
    _, number = add_schema(
        emptied, WrittenSchema.of(with_ids(schema("b"), like=None, last_column=1)), scratch
    )
    assert number == 2


@pytest.mark.parametrize("made", [schema("a"), wide()], ids=["in the entry", "in a file"])
def test_a_schema_comes_back(made: pa.Schema) -> None:
    """Whether it lies in the entry or, if it is large, in a file of its own: it is read as it was."""
    store = MemoryStore()
    scratch = Scratch(store, empty_entry("t"), lambda: 0)
    numbered = with_ids(made, like=None, last_column=0)
    entry, number = add_schema(empty_entry("t"), WrittenSchema.of(numbered), scratch)
    scratch.write()
    ref = entry.schemas[number]
    assert len(list(store.list("_atio/schemas/"))) == int(ref.path is not None)
    found = read_schema(store, ref, 1)
    assert found.equals(numbered, check_metadata=True)
    assert written_schema(found, ref).digest == WrittenSchema.of(numbered).digest
    assert written_schema(found, ref).last_column == WrittenSchema.of(numbered).last_column


def test_a_damaged_schema_is_named() -> None:
    """A schema's file that isn't what was written is damage; a missing one is told apart."""
    store = MemoryStore("table")
    scratch = Scratch(store, empty_entry("t"), lambda: 0)
    entry, number = add_schema(
        empty_entry("t"), WrittenSchema.of(with_ids(wide(), like=None, last_column=0)), scratch
    )
    ref = entry.schemas[number]
    with pytest.raises(NotFoundError):
        read_schema(store, ref, 7)
    store.put(str(ref.path), b"damaged")
    with pytest.raises(DamagedError, match=r"the schema .* of the table memory://table is damaged") as caught:
        read_schema(store, ref, 7)
    assert (caught.value.facts["path"], caught.value.version) == (ref.path, 7)


def test_files_of_another_schema_are_to_be_written_again() -> None:
    """A change written for a schema that isn't the latest's any more is a conflict that asks for a new write."""
    scratch = Scratch(MemoryStore(), empty_entry("t"), lambda: 0)
    first = WrittenSchema.of(with_ids(schema("a"), like=None, last_column=0))
    other = WrittenSchema.of(with_ids(schema("b"), like=None, last_column=1))
    require_same_schema(empty_entry("t"), first, "append", "t")
    entry = add_schema(empty_entry("t"), first, scratch)[0].with_(version=3)
    require_same_schema(entry, first, "append", "t")
    with pytest.raises(CommitConflictError, match="append of t was written for a schema") as caught:
        require_same_schema(entry, other, "append", "t")
    assert (caught.value.facts["write_again"], caught.value.facts["winner"]) == (True, 3)


def test_a_schema_of_no_columns_is_one() -> None:
    """A frame without columns has a schema as well."""
    assert WrittenSchema.of(with_ids(schema(), like=None, last_column=4)).last_column == 0


def test_a_label_that_is_not_kept_is_refused() -> None:
    """A value that no frame gives back as a label is an `InvalidInputError`."""
    table = Table(store=MemoryStore())
    table.append(pd.DataFrame({"x": [1]}))
    for label in ([("x", "==", float("nan"))], object()):
        with pytest.raises(InvalidInputError, match="label"):
            table.rename_column("x", label)


def test_schemas_that_no_file_needs_go() -> None:
    """However often columns are renamed, an entry names few schemas more than its files were written with."""
    table = Table(store=MemoryStore(), limits=Limits(inline_files=2, fanout=2))
    for number in range(4):
        table.append(pa.table({"x": [number]}))
        table.rename_column("x", "y")
        table.rename_column("y", "x")
    entry = table.rename_column("x", "c0").entry
    for number in range(100):
        entry = table.rename_column(f"c{number}", f"c{number + 1}").entry
        assert len(entry.schemas) <= 1 + 16
        assert 1 in entry.schemas
    assert table.read(output_as="arrow").to_pydict() == {"c100": [0, 1, 2, 3]}
    assert table.read(-2, "arrow").to_pydict() == {"c99": [0, 1, 2, 3]}
    assert (entry.last_schema, len(entry.manifests)) == (103, 1)


def test_a_restore_of_a_version_whose_schema_went(tmp_path: Path) -> None:
    """An older version still has its own schemas when the latest names them no more."""
    table = Table(tmp_path)
    table.append(pa.table({"x": [1]}))
    table.rename_column("x", "c0")
    for number in range(20):
        table.rename_column(f"c{number}", f"c{number + 1}")
    assert 2 not in table.snapshot().entry.schemas
    table.restore(2)
    assert table.append(pa.table({"c0": [2]})).rows == 2
    assert table.read(output_as="arrow").to_pydict() == {"c0": [1, 2]}
