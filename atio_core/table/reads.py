"""Reading a table: its versions, and their rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from atio_core.arguments import repeatable, require_whole
from atio_core.log.lookup import AnyVersion, history, require_selector
from atio_core.reading import BATCH_ROWS
from atio_core.snapshot import Output, Snapshot, Verify
from atio_core.table.base import TableBase

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from atio_core.reading.rows import Scan


class Reads(TableBase):
    """What reads versions, and their rows."""

    def snapshot(self, version: AnyVersion | None = None) -> Snapshot:
        """Return a version: the latest, if none is named.

        Args:
            version: One of

                - a number; a negative one counts back in the history: -1 is the latest, -2 the one before;
                - a tag, or "latest";
                - a time with a zone: the version that was the latest then, by the clocks of the writers.

        Raises:
            TableNotFoundError: There is no table.
            VersionNotFoundError: No such version was ever committed, or none before that time.
            VersionExpiredError: It was, and has been expired since; as of a time: the versions around it have been.
            TagNotFoundError: There is no such tag.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://table-snapshot-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}))
            >>> _ = table.append(pd.DataFrame({"a": [2]}))
            >>> table.snapshot().rows, table.snapshot(1).rows, table.snapshot(-2).version
            (2, 1, 1)
        """
        return self._handle.find(require_selector(version))

    def history(self, *, limit: int | None = None) -> list[Snapshot]:
        """Return the versions that can be read, newest first.

        Args:
            limit: At most so many, the newest ones; the others' log entries aren't read.

        Raises:
            TableNotFoundError: There is no table.
            InvalidInputError: `limit` is no positive number.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://table-history-example")
            >>> _ = table.append(pd.DataFrame({"a": [1]}), message="first")
            >>> _ = table.delete([("a", "==", 1)])
            >>> [(snapshot.version, snapshot.operation, snapshot.rows) for snapshot in table.history()]
            [(2, 'delete', 0), (1, 'append', 1)]
        """
        most = None if limit is None else require_whole("limit", limit, least=1)
        return [Snapshot.of(self._log, found) for found in history(self._log, most)]

    def read(
        self,
        version: AnyVersion | None = None,
        output_as: Output = "pandas",
        *,
        columns: Sequence[Any] | None = None,
        partitions: Collection[Any] | None = None,
        filter: Any = None,  # noqa: A002 - every library calls it so
        limit: int | None = None,
        verify: Verify = "always",
        as_of: datetime | None = None,
        tag: str | None = None,
    ) -> Any:
        """Return the rows of a version, the latest if none is named.

        Args:
            version: As for `snapshot`.
            output_as: "pandas", "polars", "arrow", "batches", "lazy", "duckdb" or "dataset": see `Snapshot.read`.
            columns: Labels of the columns, in the order wished for; all of them if None.
            partitions: Only these partitions.
            filter: Only the rows that match: see `Snapshot.read`.
            limit: At most so many rows, the first ones.
            verify: "always" or "never": see `Snapshot.read`.
            as_of: A time with a zone, instead of `version`.
            tag: A tag, instead of `version`.

        Raises:
            As for `snapshot` and `Snapshot.read`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://table-read-example")
            >>> _ = table.append(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
            >>> table.read(output_as="arrow", columns=["b"], filter=[("a", ">", 1)]).to_pydict()
            {'b': ['y']}
        """
        columns, partitions, filter = map(repeatable, (columns, partitions, filter))  # noqa: A001 - see above
        return self._handle.read(
            require_selector(version, as_of=as_of, tag=tag),
            lambda snapshot: snapshot.read(
                output_as, columns=columns, partitions=partitions, filter=filter, limit=limit, verify=verify
            ),
        )

    def download(
        self,
        target: str | bytes | os.PathLike[Any],
        version: AnyVersion | None = None,
        *,
        if_exists: str = "fail",
        as_of: datetime | None = None,
        tag: str | None = None,
    ) -> Path:
        """Put a version's object on the disk, the latest's if none is named: see `Snapshot.download`.

        Args:
            target: The path of the folder or file to make.
            version: As for `snapshot`.
            if_exists: "fail" if something is there, or "replace" it.
            as_of: A time with a zone, instead of `version`.
            tag: A tag, instead of `version`.

        Returns:
            The absolute path.

        Raises:
            As for `snapshot` and `Snapshot.download`.

        Example:
            >>> import atio_core as atio, pathlib, tempfile
            >>> folder = pathlib.Path(tempfile.mkdtemp())
            >>> _ = (folder / "notes.txt").write_text("two products")
            >>> table = atio.Table("memory://table-download-example")
            >>> _ = table.overwrite(folder / "notes.txt")
            >>> table.download(folder / "again.txt").read_text()
            'two products'
        """
        return self._handle.read(
            require_selector(version, as_of=as_of, tag=tag),
            lambda snapshot: snapshot.download(target, if_exists=if_exists),
        )

    def scan(
        self,
        version: AnyVersion | None = None,
        *,
        columns: Sequence[Any] | None = None,
        partitions: Collection[Any] | None = None,
        filter: Any = None,  # noqa: A002 - every library calls it so
        limit: int | None = None,
        batch_rows: int = BATCH_ROWS,
        verify: Verify = "always",
        as_of: datetime | None = None,
        tag: str | None = None,
    ) -> Scan:
        """Return the rows of a version batch by batch, the latest if none is named.

        Args:
            version: As for `snapshot`.
            columns: Labels of the columns, in the order wished for; all of them if None.
            partitions: Only these partitions.
            filter: Only the rows that match: see `Snapshot.read`.
            limit: At most so many rows, the first ones.
            batch_rows: At most so many rows in a batch.
            verify: "always" or "never": see `Snapshot.read`.
            as_of: A time with a zone, instead of `version`.
            tag: A tag, instead of `version`.

        Returns:
            An iterator of record batches, and a stream of Arrow: see `Snapshot.scan`. All are of one version.

        Raises:
            As for `snapshot` and `Snapshot.scan`.

        Example:
            >>> import atio_core as atio, pandas as pd
            >>> table = atio.Table("memory://table-scan-example")
            >>> _ = table.append(pd.DataFrame({"a": [1, 2, 3]}))
            >>> [batch.num_rows for batch in table.scan(batch_rows=2)]
            [2, 1]
        """
        columns, partitions, filter = map(repeatable, (columns, partitions, filter))  # noqa: A001 - see above
        return self._handle.read(
            require_selector(version, as_of=as_of, tag=tag),
            lambda snapshot: snapshot.scan(
                columns=columns,
                partitions=partitions,
                filter=filter,
                limit=limit,
                batch_rows=batch_rows,
                verify=verify,
            ),
        )
