"""Resources and managers that are made of the same values again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from atio_core.errors import InvalidInputError
from atio_dagster import AtioIOManager, AtioResource


def test_equal_ones_are_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second manager of the same plain values costs nothing, and is as the first: equal, and an object of its own."""
    first = AtioIOManager(base_path="somewhere", mode="append", preview=3)
    monkeypatch.setattr(dg.ConfigurableIOManager, "__init__", None)
    second = AtioIOManager(base_path="somewhere", mode="append", preview=3)
    assert (second.base_path, second.mode, second.preview, second.key) == ("somewhere", "append", 3, None)
    assert second == first
    assert second is not first
    assert second.__dict__ is not first.__dict__


def test_the_copies_that_dagster_makes_are_worked_out_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Dagster gives each copy all fields, those that are empty dicts by default, too; no two share these."""
    manager = AtioIOManager(base_path=str(tmp_path))
    dg.materialize([_nothing], resources={"io_manager": manager})
    monkeypatch.setattr(dg.ConfigurableIOManager, "__init__", None)
    assert dg.materialize([_nothing], resources={"io_manager": manager}).success
    copies = [AtioIOManager(base_path=str(tmp_path), versions={}) for _ in range(2)]
    assert copies[0].versions == copies[1].versions == {}
    assert copies[0].versions is not copies[1].versions


@dg.asset
def _nothing() -> None:
    """Give nothing to store."""


def test_each_defines_a_resource_of_its_own() -> None:
    """What Dagster finds out about one later isn't taken for the other's."""
    first, second = (AtioResource(base_path="somewhere", keep_last=2) for _ in range(2))
    definition = first.get_resource_definition()
    third = AtioResource(base_path="somewhere", keep_last=2)
    assert definition is first.get_resource_definition()
    assert definition is not second.get_resource_definition()
    assert definition is not third.get_resource_definition()


@pytest.mark.parametrize("values", [(1, 1.0), (1, True), ("a", dg.EnvVar("a"))])
def test_what_only_looks_the_same_is_another(values: tuple[Any, Any]) -> None:
    """Values of other types are other values, though Python calls them equal."""
    kinds: list[type] = []
    for value in values:
        said: dict[str, Any] = (
            {"base_path": value} if isinstance(value, str) else {"base_path": "x", "keep_for_hours": value}
        )
        resource = AtioResource(**said)
        kinds.append(type(resource.base_path if isinstance(value, str) else value))
    assert kinds == [type(value) for value in values]


def test_values_that_can_change_are_taken_anew() -> None:
    """Of a dict nothing is kept: it may say something else the next time."""
    options = {"region": "a"}
    first = AtioResource(base_path="s3://bucket", storage_options=options)
    options["region"] = "b"
    second = AtioResource(base_path="s3://bucket", storage_options=options)
    assert (first.storage_options, second.storage_options) == ({"region": "a"}, {"region": "b"})


def test_a_refusal_is_repeated() -> None:
    """What was refused is refused again."""
    for _ in range(2):
        with pytest.raises((InvalidInputError, ValueError), match="either base_path or resource"):
            AtioIOManager()
