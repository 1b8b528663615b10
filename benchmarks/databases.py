"""Writing 1,000,000 rows to a table of a database, against pandas' `to_sql` and what each database does fastest."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv

import atio_core as atio
from benchmarks.files import frame
from benchmarks.measure import Result, absolute, in_turn, peak_above
from tests.support.servers import Database, postgresql_server

if TYPE_CHECKING:
    import pandas as pd

_ROWS = "1,000,000 x 10"
_MIB = 250.0  # beside the frame, whatever its size


def run(folder: Path) -> Iterator[Result]:
    """Measure all of it in a folder."""
    data = frame()
    with postgresql_server() as server:
        yield from _postgresql(server.database(), data, folder)
    yield from _sqlite(folder, data)
    yield from _duckdb(folder, data)


def _write(data: Any, con: Any) -> None:
    atio.write(data, format="sql", name="ours", con=con, if_exists="replace", index=False)


def _postgresql(db: Database, data: pd.DataFrame, folder: Path) -> Iterator[Result]:
    engine = db.engine()
    work = f"replace {_ROWS}, PostgreSQL"
    yield in_turn(
        work,
        "pandas to_sql, its defaults",
        0.15,
        lambda: _write(data, engine),
        lambda: data.to_sql("theirs", engine, if_exists="replace", index=False),
        pairs=1,
    )
    by_hand = folder / "by_hand.csv"
    pa_csv.write_csv(
        pa.Table.from_pandas(data, preserve_index=False), by_hand, pa_csv.WriteOptions(include_header=False)
    )

    def copy() -> None:
        with psycopg.connect(db.url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM theirs")
            with cursor.copy("COPY theirs FROM STDIN (FORMAT csv)") as copying, by_hand.open("rb") as file:
                while block := file.read(1 << 20):
                    copying.write(block)

    yield in_turn(
        work, "DELETE, COPY of a CSV made beforehand", 2.0, lambda: _write(data, engine), copy, pairs=5
    )
    yield _memory(f"{work}: memory", db.url)


def _sqlite(folder: Path, data: pd.DataFrame) -> Iterator[Result]:
    url = f"sqlite:///{folder}/ours.sqlite"

    def theirs() -> None:
        with contextlib.closing(sqlite3.connect(folder / "theirs.sqlite")) as connection:
            data.to_sql("theirs", connection, if_exists="replace", index=False)

    work = f"replace {_ROWS}, SQLite"
    yield in_turn(work, "pandas to_sql, its defaults", 0.6, lambda: _write(data, url), theirs, pairs=3)
    yield _memory(f"{work}: memory", url)


def _duckdb(folder: Path, data: pd.DataFrame) -> Iterator[Result]:
    url = f"duckdb:///{folder}/ours.duckdb"

    def theirs() -> None:
        with contextlib.closing(duckdb.connect(str(folder / "theirs.duckdb"))) as connection:
            connection.register("data", data)
            connection.execute("CREATE OR REPLACE TABLE theirs AS SELECT * FROM data")

    work = f"replace {_ROWS}, DuckDB"
    yield in_turn(work, "CREATE OR REPLACE TABLE AS", 1.3, lambda: _write(data, url), theirs, pairs=5)
    yield _memory(f"{work}: memory", url)


def _memory(work: str, url: str) -> Result:
    """Measure in a process of its own, so that nobody else's memory counts."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_send_peak, args=(theirs, url))
    child.start()
    figure = ours.recv()
    child.join()
    return absolute(work, _MIB, "MiB", [figure])


def _send_peak(pipe: multiprocessing.connection.Connection, url: str) -> None:
    data = frame()
    _write(data.head(1_000), url)

    pipe.send(peak_above(lambda: _write(data, url)))
