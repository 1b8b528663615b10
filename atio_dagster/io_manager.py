"""AtioIOManager: what a step returns becomes a version of a table; what a step takes is read from one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg
from pydantic import Field, model_validator

from atio_core.amounts import readable_bytes
from atio_core.errors import InvalidInputError, TableNotFoundError
from atio_core.model.entry import ROWS
from atio_core.retention import duration
from atio_core.snapshot import Snapshot
from atio_core.store import Store
from atio_core.table import Table
from atio_dagster.arguments import KnownFields
from atio_dagster.base_paths import ByPath
from atio_dagster.cached_config import CachedConfig
from atio_dagster.external import path_elsewhere
from atio_dagster.input_provenance import tell_read
from atio_dagster.input_types import input_type_of
from atio_dagster.keys import (
    Partitions,
    asset_folders,
    described,
    op_output_folders,
    partitions_of,
)
from atio_dagster.loading import load
from atio_dagster.metadata import (
    content_of,
    metadata_of,
    partition_rows,
    without_overlap,
    written_files,
)
from atio_dagster.preview import preview_of
from atio_dagster.provenance import latest_of, require_owner, step_of
from atio_dagster.reads import ReadConfig, choose_version, note_unwritten
from atio_dagster.resource import AtioResource, store_at
from atio_dagster.settings import WriteConfig, settings_of
from atio_dagster.staged import asked_publication, repeated, report_staged, require_publish, staged_version
from atio_dagster.writing import plan_write

_OUTSIDE = "outside"
_LINEAGE = "dagster/column_lineage"
MOST_PARTITIONS = 100
"""Of so many partitions in one run each is told its rows: Dagster takes time for each that grows with their number."""


class AtioIOManager(KnownFields, ByPath, CachedConfig, WriteConfig, ReadConfig, dg.ConfigurableIOManager):
    """Stores each output as one atomic, durable version of a table, and loads inputs from there.

    It takes pandas and polars frames (lazy ones too) and Arrow tables, and loads what an input is annotated with. NumPy
    arrays, JSON values (dicts, lists, numbers), texts, bytes, and paths to files and folders are kept as objects;
    anything else is pickled, if that is allowed. A partitioned asset is a partitioned table: a run replaces its
    partitions and leaves the others as they are. An output `None` stores nothing.

    Give it a folder, or the `AtioResource` that other definitions use as well.

    How outputs are written is said by `mode`, `key` and so on: of all by these fields, of an asset by its metadata
    (`atio/mode`, `atio/key`, …), of a run at its launch. Further asset metadata: `atio/retention`, `partition_expr`,
    `atio/publish` ("at_once", "after_checks" or "after_run": see `with_publishing`). Input metadata:
    `atio/columns`, `atio/filter`, `allow_missing_partitions`, and which version is read: `atio/version`, `atio/as_of`,
    `atio/tag`, `atio/reads`.

    Example:
        >>> import dagster as dg, pandas as pd, tempfile
        >>> @dg.asset
        ... def numbers() -> pd.DataFrame:
        ...     return pd.DataFrame({"a": [1, 2]})
        >>> atio = AtioResource(base_path=tempfile.mkdtemp())
        >>> resources = {"io_manager": AtioIOManager(resource=atio)}
        >>> with dg.DagsterInstance.ephemeral() as instance:
        ...     _ = dg.materialize([numbers], resources=resources, instance=instance)
        >>> atio.table("numbers").snapshot().rows
        2
    """

    base_path: str | None = Field(
        default=None,
        description="The folder under which each asset's table lies, or the URL of a bucket (`s3://bucket/prefix`).",
    )
    storage_options: dict[str, str] | None = Field(
        default=None, repr=False, description="How the bucket of base_path is opened; secrets as `EnvVar`."
    )
    resource: AtioResource | None = Field(default=None, description="An AtioResource, instead of base_path.")
    pickles: bool = Field(
        default=False,
        description="Pickle outputs that nothing else keeps. Whoever can write to the folder can then run code where"
        " they are loaded.",
    )

    publish: str = Field(
        default="at_once",
        description="When an asset's output is published: 'at_once', 'after_checks', or 'after_run' with the others"
        " of its run; the latter two take with_publishing around the definitions.",
    )
    staged_for_hours: float = Field(
        default=7 * 24,
        description="How long an output that waits for its publication is kept, such as one whose checks have failed.",
    )

    @classmethod
    def output_config_schema(cls) -> type[dg.Config]:
        """What can be said of an output in the config of a run."""
        return WriteConfig

    @model_validator(mode="after")
    def _one_root(self) -> AtioIOManager:
        if (self.base_path is None) == (self.resource is None):
            raise InvalidInputError(
                "AtioIOManager takes either base_path or resource (in a run's config base_path has to stand again)"
            )
        if self.storage_options is not None and self.resource is not None:
            raise InvalidInputError("storage_options belong to base_path: the resource has its own")
        require_publish(self.publish, "AtioIOManager")
        duration("staged_for_hours", self.staged_for_hours, timedelta(hours=1))
        return self

    @property
    def bucket_options(self) -> dict[str, str] | None:
        """How the bucket of its tables is opened; None if the environment says so."""
        return self.storage_options if self.resource is None else self.resource.storage_options

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Commit what a step returned as the next version of its table.

        Args:
            context: Dagster's, of the output.
            obj: What the step returned; for None nothing is stored.

        Raises:
            AtioError: Nothing was stored, unless it is a `CommitUnknownError`: then a retry of the step is safe, as it
                replaces the same rows (or, for appends, is recognised by its key).
        """
        if obj is None:
            context.log.info("%s is None: nothing is stored, the table stays as it is", described(context))
            note_unwritten(context, self._store(), self._table(context), None)
            return
        partitions = partitions_of(context)
        table = self._table(context)
        latest = latest_of(table)
        if latest is not None and context.has_asset_key:
            require_owner(latest, context.asset_key)
        settings = settings_of(context, self)
        publish = asked_publication(context, self.publish)
        planned = plan_write(context, obj, partitions, settings, latest=latest, pickles=self.pickles)
        if publish == "at_once":
            written = planned.commit(table)
        elif (written := repeated(context, planned.said, self.bucket_options)) is None:
            stage = planned.stage(table, timedelta(hours=self.staged_for_hours))
            report_staged(context, stage, planned.said, latest, partitions, publish=publish)
            return
        if written.repeated or written.unchanged:
            note_unwritten(context, self._store(), table, written)
        _report(context, table, written, partitions, before=latest, shown_rows=settings.preview)
        _tell(context, written)

    def load_input(self, context: dg.InputContext) -> Any:
        """Read what an input is annotated with, from the version that this run reads: see `atio_dagster/reads.py`.

        Args:
            context: Dagster's, of the input.

        Returns:
            What the annotation names: a frame, an object, a `Snapshot`; of several partitions as a dict or a list.

        Raises:
            AtioError: There is no such table, version, partition or column; or the bytes are damaged.
        """
        wanted = input_type_of(context)
        partitions = partitions_of(context)
        if partitions is not None and not partitions.values:
            return wanted.nothing  # no partition is mapped: what Dagster's own managers do
        table = self._table(context)
        staged = snapshot = staged_version(context, self.bucket_options)
        try:
            if staged is None:
                snapshot = choose_version(context, self._store(), table, self)
        except TableNotFoundError as error:
            if not wanted.optional:
                raise
            context.log.info("%s is None: %s", described(context), error)
            return None
        if snapshot is None:
            context.log.info("%s is None: this run stored nothing there", described(context))
            return None
        if context.has_asset_key:
            require_owner(snapshot, context.asset_key)
        tell_read(context, table, snapshot, partitions, is_staged=staged is not None)
        context.log.debug("%s is version %s of %s", described(context), snapshot.version, snapshot.table)
        return load(context, snapshot, wanted, partitions)

    def _store(self) -> Store:
        if self.resource is not None:
            return self.resource.store
        # A resource would take Dagster 1 ms to make.
        return store_at(self.base_path or "", self.storage_options)

    def _table(self, context: dg.OutputContext | dg.InputContext) -> Table:
        elsewhere = path_elsewhere(context)
        if elsewhere is None:
            return self._store().table(self._name(context))
        return Table(elsewhere, storage_options=self.bucket_options)

    def _name(self, context: dg.OutputContext | dg.InputContext) -> str:
        """The name of the table in its store."""
        if context.has_asset_key:
            return "/".join(asset_folders(context.asset_key))
        output = context if isinstance(context, dg.OutputContext) else context.upstream_output
        if output is None:
            raise InvalidInputError(
                f"{described(context)} comes from no output, so that there is no table to load it from"
            )
        return "/".join(op_output_folders(_job(output), output.step_key, output.name, output.mapping_key))


