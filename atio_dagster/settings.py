"""How an output is written: what is said of it, in which places, and which place wins.

Each setting is looked for in these places; the first that says something wins:

1. the run's config of the output: `ops: {orders: {outputs: {result: {mode: append}}}}`;
2. the run's tag: `atio/mode`;
3. the run's config of the IO manager, as far as it was given at launch: `resources: {io_manager: {config: {…}}}`;
4. the metadata of the asset, or of the op's output: `atio/mode`;
5. the IO manager's own field, as it was defined: `AtioIOManager(mode=…)`.

Properties are taken from all of them, each name from the first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import dagster as dg
from pydantic import Field

from atio_core.errors import InvalidInputError
from atio_dagster.arguments import require_known
from atio_dagster.keys import described, plain
from atio_dagster.provenance import AppendScope, step_of

if TYPE_CHECKING:
    from atio_core.changes.overwrite import IfUnchanged
    from atio_core.data.frames.frames import SchemaMode

Mode = Literal["overwrite", "append", "upsert"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "mode": ("overwrite", "append", "upsert"),
    "schema_mode": ("exact", "add", "widen", "replace"),
    "if_unchanged": ("commit", "skip"),
    "format": ("parquet", "npy", "json", "text", "bytes", "pickle"),
    "append_scope": ("root_run", "run"),
}
_LISTS = ("key", "sort_by", "partition_by")
_NAMES = (*_CHOICES, *_LISTS, "properties", "preview")
_IN_TAGS = (*_NAMES, "versions", "as_of", "tag", "reads")
"""What a run's tags may say, of inputs too."""
_MOST_SHOWN = 1000
"""Rows of a preview: Dagster keeps it with each materialisation."""
_RESERVED = ("dagster/", "atio/")


class WriteConfig(dg.Config):
    """What can be said of a write, in the config of a run or of the IO manager. What is left out is said elsewhere."""

    mode: str | None = Field(
        default=None,
        description="overwrite: the output replaces the table, or the run's partitions. append: its rows are added."
        " upsert: rows with the same key are replaced, others added. overwrite if nothing says otherwise.",
    )
    key: list[str] | None = Field(
        default=None,
        description="The columns that tell rows apart in an upsert; those of the table's primary key if left out.",
    )
    schema_mode: str | None = Field(
        default=None,
        description="How the table's columns may change: exact, add, widen, or replace (of a table that is overwritten"
        " as a whole).",
    )
    sort_by: list[str] | None = Field(
        default=None, description="Columns that the rows of each write are sorted by."
    )
    partition_by: list[str] | None = Field(
        default=None,
        description="Columns that the table is partitioned by, of an asset without partitions in Dagster.",
    )
    format: str | None = Field(
        default=None, description="What keeps an object: npy, json, text, bytes or pickle."
    )
    if_unchanged: str | None = Field(
        default=None,
        description="skip: an overwrite by what the table holds already makes no version. commit: it makes one that"
        " shares the files.",
    )
    properties: dict[str, str] | None = Field(
        default=None, description="Facts for the version's history, text to text."
    )
    append_scope: str | None = Field(
        default=None,
        description="root_run: neither a retry nor a re-execution adds rows again. run: each re-execution adds its"
        " rows, a retry doesn't.",
    )
    preview: int | None = Field(
        default=None,
        description="Show so many of the first rows in the metadata; none if nothing says otherwise.",
    )


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """How an output is written, as decided. None leaves it to what the table is already, or to the change.

    Attributes:
        mode: What becomes of the rows that are there.
        key: Labels of the columns that tell rows apart.
        schema_mode: How the table's columns may change.
        sort_by: Labels of the columns that rows are sorted by.
        partition_by: Labels of the columns that the table is partitioned by.
        format: What keeps an object.
        if_unchanged: What becomes of an overwrite by what is there.
        properties: Facts for the history.
        append_scope: Within what an append happens once.
        preview: How many of the first rows are shown.
    """

    mode: Mode = "overwrite"
    key: list[Any] | None = None
    schema_mode: SchemaMode | None = None
    sort_by: list[Any] | None = None
    partition_by: list[Any] | None = None
    format: str | None = None
    if_unchanged: IfUnchanged | None = None
    properties: Mapping[str, str] = field(default_factory=dict[str, str])
    append_scope: AppendScope = "root_run"
    preview: int = 0


