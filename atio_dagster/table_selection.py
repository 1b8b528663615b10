"""Which tables a job is about, and what is kept of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import dagster as dg
from dagster_shared.check import CheckError

from atio_core.errors import TableNotFoundError
from atio_core.retention import Retention
from atio_core.table import Table
from atio_dagster.provenance import owner_of, told_by_asset
from atio_dagster.resource import AtioResource
from atio_dagster.retention import declared_retention, retention_of_definitions

Assets = Iterable[dg.AssetsDefinition | dg.AssetSpec]
Context = dg.OpExecutionContext | dg.AssetExecutionContext


@dataclass(frozen=True, slots=True)
class TableSelection:
    """Tables of a store.

    Attributes:
        store: The store.
        names: Their names in it.
        defined: What the definitions of assets say of retention, None where they say nothing.
        owners: Whose table each is, as far as it has been looked at.
    """

    store: AtioResource
    names: tuple[str, ...]
    defined: Mapping[dg.AssetKey, Retention | None]
    owners: dict[str, dg.AssetKey] = field(default_factory=dict[str, dg.AssetKey])

    def policy(self, name: str, table: Table) -> Retention:
        """Return what is kept of a table.

        1. What the asset's definition declares, or, if it isn't among those that are known, what it declared when it
           was last materialised.
        2. The table's own policy; 3. the resource's rules; 4. the store's policy.
        """
        properties = told_by_asset(table)
        owner = owner_of(properties)
        if owner is not None:
            self.owners[name] = owner
        owner = self.owners.get(name)
        if owner is not None and owner in self.defined:
            declared = self.defined[owner]
        else:
            declared = declared_retention(properties)
        return declared or table.retention() or self.store.retention

    def title(self, name: str) -> str:
        """Return what people call a table: its asset, or its path."""
        owner = self.owners.get(name)
        return owner.to_user_string() if owner else self.store.store.table(name).path


def select_tables(
    context: Context, store: AtioResource, assets: Mapping[dg.AssetKey, Retention | None] | None
) -> TableSelection:
    """Return the tables of some assets, or all that lie in a store.

    Args:
        context: Of the step: its code location's definitions are asked what they declare.
        store: Where the tables lie.
        assets: What those assets declare; None for all tables.
    """
    if assets is None:
        defined: Mapping[dg.AssetKey, Retention | None] = {}
        # A job that is run by itself has no code location, and there is no way to ask.
        with suppress(CheckError):
            defined = retention_of_definitions(context.repository_def.assets_defs_by_key.values())
        return TableSelection(store, tuple(store.store.tables(dropped=True)), defined)
    owners: dict[str, dg.AssetKey] = {}
    for key in assets:
        with suppress(TableNotFoundError):
            store.table(key).tags()  # one that was dropped is there no more, but its versions are
            owners[store.table_name(key)] = key
    return TableSelection(store, tuple(owners), assets, owners)
