"""The job that shows tables to engines that read Delta or Iceberg, or brings that up to date.

(No `from __future__ import annotations` here: Dagster wants to see the class of an op's context, not its name.)
"""

from collections.abc import Mapping
from typing import Any, Literal

import dagster as dg

from atio_core.arguments import require_choice, require_flag
from atio_core.mirrors.report import MirrorReport
from atio_core.model.entry import ROWS
from atio_core.store.side_by_side import side_by_side
from atio_dagster.arguments import require_arguments
from atio_dagster.metadata import markdown_table
from atio_dagster.resource import AtioResource
from atio_dagster.retention import retention_of_definitions
from atio_dagster.table_selection import Assets, TableSelection, select_tables

STEP = "mirror"
"""The only step of every such job."""


def build_mirror_job(
    name: str = "mirror_tables",
    *,
    to: Literal["delta", "iceberg"] = "delta",
    history: bool = False,
    assets: Assets | None = None,
    resource_key: str = "atio",
    description: str = "Shows the latest versions of tables to other engines.",
    tags: dict[str, str] | None = None,
) -> dg.JobDefinition:
    """Return a job that shows the latest versions of tables to engines that read Delta or Iceberg.

    Its one step does several tables at a time, and goes on after a failure, such as a column that can't be carried;
    then it fails, naming the tables. Tables that hold objects are passed over. See `Table.to_delta` and
    `Table.to_iceberg`.

    Args:
        name: The job's name.
        to: Whose readers it is for.
        history: Show all retained versions, and keep them.
        assets: Only the tables of these assets. All tables below the resource's root if None.
        resource_key: Where the `AtioResource` is among the resources.
        description: What the job's page says.
        tags: Tags for its runs.

    Raises:
        InvalidInputError: `to` is neither.

    Example:
        >>> build_mirror_job(to="iceberg").name
        'mirror_tables'
    """
    require_choice("to", to, ("delta", "iceberg"))
    require_flag("history", history)
    require_arguments(name=name, resource_key=resource_key, description=description, tags=tags)
    declared = None if assets is None else retention_of_definitions(assets)

    @dg.op(name=STEP, required_resource_keys={resource_key}, out=dg.Out(dg.Nothing))
    def mirror(context: dg.OpExecutionContext) -> None:
        store: AtioResource = getattr(context.resources, resource_key)
        chosen = select_tables(context, store, declared)
        there = set(store.store.tables())
        names = [one for one in chosen.names if one in there]
        shown, failed = side_by_side(names, lambda one: _mirror(chosen, one, to, history=history))
        for one, error in failed.items():
            context.log.error("%s could not be mirrored: %s", chosen.title(one), error)
        report = _metadata(chosen, shown)
        if failed:
            told = ", ".join(chosen.title(one) for one in failed)
            raise dg.Failure(f"{told} could not be mirrored; all else was done", metadata=report)
        context.add_output_metadata(report)

    @dg.job(name=name, description=description, tags=tags)
    def mirroring() -> None:
        mirror()

    return mirroring


def _mirror(chosen: TableSelection, name: str, to: str, *, history: bool) -> MirrorReport | None:
    """Show a table; None if it holds an object."""
    table = chosen.store.store.table(name)
    if table.snapshot().kind != ROWS:
        return None
    return table.to_delta(history=history) if to == "delta" else table.to_iceberg(history=history)


def _metadata(chosen: TableSelection, shown: Mapping[str, MirrorReport | None]) -> dict[str, Any]:
    lines = [
        [chosen.title(name), ", ".join(map(str, one.versions)), f"{one.files:,}", one.location]
        for name, one in shown.items()
        if one is not None
    ]
    return {
        "tables_mirrored": len(lines),
        "tables_changed": sum(one is not None and not one.unchanged for one in shown.values()),
        "mirrors": dg.MetadataValue.md(markdown_table(("table", "versions", "files", "where"), lines)),
    }
