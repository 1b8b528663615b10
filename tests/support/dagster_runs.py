"""What the Dagster tests ask their fixtures for, and how they look at runs."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pandas as pd

from atio_dagster import AtioIOManager, AtioResource

Materialize = Callable[..., dg.ExecuteInProcessResult]
"""Materialise assets: all of those given, or just those in `only`; for a `partition`, or a range `between` two."""

Refusal = Callable[..., Any]
"""Materialise assets in a run that fails; returns the error at its root, with `cls_name` and `message`."""


def values_of(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, Any]:
    """Return metadata as the values that Dagster shows."""
    return {name: value.value for name, value in metadata.items()}


def output_metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Return the metadata of a job's only output."""
    [output] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return values_of(output.step_output_data.metadata)


def materialized(result: dg.ExecuteInProcessResult, node: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the metadata and the tags of a step's first materialisation."""
    event = result.asset_materializations_for_node(node)[0]
    return values_of(event.metadata), dict(event.tags or {})


def versions_of(store: AtioResource, name: str, count: int) -> None:
    """Write versions of a table, each with its number as its row."""
    for number in range(1, count + 1):
        store.table(name).overwrite(pd.DataFrame({"n": [number]}))


def failing_once(store: AtioResource, attempts: list[int]) -> AtioIOManager:
    """A manager that notes each output it has committed, and fails after the first one."""

    class Failing(AtioIOManager):
        def handle_output(self, context: dg.OutputContext, obj: object) -> None:
            super().handle_output(context, obj)
            attempts.append(1)
            if len(attempts) == 1:
                raise RuntimeError("after the commit")

    return Failing(base_path=store.base_path)
