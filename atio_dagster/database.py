"""AtioDatabaseIOManager: what an asset returns becomes rows of a database's table, all at once or not at all.

An output is one transaction: it replaces the table, or exactly the rows of the run's partitions, or adds or upserts
rows. Whoever reads meanwhile sees what was there before; a failure leaves it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

import atio_core as atio
from atio_core.data.frames.frames import OutputAs, to_output, to_piece
from atio_core.data.kinds import kind_of
from atio_core.databases.read import read_rows
from atio_core.errors import CommitConflictError, InvalidInputError
from atio_dagster.arguments import KnownFields
from atio_dagster.database_partitions import empty_like, has_named_index, rows_in, where_of
from atio_dagster.input_types import InputType, input_type_of
from atio_dagster.keys import Partitions, described, partitions_of, plain
from atio_dagster.loading import Selection
from atio_dagster.metadata import without_overlap
from atio_dagster.provenance import append_key
from atio_dagster.settings import WriteConfig, settings_of

if TYPE_CHECKING:
    import pyarrow as pa

TABLE, SCHEMA = "atio/table", "schema"
_FOREIGN = ("schema_mode", "sort_by", "partition_by", "format", "if_unchanged")
_TRIES = 5
_LIBRARIES: dict[str, OutputAs] = {"pandas": "pandas", "polars": "polars", "arrow": "arrow"}


class AtioDatabaseIOManager(KnownFields, dg.ConfigurableIOManager):
    """Stores assets in tables of PostgreSQL, MySQL, MariaDB, SQLite or DuckDB, and loads inputs from there.

    Outputs are pandas and polars frames (lazy ones too), Arrow tables and streams; an input gets the one that it is
    annotated with, a pandas frame if it says nothing. A run of a partitioned asset replaces its partitions' rows and no
    others. An output `None` stores nothing.

    The table has the name of the asset, its parts joined by `__`, in the schema of the connection.

    Asset metadata: `atio/mode` ("overwrite", "append" or "upsert"), `atio/key` (the columns that tell rows apart, for
    upserts), `atio/table` and `schema` (other names), `partition_expr` (the column that tells a row's partition). Input
    metadata: `atio/columns`, `atio/filter`.

    Example:
        >>> import dagster as dg, pandas as pd, tempfile
        >>> @dg.asset
        ... def numbers() -> pd.DataFrame:
        ...     return pd.DataFrame({"a": [1, 2]})
        >>> manager = AtioDatabaseIOManager(url=f"sqlite:///{tempfile.mkdtemp()}/shop.db")
        >>> with dg.DagsterInstance.ephemeral() as instance:
        ...     dg.materialize([numbers], resources={"io_manager": manager}, instance=instance).success
        True
    """

    url: str = Field(
        repr=False,
        description="The database, as SQLAlchemy writes it: postgresql://user@host/name, mysql://…, sqlite:///path,"
        " duckdb:///path. If a password is in it, take it from an EnvVar.",
    )
    password: str | None = Field(
        default=None, repr=False, description="The password, best from an EnvVar, if it isn't in the URL."
    )
    database_schema: str | None = Field(
        default=None, description="The schema of assets that name none; the connection's own if not given."
    )

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Write what a step returned, in one transaction.

        Raises:
            AtioError: The table stands as it was, unless it is a `CommitUnknownError`: then a retry of the step is
                safe, as it replaces the same rows (or, for appends, is recognised by its key).
        """
        if obj is None:
            context.log.info("%s is None: nothing is stored, the table stays as it is", described(context))
            return
        partitions = partitions_of(context)
        schema, table = self._place(context)
        options = _options(context, partitions)
        if partitions is not None:
            obj = rows_in(context, obj, partitions)
            if options["if_exists"] == "overwrite":
                options["where"] = where_of(context, partitions, obj.schema)
        if kind_of(obj) == "pandas":
            options["index"] = has_named_index(obj)
        options |= {"name": table, "schema": schema, "con": self._url(), "format": "sql"}
        done = self._write(context, obj, options)
        columns = read_rows(self._url(), table, schema=schema, limit=0).schema
        metadata = _metadata(
            done, schema, partitions, self._kind(), is_whole=options["if_exists"] == "replace"
        ) | {"dagster/column_schema": _shown(columns)}
        context.add_output_metadata(without_overlap(metadata, context.output_metadata))
        if done.done_before is not None:
            context.log.warning(
                "%s was appended to %s before, at %s: nothing was added now. A retry or a re-execution adds its rows"
                " once; launch a new run to add rows again",
                *(described(context), table, done.done_before),
            )
            return
        context.log.info("Wrote %s rows to %s in %s", f"{done.rows:,}", table, self._kind())

    def load_input(self, context: dg.InputContext) -> Any:
        """Read what an input is annotated with: the whole table, or the rows of its partitions.

        Raises:
            AtioError: There is no such table or column, or the database failed.
        """
        wanted = input_type_of(context)
        partitions = partitions_of(context)
        if partitions is None:
            return self._read(context, wanted, None)
        if not partitions.values:
            return wanted.nothing  # no partition is mapped: what Dagster's own managers do
        if wanted.shape == "one":
            return self._read(context, wanted, partitions)
        parts = {
            key: self._read(context, wanted, Partitions(partitions.fields, {key: one}))
            for key, one in partitions.values.items()
        }
        return parts if wanted.shape == "dict" else list(parts.values())

    def _read(self, context: dg.InputContext, wanted: InputType, partitions: Partitions | None) -> Any:
        schema, table = self._place(context)
        selection = Selection.of(context)
        where = selection.filter
        if partitions is not None:
            stored = read_rows(self._url(), table, schema=schema, limit=0).schema
            where = _both(where_of(context, partitions, stored), where)
        rows = read_rows(self._url(), table, schema=schema, columns=selection.columns, where=where)
        return _as_wanted(rows, wanted, described(context))

    def _write(self, context: dg.OutputContext, obj: Any, options: dict[str, Any]) -> atio.WriteResult:
        """Write; again where another change came first."""
        if self._kind() == "mysql" and "idempotency_key" in options:
            # Here the key can't be noted in the step that makes a table: it is made first, without rows.
            without = {
                name: option for name, option in options.items() if name not in ("index", "idempotency_key")
            }
            atio.write(empty_like(obj), **without)
        for left in reversed(range(_TRIES)):
            try:
                return atio.write(obj, **options)
            except CommitConflictError as error:
                if not left:
                    raise
                context.log.debug("%s; it is written again", error)
                time.sleep(0.05 * (_TRIES - left))
        raise AssertionError("unreachable: the last try returns or raises")

    def _url(self) -> Any:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.url)
        except ArgumentError:
            raise InvalidInputError(
                "The url of AtioDatabaseIOManager is no URL of a database. A URL: 'sqlite:///shop.db'."
            ) from None  # its text may hold the password
        return url if self.password is None else url.set(password=self.password)

    def _kind(self) -> str:
        scheme = str(self._url().drivername).partition("+")[0]
        return {"postgres": "postgresql", "mariadb": "mysql"}.get(scheme, scheme)

    def _place(self, context: dg.OutputContext | dg.InputContext) -> tuple[str | None, str]:
        """The schema and the name of the table."""
        if not context.has_asset_key:
            raise InvalidInputError(
                f"{described(context)} is no asset, and AtioDatabaseIOManager stores assets alone: give it another"
                " io_manager_key"
            )
        output = context if isinstance(context, dg.OutputContext) else context.upstream_output
        declared: Mapping[str, Any] = output.definition_metadata if output is not None else {}
        table = plain(declared.get(TABLE)) or "__".join(context.asset_key.path)
        return plain(declared.get(SCHEMA)) or self.database_schema, table


