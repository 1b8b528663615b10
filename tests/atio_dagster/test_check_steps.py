"""Checks of assets whose keys Dagster would not take for the name of a step."""

from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import (
    AtioIOManager,
    AtioResource,
    build_diff_check,
    build_integrity_checks,
    with_publishing,
)

KEY = dg.AssetKey(["raw", "a/b c", "ü|..", "x.y-z"])


@pytest.mark.parametrize("publish", ["after_checks", "after_run"])
def test_an_asset_with_a_key_of_any_characters(
    publish: str, store: AtioResource, instance: dg.DagsterInstance
) -> None:
    """What is built for an asset works whatever its key is made of: integrity, difference, and its publication."""

    @dg.multi_asset(outs={"rows": dg.AssetOut(key=KEY, metadata={"atio/publish": publish})})
    def made() -> Any:
        return pd.DataFrame({"n": [1]})

    resources: Any = {"atio": store, "io_manager": AtioIOManager(resource=store)}
    alone = dg.Definitions(assets=[made], resources=resources)
    checks = [*build_integrity_checks([KEY]), build_diff_check(KEY, max_removed=0)]
    checked = dg.Definitions(assets=[made], asset_checks=checks, resources=resources)
    for defs, names in (alone, {"published"}), (checked, {"integrity", "diff"}):
        job = with_publishing(defs).resolve_implicit_global_asset_job_def()
        done = job.execute_in_process(instance=instance)
        assert {one.check_name for one in done.get_asset_check_evaluations() if one.passed} == names
    assert len(store.table(KEY).history()) == 2
    assert store.table(KEY).staged() == []


def test_keys_that_differ_in_one_character() -> None:
    """Two assets' checks are two steps, however alike their keys are."""
    checks = build_integrity_checks([dg.AssetKey(["a b"]), dg.AssetKey(["a/b"]), dg.AssetKey(["a_b"])])
    assert len({check.node_def.name for check in checks}) == 3