def settings_of(context: dg.OutputContext, manager: WriteConfig) -> WriteSettings:
    """Return how an output is to be written.

    Raises:
        InvalidInputError: Something that is said makes no sense, or was meant for a setting and misspelt; the message
            tells what, and where it was said.
    """
    require_known(f"the metadata of {described(context)}", context.definition_metadata, _NAMES)
    found: dict[str, Any] = {}
    properties: dict[str, str] = {}
    for place, said in _places(context, manager):
        for name, value in said.items():
            checked = _checked(place(name), name, value)
            if name == "properties":
                properties = {**checked, **properties}
            else:
                found.setdefault(name, checked)
    return WriteSettings(**found, properties=properties)


_Place = tuple[Callable[[str], str], Mapping[str, Any]]


def _places(context: dg.OutputContext, manager: WriteConfig) -> Iterator[_Place]:
    """Yield what is said in each place, with its name for messages; the first wins."""
    what, metadata = described(context), context.definition_metadata
    step = step_of(context)
    defined = {name: getattr(manager, name) for name in _NAMES}
    if step is not None:
        of_output, tags = cast("object", context.config), step.dagster_run.tags
        require_known("the run's tags", tags, _IN_TAGS)
        yield (
            lambda name: f"{name!r} in the run's config of {what}",
            _said(cast("dict[str, Any]", of_output) if isinstance(of_output, Mapping) else {}),
        )
        told = {name: _of_text(name, tags[f"atio/{name}"]) for name in _NAMES if f"atio/{name}" in tags}
        yield lambda name: f"the run's tag 'atio/{name}'", told
        given = _given_at_launch(context, step)
        yield (
            lambda name: f"{name!r} in the run's config of the IO manager",
            _said({name: defined[name] for name in given}),
        )
        if given:
            defined = _as_defined(context, step)
    yield (
        lambda name: f"the metadata 'atio/{name}' of {what}",
        _said({name: plain(metadata.get(f"atio/{name}")) for name in _NAMES}),
    )
    yield lambda name: f"{name!r} of the IO manager", _said(defined)


def _given_at_launch(context: dg.OutputContext, step: dg.StepExecutionContext) -> list[str]:
    """Return what the run's config of the IO manager says, whatever else it leaves as it was defined."""
    resources = cast("dict[str, Any]", step.dagster_run.run_config).get("resources") or {}
    config = (resources.get(_manager_key(context)) or {}).get("config") or {}
    return [name for name in _NAMES if config.get(name) is not None]


def _as_defined(context: dg.OutputContext, step: dg.StepExecutionContext) -> dict[str, Any]:
    """Return the IO manager's fields as its definition has them: a run's config replaces all of them at once."""
    config = step.job_def.resource_defs[_manager_key(context)].config_schema
    fields: dict[str, Any] = config.default_value if config.default_provided else {}
    return {name: fields.get(name) for name in _NAMES}


def _manager_key(context: dg.OutputContext) -> str:
    return context.op_def.output_def_named(context.name).io_manager_key


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _of_text(name: str, text: str) -> Any:
    """Return the value of a tag: JSON for lists and properties; a list may also be one label as it is."""
    if name == "preview" and text.isdecimal():
        return int(text)
    if name not in (*_LISTS, "properties") or not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(place: str, name: str, value: Any) -> Any:
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise _refusal(place, f"one of {', '.join(_CHOICES[name])}", value)
        return value
    if name in _LISTS:
        labels = [value] if isinstance(value, str) else value
        if not isinstance(labels, list | tuple) or not all(map(_is_label, cast("list[Any]", labels))):
            raise _refusal(place, "a list of column names", value)
        return list(cast("list[Any]", labels))
    if name == "preview":
        if type(value) is not int or not 0 <= value <= _MOST_SHOWN:
            raise _refusal(place, f"a number of rows, {_MOST_SHOWN} at most", value)
        return value
    return _checked_properties(place, value)


def _is_label(value: object) -> bool:
    return isinstance(value, str | int | tuple) and not isinstance(value, bool)


def _checked_properties(place: str, value: Any) -> dict[str, str]:
    facts = cast("dict[Any, Any]", value)
    if not isinstance(value, Mapping) or not all(isinstance(x, str) for one in facts.items() for x in one):
        raise _refusal(place, "a dict of texts to texts", value)
    reserved = next((name for name in facts if name.startswith(_RESERVED)), None)
    if reserved is not None:
        raise InvalidInputError(
            f"{place} has the property {reserved!r}: names that begin with {' or '.join(_RESERVED)} are for what the"
            " version says of its run. Nothing was written: choose another name"
        )
    return dict(facts)


def _refusal(place: str, wanted: str, value: object) -> InvalidInputError:
    return InvalidInputError(f"{place} must be {wanted}, not {value!r}. Nothing was written")
