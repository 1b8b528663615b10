"""Take over what another IO manager has stored: its outputs become the first versions of the assets' tables.

The other manager reads, so that whatever it can load can be taken over. Nothing of it is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from atio_core.amounts import counted
from atio_core.arguments import require_list
from atio_core.table import Table
from atio_dagster.arguments import require_arguments, require_kind
from atio_dagster.io_manager import AtioIOManager
from atio_dagster.keys import PARTITION_FIELD, asset_key_to_text
from atio_dagster.provenance import ASSET_KEY
from atio_dagster.resource import AtioResource

_FORMAT = "atio/format"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was taken over. `print` it.

    Attributes:
        imported: Of each asset that was taken over, how many partitions; 1 for one without partitions.
        present: Assets that have a table already: nothing was changed.
        absent: Assets of which the other manager has nothing.
        failures: What kept an asset from being taken over; its table isn't there.
    """

    imported: dict[dg.AssetKey, int] = field(default_factory=dict[dg.AssetKey, int])
    present: list[dg.AssetKey] = field(default_factory=list[dg.AssetKey])
    absent: list[dg.AssetKey] = field(default_factory=list[dg.AssetKey])
    failures: dict[dg.AssetKey, Exception] = field(default_factory=dict[dg.AssetKey, Exception])

    def __str__(self) -> str:
        """The report as text, a line for each asset that wasn't taken over."""
        partitions = sum(self.imported.values())
        told = [
            f"{counted(len(self.imported), 'asset')} taken over, with {counted(partitions, 'output')} in all"
        ]
        told += [f"{key.to_user_string()}: has a table already, which stands" for key in self.present]
        told += [f"{key.to_user_string()}: nothing is stored of it" for key in self.absent]
        told += [
            f"{key.to_user_string()}: {type(error).__name__}: {error}" for key, error in self.failures.items()
        ]
        return "\n".join(told)


def import_from(
    manager: Any,
    assets: Iterable[dg.AssetsDefinition],
    into: AtioResource,
    *,
    instance: dg.DagsterInstance | None = None,
    pickles: bool = False,
) -> ImportReport:
    """Take over what another IO manager has stored of assets, as the first versions of their tables.

    An asset that has a table already is left as it is, so that a second call goes on where the first one ended. The
    partitions of an asset become one version; those of which nothing is stored are left out.

    Args:
        manager: The other manager, such as `dg.FilesystemIOManager(base_dir=…)` or any `UPathIOManager`.
        assets: The assets.
        into: The store that takes them.
        instance: Knows the keys of dynamic partitions; a temporary one if None.
        pickles: Pickle outputs that nothing else keeps, as `AtioIOManager` does with it.

    Returns:
        What was taken over; print it.

    Raises:
        InvalidInputError: An argument can't be meant.

    Example:
        >>> import tempfile
        >>> @dg.asset
        ... def settings() -> dict:
        ...     return {"rate": 1}
        >>> old = dg.FilesystemIOManager(base_dir=tempfile.mkdtemp())
        >>> with dg.DagsterInstance.ephemeral() as instance:
        ...     _ = dg.materialize([settings], resources={"io_manager": old}, instance=instance)
        >>> atio = AtioResource(base_path=tempfile.mkdtemp())
        >>> print(import_from(old, [settings], atio))
        1 asset taken over, with 1 output in all
        >>> atio.table("settings").read()
        {'rate': 1}
    """
    if not callable(getattr(manager, "load_input", None)):
        require_kind("manager", manager, dg.IOManagerDefinition, dg.ConfigurableIOManagerFactory)
    require_kind("into", into, AtioResource)
    require_arguments(instance=instance, pickles=pickles)
    definitions = require_list("assets", assets, "assets")
    for definition in definitions:
        require_kind("each of assets", definition, dg.AssetsDefinition)
    report = ImportReport()
    with (
        dg.DagsterInstance.ephemeral() if instance is None else nullcontext(instance) as known,
        dg.build_resources({"manager": manager}, instance=known) as resources,
    ):
        reader = _Reader(resources.manager, known)
        for definition in definitions:
            for spec in definition.specs:
                _take(reader, spec, into, report, pickles=pickles)
    return report


