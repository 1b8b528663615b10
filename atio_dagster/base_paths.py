"""Base paths that are path objects: Dagster keeps nothing but text of what a resource is given."""

from __future__ import annotations

import os
from typing import Any

from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.fsspec_paths import is_fsspec_path, place_as_text


class ByPath:
    """Goes before Dagster's class: `base_path` may be a `Path`, or a path of fsspec's, whose options are taken along.

    Example:
        >>> import dagster as dg
        >>> from pathlib import Path
        >>> class Folder(ByPath, dg.ConfigurableResource):
        ...     base_path: str
        >>> Folder(base_path=Path("/data")).base_path
        '/data'
    """

    def __init__(self, **fields: Any) -> None:
        """Take the fields, by name.

        Raises:
            InvalidInputError: No table can lie there, or options are given twice.
        """
        super().__init__(**_as_text(fields))


def _as_text(fields: dict[str, Any]) -> dict[str, Any]:
    place = fields.get("base_path")
    if is_fsspec_path(place):
        url, own = place_as_text(place)
        if own and fields.get("storage_options"):
            raise InvalidInputError(
                "base_path has storage options of its own: give them there or by storage_options"
            )
        return {**fields, "base_path": url, **({"storage_options": own} if own else {})}
    return {**fields, "base_path": os.fsdecode(place)} if isinstance(place, os.PathLike) else fields