def _report(
    context: dg.OutputContext,
    table: Table,
    written: Snapshot,
    partitions: Partitions | None,
    *,
    before: Snapshot | None,
    shown_rows: int,
) -> None:
    """Give Dagster the metadata and the data version of what was written."""
    key = context.asset_key if context.has_asset_key else None
    # What it repeats may have expired: then the table as it is now is what can be shown.
    snapshot = table.snapshot() if written.repeated else written
    files = written_files(snapshot, partitions)
    metadata = metadata_of(snapshot, files, key, None if written.repeated else before)
    if written.repeated:
        metadata |= {"atio/repeats_version": written.version, "atio/rows_added": 0, "atio/rows_removed": 0}
    if _LINEAGE in context.definition_metadata:  # which Dagster looks for at materialisations alone
        metadata[_LINEAGE] = context.definition_metadata[_LINEAGE]
    preview = preview_of(snapshot, partitions, shown_rows)
    if preview is not None:
        metadata["atio/preview"] = dg.MetadataValue.md(preview)
    context.add_output_metadata(without_overlap(metadata, context.output_metadata))
    step = step_of(context)
    if step is None or key is None:
        return
    step.set_data_version(key, dg.DataVersion(content_of(snapshot, files)))
    if files is not None and partitions is not None and 1 < len(partitions.values) <= MOST_PARTITIONS:
        for name, rows in partition_rows(files, partitions).items():
            _tell_partition(context, step, name, rows)


