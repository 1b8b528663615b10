"""What the tests of the Dagster side share: a store in a temporary folder, and a way to run assets in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from atio_dagster import AtioIOManager, AtioResource
from tests.support.bucket_fixtures import moto
from tests.support.dagster_runs import Materialize, Refusal
from tests.support.database_fixtures import database_of, db, mariadb, postgresql

__all__ = [
    "database_of",
    "db",
    "instance",
    "mariadb",
    "materialize",
    "moto",
    "postgresql",
    "real_instance",
    "refusal",
    "store",
]

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pass what Dagster says of its own code when resources are nested."""
    own = pytest.mark.filterwarnings(
        "ignore:InitResourceContext.dagster_run is deprecated:DeprecationWarning"
    )
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(own)


@pytest.fixture
def store(tmp_path: Path) -> AtioResource:
    """A store in a folder of its own."""
    return AtioResource(base_path=str(tmp_path / "tables"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance that lives as long as the test."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def real_instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance on disk."""
    home = tmp_path / "home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as made:
        yield made


@pytest.fixture
def materialize(store: AtioResource, instance: dg.DagsterInstance) -> Materialize:
    """Materialise assets in the store: all of those given, or just those in `only`. More options are the manager's."""

    def run(
        *assets: Any,
        only: list[Any] | None = None,
        partition: str | None = None,
        between: tuple[str, str] | None = None,
        raise_on_error: bool = True,
        run_config: Any = None,
        tags: dict[str, str] | None = None,
        **manager: Any,
    ) -> dg.ExecuteInProcessResult:
        fields: dict[str, Any] = {"base_path": store.base_path} | manager
        return dg.materialize(
            list(assets),
            selection=only,
            resources={"io_manager": AtioIOManager(**fields)},
            instance=instance,
            partition_key=partition,
            tags=(tags or {}) | (dict(zip(RANGE, between, strict=True)) if between else {}),
            raise_on_error=raise_on_error,
            run_config=run_config,
        )

    return run


@pytest.fixture
def refusal(materialize: Materialize) -> Refusal:
    """Materialise assets and return the error that the run fails with."""

    def run(*assets: Any, **options: Any) -> Any:
        result = materialize(*assets, raise_on_error=False, **options)
        assert not result.success
        error: Any = next(
            event.step_failure_data.error for event in result.all_events if event.is_step_failure
        )
        while error.cause is not None:
            error = error.cause
        return error

    return run
