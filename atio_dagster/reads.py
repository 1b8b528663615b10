"""Which version an input is, and what it is loaded as."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal

from dagster import DagsterInvariantViolationError

from atio_core.data.layout import layout_of
from atio_core.data.object_files.kinds import FOLDER
from atio_core.errors import InvalidInputError, TableNotFoundError, VersionExpiredError
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.keys import plain
from atio_dagster.provenance import RUN_ID, latest_of, step_of

if typing.TYPE_CHECKING:
    import dagster as dg

VERSION = "atio/version"

Load = Literal["pandas", "polars", "polars-lazy", "arrow", "arrow-reader", "path", "object"]
_LOADS: dict[tuple[str, str], Load] = {
    ("pandas", "DataFrame"): "pandas",
    ("polars", "DataFrame"): "polars",
    ("polars", "LazyFrame"): "polars-lazy",
    ("pyarrow", "Table"): "arrow",
    ("pyarrow", "RecordBatchReader"): "arrow-reader",
    ("pathlib", "PurePath"): "path",
}


def choose_version(context: dg.InputContext, table: Table) -> Snapshot:
    """Return the version that an input is.

    1. The one that the input's metadata `atio/version` names.
    2. The one that this very run wrote, whatever others have written since.
    3. The latest. (Of an op's output, the one that the run it comes from wrote, as it is no table that others mend.)

    Raises:
        TableNotFoundError: Nothing was ever stored.
        VersionNotFoundError: There is no version of that number.
        VersionExpiredError: The version has expired.
    """
    pinned = plain(context.definition_metadata.get(VERSION))
    if pinned is not None:
        return table.snapshot(pinned)
    latest = latest_of(table)
    if latest is None:
        raise _nothing_stored(context, table)
    writer = _writer(context)
    if writer is None or latest.properties.get(RUN_ID) == writer:
        return latest
    for snapshot in table.history():
        if snapshot.properties.get(RUN_ID) == writer:
            return snapshot
    if context.has_asset_key:
        context.log.info("This run stored nothing in %s: its version %s is read", table.path, latest.version)
        return latest
    message = f"the version of {table.path} that run {writer} wrote has expired, or was never stored"
    raise VersionExpiredError(f"{message}: run the whole job again", table=table.path)


def _writer(context: dg.InputContext) -> str | None:
    """The run whose version is wanted: this run, if it makes the input; for an op's output, the run that made it."""
    step, upstream = step_of(context), context.upstream_output
    if step is None or upstream is None:
        return None
    if context.has_asset_key and upstream.run_id != step.run_id:
        return None
    return upstream.run_id


def _nothing_stored(context: dg.InputContext, table: Table) -> TableNotFoundError:
    what = f"the asset {context.asset_key.to_user_string()}" if context.has_asset_key else "the output"
    message = f"{what} has no table yet (it would be {table.path}): materialise it first, or in the same run"
    return TableNotFoundError(message, table=table.path)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an input's annotation asks for.

    Attributes:
        load: The kind of frame; None for that of the library which wrote the table. "path" is a file or folder, and
            "object" any other type, whose values are kept whole.
        by_key: A dict by partition key.
        annotation: For messages.
    """

    load: Load | None
    by_key: bool
    annotation: Any = field(default=None, compare=False)

    def of(
        self,
        snapshot: Snapshot,
        columns: list[Any] | None,
        partitions: list[tuple[str, ...]] | None,
        what: str,
    ) -> Any:
        """Read a version that holds rows."""
        load = self.load or layout_of(snapshot.schema).library
        if load in ("path", "object"):
            raise InvalidInputError(
                f"{what} is annotated with {self.annotation!r}, and version {snapshot.version} of {snapshot.table} is a"
                " frame: it can be loaded as a pandas DataFrame, a polars DataFrame or LazyFrame, or an Arrow Table or"
                " RecordBatchReader; partitions as a dict[str, …] of these"
            )
        if load == "polars-lazy":
            return snapshot.read("polars", columns=columns, partitions=partitions).lazy()
        if load == "arrow-reader":
            return snapshot.read("arrow", columns=columns, partitions=partitions).to_reader()
        return snapshot.read(load, columns=columns, partitions=partitions)

    def object_of(self, snapshot: Snapshot, what: str) -> Any:
        """Read a version that holds an object. A folder, or what is wanted as a path, is put on the disk.

        It lies in a temporary folder, which goes when the process ends.
        """
        if self.load == "path" or snapshot.kind == FOLDER:
            folder = tempfile.mkdtemp(prefix="atio-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            return snapshot.download(Path(folder) / PurePath(snapshot.table).name)
        if self.load not in (None, "object"):
            raise InvalidInputError(
                f"{what} is annotated with {self.annotation!r}, and version {snapshot.version} of {snapshot.table} is"
                f" no frame, but of kind {snapshot.kind!r}: annotate it with that type, or with Any"
            )
        return snapshot.read()


def wanted_of(context: dg.InputContext) -> Wanted:
    """Return what an input's annotation asks for. One without, as in a context made for a test, asks for nothing."""
    try:
        annotation: Any = context.dagster_type.typing_type
    except DagsterInvariantViolationError:
        return wanted_by(None)
    if not context.has_asset_key and typing.get_origin(annotation) is list:
        annotation = typing.get_args(annotation)[
            0
        ]  # an op's input that collects outputs: each is loaded by itself
    return wanted_by(annotation)


def wanted_by(annotation: Any) -> Wanted:
    """Return what an annotation asks for.

    Example:
        >>> import pyarrow as pa
        >>> wanted_by(dict[str, pa.Table])
        Wanted(load='arrow', by_key=True, annotation=<class 'pyarrow.lib.Table'>)
    """
    annotation = _without_none(annotation)
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        value = arguments[-1] if arguments else Any
        return Wanted(_load(value), by_key=True, annotation=value)
    return Wanted(_load(annotation), by_key=False, annotation=annotation)


def _without_none(annotation: Any) -> Any:
    arguments = [argument for argument in typing.get_args(annotation) if argument is not type(None)]
    is_optional = len(arguments) == 1 and type(None) in typing.get_args(annotation)
    return arguments[0] if is_optional else annotation


def _load(annotation: Any) -> Load | None:
    if annotation in (Any, object, type(None), None) or isinstance(annotation, typing.TypeVar):
        return None
    for base in getattr(typing.get_origin(annotation) or annotation, "__mro__", ()):
        load = _LOADS.get((base.__module__.partition(".")[0], base.__name__))
        if load is not None:
            return load
    return "object"
