"""What a run has staged of an asset, and when that becomes the latest version.

The materialisation of a staged output says in its metadata where it is staged (`atio/stage`). Every blocking check of
the asset looks, once it has passed, whether all others have: Dagster has noted its own outcome by then, so that of any
number of checks, on any machines, one at least sees all of them. It publishes, which a stage allows any number of times
and does once. What counts is what the run and those that it executes again noted since the output was staged.

A materialisation of its own tells Dagster of the publication. Until then, the data version of the asset is that of what
still stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import dagster as dg

from atio_core.errors import InvalidInputError, StageNotFoundError
from atio_core.snapshot import Snapshot
from atio_core.table import Table
from atio_dagster.keys import described, plain
from atio_dagster.metadata import content_of, metadata_of, without_overlap, written_files
from atio_dagster.provenance import step_of
from atio_dagster.run_events import lets_pass, noted

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

_STAGE = "atio/stage"
_PUBLICATION = "atio/publication"
_UNTIL = "atio/staged_until"
_COMMIT = "atio/staged_commit"
_KEY = "idempotency_key"
_STANDING = "atio/standing"
_TABLE = "atio/table"
_CONTENT = "atio/content"
_UNPUBLISHED = "unpublished"
_DATA_VERSION = "dagster/data_version"
_USER_PROVIDED = "dagster/data_version_is_user_provided"
_OF_THE_STAGE = (_UNTIL, _COMMIT, _STANDING)
_NOTED = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}


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


def waits_for_checks(context: dg.OutputContext, of_manager: str) -> bool:
    """Return whether an output is to be staged until its checks have passed.

    Args:
        context: Of the output.
        of_manager: What the IO manager says of all assets.

    Raises:
        InvalidInputError: Nothing would ever publish it.
    """
    if not context.has_asset_key:
        return False
    asked = plain(context.definition_metadata.get(PUBLISH, of_manager))
    asked = require_publish(asked, described(context))
    if asked == "at_once":
        return False
    if not plain(context.definition_metadata.get(PREPARED)):
        raise InvalidInputError(
            f"{described(context)} is to be published {asked.replace('_', ' its ')}, and nothing would ever do so: give"
            " its definitions to atio_dagster.with_publishing. Nothing was written"
        )
    return asked == "after_checks"


def staged_version(
    context: dg.InputContext, storage_options: Mapping[str, str] | None = None
) -> Snapshot | None:
    """Return what the run has staged, for an input of a check that is to read that; else None.

    Args:
        context: Of the input.
        storage_options: How the table's bucket is opened.

    Raises:
        StageNotFoundError: It was dropped, or is kept no longer.
    """
    step = step_of(context)
    if step is None or not plain(context.definition_metadata.get(STAGED_INPUT, False)):
        return None
    staged = find_staged(step.instance, step.run_id, context.asset_key, storage_options)
    return None if staged is None else staged.snapshot()


@dataclass(slots=True)
class StagedOutput:
    """What a run has staged of an asset.

    Attributes:
        stage_id: The stage.
        told: The materialisations that told of it: one, or one for each partition of the run.
        outcomes: By name of a check, whether it let the output pass when it last looked.
        published: Whether Dagster was told that it is published.
        storage_options: How the table's bucket is opened.
    """

    stage_id: str
    told: list[dg.AssetMaterialization] = field(default_factory=list)
    outcomes: dict[str, bool] = field(default_factory=dict)
    published: bool = False
    storage_options: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def table(self) -> Table:
        """The table that keeps it."""
        return Table(str(self.told[0].metadata[_TABLE].value), storage_options=self.storage_options)

    @property
    def commit(self) -> Mapping[str, Any]:
        """What is said of its commit."""
        return cast("Mapping[str, Any]", self.told[0].metadata[_COMMIT].value)

    def waits_for(self, checks: Iterable[str]) -> list[str]:
        """Return the checks that have yet to let it pass."""
        return [name for name in checks if not self.outcomes.get(name)]

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
        """Make it a version. Raises as `Table.publish`."""
        return self.table.publish(
            self.stage_id, message=self.commit["message"], properties=self.commit["properties"]
        )


def find_staged(
    instance: dg.DagsterInstance,
    run_id: str,
    key: dg.AssetKey,
    storage_options: Mapping[str, str] | None = None,
) -> StagedOutput | None:
    """Return what a run, or the last of those that it executes again, has staged of an asset; None if nothing.

    Args:
        instance: What has noted it.
        run_id: The run.
        key: The asset.
        storage_options: How the table's bucket is opened.
    """
    found: StagedOutput | None = None
    for event in noted(instance, run_id, _NOTED):
        materialization = event.asset_materialization
        if materialization is not None and materialization.asset_key == key:
            found = _after(found, materialization)
        elif materialization is None and found is not None and event.dagster_event is not None:
            checked = event.dagster_event.asset_check_evaluation_data
            if checked.asset_key == key:
                found.outcomes[checked.check_name] = lets_pass(checked)
    if found is not None:
        found.storage_options = storage_options
    return found


def _after(found: StagedOutput | None, told: dg.AssetMaterialization) -> StagedOutput | None:
    """What is staged after a materialisation was noted."""
    stage = told.metadata.get(_STAGE)
    if stage is None:
        return None
    same = found if found is not None and found.stage_id == stage.value else None
    if told.metadata[_PUBLICATION].value == "published":
        if same is not None:
            same.published = True
        return same
    staged = same or StagedOutput(str(stage.value))
    staged.told.append(told)
    return staged


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
    earlier = find_staged(step.instance, step.run_id, context.asset_key, storage_options)
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
) -> None:
    """Tell Dagster of an output that was just staged.

    Args:
        context: Of the output.
        stage: Where it is staged.
        said: What is to be said of its commit.
        standing: The latest version, which still stands.
        partitions: The run's partitions.
    """
    snapshot, standing_content = stage.snapshot(), _standing(standing, partitions)
    metadata = metadata_of(snapshot, written_files(snapshot, partitions), context.asset_key, standing)
    del metadata["atio/version"]
    commit = {name: said.get(name) for name in ("message", "properties", _KEY)}
    metadata |= {
        _PUBLICATION: "staged",
        _STAGE: stage.id,
        _UNTIL: stage.until.isoformat(),
        _STANDING: standing_content,
        _COMMIT: dg.MetadataValue.json(commit),
    }
    context.add_output_metadata(without_overlap(metadata, context.output_metadata))
    context.step_context.set_data_version(context.asset_key, dg.DataVersion(standing_content))
    context.log.info(
        "Staged %s as %s of %s: it becomes the latest version when its blocking checks have passed",
        *(described(context), stage.id, stage.table),
    )


def _standing(latest: Snapshot | None, partitions: Partitions | None) -> str:
    """The content of what the staged output is to replace."""
    if latest is None:
        return _UNPUBLISHED
    files = written_files(latest, partitions)
    return _UNPUBLISHED if files == () else content_of(latest, files)


def published_materializations(staged: StagedOutput, snapshot: Snapshot) -> Iterator[dg.AssetMaterialization]:
    """Return what tells Dagster that a staged output is a version now: for each partition, what told of the staging."""
    for told in staged.told:
        own = {name: value for name, value in told.metadata.items() if name not in _OF_THE_STAGE}
        now = metadata_of(snapshot, None, told.asset_key) | {_CONTENT: own[_CONTENT]}
        tags = dict(told.tags or {})
        if tags.get(_DATA_VERSION) == told.metadata[_STANDING].value:  # else the step gave one of its own
            tags |= {_DATA_VERSION: str(own[_CONTENT].value), _USER_PROVIDED: "true"}
        yield dg.AssetMaterialization(
            told.asset_key,
            description=f"Published as version {snapshot.version}: its blocking checks have passed",
            metadata=own | now | {_PUBLICATION: "published"},
            partition=told.partition,
            tags=tags,
        )


def publish_if_passed(
    context: dg.OpExecutionContext,
    key: dg.AssetKey,
    checks: Iterable[str],
    storage_options: Mapping[str, str] | None = None,
) -> Iterator[dg.AssetMaterialization]:
    """Publish what the run has staged of an asset, if its blocking checks have passed.

    Args:
        context: Of the step that may be the last.
        key: The asset.
        checks: The names of its blocking checks.
        storage_options: How the table's bucket is opened.

    Raises:
        AtioError: It can't be published: the old version stands.
    """
    staged = find_staged(context.instance, context.run_id, key, storage_options)
    name = key.to_user_string()
    if staged is None:
        context.log.info("Of %s nothing is staged by this run: there is nothing to publish", name)
        return
    if waiting := staged.waits_for(checks):
        context.log.info("%s stays staged until these have passed: %s", name, ", ".join(waiting))
        return
    snapshot = staged.publish()
    context.log.info(
        "Published %s as version %s of %s: all its blocking checks have passed",
        *(name, snapshot.version, snapshot.table),
    )
    if not staged.published:
        yield from published_materializations(staged, snapshot)
