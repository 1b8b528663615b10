"""The options of what prints rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from atio_core.cli.options import AsJson
from atio_core.errors import InvalidInputError

Format = Literal["table", "csv", "json", "jsonl", "parquet"]

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "table",
}


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RowOptions:
    """Which rows are wanted, and how."""

    columns: Annotated[
        list[str] | None,
        Parameter(negative="", help="These, in this order: a,b or several times. All if not given."),
    ] = None
    filter: Annotated[
        str | None,
        Parameter(allow_leading_hyphen=True, help='The rows that match: "delay > 60 and day = 2026-01-31".'),
    ] = None
    limit: Annotated[int | None, Parameter(help="So many rows at most.")] = None
    to: Annotated[Format | None, Parameter(help="As what. By the suffix of --output, else as a table.")] = (
        None
    )
    output: Annotated[str | None, Parameter(name=("--output", "-o"), help="Into this file, in one step.")] = (
        None
    )
    json: AsJson = False

    def format(self) -> Format:
        """Return as what: as is said, or by the name of the file, or a table.

        Raises:
            InvalidInputError: Two options say different things, or the file's name nothing.
        """
        if self.json and self.to not in (None, "json"):
            raise InvalidInputError(f"--json and --to {self.to} are two wishes: give one of them")
        if self.json or self.to is not None:
            return self.to or "json"
        if self.output is None:
            return "table"
        suffix = Path(self.output).suffix.lower()
        if suffix not in _SUFFIXES:
            message = (
                f"{self.output!r} doesn't tell what to write: say --to csv, json, jsonl, parquet or table"
            )
            raise InvalidInputError(message)
        return _SUFFIXES[suffix]