@dataclass(frozen=True, slots=True)
class _Reader:
    """The other manager, and what knows the keys of dynamic partitions."""

    manager: Any
    instance: dg.DagsterInstance

    def load(self, spec: dg.AssetSpec, partition: str | None = None) -> Any:
        """Load an output, or one partition of it. Raises `FileNotFoundError` if nothing is stored of it."""
        given: dict[str, Any] = {}
        if partition is not None:
            given = {
                "partition_key": partition,
                "asset_partition_key_range": dg.PartitionKeyRange(partition, partition),
                "asset_partitions_def": spec.partitions_def,
            }
        with (
            dg.build_output_context(
                asset_key=spec.key,
                partition_key=partition,
                definition_metadata=dict(spec.metadata),
                instance=self.instance,
            ) as written,
            dg.build_input_context(
                asset_key=spec.key, upstream_output=written, instance=self.instance, **given
            ) as context,
        ):
            return self.manager.load_input(context)

    def partitions(self, spec: dg.AssetSpec) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Load the partitions of which something is stored, each with its values in our table."""
        definition = spec.partitions_def
        if definition is None:
            return
        for key in definition.get_partition_keys(dynamic_partitions_store=self.instance):
            try:
                rows = self.load(spec, key)
            except FileNotFoundError:
                continue
            if rows is not None:
                yield _values(definition, key), rows


def _take(
    reader: _Reader, spec: dg.AssetSpec, into: AtioResource, report: ImportReport, *, pickles: bool
) -> None:
    table = into.table(spec.key)
    if table.exists():
        report.present.append(spec.key)
        return
    try:
        if spec.partitions_def is None:
            count = _take_whole(reader, spec, AtioIOManager(resource=into, pickles=pickles))
        else:
            count = _take_partitions(reader, spec, table)
    except Exception as error:  # noqa: BLE001 - it is reported; the other assets go on
        report.failures[spec.key] = error
        return
    if count:
        report.imported[spec.key] = count
    else:
        report.absent.append(spec.key)


def _take_whole(reader: _Reader, spec: dg.AssetSpec, writer: AtioIOManager) -> int:
    try:
        output = reader.load(spec)
    except FileNotFoundError:
        return 0
    if output is None:
        return 0
    kept_as = {_FORMAT: spec.metadata[_FORMAT]} if _FORMAT in spec.metadata else {}
    with dg.build_output_context(
        name="result", asset_key=spec.key, definition_metadata=kept_as, instance=reader.instance
    ) as context:
        writer.handle_output(context, output)
    return 1


def _take_partitions(reader: _Reader, spec: dg.AssetSpec, table: Table) -> int:
    """Write the files of one partition after another, then make them one version."""
    fields = _fields(spec.partitions_def)
    staged = [
        table.stage({values: rows}, "overwrite_partitions", partition_by=fields)
        for values, rows in reader.partitions(spec)
    ]
    if staged:
        name = type(reader.manager).__name__
        table.commit(
            staged,
            properties={ASSET_KEY: asset_key_to_text(spec.key)},
            message=f"{len(staged)} partitions taken over from {name}",
        )
    return len(staged)


def _fields(definition: dg.PartitionsDefinition | None) -> Sequence[str]:
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return [dimension.name for dimension in definition.partitions_defs]
    return [PARTITION_FIELD]


def _values(definition: dg.PartitionsDefinition, key: str) -> tuple[str, ...]:
    if not isinstance(definition, dg.MultiPartitionsDefinition):
        return (key,)
    by_dimension = definition.get_partition_key_from_str(key).keys_by_dimension
    return tuple(by_dimension[dimension.name] for dimension in definition.partitions_defs)
