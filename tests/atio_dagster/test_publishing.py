import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from atio_core.errors import CommitConflictError, InvalidInputError
from atio_dagster import AtioIOManager, AtioResource, with_publishing
from atio_dagster.integrity import build_integrity_checks
from tests.support.dagster_runs import values_of

AFTER_CHECKS = {"atio/publish": "after_checks"}
OLD, GOOD, BAD = [1, 2], [3, 4], [5, -1]
Definitions = Callable[..., dg.Definitions]


class Feed:
    """What the asset returns, one after another."""

    def __init__(self, *given: list[int]) -> None:
        self.given = list(given)

    def __call__(self) -> pd.DataFrame:
        """The next rows."""
        return pd.DataFrame({"n": self.given.pop(0)})


def gated(feed: Callable[[], Any], **options: Any) -> dg.AssetsDefinition:
    """An asset that is published after its checks."""

    @dg.asset(name="gated", metadata=AFTER_CHECKS | options.pop("metadata", {}), **options)
    def made() -> Any:
        return feed()

    return cast("dg.AssetsDefinition", made)


@dg.asset
def below(gated: pd.DataFrame) -> Any:
    """What is downstream."""
    return gated


@dg.asset_check(asset="gated", blocking=True)
def positive(gated: pd.DataFrame) -> dg.AssetCheckResult:
    """Every number is positive."""
    return dg.AssetCheckResult(passed=bool((gated["n"] > 0).all()))


@pytest.fixture
def definitions(store: AtioResource) -> Definitions:
    """Definitions with the helper around them."""

    def made(assets: list[Any], checks: list[Any], **options: Any) -> dg.Definitions:
        manager = AtioIOManager(resource=store, **options)
        return with_publishing(
            dg.Definitions(
                assets=assets, asset_checks=checks, resources={"atio": store, "io_manager": manager}
            )
        )

    return made


@pytest.fixture
def run(instance: dg.DagsterInstance) -> Callable[..., dg.ExecuteInProcessResult]:
    """Run all that is defined, or some assets and their checks."""

    def made(defs: dg.Definitions, *only: str, **options: Any) -> dg.ExecuteInProcessResult:
        chosen = [dg.AssetKey.from_user_string(key) for key in only] or None
        job = defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=instance, raise_on_error=False, asset_selection=chosen, **options
        )

    return made


def rows(store: AtioResource, key: str = "gated") -> list[int]:
    """What the latest version holds."""
    return store.table(key).read()["n"].tolist()


def ran(result: dg.ExecuteInProcessResult) -> set[str]:
    """The steps that succeeded."""
    return {str(event.step_key) for event in result.all_events if event.is_step_success}


def told(result: dg.ExecuteInProcessResult, key: str = "gated") -> list[dg.AssetMaterialization]:
    """What Dagster was told of an asset."""
    events = [event for event in result.all_events if event.is_step_materialization]
    made = [event.step_materialization_data.materialization for event in events]
    return [one for one in made if one.asset_key == dg.AssetKey.from_user_string(key)]


