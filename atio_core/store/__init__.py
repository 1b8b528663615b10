"""Store: a folder of tables, releases that name a version of each of several at once, and pins of readers."""

from __future__ import annotations

from atio_core.store.integrity import StoreIntegrity
from atio_core.store.releases import Release, StoreAt
from atio_core.store.showing import StoreShowing

__all__ = ["Release", "Store", "StoreAt"]


class Store(StoreIntegrity, StoreShowing):
    """A folder of tables. Nothing is made on disk before the first release, or the first write to a table.

    Args:
        path: The folder, the URL of a bucket (`s3://bucket/prefix`), or `memory://name`.
        store: Where the log of releases lies, instead of `path`; the tables lie below its location.
        clock: Where the time comes from; for tests.
        storage_options: How the bucket of `path` is opened, for its tables too: see `Table`.

    Raises:
        InvalidInputError: The path can't be a store's.

    Example:
        >>> import pandas as pd
        >>> store = Store("memory://store-example")
        >>> for name in ("raw/orders", "report"):
        ...     _ = store.table(name).overwrite(pd.DataFrame({"a": [1]}))
        >>> store.tables()
        ['raw/orders', 'report']
        >>> store.create_release("january", ["raw/orders", "report"]).tables
        {'raw/orders': 1, 'report': 1}
        >>> _ = store.table("report").overwrite(pd.DataFrame({"a": [2]}))
        >>> store.at("january").read("report")["a"].tolist()
        [1]
    """
