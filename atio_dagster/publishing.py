"""The helper over definitions that lets outputs be published behind their checks.

A step can't run behind the blocking checks of an asset, and yet be chosen with it and hold up what is downstream:
Dagster exempts the checks of an asset from waiting for one another, and chooses nothing but checks along with it. So
the checks themselves publish: the last one that passes does, in its own step, before anything downstream runs. An asset
without a blocking check in a step of its own gets one, called `published`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from atio_core.errors import InvalidInputError
from atio_dagster.arguments import require_kind
from atio_dagster.automation import once_published
from atio_dagster.check_steps import check_of
from atio_dagster.keys import plain
from atio_dagster.releasing import Gates, release_if_complete
from atio_dagster.run_outputs import lets_pass, run_outputs
from atio_dagster.staged import (
    PREPARED,
    PUBLISH,
    STAGED_INPUT,
    Publish,
    publish_if_passed,
    require_publish,
    staged_output,
)

PUBLISHED = "published"
"""The check of an asset that has no other blocking check in a step of its own."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which assets are published behind which blocking checks.

    Attributes:
        staged: Those that are published by themselves.
        released: Those that are published and released together with all others of the run.
        alone: Those that have no blocking check in a step of its own, and get one.
        managers: Where the IO manager of each is among the resources.
    """

    staged: Gates
    released: Gates
    alone: tuple[dg.AssetKey, ...] = ()
    managers: Mapping[dg.AssetKey, str] = field(default_factory=dict[dg.AssetKey, str])

    @property
    def keys(self) -> frozenset[dg.AssetKey]:
        """All these assets."""
        return frozenset(self.staged) | frozenset(self.released)

    def behind(self, targets: Iterable[dg.AssetKey]) -> _Plan:
        """What a step may publish that has the last check of some of them."""
        targets = set(targets)
        staged = {key: names for key, names in self.staged.items() if key in targets}
        released = self.released if targets & self.released.keys() else {}
        managers = {key: self.managers[key] for key in (*staged, *released) if key in self.managers}
        return _Plan(staged, released, managers=managers)

    def settle(self, held: list[Any], specs: Sequence[dg.AssetCheckSpec]) -> Iterator[Any]:
        """Publish what passes with the last result of the step that runs, then tell of that result.

        In this order, so that nothing starts by itself on a check that has passed, before its asset is published. If
        other checks come to their end at the same moment, none of them sees the others: so each looks once more.

        Args:
            held: The last result, if there is one.
            specs: The checks of the step.
        """
        try:
            done = yield from self._publish([_outcome(result, specs) for result in held])
        except Exception:
            yield from held  # what the check has found is seen all the same
            raise
        yield from held
        if not done:
            yield from self._publish([])

    def _publish(
        self, outcomes: Iterable[tuple[dg.AssetKey, str, bool] | None]
    ) -> Generator[dg.AssetMaterialization | dg.AssetObservation, None, bool]:
        """Publish what has passed all of its checks, by what is noted and these; return whether that is all of it."""
        context = _context()
        openings = {key: _storage_options(context, manager) for key, manager in self.managers.items()}
        made = run_outputs(context.instance, context.run)
        for key, name, passed in filter(None, outcomes):
            if key in made:
                made[key].note(name, passed=passed)
        done = True
        for key, names in self.staged.items():
            staged = staged_output(made.get(key), openings.get(key))
            done &= yield from publish_if_passed(context, key, staged, names)
        if self.released:
            done &= yield from release_if_complete(context, self.released, made, openings)
        return done


def with_publishing(defs: dg.Definitions) -> dg.Definitions:
    """Return definitions in which assets that ask for it are published behind their blocking checks.

    An asset asks by the metadata `{"atio/publish": "after_checks"}`, or its `AtioIOManager(publish="after_checks")` for
    all. What it returns is staged then. Its checks, declared on the asset or apart, read the staged version. Once all
    that block have passed, it becomes the latest; what is downstream in the same run waits for that, and reads it. If
    one fails, the old version stands, and the staged one is kept for inspection, for 7 days.

    With `"after_run"`, all such assets of a run are published together, and released under the run's id, when the last
    of them is there and has passed its blocking checks: `AtioResource.store.at("latest")` reads them as of one moment.
    Steps of the same run read what is staged.

    Args:
        defs: All that belongs together: the assets, their checks, the resources.

    Raises:
        InvalidInputError: An asset asks for what can't be, or has a check that can't publish it, or has got a blocking
            check since it was made ready.

    Example:
        >>> import pandas as pd, tempfile
        >>> from atio_dagster import AtioIOManager, AtioResource
        >>> @dg.asset(metadata={"atio/publish": "after_checks"})
        ... def orders() -> pd.DataFrame:
        ...     return pd.DataFrame({"amount": [2, -1]})
        >>> @dg.asset_check(asset=orders, blocking=True)
        ... def amounts_are_positive(orders: pd.DataFrame) -> dg.AssetCheckResult:
        ...     return dg.AssetCheckResult(passed=bool((orders["amount"] > 0).all()))
        >>> atio = AtioResource(base_path=tempfile.mkdtemp())
        >>> resources = {"io_manager": AtioIOManager(resource=atio)}
        >>> defs = with_publishing(
        ...     dg.Definitions(assets=[orders], asset_checks=[amounts_are_positive], resources=resources)
        ... )
        >>> job = defs.resolve_implicit_global_asset_job_def()
        >>> with dg.DagsterInstance.ephemeral() as instance:
        ...     result = job.execute_in_process(instance=instance, raise_on_error=False)
        >>> result.success, atio.table("orders").exists()
        (False, False)
    """
    require_kind("defs", defs, dg.Definitions)
    assets, checks = list(defs.assets or ()), list(defs.asset_checks or ())
    known = [one for one in [*assets, *checks] if isinstance(one, dg.AssetsDefinition)]
    plan = _plan(known, _asking(known, defs.resources or {}))
    added = [_published_check(key) for key in plan.alone]
    return dg.Definitions(
        assets=[_prepared(one, plan) for one in assets],
        asset_checks=[_prepared(one, plan) for one in [*checks, *added]],
        schedules=defs.schedules,
        sensors=defs.sensors,
        jobs=defs.jobs,
        resources=defs.resources,
        executor=defs.executor,
        loggers=defs.loggers,
        metadata=defs.metadata,
        component_tree=defs.component_tree,
    )


def _asking(known: Iterable[dg.AssetsDefinition], resources: Mapping[str, Any]) -> dict[dg.AssetKey, Publish]:
    """When each asset is to be published, as it or its manager asks."""
    found: dict[dg.AssetKey, Publish] = {}
    for asset in known:
        for spec in asset.specs if asset.is_executable else ():
            if PREPARED in spec.metadata:
                _require_prepared(spec, known)
                continue
            asked = plain(spec.metadata.get(PUBLISH))
            if asked is None and spec.key in asset.keys:
                asked = getattr(
                    resources.get(asset.get_io_manager_key_for_asset_key(spec.key)), "publish", None
                )
            if asked is not None:
                found[spec.key] = require_publish(asked, f"the asset {spec.key.to_user_string()}")
    return found


def _require_prepared(spec: dg.AssetSpec, known: Iterable[dg.AssetsDefinition]) -> None:
    """See that an asset that was made ready before waits for all checks that block it."""
    names = plain(spec.metadata[PREPARED])
    for asset in known:
        for check in asset.check_specs:
            if check.asset_key == spec.key and check.blocking and check.name not in (*names, PUBLISHED):
                raise InvalidInputError(
                    f"with_publishing made {spec.key.to_user_string()} ready without its blocking check {check.name!r}:"
                    " give it all definitions at once, after they were merged"
                )


def _plan(known: Sequence[dg.AssetsDefinition], asking: Mapping[dg.AssetKey, Publish]) -> _Plan:
    """Which assets are published behind which blocking checks."""
    gates: dict[dg.AssetKey, list[str]] = {key: [] for key, asked in asking.items() if asked != "at_once"}
    for asset in known:
        for spec in asset.check_specs:
            if spec.asset_key not in gates:
                continue
            if spec.name == PUBLISHED:
                raise InvalidInputError(
                    f"the asset {spec.asset_key.to_user_string()} has a check {PUBLISHED!r}, which is what its"
                    " publication may be called: call the check otherwise"
                )
            if spec.blocking:
                _require_gate(asset, spec)
                gates[spec.asset_key].append(spec.name)
    apart = {spec.asset_key for asset in known for spec in _gates_apart(asset)}
    alone = tuple(sorted(gates.keys() - apart))
    # What is released waits for the check that is added: that one runs when the asset's own step has come to its end.
    released = {
        key: (*names, PUBLISHED) if key in alone else tuple(names)
        for key, names in gates.items()
        if asking[key] == "after_run"
    }
    staged = {key: tuple(names) for key, names in gates.items() if key not in released}
    managers = {
        key: asset.get_io_manager_key_for_asset_key(key)
        for asset in known
        for key in asset.keys & gates.keys()
        if asset.is_executable
    }
    return _Plan(staged, released, alone, managers)


def _require_gate(asset: dg.AssetsDefinition, spec: dg.AssetCheckSpec) -> None:
    """See that a blocking check is in the step that makes the asset, or in one that can publish behind it."""
    if not isinstance(asset.node_def, dg.OpDefinition):
        raise InvalidInputError(
            f"the blocking check {spec.name!r} of {spec.asset_key.to_user_string()}, which is published behind its"
            " checks, is declared in a graph: declare it by asset_check or multi_asset_check"
        )


def _gates_apart(asset: dg.AssetsDefinition) -> list[dg.AssetCheckSpec]:
    """The blocking checks of a definition that makes no asset."""
    return [] if asset.keys else [spec for spec in asset.check_specs if spec.blocking]


def _prepared(one: Any, plan: _Plan) -> Any:
    """Make a definition ready: an asset knows the checks that let it pass, and checks read what is staged."""
    if not isinstance(one, dg.AssetsDefinition):
        return one
    if one.keys:
        changed = {spec.key: _told(once_published(spec, plan.keys), plan) for spec in one.specs}
        is_same = all(changed[spec.key] is spec for spec in one.specs)
        return one if is_same else one.map_asset_specs(lambda spec: changed[spec.key])
    targets = {spec.asset_key for spec in one.check_specs} & plan.keys
    if not targets or not isinstance(one.node_def, dg.OpDefinition):
        return one
    reads = {name for name, key in one.node_keys_by_input_name.items() if key in targets}
    behind = plan.behind(spec.asset_key for spec in _gates_apart(one))
    return dg.AssetChecksDefinition.create(
        keys_by_input_name=one.node_keys_by_input_name,
        node_def=_publishing_op(one.node_def, reads, behind, list(one.check_specs)),
        check_specs_by_output_name=dict(one.check_specs_by_output_name),
        can_subset=one.can_subset,
        resource_defs=dict(one.resource_defs),
    )


def _told(spec: dg.AssetSpec, plan: _Plan) -> dg.AssetSpec:
    if spec.key not in plan.keys:
        return spec
    asked, names = ("after_checks", plan.staged) if spec.key in plan.staged else ("after_run", plan.released)
    return spec.merge_attributes(metadata={PUBLISH: asked, PREPARED: list(names[spec.key]) or [PUBLISHED]})


def _publishing_op(
    op: dg.OpDefinition, reads: Iterable[str], behind: _Plan, specs: Sequence[dg.AssetCheckSpec]
) -> dg.OpDefinition:
    """The same op, which reads what is staged, and publishes what it is the last to let pass."""
    ins = dict(op.ins)
    for name in reads:
        ins[name] = _reading_staged(ins[name])
    compute: Any = op.compute_fn
    if behind.keys:
        by_decorator = op.is_from_decorator()
        function = _then_publishing(compute.decorated_fn if by_decorator else compute, behind, specs)
        compute = compute._replace(decorated_fn=function) if by_decorator else function
    return dg.OpDefinition(
        compute_fn=compute,
        name=op.name,
        ins=ins,
        outs=dict(op.outs),
        description=op.description,
        config_schema=op.config_schema,
        required_resource_keys={*op.required_resource_keys, *behind.managers.values()},
        tags=op.tags,
        retry_policy=op.retry_policy,
        pool=op.pool,
    )


def _reading_staged(given: dg.In) -> dg.In:
    """The same input, of what is staged. A check's own input can't say which partitions may be missing: any may."""
    return dg.In(
        dagster_type=given.dagster_type,
        description=given.description,
        default_value=given.default_value,
        metadata={"allow_missing_partitions": True, **(given.metadata or {}), STAGED_INPUT: True},
        asset_key=given.asset_key,
        asset_partitions=given.asset_partitions,
        input_manager_key=given.input_manager_key,
    )


def _then_publishing(
    check: Callable[..., Any], behind: _Plan, specs: Sequence[dg.AssetCheckSpec]
) -> Callable[..., Any]:
    """The same check as a generator that publishes behind what it yields. Its signature stays as it is."""
    if inspect.iscoroutinefunction(check) or inspect.isasyncgenfunction(check):

        @functools.wraps(check)
        async def run_async(*args: Any, **inputs: Any) -> AsyncIterator[Any]:
            held: list[Any] = []
            async for event in _async_results(check, *args, **inputs):
                for earlier in held:
                    yield earlier
                held = [event]
            for event in behind.settle(held, specs):
                yield event

        return run_async

    @functools.wraps(check)
    def run(*args: Any, **inputs: Any) -> Iterator[Any]:
        held: list[Any] = []
        for event in _results(check(*args, **inputs)):
            yield from held
            held = [event]
        yield from behind.settle(held, specs)

    return run


def _results(returned: Any) -> Iterable[Any]:
    """What a check's function yields, or returns: a result, or several."""
    return (
        returned
        if isinstance(returned, Iterable) and not isinstance(returned, dg.AssetCheckResult)
        else [returned]
    )


