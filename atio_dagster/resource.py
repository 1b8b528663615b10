"""AtioResource: where the tables lie, and how long their versions are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import dagster as dg
from pydantic import Field

from atio_core.arguments import require_whole
from atio_core.errors import InvalidInputError
from atio_core.retention import DEFAULT_RETENTION, Retention, duration
from atio_core.store import Store
from atio_core.table import Table
from atio_dagster.arguments import KnownFields
from atio_dagster.base_paths import ByPath
from atio_dagster.cached_config import CachedConfig
from atio_dagster.keys import asset_folders, asset_key_of

_RULES = (
    "keep_for_hours",
    "keep_last",
    "keep_hourly",
    "keep_daily",
    "keep_weekly",
    "keep_monthly",
    "keep_yearly",
)


class AtioResource(KnownFields, ByPath, CachedConfig, dg.ConfigurableResource):
    """The root folder of all assets' tables, and the retention of those that declare none.

    Example:
        >>> import tempfile
        >>> atio = AtioResource(base_path=tempfile.mkdtemp(), keep_last=3)
        >>> atio.table("flights").exists()
        False
    """

    base_path: str = Field(
        description="The folder under which each asset's table lies, or the URL of a bucket (`s3://bucket/prefix`)."
    )
    storage_options: dict[str, str] | None = Field(
        default=None,
        repr=False,
        description="How the bucket is opened; secrets as `EnvVar`. Without it the environment and roles say so.",
    )
    keep_for_hours: float | None = Field(
        default=None,
        description="Keep versions for this long after they were superseded: also the longest time a read may take."
        " Without any rule, versions are kept for 7 days.",
    )
    keep_last: int | None = Field(default=None, description="Keep this many of the newest versions.")
    keep_hourly: int | None = Field(
        default=None,
        description="Keep the newest version of each of the last so many hours that have one (UTC).",
    )
    keep_daily: int | None = Field(default=None, description="The same by days.")
    keep_weekly: int | None = Field(default=None, description="The same by ISO weeks.")
    keep_monthly: int | None = Field(default=None, description="The same by months.")
    keep_yearly: int | None = Field(default=None, description="The same by years.")
    keep_releases: int | None = Field(
        default=None,
        description="The expiration job keeps so many of the newest releases that runs have made (`atio/publish:"
        " after_run`), and drops older ones. What a release names doesn't expire. All of them if not given.",
    )
    grace_minutes: float | None = Field(
        default=None,
        description="How old a file that belongs to no version must be before it goes; if not given, the table's own"
        " (1 hour).",
    )

    @property
    def store(self) -> Store:
        """The store that holds the tables, for what concerns several of them: releases, expiry, listing.

        Example:
            >>> import tempfile
            >>> AtioResource(base_path=tempfile.mkdtemp()).store.tables()
            []
        """
        return store_at(self.base_path, self.storage_options)

    @property
    def retention(self) -> Retention:
        """What is kept of a table that declares nothing else: by these rules, else by the store's own policy.

        If neither says anything, versions are kept for 7 days.
        """
        rules = {name: getattr(self, name) for name in _RULES}
        given = {name: rule for name, rule in rules.items() if rule is not None}
        return Retention.from_dict(given) if given else self.store.retention() or DEFAULT_RETENTION

    @property
    def releases_kept(self) -> int | None:
        """How many releases of runs are kept; None for all of them."""
        kept = self.keep_releases
        return None if kept is None else require_whole("keep_releases", kept, least=1)

    @property
    def grace(self) -> timedelta | None:
        """The grace period for files that belong to no version."""
        if self.grace_minutes is None:
            return None
        return duration("grace_minutes", self.grace_minutes, timedelta(minutes=1))

    def table(self, asset_key: dg.AssetKey | str | Sequence[str]) -> Table:
        """Return the table of an asset: to look at its history, or to read an old version.

        Args:
            asset_key: The asset's key; as text, its parts joined by `/`.

        Raises:
            InvalidInputError: That is no key of an asset.

        Example:
            >>> import tempfile, pandas as pd
            >>> atio = AtioResource(base_path=tempfile.mkdtemp())
            >>> _ = atio.table(["raw", "flights"]).overwrite(pd.DataFrame({"a": [1]}))
            >>> atio.table("raw/flights").read(version=1)["a"].tolist()
            [1]
        """
        return self.table_at(asset_folders(asset_key_of("asset_key", asset_key)))

    @staticmethod
    def table_name(asset_key: dg.AssetKey) -> str:
        """Return the name that an asset's table has in the store.

        Args:
            asset_key: The asset's key.

        Example:
            >>> AtioResource.table_name(dg.AssetKey(["raw", "flights"]))
            'raw/flights'
        """
        return "/".join(asset_folders(asset_key))

    def table_at(self, folders: tuple[str, ...]) -> Table:
        """Return the table in a folder below the root.

        Args:
            folders: The folder's path below the root, part by part.

        Raises:
            InvalidInputError: No table can lie there.
        """
        return Table("/".join([_root(self.base_path), *folders]), storage_options=self.storage_options)

    def tables(self) -> Iterator[Table]:
        """Return every table below the root, sorted by folder."""
        store = self.store
        return map(store.table, store.tables(dropped=True))


def store_at(base_path: str, storage_options: Mapping[str, str] | None = None) -> Store:
    """Return the store that holds the tables of assets.

    Args:
        base_path: The folder under which they lie, or the URL of a bucket.
        storage_options: How the bucket is opened.

    Raises:
        InvalidInputError: They can't lie there.

    Example:
        >>> import tempfile
        >>> store_at(tempfile.mkdtemp()).tables()
        []
    """
    return Store(_root(base_path), storage_options=storage_options)


def _root(base_path: str) -> str:
    if not base_path.strip():  # it would come out as the root of the file system
        raise InvalidInputError("base_path is empty: give the folder under which the tables lie")
    if base_path.lower().startswith("memory:"):
        message = f"base_path can't be {base_path!r}: the steps of a run are processes"
        raise InvalidInputError(f"{message}, each with a memory of its own")
    return base_path.rstrip("/")
