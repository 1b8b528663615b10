from typing import Any

import dagster as dg
import pandas as pd
import pytest

from atio_dagster import AtioIOManager, AtioResource
from tests.support.dagster_runs import Materialize, Refusal

MANAGER = "io_manager"


def made(**metadata: Any) -> dg.AssetsDefinition:
    """An asset of two rows."""

    @dg.asset(name="made", metadata={f"atio/{name}": value for name, value in metadata.items()})
    def asset() -> Any:
        return pd.DataFrame({"id": [1, 2], "n": [1, 2]})

    return asset


def of_output(**said: Any) -> dict[str, Any]:
    """The run's config of the output."""
    return {"ops": {"made": {"outputs": {"result": said}}}}


def of_manager(**said: Any) -> dict[str, Any]:
    """The run's config of the IO manager."""
    return {"resources": {MANAGER: {"config": said}}}


class TestWhichPlaceWins:
    """What is said closer to the run wins over what is said closer to the definition."""

    PLACES: tuple[dict[str, Any], ...] = (
        {"run_config": of_output(mode="append")},
        {"tags": {"atio/mode": "append"}},
        {"run_config": of_manager(mode="append")},
        {"metadata": "append"},
        {"mode": "append"},
    )
    OTHERS: tuple[dict[str, Any], ...] = (
        {"tags": {"atio/mode": "overwrite"}},
        {"run_config": of_manager(mode="overwrite")},
        {"metadata": "overwrite"},
        {"mode": "overwrite"},
        {},
    )

    @pytest.mark.parametrize("place", range(5), ids=["output", "tag", "manager", "metadata", "field"])
    def test_each_wins_over_the_next(self, place: int, materialize: Materialize, store: AtioResource) -> None:
        """Each place alone is enough, and wins over the one behind it."""
        manager: dict[str, Any] = {"resource": store, "base_path": None}
        for said in (self.PLACES[place], self.OTHERS[place] | self.PLACES[place]):
            options = dict(said)
            mode = options.pop("metadata", None)
            asset = made() if mode is None else made(mode=mode)
            before = store.table("made").snapshot().rows if store.table("made").exists() else 0
            materialize(asset, **manager, **options)
            assert store.table("made").snapshot().rows == before + 2

    def test_a_field_of_the_definition_is_no_launch(
        self, materialize: Materialize, store: AtioResource
    ) -> None:
        """A run that overrides another field of the manager leaves the metadata, and the other fields, as they are."""
        config = of_manager(base_path=store.base_path, if_unchanged="skip")
        for _ in range(2):
            materialize(made(mode="append"), run_config=config, mode="overwrite")
        assert store.table("made").snapshot().rows == 4
        materialize(made(), run_config=config, mode="append")
        assert store.table("made").snapshot().rows == 6

    def test_one_output_of_a_run(self, materialize: Materialize, store: AtioResource) -> None:
        """The config of an output changes how it is written, and no other of the run."""

        @dg.asset(metadata={"atio/mode": "append"})
        def other() -> Any:
            return pd.DataFrame({"n": [1]})

        for _ in range(2):
            materialize(made(mode="append"), other, run_config=of_output(mode="overwrite"))
        assert (store.table("made").snapshot().rows, store.table("other").snapshot().rows) == (2, 2)

    def test_properties_of_all_places(self, materialize: Materialize, store: AtioResource) -> None:
        """Properties come from everywhere; of one name the closest to the run is taken."""
        materialize(
            made(properties={"team": "sales", "source": "crm"}),
            run_config=of_output(properties={"ticket": "42"}),
            tags={"atio/properties": '{"source": "file"}'},
            properties={"team": "all", "cost": "1"},
        )
        told = store.table("made").snapshot().properties
        assert {name: told[name] for name in ("team", "source", "ticket", "cost")} == {
            "team": "sales",
            "source": "file",
            "ticket": "42",
            "cost": "1",
        }

    @pytest.mark.parametrize("tag", ["id", '["id"]'])
    def test_lists_in_tags(self, tag: str, materialize: Materialize, store: AtioResource) -> None:
        """A tag names one column as it is, or several as a JSON list."""
        for _ in range(2):
            materialize(made(mode="upsert"), tags={"atio/key": tag, "atio/sort_by": '["n", "id"]'})
        assert (store.table("made").snapshot().rows, store.table("made").snapshot().sort_by) == (
            2,
            ("n", "id"),
        )


