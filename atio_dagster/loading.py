"""What an input is loaded as: by its annotation, and by what its metadata choose of the columns and rows.

- A frame of any library, whichever wrote the table; polars LazyFrames, readers, DuckDB relations and Arrow datasets
  read what is asked of them. `atio_core.Snapshot` is the version itself.
- Partitions come as one frame, or as a dict by key or a list, if the input is annotated so.
- Objects come as they are. JSON rows (a list of dicts, a dict of columns) and arrays become frames if one is wanted,
  and frames become lists of rows or arrays.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from atio_core.data.object_files.kinds import FOLDER
from atio_core.data.schema.layout import layout_of
from atio_core.errors import InvalidInputError, NotFoundError
from atio_core.model.entry import ROWS
from atio_core.snapshot import Snapshot
from atio_dagster.arguments import require_known
from atio_dagster.input_types import OUTPUTS, InputType
from atio_dagster.keys import Partitions, described, named, plain

if TYPE_CHECKING:
    import dagster as dg

COLUMNS = ("atio/columns", "columns")
FILTER = "atio/filter"
MISSING = "allow_missing_partitions"
_NAMES = ("columns", "filter", "version", "as_of", "tag", "reads")
"""What an input's metadata may say, with `atio/` before it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What an input takes of a version.

    Attributes:
        columns: Their labels; all if None.
        filter: Which rows, as for `Snapshot.read`; all if None.
    """

    columns: Sequence[Any] | None = None
    filter: Any = None

    @classmethod
    def of(cls, context: dg.InputContext) -> Selection:
        """Return what an input's metadata choose.

        Raises:
            InvalidInputError: A name among them is misspelt: all would be loaded, or another version.
        """
        require_known(f"the metadata of {described(context)}", context.definition_metadata, _NAMES)
        said = {name: plain(value) for name, value in context.definition_metadata.items()}
        columns = next((said[name] for name in COLUMNS if said.get(name) is not None), None)
        return cls(columns, _terms(said.get(FILTER)))


def load(
    context: dg.InputContext, snapshot: Snapshot, wanted: InputType, partitions: Partitions | None
) -> Any:
    """Read a version as an input wants it.

    Args:
        context: The input's.
        snapshot: The version.
        wanted: What the annotation asks for.
        partitions: The partitions that are mapped to the input; None if it is not partitioned.

    Raises:
        NotFoundError: The version lacks partitions.
        InvalidInputError: It isn't what is wanted, or has no such columns.
        AtioError: It can't be read.
    """
    what, selection = described(context), Selection.of(context)
    if wanted.load == "snapshot":
        return snapshot
    if snapshot.kind != ROWS:
        if selection != Selection():
            raise InvalidInputError(
                f"{what} asks for columns or rows, and version {snapshot.version} of {snapshot.table} is no frame, but"
                f" of kind {snapshot.kind!r}"
            )
        return _object(snapshot, wanted, what)
    if partitions is None and snapshot.partition_fields and wanted.shape != "one":
        there = [
            tuple(map(str, values)) for values in snapshot.partitions()
        ]  # it asks for none: all are meant
        partitions = Partitions(snapshot.partition_fields, {"|".join(values): values for values in there})
    if partitions is not None:
        return _partitions(context, snapshot, wanted, partitions, selection)
    rows = wanted.shape == "list" and wanted.load in (None, "object")
    if wanted.shape != "one" and not rows:
        raise InvalidInputError(
            f"{what} is annotated with {wanted.annotation!r}, and what it loads is a frame without partitions"
        )
    return _rows(snapshot, wanted, selection, None, what)


def _partitions(
    context: dg.InputContext,
    snapshot: Snapshot,
    wanted: InputType,
    partitions: Partitions,
    selection: Selection,
) -> Any:
    what = described(context)
    if len(snapshot.partition_fields) != len(partitions.fields):
        has = f"them by {', '.join(snapshot.partition_fields)}" if snapshot.partition_fields else "none"
        raise InvalidInputError(
            f"{what} needs partitions by {', '.join(partitions.fields)}, and version {snapshot.version} of"
            f" {snapshot.table}, written before the asset had those, has {has}. End that table by its drop(), and"
            " materialise the partitions"
        )
    found = stored_partitions(snapshot, partitions)
    missing = [key for key in partitions.values if key not in found]
    if missing and not plain(context.definition_metadata.get(MISSING, False)):
        raise NotFoundError(
            f"{what} needs partitions that version {snapshot.version} of {snapshot.table} lacks:"
            f" {named(missing)}. Materialise them first, or give the input the metadata"
            f" {{{MISSING!r}: True}}",
            table=snapshot.table,
            version=snapshot.version,
        )
    if missing:
        context.log.warning("%s lacks the partitions %s; the others are loaded", what, named(missing))
    if wanted.shape == "dict":
        return {key: _rows(snapshot, wanted, selection, [values], what) for key, values in found.items()}
    if wanted.shape == "list" and wanted.load != "object":
        return [_rows(snapshot, wanted, selection, [values], what) for values in found.values()]
    return _rows(snapshot, wanted, selection, list(found.values()), what) if found else wanted.nothing


def stored_partitions(snapshot: Snapshot, partitions: Partitions) -> dict[str, tuple[Any, ...]]:
    """Return the values of those partitions that a version has, as it holds them: of columns, dates and numbers too."""
    if all(field.column is None for field in snapshot.entry.partition_fields):
        files = snapshot.data_files(list(partitions.values.values()))
        there = {tuple(map(str, file.partition)): file.partition for file in files}
    else:
        there = {tuple(map(str, values)): values for values in snapshot.partitions()}
    return {key: there[values] for key, values in partitions.values.items() if values in there}


def _rows(
    snapshot: Snapshot,
    wanted: InputType,
    selection: Selection,
    partitions: list[tuple[Any, ...]] | None,
    what: str,
) -> Any:
    """Read rows as one frame."""
    load = wanted.load or layout_of(snapshot.schema).library
    options: dict[str, Any] = {
        "columns": selection.columns,
        "filter": selection.filter,
        "partitions": partitions,
    }
    if wanted.shape == "list" and (load == "object" or partitions is None):
        return snapshot.read("arrow", **options).to_pylist()
    if load in OUTPUTS:
        return snapshot.read(OUTPUTS[load], **options)
    if load == "numpy":
        return _array(snapshot.read("arrow", **options), what)
    raise InvalidInputError(
        f"{what} is annotated with {wanted.annotation!r}, and version {snapshot.version} of {snapshot.table} is a"
        " frame: it can be loaded as a pandas DataFrame, a polars DataFrame or LazyFrame, an Arrow Table,"
        " RecordBatchReader or Dataset, a DuckDB relation, a list of rows, an array, or a Snapshot; partitions as a"
        " dict[str, …] or list[…] of frames"
    )


def _array(table: Any, what: str) -> Any:
    """The rows of a table whose columns are of one type of numbers, as a two-dimensional array."""
    import numpy as np
    import pyarrow as pa

    kinds = {str(field.type) for field in table.schema}
    plain_type = len(kinds) == 1 and all(
        pa.types.is_integer(one.type) or pa.types.is_floating(one.type) or pa.types.is_boolean(one.type)
        for one in table.schema
    )
    if not plain_type or any(column.null_count for column in table.columns):
        raise InvalidInputError(
            f"{what} is annotated as an array, and the frame isn't numbers of one type without nulls, but"
            f" {named(sorted(kinds))}: choose columns by the metadata {COLUMNS[0]!r}, or load a frame"
        )
    return np.column_stack([np.asarray(column) for column in table.columns])


def _object(snapshot: Snapshot, wanted: InputType, what: str) -> Any:
    """Read an object. A folder, or what is wanted as a path, is put on the disk.

    It lies in a temporary folder, which goes when the process ends.
    """
    if wanted.load == "path" or snapshot.kind == FOLDER:
        folder = tempfile.mkdtemp(prefix="atio-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return snapshot.download(Path(folder) / PurePath(snapshot.table).name)
    value = snapshot.read()
    if wanted.load in (None, "object", "numpy"):
        return value
    table = _table(value) if wanted.shape == "one" else None
    if table is None:
        raise InvalidInputError(
            f"{what} is annotated with {wanted.annotation!r}, and version {snapshot.version} of {snapshot.table} is no"
            f" frame, but of kind {snapshot.kind!r}: annotate it with that type, or with Any"
        )
    return _as_frame(table, wanted, what)


def _table(value: Any) -> Any:
    """JSON rows, JSON columns, or an array of one or two dimensions, as an Arrow table; None if it is none of these."""
    import pyarrow as pa

    columns = _columns_of_array(value) if hasattr(value, "dtype") else _columns_of_json(value)
    try:
        return None if columns is None else pa.table(columns)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return None


def _columns_of_json(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        labels = dict.fromkeys(label for row in value for label in row)
        return {label: [row.get(label) for row in value] for label in labels}
    if isinstance(value, dict) and value and all(isinstance(one, list) for one in value.values()):
        return value if len({len(one) for one in value.values()}) == 1 else None
    return None


def _columns_of_array(array: Any) -> Mapping[str, Any] | None:
    if array.ndim not in (1, 2) or array.dtype.names is not None:
        return None
    wide = array[:, None] if array.ndim == 1 else array
    return {str(number): wide[:, number] for number in range(wide.shape[1])}


def _as_frame(table: Any, wanted: InputType, what: str) -> Any:
    if wanted.load == "arrow":
        return table
    if wanted.load == "arrow-reader":
        return table.to_reader()
    if wanted.load == "pandas":
        return table.to_pandas()
    if wanted.load in ("polars", "polars-lazy"):
        import polars as pl

        frame = pl.DataFrame(table)
        return frame if wanted.load == "polars" else frame.lazy()
    raise InvalidInputError(
        f"{what} is annotated with {wanted.annotation!r}, and what is stored is no frame: load it as a pandas or polars"
        " frame or an Arrow table"
    )


def _terms(value: Any) -> Any:
    """A filter as `Snapshot.read` takes it: JSON and YAML have lists where it has tuples."""
    if not isinstance(value, list | tuple) or not value:
        return value
    if isinstance(value[0], str):
        return [tuple(value)]
    if all(isinstance(term, list | tuple) and term and isinstance(term[0], str) for term in value):
        return [tuple(term) for term in value]
    return [_terms(part) for part in value]
