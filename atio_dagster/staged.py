"""What a run has staged of an asset, and when that becomes the latest version.

The materialisation of a staged output says in its metadata where it is staged (`atio/stage`). Every blocking check of
the asset looks, once it has passed, whether all others have: Dagster has noted its own outcome by then, so that of any
number of checks, on any machines, one at least sees all of them. It publishes, which a stage allows any number of times
and does once. What counts is what the run and those that it executes again noted since the output was staged.

What is published with the others of its run is read, by the steps of that run, as it is staged.

A materialisation of its own tells Dagster of the publication. Until then, the data version of the asset is that of what
still stands.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import dagster as dg

from atio_core.errors import CommitConflictError, InvalidInputError, StageNotFoundError
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.keys import described, plain
from atio_dagster.metadata import content_of, metadata_of, without_overlap, written_files
from atio_dagster.provenance import step_of
from atio_dagster.reads import AS_OF, TAG, VERSION
from atio_dagster.run_outputs import PUBLICATION, STAGE, TABLE, RunOutput, run_outputs

if TYPE_CHECKING:
    from atio_core.table.kept import KeptStage
    from atio_dagster.keys import Partitions

Publish = Literal["at_once", "after_checks", "after_run"]
PUBLISH = "atio/publish"
"""What an asset asks for."""

PREPARED = "atio/published_by"
"""What `with_publishing` says of an asset: the names of the checks that let it be published."""

STAGED_INPUT = "atio/staged"
"""Metadata of an input that is what the run has staged."""

_WHEN: Mapping[Publish, str] = {
    "after_checks": "when its blocking checks have passed",
    "after_run": "with the others of its run, when all of them have passed their blocking checks",
}

_UNTIL = "atio/staged_until"
_COMMIT = "atio/staged_commit"
_KEY = "idempotency_key"
_STANDING = "atio/standing"
_CONTENT = "atio/content"
_UNPUBLISHED = "unpublished"
_DATA_VERSION = "dagster/data_version"
_USER_PROVIDED = "dagster/data_version_is_user_provided"
_OF_THE_STAGE = (_UNTIL, _COMMIT, _STANDING)


def require_publish(value: Any, what: str) -> Publish:
    """Return when an output is to become the latest version.

    Raises:
        InvalidInputError: There is no such time.
    """
    if value not in get_args(Publish):
        raise InvalidInputError(
            f"{PUBLISH!r} of {what} must be one of {', '.join(get_args(Publish))}, not {value!r}"
        )
    return value


def asked_publication(context: dg.OutputContext, of_manager: str) -> Publish:
    """Return when an output is to be published; it is staged until then, unless that is at once.

    Args:
        context: Of the output.
        of_manager: What the IO manager says of all assets.

    Raises:
        InvalidInputError: Nothing would ever publish it.
    """
    if not context.has_asset_key:
        return "at_once"
    asked = plain(context.definition_metadata.get(PUBLISH, of_manager))
    asked = require_publish(asked, described(context))
    if asked != "at_once" and not plain(context.definition_metadata.get(PREPARED)):
        raise InvalidInputError(
            f"{described(context)} is to be published {asked.replace('_', ' its ')}, and nothing would ever do so: give"
            " its definitions to atio_dagster.with_publishing. Nothing was written"
        )
    return asked


def staged_version(
    context: dg.InputContext, storage_options: Mapping[str, str] | None = None
) -> Snapshot | None:
    """Return what the run has staged, for an input that is to be that; else None.

    That are the inputs of checks, and those of steps behind what is published only with the others of the run.

    Args:
        context: Of the input.
        storage_options: How the table's bucket is opened.

    Raises:
        StageNotFoundError: It was dropped, or is kept no longer.
    """
    step, said, upstream = step_of(context), context.definition_metadata, context.upstream_output
    of_check = plain(said.get(STAGED_INPUT, False))
    if step is None or not (of_check or _appears_late(said, upstream)):
        return None
    staged = find_staged(step.instance, step.dagster_run, context.asset_key, storage_options)
    if staged is None or (not of_check and staged.settled is not None):
        return None
    return staged.snapshot()


def _appears_late(said: Mapping[str, Any], upstream: dg.OutputContext | None) -> bool:
    """Whether an input is an asset that appears with the others of its run, and no version of it is named."""
    if upstream is None or not upstream.has_asset_key or any(name in said for name in (VERSION, AS_OF, TAG)):
        return False
    return plain(upstream.definition_metadata.get(PUBLISH)) == "after_run"


@dataclass(frozen=True, slots=True)
class StagedOutput:
    """What a run has staged of an asset.

    Attributes:
        made: What is noted of it.
        stage_id: The stage.
        storage_options: How the table's bucket is opened.
    """

    made: RunOutput
    stage_id: str
    storage_options: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def table(self) -> Table:
        """The table that keeps it."""
        path = str(self.made.materializations[0].metadata[TABLE].value)
        return Table(path, storage_options=self.storage_options)

    @property
    def commit(self) -> Mapping[str, Any]:
        """What is said of its commit."""
        return cast("Mapping[str, Any]", self.made.materializations[0].metadata[_COMMIT].value)

    @property
    def settled(self) -> StageNotFoundError | None:
        """What tells that it can't be published any more; it knows the version if that is because it was."""
        try:
            self.table.staged(self.stage_id)
        except StageNotFoundError as error:
            return error
        return None

    def snapshot(self) -> Snapshot:
        """Return the version that it would become, or has become.

        Raises:
            StageNotFoundError: It was dropped, or is kept no longer.
        """
        settled = self.settled
        if settled is None:
            return self.table.staged(self.stage_id).snapshot()
        if settled.version is None:
            raise settled
        return self.table.snapshot(settled.version)

    def publish(self) -> Snapshot:
        """Make it a version.

        Raises:
            CommitConflictError: Another version has come since it was staged, which it can't be put on; or it was
                dropped.
            As `Table.publish`.
        """
        try:
            return self.table.publish(
                self.stage_id, message=self.commit["message"], properties=self.commit["properties"]
            )
        except CommitConflictError as error:
            name = self.made.materializations[0].asset_key.to_user_string()
            raise CommitConflictError(
                f"what this run has staged of the asset {name} can't be published any more, and the version before"
                f" stands: {error}. To run its checks again, or the run from its failure, doesn't mend that: execute"
                f" {name} again, and what follows it",
                table=error.table,
                version=error.version,
                **error.facts,
            ) from error