def _options(context: dg.OutputContext, partitions: Partitions | None) -> dict[str, Any]:
    settings = settings_of(context, WriteConfig())
    what = described(context)
    for name in _FOREIGN:
        if getattr(settings, name) is not None:
            raise InvalidInputError(
                f"{name!r} of {what} is for tables of atio, and this one lies in a database. Nothing was written: leave"
                " it out"
            )
    if (settings.mode == "upsert") != bool(settings.key):
        raise InvalidInputError(
            f"'atio/key' of {what} names the columns that tell rows apart in upserts, and the mode is"
            f" {settings.mode!r}: give both, or neither. Nothing was written"
        )
    options: dict[str, Any] = {"if_exists": "replace" if settings.mode == "overwrite" else settings.mode}
    if settings.mode == "overwrite" and partitions is not None:
        options["if_exists"] = "overwrite"
    if settings.mode == "upsert":
        options["key"] = settings.key
    if settings.mode == "append" and (said := append_key(context, partitions, settings.append_scope)):
        options["idempotency_key"] = hashlib.sha256(said["idempotency_key"].encode()).hexdigest()
    return options


def _both(partitions: list[list[Any]], chosen: Any) -> list[list[Any]]:
    """Rows of some partitions that an input's filter chooses: each is a list of comparisons, or several."""
    if chosen is None:
        return partitions
    groups: list[Any] = chosen if isinstance(chosen[0], list) else [chosen]
    return [[*partition, *group] for partition in partitions for group in groups]


def _shown(schema: pa.Schema) -> dg.TableSchema:
    """The columns that the database holds, as Dagster shows them."""
    return dg.TableSchema([dg.TableColumn(field.name, type=str(field.type)) for field in schema])


def _as_wanted(rows: Any, wanted: InputType, what: str) -> Any:
    load = wanted.load or "pandas"
    if load == "arrow-reader":
        return rows.to_reader()
    library = {"polars-lazy": "polars"}.get(load, load)
    if library not in _LIBRARIES:
        raise InvalidInputError(
            f"{what} is annotated with {wanted.annotation!r}, and what a database holds are rows: they can be loaded as"
            " a pandas DataFrame, a polars DataFrame or LazyFrame, or an Arrow Table or RecordBatchReader"
        )
    piece = to_piece(rows)
    pieces = [(rows.num_rows, piece.info)]
    frame = to_output(piece.table, piece.table.schema, pieces, _LIBRARIES[library])
    return frame.lazy() if load == "polars-lazy" else frame


def _metadata(
    done: atio.WriteResult, schema: str | None, partitions: Partitions | None, kind: str, *, is_whole: bool
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "dagster/table_name": done.table if schema is None else f"{schema}.{done.table}",
        "dagster/storage_kind": kind,
        "atio/rows_written": done.rows,
        "atio/seconds": dg.MetadataValue.json({name: round(s, 3) for name, s in done.seconds.items()}),
    }
    if done.losses:
        found["atio/losses"] = [str(loss) for loss in done.losses]
    if done.done_before is not None:
        found["atio/done_before"] = done.done_before
    elif partitions is None and done.rows is not None and is_whole:
        found["dagster/row_count"] = done.rows
    elif partitions is not None and len(partitions.values) == 1:
        found["dagster/partition_row_count"] = done.rows
    return found
