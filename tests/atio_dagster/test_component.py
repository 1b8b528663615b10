"""The Component: YAML in, a store with all that keeps it in order out."""

import importlib.metadata
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from dagster.components.testing import create_defs_folder_sandbox
from dagster_shared.libraries import DagsterLibraryRegistry

from atio_core.errors import InvalidInputError
from atio_dagster import AtioResource, AtioStoreComponent

TYPE = "atio_dagster.AtioStoreComponent"
# Dagster's own, where it reads YAML.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Function `ComponentLoadContext.build_defs_at_path`:DeprecationWarning"
    ),  # 1.12's own
    pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated"),
    pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning"),
]
DG = shutil.which("dg", path=str(Path(sys.executable).parent))


def loaded(attributes: dict[str, Any], **beside: str) -> dg.Definitions:
    """Load the component from a YAML file, as a project does; with Python files beside it."""
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            component_cls=AtioStoreComponent, defs_yaml_contents={"type": TYPE, "attributes": attributes}
        )
        for name, code in beside.items():
            (path / f"{name}.py").write_text(code)
        with sandbox.load_component_and_build_defs(defs_path=path) as (component, defs):
            assert isinstance(component, AtioStoreComponent)
            return defs


def test_all_of_it(tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store, retention, schedules and checks come from YAML, the folder from the environment; the job goes by them."""
    monkeypatch.setenv("TABLES_OF_TEST", str(tmp_path / "tables"))
    defs = loaded(
        {
            "base_path": "{{ env.TABLES_OF_TEST }}",
            "retention": {"keep_last": 2},
            "grace_minutes": 30,
            "expiration": {"cron_schedule": "0 4 * * *", "running": True},
            "maintenance": {"cron_schedule": "0 5 * * 0", "execution_timezone": "Europe/Berlin"},
            "checks": {"assets": ["raw/orders"], "versions": "all"},
        }
    )
    repository = defs.get_repository_def()
    schedules = {one.name: one for one in repository.schedule_defs}
    assert schedules["expire_tables_schedule"].default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedules["maintain_tables_schedule"].execution_timezone == "Europe/Berlin"
    assert schedules["maintain_tables_schedule"].cron_schedule == "0 5 * * 0"
    assert [key.to_user_string() for key in repository.asset_graph.asset_check_keys] == [
        "raw/orders:integrity"
    ]
    store = AtioResource(base_path=str(tmp_path / "tables"))
    for number in range(4):
        store.table("raw/orders").overwrite(pd.DataFrame({"n": [number]}))
    assert defs.resolve_job_def("expire_tables").execute_in_process(instance=instance).success
    assert len(store.table("raw/orders").history()) == 2
    assert defs.resolve_job_def("maintain_tables").execute_in_process(instance=instance).success


def test_a_folder_is_enough(tmp_path: Path) -> None:
    """The folder alone gives resource, IO manager and jobs; nothing runs by itself."""
    defs = loaded({"base_path": str(tmp_path)})
    assert {"atio", "io_manager"} <= set(defs.resources or {})
    assert {job.name for job in defs.jobs or []} == {"expire_tables", "maintain_tables"}
    assert not defs.schedules
    names = loaded({"base_path": str(tmp_path), "resource_key": "lake", "io_manager_key": None})
    assert set(names.resources or {}) == {"lake"}


ASSETS = """
import dagster as dg

@dg.asset{ASKING}
def gated(context: dg.AssetExecutionContext) -> list[int]:
    return [int(context.run.tags["number"])]

@dg.asset_check(asset=gated, blocking=True)
def positive(gated: list[int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=gated[0] > 0)
"""


@pytest.mark.parametrize("asks", ["asset", "store"])
def test_assets_beside_it_are_published_behind_their_checks(
    asks: str, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """The component does what `with_publishing` does, for the assets of its modules: by them, or by YAML, for all."""
    asking = '(metadata={"atio/publish": "after_checks"})' if asks == "asset" else ""
    attributes = {"publish": "after_checks", "staged_for_hours": 2} if asks == "store" else {}
    defs = loaded(
        {"base_path": str(tmp_path), "modules": [".assets"], **attributes},
        assets=ASSETS.replace("{ASKING}", asking),
    )
    job = defs.resolve_implicit_global_asset_job_def()
    for number, passes in (1, True), (-1, False):
        done = job.execute_in_process(instance=instance, raise_on_error=False, tags={"number": str(number)})
        assert done.success is passes
    table = AtioResource(base_path=str(tmp_path)).table("gated")
    assert table.read() == [1]
    [kept] = table.staged()
    hours = (kept.until - datetime.now(UTC)).total_seconds() / 3600
    assert round(hours) == (2 if asks == "store" else 7 * 24)


def test_a_module_beside_nothing() -> None:
    """A module's name that begins with a dot is refused where nothing says beside what it lies."""
    component = AtioStoreComponent(base_path="tables", modules=[".assets"])
    with pytest.raises(InvalidInputError, match="begins with a dot"):
        component.definitions()


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"base_path": "t", "publish": "some day"},
        {"base_path": "t", "retention": {"keep_last": 0}},
        {"base_path": "t", "retention": {"keep": 3}},
        {"base_path": "t", "expiration": {"running": True}},
        {"base_path": "t", "checks": {"assets": ["a"], "versions": "some"}},
        {"base_path": "t", "staged_for_hours": -1},
        {"base_path": "t", "strange": 1},
    ],
    ids=["no folder", "when", "rule", "name of rule", "no schedule", "versions", "hours", "name"],
)
def test_what_makes_no_sense_is_refused(attributes: dict[str, Any]) -> None:
    """A wrong value or name is refused when the YAML is loaded."""
    with pytest.raises(Exception, match="rror"):  # Dagster raises errors of its own kinds
        loaded(attributes)


def test_dagster_knows_the_library() -> None:
    """A deployment tells which release of atio it runs, and dg finds the component by its entry point."""
    assert DagsterLibraryRegistry.get()["atio"] == importlib.metadata.version("atio")


@pytest.mark.slow
@pytest.mark.skipif(DG is None, reason="the command dg isn't installed (pip install dagster-dg-cli)")
def test_dg_scaffolds_and_checks_it(tmp_path: Path) -> None:
    """`dg` scaffolds the component into a project, and checks its YAML; a wrong attribute is named."""
    (tmp_path / "src" / "shop" / "defs").mkdir(parents=True)
    for folder in ("shop", "shop/defs"):
        (tmp_path / "src" / folder / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "shop"\nversion = "0"\n'
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n'
    )

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(DG), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    made = run("scaffold", "defs", TYPE, "store")
    assert made.returncode == 0, made.stdout + made.stderr
    file = tmp_path / "src" / "shop" / "defs" / "store" / "defs.yaml"
    assert f"type: {TYPE}" in file.read_text()
    file.write_text(f"type: {TYPE}\nattributes:\n  base_path: tables\n  retention: {{keep_last: 3}}\n")
    checked = run("check", "yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    file.write_text(f"type: {TYPE}\nattributes:\n  base_path: tables\n  retention: {{keep_lost: 3}}\n")
    wrong = run("check", "yaml")
    assert wrong.returncode != 0
    assert "keep_lost" in wrong.stdout + wrong.stderr