async def _async_results(check: Callable[..., Any], *args: Any, **inputs: Any) -> AsyncIterator[Any]:
    if inspect.isasyncgenfunction(check):
        async for event in check(*args, **inputs):
            yield event
        return
    for event in _results(await check(*args, **inputs)):
        yield event


def _outcome(result: object, specs: Sequence[dg.AssetCheckSpec]) -> tuple[dg.AssetKey, str, bool] | None:
    """Which check a result is of, and whether it lets its asset pass; None if that is to be seen when it is noted."""
    if not isinstance(result, dg.AssetCheckResult):
        return None
    meant = [
        spec
        for spec in specs
        if result.asset_key in (None, spec.asset_key) and result.check_name in (None, spec.name)
    ]
    if len(meant) != 1:
        return None
    return meant[0].asset_key, meant[0].name, lets_pass(passed=result.passed, severity=result.severity)


def _context() -> dg.OpExecutionContext:
    """The context of the step that runs, whichever of Dagster's kinds its function takes."""
    for kind in (dg.AssetCheckExecutionContext, dg.AssetExecutionContext):
        with suppress(dg.DagsterInvariantViolationError):
            return kind.get().op_execution_context
    return dg.OpExecutionContext.get()


def _storage_options(context: dg.OpExecutionContext, manager: str) -> Mapping[str, str] | None:
    """How an IO manager opens its bucket; None if it says nothing, or is wrapped into one of another kind."""
    return getattr(getattr(context.resources, manager), "bucket_options", None)


def _published_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The check of an asset that is published behind the step that makes it, and nothing else."""

    def published() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    told = "Publishes the asset, once the checks in its own step have passed: no other step would."
    return check_of(key, PUBLISHED, published, description=told, blocking=True)
