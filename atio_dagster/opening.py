"""Assets outside of runs: in notebooks and scripts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, cast

from atio_core.arguments import require_text, require_time
from atio_core.errors import InvalidInputError
from atio_core.snapshot import Snapshot
from atio_core.storage.buckets.fsspec_paths import Place, is_fsspec_path
from atio_dagster.arguments import require_kind
from atio_dagster.keys import asset_key_of
from atio_dagster.provenance import require_owner
from atio_dagster.resource import AtioResource

if TYPE_CHECKING:
    import dagster as dg


def open_asset(
    asset_key: dg.AssetKey | str | Sequence[str],
    store: AtioResource | Place,
    *,
    version: int | str | datetime | None = None,
    as_of: datetime | None = None,
    tag: str | None = None,
) -> Snapshot:
    """Return a version of an asset, the latest if none is named: to read it, whole or in part, anywhere.

    Args:
        asset_key: The asset's key; as text, its parts joined by `/`.
        store: The `AtioResource`, or the folder that is its `base_path`.
        version: A number, one that counts back (-2 is the version before the latest), a tag, or a time with a zone.
        as_of: A time with a zone, instead of `version`.
        tag: A tag, instead of `version`.

    Raises:
        TableNotFoundError: The asset was never stored there.
        VersionNotFoundError: There is no such version.
        VersionExpiredError: It has expired.
        TagNotFoundError: There is no such tag.
        AlreadyExistsError: The table belongs to another asset.
        InvalidInputError: An argument can't be meant.

    Example:
        >>> import tempfile, pandas as pd
        >>> atio = AtioResource(base_path=tempfile.mkdtemp())
        >>> for number in (1, 2):
        ...     _ = atio.table("raw/orders").overwrite(pd.DataFrame({"a": [number]}))
        >>> open_asset("raw/orders", atio, version=1).read()["a"].tolist()
        [1]
    """
    given = [one for one in (version, as_of, tag) if one is not None]
    if len(given) > 1:
        raise InvalidInputError("version, as_of and tag each name a version: give one of them")
    if as_of is not None:
        require_time("as_of", as_of)
    if tag is not None:
        require_text("tag", tag)
    if not isinstance(store, AtioResource):
        if not is_fsspec_path(store):
            require_kind("store", store, AtioResource, str, os.PathLike)
        store = AtioResource(base_path=cast("str", store))
    key = asset_key_of("asset_key", asset_key)
    snapshot = store.table(key).snapshot(given[0] if given else None)
    require_owner(snapshot, key)
    return snapshot
