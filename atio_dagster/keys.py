"""From Dagster's keys to atio's: asset key -> table's folder, partition key -> partition values.

- Each part of an asset key is a folder, percent-encoded like a partition value: `[A-Za-z0-9_-]` stay as they are.
- A part that is `data` or begins with `_atio`, in any case, is escaped at its first letter: so no table lies in
  another's own folders, and no asset in those of the store.
- A Dagster partition is a partition of the table: its field is called `partition`; of several dimensions, each is a
  field of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import dagster as dg

from atio_core.arguments import refusal, require_list, require_text
from atio_core.errors import InvalidInputError
from atio_core.model.partition import segment

OPS = "_atio_ops"
"""The folder of what ops return, as far as that is no asset. No asset's table can lie in it."""

PARTITION_FIELD = "partition"


def asset_folders(key: dg.AssetKey) -> tuple[str, ...]:
    """Return the folders, from the store's root, that lead to an asset's table.

    Example:
        >>> asset_folders(dg.AssetKey(["raw", "a/b", "data"]))
        ('raw', 'a%2Fb', '%64ata')
    """
    return tuple(_folder(part) for part in key.path)


def op_output_folders(job: str, step: str, output: str, mapping_key: str | None) -> tuple[str, ...]:
    """Return the folders that lead to the table of an op's output: the same in every run of the job.

    Example:
        >>> op_output_folders("nightly", "clean[1]", "result", None)
        ('_atio_ops', 'nightly', 'clean%5B1%5D', 'result')
    """
    parts = [job, step, output] if mapping_key is None else [job, step, output, mapping_key]
    return (OPS, *map(_folder, parts))


def _folder(part: str) -> str:
    folder = segment(part)
    folded = folder.casefold()
    if folded == "data" or folded.startswith("_atio"):
        return f"%{ord(folder[0]):02X}{folder[1:]}"
    return folder


def name_of_step(key: dg.AssetKey, suffix: str) -> str:
    """Return a name for what belongs to an asset: Dagster's own, with characters that it refuses written as numbers.

    Example:
        >>> name_of_step(dg.AssetKey(["raw", "a/b"]), "integrity")
        'raw__a_2f_b_integrity'
    """
    name = f"{key.to_python_identifier()}_{suffix}"
    return re.sub(r"\W", lambda found: f"_{ord(found[0]):x}_", name, flags=re.ASCII)


def asset_key_to_text(key: dg.AssetKey) -> str:
    """Return an asset key as a version's properties keep it: a JSON list, so that "a/b" and "a", "b" differ."""
    return json.dumps(list(key.path), ensure_ascii=False)


def asset_key_from_text(text: str) -> dg.AssetKey:
    """Return the asset key that a version's properties keep."""
    return dg.AssetKey(json.loads(text))


def asset_key_to_user_text(key: dg.AssetKey) -> str:
    r"""Return an asset key as people write it: its parts joined by `/`; one that is within a part stands as `\/`.

    Example:
        >>> print(asset_key_to_user_text(dg.AssetKey(["raw", "a/b"])))
        raw/a\/b
    """
    return "/".join(part.replace("/", "\\/") for part in key.path)


def asset_key_from_user_text(text: str) -> dg.AssetKey:
    r"""Return the asset key that people have written.

    Example:
        >>> asset_key_from_user_text("raw/orders"), asset_key_from_user_text(r"raw/a\/b")
        (AssetKey(['raw', 'orders']), AssetKey(['raw', 'a/b']))
    """
    return dg.AssetKey([part.replace("\\/", "/") for part in re.split(r"(?<!\\)/", text)])


def asset_key_of(name: str, given: Any) -> dg.AssetKey:
    """Return an asset's key: as it is, from text with its parts joined by `/`, or from its parts.

    Args:
        name: The argument's.
        given: What was given for it.

    Raises:
        InvalidInputError: It is none of these, or there is nothing in it.

    Example:
        >>> asset_key_of("key", "raw/orders"), asset_key_of("key", ["a/b"])
        (AssetKey(['raw', 'orders']), AssetKey(['a/b']))
    """
    if isinstance(given, str) and given:
        return asset_key_from_user_text(require_text(name, given))
    parts: Any = given.path if isinstance(given, dg.AssetKey) else given
    if isinstance(parts, Sequence) and parts and all(isinstance(part, str) for part in cast("Any", parts)):
        return given if isinstance(given, dg.AssetKey) else dg.AssetKey(list(cast("Any", parts)))
    raise refusal(name, "the key of an asset: text, a list of texts or an AssetKey", given)


def asset_keys_of(
    assets: Iterable[dg.AssetsDefinition | dg.AssetSpec | dg.AssetKey | str], name: str = "assets"
) -> list[dg.AssetKey]:
    """Return the keys of assets, each once.

    Args:
        assets: The assets.
        name: What the argument is called, for messages.

    Raises:
        InvalidInputError: Something else is among them, or they aren't a list of assets.

    Example:
        >>> asset_keys_of(["raw/orders", dg.AssetKey("totals")])
        [AssetKey(['raw', 'orders']), AssetKey(['totals'])]
    """
    if isinstance(assets, str | dg.AssetKey | dg.AssetSpec | dg.AssetsDefinition):
        raise InvalidInputError(f"{name} must be a list of assets, not one of them: {assets!r}")
    found: dict[dg.AssetKey, None] = {}
    for asset in require_list(name, assets, "assets"):
        if isinstance(asset, dg.AssetsDefinition):
            found |= dict.fromkeys(spec.key for spec in asset.specs)
        elif isinstance(asset, dg.AssetSpec):
            found[asset.key] = None
        elif isinstance(asset, dg.AssetKey | str):
            found[asset_key_of(f"each of {name}", asset)] = None
        else:
            raise InvalidInputError(
                f"{name} must be assets or their keys, and {asset!r} is a {type(asset).__name__}"
            )
    return list(found)


