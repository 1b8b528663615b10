"""What an input's annotation asks for."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

if TYPE_CHECKING:
    from atio_core.snapshot import Output

Load = Literal[
    "pandas",
    "polars",
    "polars-lazy",
    "arrow",
    "arrow-reader",
    "dataset",
    "duckdb",
    "numpy",
    "path",
    "snapshot",
    "object",
]
Shape = Literal["one", "dict", "list"]

OUTPUTS: Mapping[str, Output] = {
    "pandas": "pandas",
    "polars": "polars",
    "polars-lazy": "lazy",
    "arrow": "arrow",
    "arrow-reader": "batches",
    "dataset": "dataset",
    "duckdb": "duckdb",
}
"""What a read gives for each kind of frame."""

_LOADS: dict[tuple[str, str], Load] = {
    ("pandas", "DataFrame"): "pandas",
    ("polars", "DataFrame"): "polars",
    ("polars", "LazyFrame"): "polars-lazy",
    ("pyarrow", "Table"): "arrow",
    ("pyarrow", "RecordBatchReader"): "arrow-reader",
    ("pyarrow", "Dataset"): "dataset",
    ("duckdb", "DuckDBPyRelation"): "duckdb",
    ("_duckdb", "DuckDBPyRelation"): "duckdb",
    ("numpy", "ndarray"): "numpy",
    ("pathlib", "PurePath"): "path",
    ("atio_core", "Snapshot"): "snapshot",
}


@dataclass(frozen=True, slots=True)
class InputType:
    """What an input's annotation asks for.

    Attributes:
        load: The kind of frame, or of object; None for whatever is stored, in the library that wrote it. "object" is
            any other type, whose values are kept whole.
        shape: Of partitions: one frame of them all, a dict by partition key, or a list in the partitions' order.
        optional: Whether None is among what it may be.
        annotation: For messages.
    """

    load: Load | None
    shape: Shape = "one"
    optional: bool = field(default=False, compare=False)
    annotation: Any = field(default=None, compare=False)

    @property
    def nothing(self) -> Any:
        """What an input gets to which no partition is mapped."""
        return {} if self.shape == "dict" else [] if self.shape == "list" else None


def input_type_of(context: dg.InputContext) -> InputType:
    """Return what an input's annotation asks for. One without, as in a context made for a test, asks for nothing."""
    try:
        annotation: Any = context.dagster_type.typing_type
    except dg.DagsterInvariantViolationError:
        return input_type_from(None)
    if not context.has_asset_key and typing.get_origin(annotation) is list:
        # an op's input that collects outputs: each is loaded by itself
        annotation = typing.get_args(annotation)[0]
    return input_type_from(annotation)


def input_type_from(annotation: Any) -> InputType:
    """Return what an annotation asks for.

    Example:
        >>> import pyarrow as pa
        >>> input_type_from(dict[str, pa.Table])
        InputType(load='arrow', shape='dict', optional=False, annotation=dict[str, pyarrow.lib.Table])
    """
    annotation, optional = _without_none(annotation)
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return InputType(_load(arguments[-1]) if arguments else None, "dict", optional, annotation)
    if origin in (list, Sequence):
        return InputType(_load(arguments[0]) if arguments else "object", "list", optional, annotation)
    return InputType(_load(annotation), "one", optional, annotation)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """An annotation without the None that it also allows, and whether it does."""
    arguments = [argument for argument in typing.get_args(annotation) if argument is not type(None)]
    is_optional = len(arguments) == 1 and type(None) in typing.get_args(annotation)
    return (arguments[0], True) if is_optional else (annotation, False)


def _load(annotation: Any) -> Load | None:
    if annotation in (Any, object, type(None), None) or isinstance(annotation, typing.TypeVar):
        return None
    for base in getattr(typing.get_origin(annotation) or annotation, "__mro__", ()):
        load = _LOADS.get((base.__module__.partition(".")[0], base.__name__))
        if load is not None:
            return load
    return "object"