def _tell_partition(context: dg.OutputContext, step: dg.StepExecutionContext, name: str, rows: int) -> None:
    """Show the rows of one of several partitions, unless the asset itself says how many there are."""
    key, told = context.asset_key, {"dagster/partition_row_count": rows}
    own = {
        **context.output_metadata,
        **(step.get_asset_metadata(key) or {}),
        **(step.get_asset_metadata(key, name) or {}),
    }
    if told.keys() - own.keys():
        step.add_asset_metadata(told, key, name)


def _tell(context: dg.OutputContext, snapshot: Snapshot) -> None:
    if snapshot.repeated:
        context.log.warning(
            "%s was appended to %s before, as version %s: nothing was added now. A retry or a re-execution adds its"
            " rows once; launch a new run to add rows again, or let each re-execution add by append_scope='run'",
            *(described(context), snapshot.table, snapshot.version),
        )
        return
    if snapshot.unchanged:
        context.log.info(
            "%s is what version %s of %s holds already: no version was made",
            *(described(context), snapshot.version, snapshot.table),
        )
        return
    what = f"{snapshot.rows:,} rows" if snapshot.kind == ROWS else snapshot.kind
    size = f"{what}, {readable_bytes(snapshot.bytes)}"
    context.log.info("Committed version %s of %s: %s", snapshot.version, snapshot.table, size)


def _job(output: dg.OutputContext) -> str:
    try:
        return output.job_name
    except dg.DagsterInvariantViolationError:  # a context made for a test has no job
        return _OUTSIDE