@dataclass(frozen=True, slots=True)
class Partitions:
    """The partitions of an asset that a run writes or reads.

    Attributes:
        fields: The partition fields of the table.
        values: For each partition key the values of the fields; in the order of the asset's definition.
    """

    fields: tuple[str, ...]
    values: dict[str, tuple[str, ...]]

    def check_keys(self, keys: Sequence[object], asset: str) -> None:
        """Raise `InvalidInputError` unless these are just the partition keys."""
        strange = [str(key) for key in keys if key not in self.values]
        missing = [key for key in self.values if key not in keys]
        if strange or missing:
            told = [f"{named(strange)} are not among the run's partitions"] if strange else []
            told += (
                [f"{named(missing)} are missing (give an empty frame for a partition without rows)"]
                if missing
                else []
            )
            raise InvalidInputError(
                f"{asset} returned a dict whose keys don't match the partitions of the run: {'; '.join(told)}."
                " Nothing was written"
            )


def partitions_of(context: dg.OutputContext | dg.InputContext) -> Partitions | None:
    """Return the partitions that an output or input stands for; None if its asset isn't partitioned, or all are read.

    Raises:
        InvalidInputError: The asset is partitioned, and the run has no partition.
    """
    if not context.has_asset_key:
        return None
    definition = partitions_definition(context)
    if not context.has_asset_partitions:
        if definition is not None and isinstance(context, dg.OutputContext):
            raise InvalidInputError(
                f"the asset {context.asset_key.to_user_string()} is partitioned, and this run names no partition:"
                " launch it for a partition or a range of them. Nothing was written"
            )
        return None
    keys: list[str] = list(context.asset_partition_keys)
    if isinstance(definition, dg.MultiPartitionsDefinition):
        fields = tuple(dimension.name for dimension in definition.partitions_defs)
        return Partitions(
            fields, {str(key): _values(key, fields) for key in _in_order(keys, definition, context)}
        )
    return Partitions((PARTITION_FIELD,), {key: (key,) for key in _in_order(keys, definition, context)})


def partition_key_of(fields: Sequence[str], values: Sequence[object]) -> str:
    """Return the partition key in Dagster that values of a table's partition fields stand for.

    Example:
        >>> partition_key_of(["partition"], ["2024-01-01"]), partition_key_of(["b", "a"], ["x", "y"])
        ('2024-01-01', 'y|x')
    """
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else dg.MultiPartitionKey(dict(zip(fields, texts, strict=True)))


def partitions_definition(context: dg.OutputContext | dg.InputContext) -> dg.PartitionsDefinition | None:
    """Return the partitions definition of the asset that is stored or loaded; None if it isn't partitioned."""
    try:
        return context.asset_partitions_def
    except dg.DagsterInvariantViolationError:  # there is no way to ask first
        return None


def _values(key: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    by_dimension = key.keys_by_dimension if isinstance(key, dg.MultiPartitionKey) else {}
    if set(by_dimension) != set(fields):
        raise InvalidInputError(f"the partition key {key!r} has no value for each of {', '.join(fields)}")
    return tuple(by_dimension[field] for field in fields)


def _in_order(
    keys: list[str], definition: dg.PartitionsDefinition | None, context: dg.OutputContext | dg.InputContext
) -> list[str]:
    """Dagster gives the keys of a range in any order, but for time windows."""
    if definition is None or len(keys) == 1 or isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return keys
    known = definition.get_partition_keys(dynamic_partitions_store=_instance(context))
    position = {key: number for number, key in enumerate(known)}
    return sorted(keys, key=lambda key: position.get(key, len(position)))


def _instance(context: dg.OutputContext | dg.InputContext) -> dg.DagsterInstance | None:
    try:
        return context.instance if isinstance(context, dg.InputContext) else context.step_context.instance
    except dg.DagsterInvariantViolationError:  # a context made for a test
        return None


def named(values: Sequence[object], most: int = 10) -> str:
    """Return values as a list for a message, the first ten of them.

    Example:
        >>> named(["a", "b"]), named(range(12), most=2)
        ("'a', 'b'", '0, 1 and 10 more')
    """
    told = ", ".join(repr(value) for value in values[:most])
    return told if len(values) <= most else f"{told} and {len(values) - most} more"


def plain(value: Any) -> Any:
    """Return a metadata value as the Python value that it stands for."""
    return value.value if isinstance(value, dg.MetadataValue) else value


def described(context: dg.OutputContext | dg.InputContext) -> str:
    """Return what is stored or loaded, as messages call it."""
    if isinstance(context, dg.InputContext) and context.has_input_name:
        return f"the input {context.name!r}"
    if context.has_asset_key:
        return f"the asset {context.asset_key.to_user_string()}"
    return f"the output {context.name!r}" if isinstance(context, dg.OutputContext) else "the input"
