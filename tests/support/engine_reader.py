"""Reads mirrors by engines that don't live beside this package's own libraries; run by an environment of their own.

`python engine_reader.py jobs.json`: each job is `[engine, kind, place, out]`, and `out` becomes a Parquet file, or a
folder of such, with what the engine has read. The place of a table of Delta is a list of files to Spark, which has no
reader of Delta in any package.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingModuleSource=false
# pyright: reportUnknownArgumentType=false
# ^ that environment has what this imports

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",  # there are days before 1582
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
BY_ROWS = "iceberg by rows"
"""How Spark reads times in milliseconds by Iceberg; else it refuses them. So it does not read unsigned numbers."""

_EXTENSIONS = ("parquet", "avro", "iceberg", "delta")


def main(path: str) -> None:
    """Do the jobs of a file."""
    engines: dict[str, Any] = {}
    makers = {"spark": _spark, "duckdb": _duckdb}
    for engine, kind, place, out in json.loads(Path(path).read_text()):
        if engine not in engines:
            engines[engine] = makers[engine]()
        engines[engine](kind, place, out)


def _spark() -> Any:
    import snowpark_connect_deps_iceberg
    from pyspark.sql import SparkSession

    jars = Path(str(snowpark_connect_deps_iceberg.__file__)).with_name("jars")
    builder = SparkSession.builder.master("local[1]")
    builder = builder.config("spark.jars", str(next(jars.glob("iceberg-spark-runtime-3.5_2.12-*.jar"))))
    for name, value in _SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()

    def read(kind: str, place: Any, out: str) -> None:
        by_rows = {"vectorization-enabled": "false"} if kind == BY_ROWS else {}
        reader = session.read.format("iceberg").options(**by_rows)
        found = session.read.parquet(*place) if kind == "delta" else reader.load(place)
        names = [f"c{number}" for number in range(len(found.columns))]  # some that it reads it won't write
        found.toDF(*names).write.parquet(out)

    return read


def _duckdb() -> Any:
    import duckdb
    import duckdb_ext
    import pyarrow.parquet as pq

    connection: Any = duckdb.connect()  # of that release
    inside = Path(str(duckdb_ext.__file__)).parent
    for name in _EXTENSIONS:
        connection.execute(f"load '{next(inside.rglob(f'{name}.duckdb_extension'))}'")
    connection.execute("set timezone = 'UTC'")

    def read(kind: str, place: str, out: str) -> None:
        found = connection.execute(
            f"select * from {kind.partition(' ')[0]}_scan(?)", [place]
        ).fetch_arrow_table()
        names = [f"c{number}" for number in range(len(found.column_names))]
        pq.write_table(found.rename_columns(names), out)

    return read


if __name__ == "__main__":
    main(sys.argv[1])