def staged_output(
    made: RunOutput | None, storage_options: Mapping[str, str] | None = None
) -> StagedOutput | None:
    """Return what is staged of an asset, of which a run has noted this; None if nothing is.

    Args:
        made: What is noted.
        storage_options: How the table's bucket is opened.
    """
    stage = None if made is None else made.stage
    return None if made is None or stage is None else StagedOutput(made, stage, storage_options)


def find_staged(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    key: dg.AssetKey,
    storage_options: Mapping[str, str] | None = None,
) -> StagedOutput | None:
    """Return what a run, or the last of those that it executes again, has staged of an asset; None if nothing.

    Args:
        instance: What has noted it.
        run: The run.
        key: The asset.
        storage_options: How the table's bucket is opened.
    """
    latest = instance.get_latest_materialization_event(key)
    told = None if latest is None or latest.run_id != run.run_id else latest.asset_materialization
    if told is not None and _COMMIT in told.metadata:  # all else that the run has noted is of no concern
        return staged_output(RunOutput([told]), storage_options)
    return staged_output(run_outputs(instance, run).get(key), storage_options)


def repeated(
    context: dg.OutputContext,
    said: Mapping[str, Any],
    storage_options: Mapping[str, str] | None = None,
) -> Snapshot | None:
    """Return the version in which rows that are added once were published already; None if there is none.

    Args:
        context: Of the output.
        said: What is to be said of its commit.
        storage_options: How the table's bucket is opened.
    """
    if said.get(_KEY) is None:
        return None
    step = context.step_context
    earlier = find_staged(step.instance, step.dagster_run, context.asset_key, storage_options)
    if earlier is None or earlier.commit[_KEY] != said[_KEY]:
        return None
    settled = earlier.settled
    return None if settled is None or settled.version is None else earlier.publish()


