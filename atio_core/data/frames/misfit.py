"""How it is told that a column of some data is none for a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from atio_core.data.frames import objects
from atio_core.data.schema import arrow_types
from atio_core.data.schema.labels import Json

if TYPE_CHECKING:
    import pyarrow as pa

REPLACE = "change the data, or overwrite the table with schema_mode='replace'"
"""What to do where no other mode helps."""

_SHOWN_CATEGORIES = 5


class MisfitError(Exception):
    """Data can't be written into a table.

    Args:
        reason: A sentence that names the column, the table's type and the data's.
        advice: What to do; names the mode that would allow it.
    """

    def __init__(self, reason: str, advice: str = REPLACE) -> None:
        super().__init__(reason, advice)
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        """Both, in one sentence."""
        return f"{self.reason}; {self.advice}"


def type_text(library: str, described: Json, stored: pa.DataType) -> str:
    """Return how a user of a library calls a column's type.

    Args:
        library: "pandas", "polars" or "arrow".
        described: The type's JSON there.
        stored: What it is stored as.
    """
    if library == "arrow":
        t = stored if described is None else arrow_types.build(described["arrow"])
        not_null = described is not None and not described.get("nullable", True)
        return f"{t}{_categories_text(described)}{' not null' * not_null}"
    if library == "polars":
        from atio_core.data.frames import frames_polars

        return str(frames_polars.build_dtype(described))
    if isinstance(described, dict) and "object" in described:
        kind, parameter = objects.kind_and_parameter(cast("dict[str, Any]", described))
        return f"object (of {kind}{'' if parameter is None else f', {parameter}'})"
    if isinstance(described, dict) and "category" in described:
        content = cast("dict[str, Any]", described)["category"]
        return f"{'ordered ' * content['ordered']}category of {_shown(content['values']) or 'nothing'}"
    from atio_core.data.frames import pandas_index

    return str(pandas_index.build_dtype(described))


def _categories_text(described: Any) -> str:
    categories = None if described is None else described.get("categories")
    return "" if categories is None else f" of {_shown(categories)}"


def _shown(values: list[Json]) -> str:
    return ", ".join([*map(str, values[:_SHOWN_CATEGORIES]), *["…"] * (len(values) > _SHOWN_CATEGORIES)])
