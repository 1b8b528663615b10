from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import pytest

import atio_dagster
from atio_core.errors import InvalidInputError
from atio_dagster import AtioDatabaseIOManager, AtioIOManager, AtioResource
from atio_dagster.arguments import require_arguments


@dg.asset
def numbers() -> int:
    """An asset."""
    return 1


NONE, TEXTS = (None,), ("", " ", "a b")
THINGS = (5, True, -1, float("nan"), object(), [5], {"x": 5}, b"x")
LIKELY = {
    "build_diff_check": {"asset": "a", "max_removed": 1},
    "build_integrity_checks": {"assets": ["a"]},
    "build_snapshot_sensor": {"tables": "a"},
    "import_from": {
        "manager": dg.mem_io_manager,
        "assets": [numbers],
        "into": AtioResource(base_path="x"),
    },
    "open_asset": {"asset_key": "a", "store": "x"},
    "AtioTable": {"key": "a"},
}
"""What goes well."""

ODD: list[tuple[str, str, tuple[Any, ...]]] = [
    ("build_diff_check", "asset", (*NONE, *THINGS, "")),
    ("build_diff_check", "keys", (*TEXTS, 5, True, object(), {"x": 5}, b"x", {"x"})),
    ("build_diff_check", "blocking", (*NONE, 5, "no", [5])),
    ("build_integrity_checks", "assets", (*NONE, *THINGS, *TEXTS)),
    ("build_integrity_checks", "versions", (*NONE, *THINGS, *TEXTS)),
    ("build_integrity_checks", "deep", (*NONE, 5, "no")),
    ("build_integrity_checks", "values", (*NONE, 5, "no")),
    ("build_integrity_checks", "severity", (*NONE, *THINGS, "ERROR")),
    ("build_expiration_asset", "key", (*NONE, *THINGS, "", [])),
    ("build_expiration_asset", "group_name", (*THINGS, "", " ")),
    ("build_expiration_asset", "automation_condition", (*THINGS, *TEXTS)),
    ("build_expiration_schedule", "job", (*THINGS, *TEXTS)),
    ("build_expiration_schedule", "name", (*THINGS, *TEXTS)),
    ("build_expiration_schedule", "cron_schedule", (*NONE, *THINGS, *TEXTS)),
    ("build_expiration_schedule", "execution_timezone", (*THINGS, *TEXTS)),
    ("build_expiration_schedule", "default_status", (*NONE, *THINGS, dg.DefaultSensorStatus.RUNNING)),
    ("build_mirror_job", "to", (*NONE, *THINGS, *TEXTS)),
    ("build_mirror_job", "history", (*NONE, 5, "no")),
    ("build_snapshot_sensor", "tables", (*NONE, 5, True, object(), {"x": 5}, "")),
    ("build_snapshot_sensor", "requests", (*THINGS, *TEXTS)),
    ("build_snapshot_sensor", "outside_only", (*NONE, 5, "no")),
    ("build_snapshot_sensor", "minimum_interval_seconds", (-1, 0.5, True, "", [5])),
    ("build_snapshot_sensor", "default_status", (*NONE, *THINGS, dg.DefaultScheduleStatus.RUNNING)),
    ("import_from", "manager", (*NONE, *THINGS, *TEXTS)),
    ("import_from", "assets", (*NONE, *THINGS, *TEXTS, ["a"])),
    ("import_from", "into", (*NONE, *THINGS, *TEXTS)),
    ("import_from", "instance", (*THINGS, *TEXTS)),
    ("import_from", "pickles", (*NONE, 5, "no")),
    ("open_asset", "asset_key", (*NONE, *THINGS, "", [])),
    ("open_asset", "store", (*NONE, 5, True, object(), [5], {"x": 5}, b"x")),
    ("open_asset", "as_of", (*THINGS, *TEXTS)),
    ("open_asset", "tag", THINGS),
    ("with_publishing", "defs", (*NONE, *THINGS, *TEXTS)),
    ("AtioTable", "key", (*NONE, *THINGS, "", [])),
    ("AtioTable", "path", (*THINGS, "", " ")),
    ("AtioTable", "partitions_def", (*THINGS, *TEXTS)),
    ("AtioTable", "io_manager_key", (*NONE, *THINGS, "")),
    ("AtioTable", "metadata", (5, True, object(), [5], b"x", "")),
]
JOBS = [f"build_{kind}_job" for kind in ("expiration", "maintenance", "mirror", "restore")]
OF_A_STORE = (*JOBS, "build_diff_check", "build_integrity_checks", "build_snapshot_sensor")
ODD += [(job, "name", (*NONE, *THINGS, *TEXTS)) for job in JOBS]
ODD += [(job, "tags", (5, True, object(), [5], {"x": 5}, "")) for job in JOBS]
ODD += [(job, "description", THINGS) for job in JOBS]
ODD += [(one, "assets", (*THINGS, *TEXTS, ["a"])) for one in (*JOBS[:3], "build_expiration_asset")]
ODD += [(one, "resource_key", (*NONE, *THINGS, *TEXTS)) for one in OF_A_STORE]
ODD += [("AtioTable", "resource_key", (*THINGS, *TEXTS))]  # None: where its key or its path says


@pytest.mark.parametrize(
    ("builder", "argument", "values"), ODD, ids=[f"{builder}-{argument}" for builder, argument, _ in ODD]
)
def test_what_cannot_be_meant_is_refused_by_name(
    builder: str, argument: str, values: tuple[Any, ...]
) -> None:
    """Each argument of a builder is refused by its name, when definitions are loaded, whatever was given for it."""
    build: Callable[..., Any] = getattr(atio_dagster, builder)
    likely: Mapping[str, Any] = LIKELY.get(builder, {})
    for value in values:
        with pytest.raises(InvalidInputError, match=argument):
            build(**{**likely, argument: value})


def test_what_may_be_left_out_may_be_none() -> None:
    """None stands for what is left out."""
    optional = ("automation_condition", "description", "execution_timezone", "group_name", "instance", "tags")
    require_arguments(**dict.fromkeys(optional))


def test_any_name_of_an_asset_makes_the_name_of_a_sensor() -> None:
    """A table whose key is no name in Dagster can be watched, by a sensor whose name is made of it."""
    assert (
        atio_dagster.build_snapshot_sensor("raw data/größe", target="*").name
        == "raw_20_data__gr_f6__df_e_versions"
    )


@pytest.mark.parametrize(
    ("make", "given", "told"),
    [
        (AtioResource, {"base_path": "x", "keep_lats": 3}, "'keep_last' may be meant"),
        (AtioIOManager, {"base_path": "x", "moed": "append"}, "'mode' may be meant"),
        (AtioDatabaseIOManager, {"url": "sqlite://", "owner": "me"}, "there are url"),
    ],
)
def test_a_field_that_there_is_not(make: Callable[..., Any], given: dict[str, Any], told: str) -> None:
    """A resource doesn't pass over a misspelt field: it would keep, or overwrite, what wasn't meant."""
    with pytest.raises(InvalidInputError, match=f"has no field .*{told}"):
        make(**given)
