"""Tables for Spark: one call makes the format "atio" known to a session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from atio_core.arguments import require_choice
from atio_core.format.staged_json import StagedChange
from atio_core.storage.buckets.fsspec_paths import Place
from atio_core.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

_MODES = ("append", "overwrite", "overwrite_partitions")
_PUSHDOWN = "spark.sql.python.filterPushdown.enabled"


def register_spark(session: Any) -> None:
    """Let a Spark session read and write tables by the format "atio".

    It turns on that filters are handed to data sources written in Python (`spark.sql.python.filterPushdown.enabled`).

    Args:
        session: The `SparkSession`. Its executors need atio, too, and paths that lead them to the same places.

    Example:
        register_spark(spark)
        frame = spark.read.format("atio").load("trips")
        frame.write.format("atio").mode("append").save("copy")
    """
    from atio_core.engines.spark_source import AtioDataSource

    session.conf.set(_PUSHDOWN, "true")
    session.dataSource.register(AtioDataSource)


def stage_spark(frame: Any, table: Table | Place, mode: str = "append", **options: Any) -> list[StagedChange]:
    """Stage a Spark DataFrame, and leave its commit to somebody else, such as the IO manager of a Dagster asset.

    Each task stages its rows, a few batches at a time, and hands over a descriptor: one, however often it ran.

    Args:
        frame: A DataFrame of Spark.
        table: The table, or its path, which must lead all executors to the same place.
        mode: "append", "overwrite" or "overwrite_partitions": the method of `Table` that is meant.
        **options: Those of the method, such as `partition_by`.

    Returns:
        Descriptors for one `Table.commit`.

    Raises:
        InvalidInputError: There is no such mode.
        pyspark.errors.PySparkException: A task failed; nothing was committed.
    """
    from atio_core.engines.spark_source import AtioWriter

    target = table if isinstance(table, Table) else Table(table)
    writer = AtioWriter(target, require_choice("mode", mode, _MODES), options, frame.schema)

    def stage(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield writer.told(batches)

    texts = [row.staged for row in frame.mapInArrow(stage, "staged string").collect()]
    return [StagedChange.from_json(text) for text in texts] or [writer.stage_nothing()]