WRONG: dict[str, tuple[Any, str]] = {
    "mode": ("upset", "one of overwrite, append, upsert, not 'upset'"),
    "schema_mode": ("grow", "one of exact, add, widen, replace"),
    "if_unchanged": (True, "one of commit, skip, not True"),
    "format": ("csv", "one of parquet, npy"),
    "append_scope": ("job", "one of root_run, run"),
    "key": (7, "a list of column names, not 7"),
    "sort_by": ([None], "a list of column names"),
    "partition_by": ({"a": 1}, "a list of column names"),
    "preview": (-1, "a number of rows, 1000 at most"),
    "properties": ({"n": 1}, "a dict of texts to texts"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_by_name(name: str, refusal: Refusal, store: AtioResource) -> None:
    """What makes no sense is refused before anything is written, with its name, and where it was said."""
    value, told = WRONG[name]
    error = refusal(made(**{name: value}))
    assert error.cls_name == "InvalidInputError"
    assert f"the metadata 'atio/{name}' of the asset made must be {told}" in error.message
    assert not store.table("made").exists()


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"run_config": of_output(mode="x")}, "'mode' in the run's config of the asset made"),
        ({"tags": {"atio/mode": "x"}}, "the run's tag 'atio/mode'"),
        ({"run_config": of_manager(mode="x")}, "'mode' in the run's config of the IO manager"),
        ({"mode": "x"}, "'mode' of the IO manager"),
    ],
    ids=["output", "tag", "manager", "field"],
)
def test_the_place_is_told(
    options: dict[str, Any], where: str, refusal: Refusal, store: AtioResource
) -> None:
    """A person is told where the wrong value was said."""
    manager: dict[str, Any] = {"resource": store, "base_path": None}
    error = refusal(made(), **manager, **options)
    assert f"{where} must be one of" in error.message


@pytest.mark.parametrize(
    ("name", "meant"), [("moed", "mode"), ("keys", "key"), ("schema-mode", "schema_mode"), ("Mode", "mode")]
)
def test_a_misspelt_name_is_refused(name: str, meant: str, refusal: Refusal, store: AtioResource) -> None:
    """What is nearly the name of a setting isn't passed over: an append that is misspelt would overwrite."""
    for error in (refusal(made(**{name: "append"})), refusal(made(), tags={f"atio/{name}": "append"})):
        assert f"'atio/{name}' among the" in error.message
        assert f"'atio/{meant}' may be meant" in error.message
    assert not store.table("made").exists()


def test_other_names_are_the_users(materialize: Materialize, store: AtioResource) -> None:
    """Metadata and tags that look like no setting are let alone."""
    materialize(made(owner="me", retention={"keep_last": 1}), tags={"atio/note": "x", "mode": "append"})
    assert store.table("made").snapshot().operation == "overwrite"


def test_what_a_version_says_of_its_run_can_not_be_forged(refusal: Refusal) -> None:
    """Properties with the names of atio's and Dagster's own are refused: appends and expiry go by them."""
    for name in ("dagster/run_id", "atio/retention"):
        assert f"has the property {name!r}" in refusal(made(properties={name: "x"})).message


def test_without_a_run(store: AtioResource) -> None:
    """In a context made for a test, metadata and the manager's fields count."""
    manager = AtioIOManager(base_path=store.base_path, if_unchanged="skip")
    for _ in range(2):
        context = dg.build_output_context(
            asset_key="made", name="result", definition_metadata={"atio/mode": "append"}
        )
        manager.handle_output(context, pd.DataFrame({"n": [1]}))
    assert store.table("made").snapshot().rows == 2


def test_ops(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """What ops return without being assets is written as their outputs' metadata and config say."""

    @dg.op(out=dg.Out(metadata={"atio/mode": "append"}))
    def rows() -> Any:
        return pd.DataFrame({"n": [1]})

    @dg.job(resource_defs={MANAGER: AtioIOManager(base_path=store.base_path)})
    def flow() -> None:
        rows()

    config = {"ops": {"rows": {"outputs": {"result": {"mode": "overwrite"}}}}}
    for run_config in ({}, {}, config):
        assert flow.execute_in_process(instance=instance, run_config=run_config).success
    [table] = store.tables()
    assert [snapshot.rows for snapshot in table.history()] == [1, 2, 1]
