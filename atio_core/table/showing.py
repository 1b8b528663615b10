"""What shows a table to people."""

from __future__ import annotations

import os
from pathlib import Path

from atio_core.table.base import TableBase


class Showing(TableBase):
    """What shows a table to people."""

    def write_page(self, path: str | os.PathLike[str], *, sample: int = 0) -> Path:
        """Write one HTML page that shows the table, and needs nothing else: it can be sent by mail.

        It shows the versions over time, which of them have expired or will with the next expiry, tags, files, changes
        of columns, and what any two versions differ in. Rows are in it only if they are asked for.

        Of a long history come the newest 1,000 versions. How many rows changed between two versions is found by
        reading those files that only one of them has, up to 64 MB in all; beyond that the page tells it by files.

        Args:
            path: The file to make or to replace.
            sample: So many rows of the newest versions, and of their differences, are put in; at most 1,000.

        Returns:
            The file; absolute.

        Raises:
            TableNotFoundError: There is no table, and was none.
            DamagedError: A version is damaged; no page was written.
            InvalidInputError: The path can't be a file's, or `sample` makes no sense.
            StorageError: The disk refused.

        Example:
            >>> import atio_core as atio, pandas as pd, tempfile
            >>> table = atio.Table("memory://page-example")
            >>> _ = table.append(pd.DataFrame({"a": [1, 2]}))
            >>> table.write_page(f"{tempfile.mkdtemp()}/page.html").name
            'page.html'
        """
        from atio_core.page import name_of, require_sample, write_page
        from atio_core.page.place_facts import facts_of_table
        from atio_core.page.table_facts import PageOptions

        options = PageOptions(require_sample(sample), self._clock)
        return write_page(path, name_of(self.path), lambda: facts_of_table(self._log, options))
