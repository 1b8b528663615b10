"""Arrow tables and polars frames that are equal in all that can be seen."""

from __future__ import annotations

from typing import Any

from atio_core.testing.exact import same, same_values, told


def assert_arrow_equal(left: Any, right: Any) -> None:
    """Demand that two Arrow tables have the same fields and metadata, and the same values; chunks may differ."""
    import pyarrow as pa

    same("columns", left.schema.names, right.schema.names)
    for ours, theirs in zip(left.schema, right.schema, strict=True):
        if not ours.equals(theirs, check_metadata=True):
            facts = [(one.type, one.nullable, one.metadata) for one in (ours, theirs)]
            raise AssertionError(f"column {ours.name!r}: {told(*facts)}")
    same("metadata", left.schema.metadata, right.schema.metadata)
    same("number of rows", left.num_rows, right.num_rows)
    for place, name in enumerate(left.schema.names):
        ours, theirs = (
            pa.chunked_array([one.column(place)]) if isinstance(one, pa.RecordBatch) else one.column(place)
            for one in (left, right)
        )
        assert_column_equal(f"column {name!r}", ours, theirs)


def assert_polars_equal(left: Any, right: Any) -> None:
    """Demand that two polars frames have the same schema and the same values."""
    same("columns", left.columns, right.columns)
    for name in left.columns:
        if left.schema[name] != right.schema[name]:
            raise AssertionError(f"type of column {name!r}: {left.schema[name]}, and {right.schema[name]}")
    same("number of rows", left.height, right.height)
    for name in left.columns:
        ours, theirs, where = left[name], right[name], f"column {name!r}"
        alike = ours.dtype.is_object() or ours.equals(theirs, null_equal=True)
        if not alike or _has_floats(ours.dtype) or ours.dtype.is_object():
            same_values(where, ours.to_list(), theirs.to_list())
        if not alike:
            raise AssertionError(f"{where}: the values differ in what Python's own can't hold")


def assert_column_equal(where: str, left: Any, right: Any) -> None:
    """Demand that two chunked arrays of one type have the same values."""
    left, right = _plain(left), _plain(right)
    if left.equals(right) and not _has_floats(left.type):
        return
    try:
        same_values(where, left.to_pylist(), right.to_pylist())
    except (OverflowError, ValueError) as error:  # Python's times don't reach as far as Arrow's
        if not left.equals(right):
            raise AssertionError(f"{where}: the values differ in what Python's own can't hold") from error


def _plain(column: Any) -> Any:
    """The values without their dictionary, or the storage of an extension type."""
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        kind = column.type.value_type
        if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):  # Arrow can't take from these
            kind = pa.string() if pa.types.is_string_view(kind) else pa.binary()
            column = column.cast(pa.dictionary(column.type.index_type, kind, column.type.ordered))
        column = pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], kind)
    return column


def _has_floats(kind: Any) -> bool:
    """Whether a value may be a float, which Arrow compares as a number: -0.0 is 0.0, and no NaN another."""
    return any(name in str(kind).lower() for name in ("float", "double"))
