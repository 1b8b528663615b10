"""What shows the tables of a store to people."""

from __future__ import annotations

import os
from pathlib import Path

from atio_core.store.upkeep import StoreUpkeep


class StoreShowing(StoreUpkeep):
    """What shows the tables of a store to people."""

    def write_page(self, path: str | os.PathLike[str], *, sample: int = 0) -> Path:
        """Write one HTML page that shows all tables and the releases, and needs nothing else: see `Table.write_page`.

        Of a table that can't be read the page tells why. A table that has no policy of its own is shown by the store's.

        Args:
            path: As for `Table.write_page`.
            sample: Likewise, of each table.

        Returns:
            The file; absolute.

        Raises:
            InvalidInputError: The path can't be a file's, or `sample` makes no sense.
            StorageError: The disk refused.

        Example:
            >>> import atio_core as atio, pandas as pd, tempfile
            >>> store = atio.Store("memory://store-page-example")
            >>> _ = store.table("report").append(pd.DataFrame({"a": [1, 2]}))
            >>> store.write_page(f"{tempfile.mkdtemp()}/page.html").name
            'page.html'
        """
        from atio_core.page import name_of, require_sample, write_page
        from atio_core.page.place_facts import facts_of_store
        from atio_core.page.table_facts import PageOptions

        options = PageOptions(require_sample(sample), self._clock, self.retention())
        logs = {name: self._table_log(name) for name in self.tables(dropped=True)}
        releases = self._log.standing()
        return write_page(
            path, name_of(self.path), lambda: facts_of_store(self.path, logs, releases, options)
        )
