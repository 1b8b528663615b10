from collections.abc import Callable
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_core.errors import InvalidInputError
from atio_dagster import AtioIOManager, AtioResource, build_diff_check, with_publishing
from tests.support.dagster_runs import values_of

STAYS = pd.DataFrame({"id": range(100), "n": range(100)})
Check = Callable[..., dg.AssetCheckEvaluation]


@pytest.fixture
def check(store: AtioResource, instance: dg.DagsterInstance) -> Check:
    """Materialise an asset by some rows behind a check, and return what the check found."""

    def run(rows: Any, *, publish: str = "after_checks", **options: Any) -> dg.AssetCheckEvaluation:
        @dg.asset(metadata={"atio/publish": publish})
        def orders() -> Any:
            return rows

        defs = with_publishing(
            dg.Definitions(
                assets=[orders],
                asset_checks=[build_diff_check(orders, **options)],
                resources={"atio": store, "io_manager": AtioIOManager(resource=store)},
            )
        )
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        [found] = result.get_asset_check_evaluations()
        assert result.success == found.passed
        return found

    return run


def held(store: AtioResource) -> int:
    """How many rows the latest version has."""
    return store.table("orders").snapshot().rows


def test_rows_that_go(check: Check, store: AtioResource) -> None:
    """An output that takes away more rows than it may never becomes the latest; one at the limit does."""
    assert check(STAYS, max_removed=10).passed  # there is nothing yet
    assert not check(STAYS[11:], max_removed=10).passed
    assert held(store) == 100
    assert check(STAYS[10:], max_removed=10).passed
    assert held(store) == 90


def test_a_share_of_the_rows(check: Check, store: AtioResource) -> None:
    """A limit may be a share of the rows that there were."""
    check(STAYS, max_removed=0.0)
    found = check(STAYS[11:], max_removed=0.1)
    assert not found.passed
    assert found.description == "11 rows removed, where 10 may be"
    assert check(STAYS[10:], max_removed=0.1).passed
    assert held(store) == 90


def test_rows_that_change(check: Check) -> None:
    """With a key, rows that change are told from those that go; without one they count as both gone and new."""
    check(STAYS, max_changed=5, keys=["id"])
    other = STAYS.assign(n=STAYS["n"].where(STAYS["id"] > 5, -1))
    found = check(other, max_changed=5, keys=["id"])
    assert not found.passed
    metadata = values_of(found.metadata)
    names = ("added", "removed", "changed", "before")
    assert [metadata[f"atio/rows_{name}"] for name in names] == [0, 0, 6, 100]
    assert (metadata["atio/compared_with_version"], "n" in metadata["atio/diff"]) == (1, True)
    assert check(other, max_changed=6, max_removed=0, keys=["id"]).passed
    assert not check(STAYS, max_removed=5).passed


def test_an_asset_that_is_not_staged(check: Check, store: AtioResource) -> None:
    """Of an asset that is published at once, the latest version is compared with the one before."""
    assert check(STAYS, max_removed=0, publish="at_once").passed
    assert check(STAYS[:50], max_removed=50, publish="at_once").passed
    assert not check(STAYS[:40], max_removed=9, publish="at_once").passed
    assert held(store) == 40


def test_a_warning(check: Check, store: AtioResource) -> None:
    """A check that only warns lets the output pass."""
    check(STAYS, max_removed=0)

    @dg.asset(metadata={"atio/publish": "after_checks"})
    def orders() -> Any:
        return STAYS[:1]

    warning = build_diff_check(orders, max_removed=0, severity=dg.AssetCheckSeverity.WARN)
    resources = {"atio": store, "io_manager": AtioIOManager(resource=store)}
    defs = with_publishing(dg.Definitions(assets=[orders], asset_checks=[warning], resources=resources))
    with dg.DagsterInstance.ephemeral() as instance:
        assert defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance).success
    assert held(store) == 1


def test_limits_that_make_no_sense() -> None:
    """A limit that isn't one, or none at all, is refused when the check is made."""
    for odd in (-1, 1.5, float("nan"), True, "10", [1]):
        with pytest.raises(InvalidInputError, match="max_removed must be"):
            build_diff_check("orders", max_removed=odd)  # pyright: ignore[reportArgumentType] - that's what is tested
    with pytest.raises(InvalidInputError, match="always pass"):
        build_diff_check("orders")
    with pytest.raises(InvalidInputError, match="list of columns"):
        build_diff_check("orders", max_changed=1, keys="id")