def test_checks_that_pass_publish(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """What passes its blocking check becomes the latest, once, and is what the same run reads downstream."""
    defs = definitions([gated(Feed(OLD, GOOD)), below], [positive])
    for expected in (OLD, GOOD):
        assert run(defs).success
        assert rows(store) == rows(store, "below") == expected
    assert [snapshot.version for snapshot in store.table("gated").history()] == [2, 1]
    assert store.table("gated").staged() == []


def test_a_check_that_fails(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """What fails its blocking check stays staged, to be looked at: the old version stands, and nothing below runs."""
    defs = definitions([gated(Feed(OLD, BAD)), below], [positive])
    run(defs)
    result = run(defs)
    assert not result.success
    assert ran(result) == {"gated"}
    assert rows(store) == rows(store, "below") == OLD
    [stage] = store.table("gated").staged()
    assert stage.read()["n"].tolist() == BAD
    [event] = told(result)
    assert values_of(event.metadata)["atio/stage"] == stage.id


def test_an_integrity_check_before_anything_is_published(
    definitions: Definitions, store: AtioResource, run: Any
) -> None:
    """Files are read back once there is a version; until then that isn't held against what is staged."""
    defs = definitions([gated(Feed(BAD, GOOD, GOOD))], [positive, *build_integrity_checks(["gated"])])
    told_first, _, told_last = [integrity_of(run(defs)) for _ in range(3)]
    assert told_first == (True, "Nothing is published yet, and so nothing is read back; 1 are staged.")
    assert told_last[0]
    assert "1 version" in told_last[1]


def integrity_of(result: dg.ExecuteInProcessResult) -> tuple[bool, str]:
    """Whether the integrity check of a run has passed, and what it says."""
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "integrity"]
    return found.passed, found.description or ""


def test_what_dagster_is_told(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """The run's page and the asset's say staged, then published, and where; the version says which run made it."""
    result = run(definitions([gated(Feed(GOOD), code_version="7")], [positive]))
    staged, published = (values_of(event.metadata) for event in told(result))
    assert (staged["atio/publication"], published["atio/publication"]) == ("staged", "published")
    assert staged["atio/stage"] == published["atio/stage"]
    assert (staged["dagster/row_count"], published["dagster/row_count"]) == (2, 2)
    assert staged["atio/table"] == published["atio/table"] == store.table("gated").path
    assert "atio/version" not in staged
    assert published["atio/version"] == 1
    assert not published.keys() & {"atio/staged_until", "atio/standing", "atio/staged_commit"}
    properties = store.table("gated").snapshot().properties
    assert properties["dagster/run_id"] == result.run_id
    assert properties["dagster/code_version"] == "7"


def test_the_data_version_is_of_what_stands(
    definitions: Definitions, store: AtioResource, run: Any, instance: dg.DagsterInstance
) -> None:
    """Dagster takes a staged output for no change of the asset; a published one has the digest of its content."""
    defs = definitions([gated(Feed(OLD, BAD, GOOD))], [positive])
    key, found = dg.AssetKey("gated"), []
    for _ in range(3):
        run(defs)
        record = instance.get_latest_data_version_record(key)
        assert record is not None
        tags = record.event_log_entry.tags or {}
        assert tags["dagster/data_version_is_user_provided"] == "true"
        assert "dagster/code_version" in tags
        found.append(tags["dagster/data_version"])
    contents = [store.table("gated").snapshot(version).content for version in (1, 2)]
    assert found == [contents[0], contents[0], contents[1]]


def own_check(feed: Callable[[], Any]) -> dg.AssetsDefinition:
    """An asset that checks itself, in its own step."""
    spec = dg.AssetCheckSpec("own", asset="gated", blocking=True)

    @dg.asset(name="gated", metadata=AFTER_CHECKS, check_specs=[spec])
    def made() -> Iterator[Any]:
        frame = feed()
        yield dg.MaterializeResult(
            value=frame,
            check_results=[dg.AssetCheckResult(check_name="own", passed=bool((frame["n"] > 0).all()))],
        )

    return cast("dg.AssetsDefinition", made)


def several(kind: str) -> dg.AssetChecksDefinition:
    """Two checks in one step: of a generator, of a function that returns them, or of an async one."""
    specs = [dg.AssetCheckSpec(name, asset="gated", blocking=True) for name in ("first", "second")]
    options: dict[str, Any] = {"specs": specs, "ins": {"gated": dg.AssetIn("gated")}}

    def results(frame: pd.DataFrame) -> list[dg.AssetCheckResult]:
        passed = [True, bool((frame["n"] > 0).all())]
        return [
            dg.AssetCheckResult(check_name=spec.name, passed=one)
            for spec, one in zip(specs, passed, strict=True)
        ]

    if kind == "generator":

        @dg.multi_asset_check(**options)
        def checks(
            context: dg.AssetCheckExecutionContext, gated: pd.DataFrame
        ) -> Iterable[dg.AssetCheckResult]:
            assert {key.name for key in context.selected_asset_check_keys} == {"first", "second"}
            yield from results(gated)

    elif kind == "list":

        @dg.multi_asset_check(**options)
        def checks(gated: pd.DataFrame):  # noqa: ANN202 - Dagster wants none
            return results(gated)

    elif kind == "async generator":

        @dg.multi_asset_check(**options)
        async def checks(gated: pd.DataFrame):  # noqa: ANN202 - Dagster wants none
            for result in results(gated):
                yield result

    else:

        @dg.multi_asset_check(**options)
        async def checks(gated: pd.DataFrame):  # noqa: ANN202 - Dagster wants none
            return results(gated)

    return checks


@dg.asset
def other() -> int:
    """Something else that a check looks at."""
    return 0


@dg.asset_check(asset="gated", blocking=True, additional_ins={"least": dg.AssetIn("other")})
def above_other(gated: pl.DataFrame, least: int) -> dg.AssetCheckResult:
    """Every number is above that of another asset."""
    return dg.AssetCheckResult(passed=bool((gated["n"] > least).all()))


@dg.asset_check(asset="gated", blocking=True)
def always() -> dg.AssetCheckResult:
    """Reads nothing."""
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset="gated")
def advice(gated: pd.DataFrame) -> dg.AssetCheckResult:
    """Blocks nothing, and never passes."""
    return dg.AssetCheckResult(passed=False, metadata={"read": gated["n"].tolist()})


KINDS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "own": (own_check, []),
    "own and apart": (own_check, [always]),
    "apart": (gated, [positive, always]),
    "other asset": (gated, [above_other, always]),
    **{kind: (gated, [several(kind), always]) for kind in ("generator", "list", "async", "async generator")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_checks_of_every_kind(kind: str, definitions: Definitions, store: AtioResource, run: Any) -> None:
    """However blocking checks are declared, all must pass, whatever others do; those that don't block don't count."""
    make, checks = KINDS[kind]
    defs = definitions([make(Feed(OLD, BAD, GOOD)), other, below], [*checks, advice])
    assert [run(defs).success for _ in range(2)] == [True, False]
    assert rows(store) == rows(store, "below") == OLD
    assert run(defs).success
    assert rows(store) == rows(store, "below") == GOOD
    assert store.table("gated").snapshot().version == 2


# Dagster runs asynchronous checks, and its types don't say so.
_apart: Any = dg.asset_check(asset="gated", blocking=True)


@_apart
async def raises(gated: pd.DataFrame) -> dg.AssetCheckResult:
    """Finds nothing out."""
    raise ValueError(f"{len(gated)} rows can't be judged")


@_apart
async def returns_nothing(gated: pd.DataFrame) -> Any:
    """Comes to its end, and says nothing."""


_BOTH: dict[str, Any] = {
    "specs": [dg.AssetCheckSpec(name, asset="gated", blocking=True) for name in ("first", "second")],
    "ins": {"gated": dg.AssetIn("gated")},
}


@dg.multi_asset_check(**_BOTH)
async def yields_nothing(gated: pd.DataFrame):  # noqa: ANN201
    """Would say something of a table without rows."""
    if gated.empty:
        yield dg.AssetCheckResult(check_name="first", passed=False)


@dg.multi_asset_check(**_BOTH)
async def raises_behind_results(gated: pd.DataFrame):  # noqa: ANN201
    """Says that all is well, and fails then."""
    for spec in _BOTH["specs"]:
        yield dg.AssetCheckResult(check_name=spec.name, passed=True)
    raise ValueError("and yet")


@pytest.mark.parametrize("check", [raises, returns_nothing, yields_nothing, raises_behind_results])
def test_an_async_check_without_a_result(
    check: dg.AssetChecksDefinition, definitions: Definitions, store: AtioResource, run: Any
) -> None:
    """An asynchronous check that raises, or ends without a result, lets nothing pass, whatever the others say."""
    for checks, passes in ([positive], True), ([positive, check], False):
        assert run(definitions([gated(Feed(GOOD if passes else [7]))], checks)).success is passes
    assert rows(store) == GOOD
    assert len(store.table("gated").staged()) == 1


def test_without_any_check(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """An asset without a blocking check is published all the same: behind its own step, by a check that says so."""
    result = run(definitions([gated(Feed(BAD)), below], [advice]))
    assert rows(store) == rows(store, "below") == BAD
    checks = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert checks == {"published": True, "advice": False}


def test_checks_that_do_not_block_read_the_staged_version(
    definitions: Definitions, store: AtioResource, run: Any
) -> None:
    """A check that doesn't block looks at the run's own output too, published or not."""
    defs = definitions([gated(Feed(OLD, BAD))], [positive, advice])
    results = [run(defs) for _ in range(2)]
    read = [
        one.metadata["read"].value
        for result in results
        for one in result.get_asset_check_evaluations()
        if one.check_name == "advice"
    ]
    assert read == [OLD, BAD]
    assert rows(store) == OLD


def test_a_warning_does_not_block(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """A check that fails as a warning lets its asset pass, as it lets what is downstream."""

    @dg.asset_check(asset="gated", blocking=True)
    def mild() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    assert run(definitions([gated(Feed(GOOD)), below], [mild])).success
    assert rows(store) == GOOD


def test_without_the_helper(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """An asset that asks for it without the helper is refused, and stores nothing that nobody would publish."""
    asking: list[tuple[str, dict[str, Any]]] = [("at_once", AFTER_CHECKS), ("after_checks", {})]
    for publish, metadata in asking:

        @dg.asset(metadata=metadata)
        def lone() -> Any:
            return pd.DataFrame({"n": GOOD})

        manager = AtioIOManager(resource=store, publish=publish)
        result = dg.materialize(
            [lone], instance=instance, resources={"io_manager": manager}, raise_on_error=False
        )
        assert not result.success
        [failed] = [event for event in result.all_events if event.is_step_failure]
        assert "with_publishing" in str(failed.step_failure_data.error)
        assert not os.path.exists(store.table("lone").path)  # noqa: PTH110 - a table's path is text


def test_the_manager_asks_for_all(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """The manager can ask for all its assets, of which one may ask otherwise."""

    @dg.asset(metadata={"atio/publish": "at_once"})
    def at_once() -> Any:
        return pd.DataFrame({"n": BAD})

    @dg.asset(name="gated")
    def asked_by_manager() -> Any:
        return pd.DataFrame({"n": BAD})

    result = run(definitions([asked_by_manager, at_once], [positive], publish="after_checks"))
    assert not result.success
    assert not store.table("gated").exists()
    assert rows(store, "at_once") == BAD


def test_what_the_helper_refuses(definitions: Definitions, store: AtioResource) -> None:
    """What can't be published behind its checks is refused when the definitions are loaded, not when it is too late."""

    @dg.op
    def two() -> Any:
        return 1

    @dg.graph_asset(
        name="gated",
        metadata=AFTER_CHECKS,
        check_specs=[dg.AssetCheckSpec("inner", asset="gated", blocking=True)],
    )
    def of_graph() -> Any:
        return {"result": two(), "gated_inner": two()}

    @dg.asset_check(asset="gated", name="published")
    def taken() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    feed = Feed()
    for assets, checks, reason in (
        ([of_graph], [], "in a graph"),
        ([gated(feed)], [taken], "call the check otherwise"),
        (
            [gated(feed, metadata={"atio/publish": "soon"})],
            [],
            "must be one of at_once, after_checks, after_run",
        ),
    ):
        with pytest.raises(InvalidInputError, match=reason):
            definitions(assets, checks)
    with pytest.raises(ValueError, match="must be one of"):
        AtioIOManager(resource=store, publish="later")


def test_the_helper_around_the_helper(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """What is ready stays as it is; a blocking check that came since is refused, as nothing would wait for it."""
    defs = definitions([gated(Feed(OLD, BAD)), other], [positive])
    again = with_publishing(defs)
    assert [run(again).success for _ in range(2)] == [True, False]
    assert rows(store) == OLD
    late = dg.Definitions.merge(with_publishing(defs), dg.Definitions(asset_checks=[always]))
    with pytest.raises(InvalidInputError, match="without its blocking check 'always'"):
        with_publishing(late)


def test_a_check_by_itself(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """A check that is run without its asset looks at the latest version, and publishes nothing of other runs."""
    defs = definitions([gated(Feed(OLD, BAD))], [positive])
    run(defs)
    run(defs)
    job = dg.define_asset_job("checks", selection=dg.AssetSelection.checks(positive))
    resolved = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("checks")
    with dg.DagsterInstance.ephemeral() as instance:
        assert resolved.execute_in_process(instance=instance).success
    assert rows(store) == OLD
    assert len(store.table("gated").staged()) == 1


def test_an_asset_without_its_checks(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """An asset that is chosen without its checks stays staged: nobody has let it pass."""
    defs = definitions([gated(Feed(OLD, GOOD))], [positive])
    run(defs)
    job = dg.define_asset_job("alone", selection=dg.AssetSelection.assets("gated").without_checks())
    resolved = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("alone")
    with dg.DagsterInstance.ephemeral() as instance:
        assert resolved.execute_in_process(instance=instance).success
    assert rows(store) == OLD


DAYS = dg.StaticPartitionsDefinition(["a/1", "b", "c"])
TWO = {"dagster/asset_partition_range_start": "a/1", "dagster/asset_partition_range_end": "b"}


def by_partition(values: dict[str, list[int]]) -> dg.AssetsDefinition:
    """A partitioned asset whose runs may be for several partitions."""

    @dg.asset(name="gated", metadata=AFTER_CHECKS, partitions_def=DAYS)
    def made(context: dg.AssetExecutionContext) -> Any:
        found = {key: pd.DataFrame({"n": values[key]}) for key in context.partition_keys}
        return found if len(found) > 1 else next(iter(found.values()))

    return cast("dg.AssetsDefinition", made)


@dg.asset_check(asset="gated", blocking=True)
def all_positive(gated: dict[str, pd.DataFrame]) -> dg.AssetCheckResult:
    """Every number of every partition is positive."""
    return dg.AssetCheckResult(passed=all(bool((part["n"] > 0).all()) for part in gated.values()))


def test_partitions(
    definitions: Definitions, store: AtioResource, run: Any, instance: dg.DagsterInstance
) -> None:
    """The partitions of a run appear together, and only if their checks pass; others stay as they are."""
    values = {"a/1": [1], "b": [2], "c": [3]}
    defs, table = definitions([by_partition(values)], [all_positive]), store.table("gated")
    assert run(defs, tags=TWO).success
    assert sorted(table.read()["n"]) == [1, 2]
    assert instance.get_materialized_partitions(dg.AssetKey("gated")) == {"a/1", "b"}
    values |= {"a/1": [-7], "b": [8]}
    assert not run(defs, tags=TWO).success
    assert sorted(table.read()["n"]) == [1, 2]
    assert run(defs, partition_key="c").success
    assert sorted(table.read()["n"]) == [1, 2, 3]
    values["a/1"] = [7]
    result = run(defs, tags=TWO)
    assert result.success
    assert sorted(table.read()["n"]) == [3, 7, 8]
    published = [event for event in told(result) if event.metadata["atio/publication"].value == "published"]
    assert {event.partition for event in published} == {"a/1", "b"}
    assert [event.metadata["atio/version"].value for event in published] == [3, 3]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [({"atio/mode": "append"}, [1, 1, 2, 2]), ({"atio/mode": "upsert", "atio/key": ["n"]}, [1, 2])],
    ids=["append", "upsert"],
)
def test_rows_that_go_to_several_partitions(
    mode: dict[str, Any], expected: list[int], definitions: Definitions, store: AtioResource, run: Any
) -> None:
    """Rows that are added to several partitions are staged and published together, or not at all."""
    values = {"a/1": [1], "b": [2]}
    table = store.table("gated")
    defs = definitions(
        [by_partition(values).map_asset_specs(lambda spec: spec.merge_attributes(metadata=mode))],
        [all_positive],
    )
    assert run(defs, tags=TWO).success
    assert run(defs, tags=TWO).success
    assert sorted(table.read()["n"]) == expected
    before = table.snapshot().version
    values["b"] = [-2]
    assert not run(defs, tags=TWO).success
    assert table.snapshot().version == before
    assert min(table.staged()[-1].read()["n"]) == -2


def test_objects(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """What is no frame is staged and published likewise."""
    given = [{"n": 1}, {"n": -1}]

    @dg.asset_check(asset="gated", blocking=True)
    def is_positive(gated: dict[str, int]) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=gated["n"] > 0)

    defs = definitions([gated(lambda: given.pop(0))], [is_positive])
    assert [run(defs).success for _ in range(2)] == [True, False]
    assert store.table("gated").read() == {"n": 1}


def test_rows_that_are_added(definitions: Definitions, store: AtioResource, run: Any) -> None:
    """Appended rows are published on what they were staged for, and on nothing else that came meanwhile."""

    @dg.asset_check(asset="gated", blocking=True)
    def meddling(gated: pd.DataFrame) -> dg.AssetCheckResult:
        if len(gated) > 2:
            store.table("gated").append(pd.DataFrame({"n": [9]}))
        return dg.AssetCheckResult(passed=True)

    defs = definitions([gated(Feed(OLD, GOOD), metadata={"atio/mode": "append"})], [meddling])
    assert run(defs).success
    assert rows(store) == OLD
    result = run(defs)
    assert not result.success
    [failed] = [event for event in result.all_events if event.is_step_failure]
    error: Any = failed.step_failure_data.error
    causes = [error := error.cause for _ in iter(lambda: error.cause, None)]
    told, why = causes[-2:]
    assert CommitConflictError.__name__ in told.cls_name
    assert "execute gated again, and what follows it" in told.message
    assert "expected version" in why.message
    assert rows(store) == [*OLD, 9]


@pytest.mark.parametrize("publish", ["after_checks", "after_run"])
def test_how_often_checks_look_up_what_is_noted(
    publish: str,
    definitions: Definitions,
    run: Any,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A check reads the events of its run twice at most, however many assets are published behind it."""
    looked: list[str] = []
    look = type(instance).get_records_for_run

    def noted(self: dg.DagsterInstance, *args: Any, **options: Any) -> Any:
        looked.append(args[0])
        return look(self, *args, **options)

    monkeypatch.setattr(type(instance), "get_records_for_run", noted)

    def asset(name: str) -> Any:
        @dg.asset(name=name, metadata={"atio/publish": publish})
        def made() -> Any:
            return pd.DataFrame({"n": GOOD})

        return made

    names = ["a", "b", "c", "d"]
    specs = [dg.AssetCheckSpec("holds", asset=name, blocking=True) for name in names]

    @dg.multi_asset_check(specs=specs, ins={name: dg.AssetIn(name) for name in names})
    def hold(**inputs: pd.DataFrame) -> Iterable[dg.AssetCheckResult]:
        for name, frame in inputs.items():
            yield dg.AssetCheckResult(asset_key=name, check_name="holds", passed=len(frame) == 2)

    assert run(definitions([asset(name) for name in names], [hold])).success
    assert len(looked) == 1


def test_how_long_a_staged_output_is_kept(
    definitions: Definitions, run: Callable[..., dg.ExecuteInProcessResult], store: AtioResource
) -> None:
    """As long as its manager says, 7 days if it says nothing; a time that is none is refused."""
    for options, hours in (({}, 7 * 24), ({"staged_for_hours": 0.5}, 0.5)):
        run(definitions([gated(Feed(BAD))], [positive], **options))
        kept = store.table("gated").staged()[-1].until - datetime.now(UTC)
        assert abs(kept - timedelta(hours=hours)) < timedelta(minutes=2)
    for wrong in (-1, float("nan"), 1e12):
        with pytest.raises(ValueError, match="staged_for_hours"):
            AtioIOManager(resource=store, staged_for_hours=wrong)
