"""What a table's schema says beside the Arrow types: whose frame it was, and what each column was there.

It lies in the schema's metadata under `atio`, as canonical JSON:

- `library`: "pandas", "polars" or "arrow".
- `columns`: for each column of the frame, in order, its `name` in the files, its `label` (`labels.py`; left out where
  it equals the name) and its `type` in that library.
- `index`: pandas alone. `{"range": true, "name"}`, or `{"levels": [column, ...], "multi"}`.
- `labels`: pandas alone. What kind of index the column labels are (`pandas_index.py`).

It says nothing of one frame's length, its range index's bounds or its `attrs`, so that every frame of the same
columns has the same schema.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from atio_core.data.schema.labels import Json, canonical_json, from_json, label_key
from atio_core.errors import NewerFormatError

if TYPE_CHECKING:
    import pyarrow as pa

METADATA_KEY = b"atio"
Library = Literal["pandas", "polars", "arrow"]
_FORMAT = 1
_REMEMBERED = 16  # layouts: each write and read asks for that of its table several times


@dataclass(frozen=True, slots=True)
class Column:
    """One column or index level: its name in the files, the JSON of its label, and the JSON of its type."""

    name: str
    label: Json
    type: Json

    @property
    def value(self) -> Any:
        """The label itself."""
        return from_json(self.label)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a frame was, apart from its values.

    Attributes:
        library: Who made it.
        columns: In the frame's order.
        index: The levels of a pandas index that are stored as columns; none for a range.
        labels: What kind of index the column labels are; None but for pandas.
        index_name: The JSON of a range index's name.
        multi: Whether the index is a MultiIndex.
    """

    library: Library
    columns: tuple[Column, ...]
    index: tuple[Column, ...] = ()
    labels: Json = None
    index_name: Json = None
    multi: bool = False

    @property
    def has_range(self) -> bool:
        """Whether its index is a pandas range, which no column holds."""
        return self.library == "pandas" and not self.index

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return the schema metadata that says this."""
        described: dict[str, Json] = {
            "format": _FORMAT,
            "library": self.library,
            "columns": [_column_to_json(column) for column in self.columns],
        }
        if self.library == "pandas":
            levels = {"levels": [_column_to_json(level) for level in self.index], "multi": self.multi}
            described["index"] = levels if self.index else {"range": True, "name": self.index_name}
            described["labels"] = self.labels
        return {METADATA_KEY: canonical_json(described)}


def layout_of(schema: pa.Schema) -> Layout:
    """Return the layout that a schema's metadata gives; a schema without one is an Arrow table's.

    Raises:
        NewerFormatError: It was written by a later release.
    """
    metadata = cast("dict[bytes, bytes] | None", schema.metadata)
    if not metadata or METADATA_KEY not in metadata:
        return Layout("arrow", tuple(Column(field.name, field.name, None) for field in schema))
    return _described(metadata[METADATA_KEY])


@functools.lru_cache(_REMEMBERED)
def _described(data: bytes) -> Layout:
    described = cast("dict[str, Json]", json.loads(data))
    if described["format"] > _FORMAT:
        raise NewerFormatError(
            f"the columns are described in format {described['format']}, this release knows {_FORMAT}; upgrade atio"
        )
    index = cast("dict[str, Json]", described.get("index", {}))
    return Layout(
        library=described["library"],
        columns=tuple(_column_from_json(column) for column in described["columns"]),
        index=tuple(_column_from_json(level) for level in index.get("levels", ())),
        labels=described.get("labels"),
        index_name=index.get("name"),
        multi=index.get("multi", False),
    )


def physical_names(labels: Iterable[object]) -> list[str]:
    """Return the name in the files of each column: its label where that is a unique text, else `c<position>`.

    Example:
        >>> physical_names(["a", 1, "b", "b"])
        ['a', 'c1', 'c2', 'c3']
    """
    wanted = list(labels)
    seen: dict[str, int] = {}
    for label in wanted:
        if type(label) is str:
            seen[label] = seen.get(label, 0) + 1
    taken = {label for label, times in seen.items() if times == 1 and _is_storable(label)}
    names: list[str] = []
    for position, label in enumerate(wanted):
        if type(label) is str and label in taken:
            names.append(label)
        else:
            names.append(_free_name(f"c{position}", taken))
    return names


def _is_storable(label: str) -> bool:
    # A lone surrogate has no UTF-8, and names end at a NUL where Arrow hands them over as C strings.
    return label != "" and "\0" not in label and is_utf8(label)


def is_utf8(text: str) -> bool:
    """Say whether a text can be written as UTF-8, which has no lone surrogates."""
    return text.encode("utf-8", "ignore").decode("utf-8") == text


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def places_of(columns: Sequence[Column]) -> dict[Hashable, list[int]]:
    """Return where the columns of each label are, by `label_key`."""
    places: dict[Hashable, list[int]] = {}
    for position, column in enumerate(columns):
        places.setdefault(label_key(column.value), []).append(position)
    return places


def _column_to_json(column: Column) -> Json:
    described = {"name": column.name, "type": column.type}
    return described if column.label == column.name else {**described, "label": column.label}


def _column_from_json(described: dict[str, Json]) -> Column:
    return Column(described["name"], described.get("label", described["name"]), described["type"])
