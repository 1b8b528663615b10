"""Versions of inputs that metadata, tags and run config name."""

import json
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import AtioIOManager, AtioResource
from tests.support.dagster_runs import Materialize, Refusal, versions_of


def test_what_names_the_version_of_an_input(materialize: Materialize, store: AtioResource) -> None:
    """Metadata of an input name its version: a number, one that counts back, a tag, or a time."""
    versions_of(store, "source", 2)
    between = datetime.now(UTC)
    store.table("source").overwrite(pd.DataFrame({"n": [3]}))
    store.table("source").tag("good", 1)
    seen: dict[str, int] = {}

    def reads(name: str, **metadata: Any) -> dg.AssetsDefinition:
        @dg.asset(name=name, ins={"source": dg.AssetIn(metadata=metadata)})
        def reader(source: pd.DataFrame) -> None:
            seen[name] = source["n"].item()

        return reader

    named: dict[str, Any] = {
        "number": {"atio/version": 1},
        "text": {"atio/version": "2"},
        "back": {"atio/version": -2},
        "tag": {"atio/tag": "good"},
        "version_tag": {"atio/version": "good"},
        "latest": {"atio/version": "latest"},
        "as_of": {"atio/as_of": between.isoformat()},
        "time": {"atio/as_of": dg.MetadataValue.timestamp(between)},
        "metadata_value": {"atio/version": dg.MetadataValue.int(1)},
    }
    materialize(dg.AssetSpec("source"), *(reads(name, **said) for name, said in named.items()))
    assert seen == {
        "number": 1,
        "text": 2,
        "back": 2,
        "tag": 1,
        "version_tag": 1,
        "latest": 3,
        "as_of": 2,
        "time": 2,
        "metadata_value": 1,
    }


def test_a_name_stands_for_one_version_in_a_run(materialize: Materialize, store: AtioResource) -> None:
    """A tag that is moved while a run is at it, and "latest", stay what they were when the run looked first."""
    seen: list[tuple[str, int]] = []
    versions_of(store, "source", 2)
    store.table("source").tag("good", 1)

    def reads(name: str, version: str, deps: list[str]) -> dg.AssetsDefinition:
        ins = {"source": dg.AssetIn(metadata={"atio/version": version})}

        @dg.asset(name=name, ins=ins, deps=deps)
        def reader(source: pd.DataFrame) -> None:
            seen.append((name, source["n"].item()))

        return reader

    @dg.asset(deps=["early_good", "early_latest"])
    def moves() -> None:
        store.table("source").overwrite(pd.DataFrame({"n": [3]}))
        store.table("source").tag("good", 2, force=True)

    readers = [reads(f"early_{version}", version, []) for version in ("good", "latest")]
    readers += [reads(f"late_{version}", version, ["moves"]) for version in ("good", "latest")]
    materialize(dg.AssetSpec("source"), moves, *readers)
    assert sorted(seen) == [("early_good", 1), ("early_latest", 2), ("late_good", 1), ("late_latest", 2)]


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"atio/version": 1, "atio/tag": "good"}, "atio/version and atio/tag each name a version"),
        ({"atio/as_of": "2024-01-01"}, "atio/as_of must be a time with a zone"),
        ({"atio/as_of": "yesterday"}, "atio/as_of must be a time with a zone"),
        ({"atio/tag": 1}, "atio/tag must be the name of a tag"),
        ({"atio/version": 1.5}, "version must be"),
        ({"atio/version": True}, "version must be"),
        ({"atio/reads": "parent"}, "must be 'run' or 'root_run'"),
    ],
    ids=str,
)
def test_what_names_no_version(
    refusal: Refusal, store: AtioResource, metadata: dict[str, Any], told: str
) -> None:
    """Metadata that can't be meant are refused, and say what could be."""
    versions_of(store, "source", 1)

    @dg.asset(ins={"source": dg.AssetIn(metadata=metadata)})
    def down(source: pd.DataFrame) -> None: ...

    error = refusal(dg.AssetSpec("source"), down)
    assert error.cls_name == "InvalidInputError"
    assert told in error.message


def test_versions_named_at_launch(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """Run config of the manager names versions of what the run doesn't make; metadata of an input go before it."""
    versions_of(store, "source", 3)
    store.table("source").tag("good", 2)
    between = store.table("source").snapshot(2).time
    seen: list[int] = []

    @dg.asset
    def made(source: pd.DataFrame) -> pd.DataFrame:
        seen.append(source["n"].item())
        return pd.DataFrame({"n": [0]})

    @dg.asset(ins={"source": dg.AssetIn(metadata={"atio/version": 3})})
    def down(made: pd.DataFrame, source: pd.DataFrame) -> None:
        seen.extend([made["n"].item(), source["n"].item()])

    defs = dg.Definitions(
        assets=[dg.AssetSpec("source"), made, down],
        jobs=[dg.define_asset_job("both", ["made", "down"])],
        resources={"io_manager": AtioIOManager.configure_at_launch(base_path=store.base_path)},
    )
    configs: list[dict[str, Any]] = [
        {"versions": {"source": 1}},
        {"versions": {"source": "good"}},
        {"tag": "good"},
        {"as_of": between.isoformat()},
        {},
    ]
    for config in configs:
        run_config = {"resources": {"io_manager": {"config": {"base_path": store.base_path, **config}}}}
        assert (
            defs.resolve_job_def("both").execute_in_process(instance=instance, run_config=run_config).success
        )
    run_config = {"resources": {"io_manager": {"config": {"base_path": store.base_path, "tag": "good"}}}}
    tags = {"atio/as_of": store.table("source").snapshot(1).time.isoformat()}
    job = defs.resolve_job_def("both")
    assert job.execute_in_process(instance=instance, run_config=run_config, tags=tags).success
    assert seen == [*(1, 0, 3), *(2, 0, 3), *(2, 0, 3), *(2, 0, 3), *(3, 0, 3), *(1, 0, 3)]


@pytest.mark.parametrize("name", ["versoin", "as-of", "tags", "colums", "filters", "read"])
def test_a_misspelt_name_is_refused(name: str, refusal: Refusal, store: AtioResource) -> None:
    """What is nearly the name of a setting isn't passed over: the run would read what it was not meant to."""
    versions_of(store, "source", 1)

    @dg.asset(ins={"source": dg.AssetIn(metadata={f"atio/{name}": 1, "atio/note": "mine"})})
    def reader(source: pd.DataFrame) -> None: ...

    error = refusal(dg.AssetSpec("source"), reader)
    assert f"'atio/{name}' among the metadata of the input 'source' is no setting" in error.message


@pytest.mark.parametrize("place", ["manager", "tag"])
def test_a_key_with_a_slash(place: str, store: AtioResource, instance: dg.DagsterInstance) -> None:
    """The version of any asset can be named: a `/` within a part of its key stands behind a backslash."""
    key, seen = dg.AssetKey(["raw", "a/b"]), []
    for number in (1, 2):
        store.table(key).overwrite(pd.DataFrame({"n": [number]}))

    @dg.asset(ins={"source": dg.AssetIn(key)})
    def reader(source: pd.DataFrame) -> None:
        seen.append(source["n"].item())

    said: dict[str, Any] = {r"raw/a\/b": 1}
    manager = AtioIOManager(resource=store, versions=said if place == "manager" else {})
    tags = {"atio/versions": json.dumps(said)} if place == "tag" else {}
    dg.materialize(
        [dg.AssetSpec(key), reader], resources={"io_manager": manager}, instance=instance, tags=tags
    )
    assert seen == [1]