def report_staged(
    context: dg.OutputContext,
    stage: KeptStage,
    said: Mapping[str, Any],
    standing: Snapshot | None,
    partitions: Partitions | None,
    *,
    publish: Publish,
) -> None:
    """Tell Dagster of an output that was just staged.

    Args:
        context: Of the output.
        stage: Where it is staged.
        said: What is to be said of its commit.
        standing: The latest version, which still stands.
        partitions: The run's partitions.
        publish: When it is to be published.
    """
    snapshot, standing_content = stage.snapshot(), _standing(standing, partitions)
    metadata = metadata_of(snapshot, written_files(snapshot, partitions), context.asset_key, standing)
    del metadata[VERSION]
    commit = {name: said.get(name) for name in ("message", "properties", _KEY)}
    metadata |= {
        PUBLICATION: "staged",
        STAGE: stage.id,
        _UNTIL: stage.until.isoformat(),
        _STANDING: standing_content,
        _COMMIT: dg.MetadataValue.json(commit),
    }
    context.add_output_metadata(without_overlap(metadata, context.output_metadata))
    context.step_context.set_data_version(context.asset_key, dg.DataVersion(standing_content))
    context.log.info(
        "Staged %s as %s of %s: it becomes the latest version %s",
        *(described(context), stage.id, stage.table, _WHEN[publish]),
    )


def _standing(latest: Snapshot | None, partitions: Partitions | None) -> str:
    """The content of what the staged output is to replace."""
    if latest is None:
        return _UNPUBLISHED
    files = written_files(latest, partitions)
    return _UNPUBLISHED if files == () else content_of(latest, files)


def publish_if_passed(
    context: dg.OpExecutionContext, key: dg.AssetKey, staged: StagedOutput | None, checks: Iterable[str]
) -> Generator[dg.AssetMaterialization, None, bool]:
    """Publish what the run has staged of an asset, if its blocking checks have passed.

    Returns:
        Whether there is nothing left to publish.

    Args:
        context: Of the step that may be the last.
        key: The asset.
        staged: What is staged of it.
        checks: The names of its blocking checks.

    Raises:
        AtioError: It can't be published: the old version stands.
    """
    name = key.to_user_string()
    if staged is None:
        context.log.info("Of %s nothing is staged by this run: there is nothing to publish", name)
    elif waiting := staged.made.waits_for(checks):
        context.log.info("%s stays staged until these have passed: %s", name, ", ".join(waiting))
        return False
    else:
        yield from publish(context, staged)
    return True


def publish(context: dg.OpExecutionContext, staged: StagedOutput) -> Iterator[dg.AssetMaterialization]:
    """Publish what the run has staged of an asset, and return what tells Dagster, if that wasn't told yet.

    Args:
        context: Of the step that publishes.
        staged: What is staged. It is noted in it that it is published.

    Raises:
        AtioError: It can't be published: the old version stands.
    """
    snapshot, made = staged.publish(), staged.made
    made.version = snapshot.version
    context.log.info(
        "Published %s as version %s of %s: all its blocking checks have passed",
        *(made.materializations[0].asset_key.to_user_string(), snapshot.version, snapshot.table),
    )
    for told in made.materializations:
        if told.partition not in made.published:
            yield _published(told, snapshot)


def _published(told: dg.AssetMaterialization, snapshot: Snapshot) -> dg.AssetMaterialization:
    """What tells that a staged output, or a partition of it, is a version now: what told of the staging, and that."""
    own = {name: value for name, value in told.metadata.items() if name not in _OF_THE_STAGE}
    now = metadata_of(snapshot, None, told.asset_key) | {_CONTENT: own[_CONTENT]}
    tags = dict(told.tags or {})
    if tags.get(_DATA_VERSION) == told.metadata[_STANDING].value:  # else the step gave one of its own
        tags |= {_DATA_VERSION: str(own[_CONTENT].value), _USER_PROVIDED: "true"}
    return dg.AssetMaterialization(
        told.asset_key,
        description=f"Published as version {snapshot.version}: its blocking checks have passed",
        metadata=own | now | {PUBLICATION: "published"},
        partition=told.partition,
        tags=tags,
    )
