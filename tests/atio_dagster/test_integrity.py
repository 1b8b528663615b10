from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_core.errors import InvalidInputError
from atio_dagster import AtioIOManager, AtioResource, build_integrity_checks
from tests.support.dagster_runs import values_of

Evaluation = dg.AssetCheckEvaluation


def evaluated(
    store: AtioResource,
    instance: dg.DagsterInstance,
    assets: list[Any],
    checks: list[dg.AssetChecksDefinition],
    *,
    anew: bool = True,
) -> dict[str, Evaluation]:
    """Run checks, behind their assets or by themselves; return what each found."""
    defs = dg.Definitions(
        assets=assets,
        asset_checks=checks,
        resources={"atio": store, "io_manager": AtioIOManager(resource=store)},
        jobs=[
            dg.define_asset_job("all_of_it", selection=dg.AssetSelection.assets(*assets)),
            dg.define_asset_job("checks_only", selection=dg.AssetSelection.checks(*checks)),
        ],
    )
    job = defs.resolve_job_def("all_of_it" if anew else "checks_only")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


@dg.asset(key=["raw", "orders"])
def orders() -> Any:
    """Some rows."""
    return pd.DataFrame({"n": range(1000)})


def test_what_was_written_is_there(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """The check reads every file of the latest version back, says so, and passes."""
    found = evaluated(store, instance, [orders], build_integrity_checks([orders]))["integrity"]
    snapshot = store.table("raw/orders").snapshot()
    assert (found.passed, found.asset_key) == (True, dg.AssetKey(["raw", "orders"]))
    metadata = values_of(found.metadata)
    assert (metadata["atio/versions"], metadata["atio/problems"]) == (1, 0)
    assert metadata["atio/bytes"] >= snapshot.bytes
    assert "all is as it was written" in (found.description or "")


@pytest.mark.parametrize("deep", [True, False])
def test_a_flipped_bit(
    store: AtioResource,
    instance: dg.DagsterInstance,
    deep: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A flipped bit fails the check, which names the file; a shallow look doesn't read it."""
    checks = build_integrity_checks([orders], deep=deep)
    evaluated(store, instance, [orders], checks)
    [file] = store.table("raw/orders").snapshot().data_files()
    path = Path(store.table("raw/orders").path) / file.path
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = evaluated(store, instance, [orders], checks, anew=False)["integrity"]
    assert found.passed is not deep
    if deep:
        assert found.severity == dg.AssetCheckSeverity.ERROR
        assert file.path in values_of(found.metadata)["atio/damage"]


def test_all_versions(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """Older versions are read too, if the check is to; damage in one of them isn't that of the latest."""
    table = store.table("raw/orders")
    table.overwrite(pd.DataFrame({"n": [1.5]}))
    [old] = table.snapshot().data_files()
    table.overwrite(pd.DataFrame({"n": [2]}))
    (Path(table.path) / old.path).unlink()
    warn = dg.AssetCheckSeverity.WARN
    checks = [
        *build_integrity_checks(["raw/orders"]),
        *build_integrity_checks(["raw/orders"], name="history", versions="all", severity=warn),
    ]
    found = evaluated(store, instance, [orders], checks, anew=False)
    assert (found["integrity"].passed, found["history"].passed) == (True, False)
    assert found["history"].severity == warn


def test_nothing_there_yet(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """The check of an asset that was never materialised fails, and says why."""
    found = evaluated(store, instance, [orders], build_integrity_checks([orders]), anew=False)["integrity"]
    assert not found.passed
    assert "no table" in (found.description or "")


def test_assets_are_named_in_any_way() -> None:
    """Definitions, specs, keys and texts name assets; anything else is refused."""
    named: list[Any] = [orders, dg.AssetSpec("b"), dg.AssetKey("c"), "d/e", "c"]
    keys = [key for check in build_integrity_checks(named) for key in check.check_keys]
    assert [key.asset_key.to_user_string() for key in keys] == ["raw/orders", "b", "c", "d/e"]
    for odd in (7, None, ["a"]):
        with pytest.raises(InvalidInputError, match="assets must be"):
            build_integrity_checks([odd])  # pyright: ignore[reportArgumentType] - that's what is tested
    with pytest.raises(InvalidInputError, match="must be a list"):
        build_integrity_checks("orders")


@pytest.mark.filterwarnings("ignore:Function `build_", "ignore:Parameter `partitions_def`")
def test_dagsters_own_builders(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """Dagster's checks of columns, freshness and metadata bounds work on what is stored with a version."""
    rows = [pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"m": [1, 2, 3, 4]})]

    @dg.asset
    def counted() -> Any:
        return rows.pop(0)

    checks = [
        *dg.build_column_schema_change_checks(assets=[counted]),
        *dg.build_last_update_freshness_checks(assets=[counted], lower_bound_delta=timedelta(hours=1)),
        *dg.build_metadata_bounds_checks(
            assets=[counted], metadata_key="dagster/row_count", max_value=3, exclusive_max=True
        ),
    ]
    first, second = (evaluated(store, instance, [counted], checks) for _ in range(2))
    names = ("column_schema_change", "dagster_row_count_bounds_check", "freshness_check")
    assert [first[name].passed for name in names] == [True, True, True]
    assert [second[name].passed for name in names] == [False, False, True]
    assert "Added columns: m" in (second[names[0]].description or "")
