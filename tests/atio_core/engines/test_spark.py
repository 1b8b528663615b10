"""Tables of a real Spark session: reads, writes, and tasks that die or run twice."""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# ^ an extra brings pyspark, and most machines that check types don't have it

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.format import names
from atio_core.storage.local import LocalStore
from atio_core.storage.locate import locate
from tests.support.bucket_servers import SECRET, BucketServer
from tests.support.stores import DyingStore

pyspark = pytest.importorskip("pyspark", reason="pyspark isn't installed: pip install 'atio[spark]'")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java, 17 or 21, which isn't installed", allow_module_level=True)

pytestmark = [
    pytest.mark.soak,  # the session alone takes half a minute
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # sockets that pyspark leaves to the collector
]

from pyspark.errors import PySparkException  # noqa: E402 - not before it is known to be there
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql import functions as F  # noqa: E402, N812 - as everybody calls it
from pyspark.sql.types import LongType, StructField, StructType  # noqa: E402

from atio_core.engines import register_spark, stage_spark  # noqa: E402
from atio_core.engines.spark_source import AtioDataSource, AtioWriter  # noqa: E402
from atio_core.errors import NotPreservableError  # noqa: E402

ROOT = Path(__file__).parents[3]
TRIES = 4


@pytest.fixture(scope="module")
def spark() -> Generator[Any]:
    """A session of two threads, whose tasks are tried several times, in a zone that isn't UTC."""
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "Asia/Seoul",
        "spark.sql.shuffle.partitions": "3",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", str(ROOT))
        builder = SparkSession.builder.master(f"local[2,{TRIES}]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        register_spark(session)
        for source in (DyingSource, TwiceSource):
            session.dataSource.register(source)
        yield session
        session.stop()


class DyingSource(AtioDataSource):
    """Writes by workers that are killed: `option("when", …)` says at which moment."""

    @classmethod
    def name(cls) -> str:
        """The format."""
        return "dying"

    def writer(self, schema: Any, overwrite: bool) -> Any:  # noqa: FBT001 - as Spark calls it
        """Let workers write to a store that kills them."""
        when = self.options.pop("when")
        writer = super().writer(schema, overwrite)
        local = LocalStore(self._path, temporary=names.TEMPORARY)
        store = DyingStore(local, Path(self._path + ".deaths"), [when] * (TRIES - 1))
        store._spared = 0  # noqa: SLF001 - a worker may have planned as well
        writer.table = atio.Table(store=store)
        return writer


class TwiceWriter(AtioWriter):
    """Does each task twice, as two workers do one by speculation."""

    def write(self, iterator: Iterator[pa.RecordBatch]) -> Any:
        """Stage all rows, and again."""
        batches = list(iterator)
        super().write(iter(batches))
        return super().write(iter(batches))


class TwiceSource(AtioDataSource):
    """Writes each part twice, and gives the message of the second try."""

    @classmethod
    def name(cls) -> str:
        """The format."""
        return "twice"

    def writer(self, schema: Any, overwrite: bool) -> Any:  # noqa: FBT001 - as Spark calls it
        """Return the writer that does all twice."""
        writer = super().writer(schema, overwrite)
        writer.__class__ = TwiceWriter
        return writer


def rows(spark: Any, number: int = 100, partitions: int = 4) -> Any:
    """Rows of several types, in a frame of Spark."""
    return spark.range(0, number, 1, partitions).select(
        F.col("id"),
        F.concat(F.lit("x"), F.col("id")).alias("s"),
        F.when(F.col("id") % 7 != 0, F.col("id") / 2).alias("f"),
        (F.col("id") % 3).cast("int").alias("part"),
    )


def ids(table: Path, **how: Any) -> list[int]:
    """The rows that a table has, by their numbers, sorted."""
    return sorted(atio.read_table(table, output_as="arrow", **how)["id"].to_pylist())


def lying(table: Path) -> set[str]:
    """The data files that lie there, whoever names them."""
    return {path.name for path in table.rglob("*.parquet")}


def named(table: Path) -> set[str]:
    """The data files of the latest version."""
    return {file.path.rpartition("/")[2] for file in atio.Table(table).snapshot().data_files()}


def test_a_frame_is_one_version(spark: Any, tmp_path: Path) -> None:
    """All partitions of Spark are one version, with what is said of its commit, and no other file."""
    frame = rows(spark).write.format("atio").mode("append").option("message", "from Spark")
    frame.save(str(tmp_path / "t"))
    snapshot = atio.Table(tmp_path / "t").snapshot()
    assert (snapshot.version, snapshot.rows, snapshot.files, snapshot.message) == (1, 100, 4, "from Spark")
    assert ids(tmp_path / "t") == list(range(100))
    assert lying(tmp_path / "t") == named(tmp_path / "t")


def test_what_was_written_is_read(spark: Any, tmp_path: Path) -> None:
    """Spark reads what it wrote, value by value, with its types."""
    made = spark.sql(
        "select * from values"
        " (true, 1Y, 2S, 3, 4L, 1.5F, 2.5D, 1.25BD, 'é', X'00ff', date'2024-02-29', timestamp'2024-03-10 02:30:00',"
        " timestamp_ntz'2024-03-10 02:30:00', array(1, null), map('a', 1), struct(1 as x, 'y' as y)),"
        " (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)"
        " as t(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)"
    )
    made.write.format("atio").mode("overwrite").save(str(tmp_path / "t"))
    found = spark.read.format("atio").load(str(tmp_path / "t"))
    assert [one.dataType.simpleString() for one in found.schema] == [
        one.dataType.simpleString() for one in made.schema
    ]
    assert found.collect() == made.collect()
    assert atio.read_table(tmp_path / "t", output_as="arrow").schema.field("l").type == pa.timestamp(
        "us", "UTC"
    )


def test_types_that_spark_lacks(spark: Any, tmp_path: Path) -> None:
    """What Spark's types hold exactly is read as these; a column that none holds is refused by its name."""
    stored = pa.table(
        {
            "u": pa.array([255], pa.uint8()),
            "c": pa.array(["x"]).dictionary_encode(),
            "n": pa.array([1_000], pa.timestamp("ns")),
            "h": pa.array([1.5], pa.float16()),
            "big": pa.array([2**63], pa.uint64()),
            "l": pa.array([[1]], pa.large_list(pa.uint16())),
        }
    )
    table = atio.Table(tmp_path / "t")
    table.append(stored)
    reader = spark.read.format("atio").option("columns", "u,c,h,l,n")
    (row,) = reader.load(table.path).collect()
    assert tuple(row) == (255, "x", 1.5, [1], dt.datetime(1970, 1, 1, microsecond=1))  # noqa: DTZ001 - it has no zone
    with pytest.raises(PySparkException, match="holds uint64 of the column 'big'"):
        spark.read.format("atio").load(table.path)
    table.append(stored.set_column(2, "n", pa.array([1_001], pa.timestamp("ns"))))
    with pytest.raises(PySparkException, match="the column 'n' has a value that timestamp"):
        reader.load(table.path).collect()


def test_a_table_of_pandas(spark: Any, tmp_path: Path) -> None:
    """Spark appends to a table that pandas wrote, in its types and zones, and pandas reads both."""
    table = atio.Table(tmp_path / "t")
    at = pd.Timestamp("2024-07-01 12:00", tz="Europe/Berlin").as_unit("us")
    table.append(pd.DataFrame({"n": [1], "s": ["a"], "at": [at]}))
    spark.read.format("atio").load(table.path).write.format("atio").mode("append").save(table.path)
    found = table.read()
    assert found["at"].tolist() == [at, at]
    assert found.dtypes.astype(str).tolist() == ["int64", "str", "datetime64[us, Europe/Berlin]"]


def test_overwriting(spark: Any, tmp_path: Path) -> None:
    """Spark's overwrite replaces all rows; its dynamic one just the partitions that there are rows of."""
    path = str(tmp_path / "t")
    rows(spark).write.format("atio").mode("append").option("partition_by", "part").save(path)
    some = rows(spark, 10).filter("part = 1")
    some.write.format("atio").mode("overwrite").option("partitionOverwriteMode", "dynamic").save(path)
    assert ids(tmp_path / "t") == sorted([*(n for n in range(100) if n % 3 != 1), 1, 4, 7])
    some.write.format("atio").mode("overwrite").save(path)
    assert ids(tmp_path / "t") == [1, 4, 7]
    some.filter("id > 99").write.format("atio").mode("overwrite").save(path)
    assert (ids(tmp_path / "t"), atio.Table(path).snapshot().version) == ([], 4)


def test_a_frame_is_of_one_version(spark: Any, tmp_path: Path) -> None:
    """What is loaded stays that version, whatever is committed; versions, tags and times can be named."""
    path = str(tmp_path / "t")
    table = atio.Table(path)
    table.append(pa.table({"id": [1]}))
    table.tag("one")
    first = table.snapshot().time
    loaded = spark.read.format("atio").load(path)
    table.append(pa.table({"id": [2]}))
    assert loaded.count() == 1
    load = lambda **how: spark.read.format("atio").options(**how).load(path).count()  # noqa: E731 - said once
    assert [load(), load(version="1"), load(version="-2"), load(tag="one")] == [2, 1, 1, 1]
    assert load(as_of=first.isoformat()) == 1
    with pytest.raises(PySparkException, match="has no tag 'two'"):
        load(tag="two")
    with pytest.raises(PySparkException, match="version and tag each name a version"):
        load(version="1", tag="one")


def planned(frame: Any) -> int:
    """How many tasks read a frame."""
    return frame.rdd.getNumPartitions()


def days(spark: Any, path: str) -> None:
    """Write a table of three files, one for each part."""
    rows(spark).coalesce(1).write.format("atio").mode("append").option("partition_by", "part").save(path)


def test_a_filter_leaves_files_out(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that a frame is loaded with are all that it has; files without any are no task."""
    path = str(tmp_path / "t")
    days(spark, path)
    found = spark.read.format("atio").option("filter", '[["part", "==", 1], ["id", ">", 90]]').load(path)
    assert sorted(row.id for row in found.collect()) == [91, 94, 97]
    assert found.filter("id > 95").count() == 1
    assert found.count() == 3


@pytest.mark.parametrize("push", ["true", "false"])
@pytest.mark.parametrize(
    "condition",
    [
        "part = 1",
        "part <> 1",
        "part in (0, 2) and id >= 50",
        "not part in (0, 2)",
        "id <= 5 or id > 95",
        "f is null",
        "f is not null and f < 10",
        "f > 10",
        "f <> 1",
        "not f > 10",
        "s = 'x5'",
        "s > 'x5'",
        "s like 'x9%'",
        "f <=> null",
        "not f <=> 1.5",
        "part = 5",
        "at > timestamp'2024-01-01 12:00:00'",
        "day = date'2024-01-02'",
        "n > 1.5BD",
        "flag",
        "not flag",
        "x > 1",
        "x = double('NaN')",
        "x >= double('NaN')",
        "x <> 1",
    ],
)
def test_queries_find_the_same_rows(
    spark: Any, tmp_path_factory: pytest.TempPathFactory, condition: str, push: str
) -> None:
    """Whatever a query filters by, and whoever does it, the rows are those of Spark's own frame."""
    made = rows(spark).select(
        "*",
        F.expr("timestamp'2024-01-01 00:00:00' + make_interval(0, 0, 0, 0, id)").alias("at"),
        F.expr("date_add(date'2024-01-01', cast(id as int))").alias("day"),
        F.expr("cast(id as decimal(5, 2)) / 2").cast("decimal(7, 2)").alias("n"),
        F.expr("id % 2 = 0").alias("flag"),
        F.expr("case id % 3 when 0 then double('NaN') when 1 then 1 end").alias("x"),
    )
    path = tmp_path_factory.getbasetemp() / "conditions"
    if not path.exists():
        made.write.format("atio").mode("append").option("partition_by", "part").save(str(path))
    found = spark.read.format("atio").option("push_filters", push).load(str(path)).filter(condition)
    assert sorted(row.id for row in found.collect()) == sorted(
        row.id for row in made.filter(condition).collect()
    )


def test_pushed_filters_leave_files_out(spark: Any, tmp_path: Path) -> None:
    """A query whose filters are pushed opens the files in which rows may match: what the others hold isn't read."""
    path = str(tmp_path / "t")
    days(spark, path)
    for file in atio.Table(path).snapshot().data_files():
        if file.partition != (1,):
            (tmp_path / "t" / file.path).write_bytes(b"damaged")
    found = spark.read.format("atio").option("push_filters", "true").load(path)
    assert found.filter("part = 1").count() == 33
    with pytest.raises(PySparkException, match="is damaged"):
        spark.read.format("atio").load(path).count()


def test_one_query_takes_no_rows_from_another(spark: Any, tmp_path: Path) -> None:
    """A frame that was filtered in one query is whole in the next one."""
    path = str(tmp_path / "t")
    days(spark, path)
    found = spark.read.format("atio").load(path)
    assert found.filter("part = 1").count() == 33
    assert found.count() == 100


@pytest.mark.parametrize(
    "when", ["before open_write", "after open_write", "before write", "before close", "after close"]
)
@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_workers_are_killed(spark: Any, tmp_path: Path, mode: str, when: str) -> None:
    """Whenever a worker dies while it stages, the version has each row once: the task is tried again."""
    path = tmp_path / "t"
    rows(spark).write.format("dying").mode(mode).option("when", when).save(str(path))
    assert len(list(Path(f"{path}.deaths").iterdir())) == TRIES - 1
    table = atio.Table(path)
    assert (ids(path), table.snapshot().version) == (list(range(100)), 1)
    table.expire(keep_last=1, grace=timedelta(0))
    assert lying(path) == named(path)
    assert table.verify().ok


def test_a_task_that_runs_twice(spark: Any, tmp_path: Path) -> None:
    """Of a task that two workers did, by speculation, one's rows are in the table."""
    path = tmp_path / "t"
    rows(spark).write.format("twice").mode("append").save(str(path))
    assert ids(path) == list(range(100))
    assert len(lying(path)) == 2 * len(named(path))


def test_a_job_that_fails_commits_nothing(spark: Any, tmp_path: Path) -> None:
    """If a task fails for good, nothing is committed of what the others have staged."""
    path = tmp_path / "t"
    fails = rows(spark).withColumn(
        "id", F.when(F.col("id") == 99, F.raise_error("no")).otherwise(F.col("id"))
    )
    with pytest.raises(PySparkException):
        fails.write.format("atio").mode("append").save(str(path))
    assert not atio.Table(path).exists()


def test_a_bucket_is_opened_by_options(spark: Any, moto: BucketServer) -> None:
    """Writes, reads and what a failed job takes back reach a bucket that only the options lead to."""
    options = {f"storage_options.{name}": value for name, value in moto.storage_options.items()}
    place = moto.place()
    for _ in range(2):
        rows(spark).write.format("atio").mode("append").options(**options).save(place)
    table = atio.Table(place, storage_options=moto.storage_options)
    assert table.snapshot().rows == 200
    assert spark.read.format("atio").options(**options, version="1").load(place).count() == 100
    writer = AtioDataSource({"path": place, **options}).writer(rows(spark).schema, overwrite=False)
    store = locate(place, temporary=names.TEMPORARY, storage_options=moto.storage_options)
    before = list(store.list("data/"))
    batch = pa.record_batch({"id": [1], "s": ["x"], "f": [1.0], "part": pa.array([1], "int32")})
    staged = writer.write(iter([batch]))
    assert len(list(store.list("data/"))) == len(before) + 1
    writer.abort([staged, None])
    assert list(store.list("data/")) == before
    with pytest.raises(PySparkException) as told:
        spark.read.format("atio").options(**options, versoin="1").load(place)
    assert SECRET not in str(told.value)


def test_a_frame_is_staged(spark: Any, tmp_path: Path) -> None:
    """What is staged is in no version until somebody commits it; without rows there are its columns."""
    table = atio.Table(tmp_path / "t")
    staged = stage_spark(rows(spark), table, "overwrite", partition_by=["part"])
    assert (len(staged), table.exists()) == (4, False)
    assert table.commit(staged).rows == 100
    assert ids(tmp_path / "t") == list(range(100))
    table.commit(stage_spark(rows(spark).filter("id < 0"), table.path, "overwrite"))
    assert table.read(output_as="arrow").schema.names == ["id", "s", "f", "part"]


def test_what_was_staged_for_nothing_is_taken_away(tmp_path: Path) -> None:
    """An abort deletes what tasks have staged, but where all had ended: then a commit may have been tried."""
    path = tmp_path / "t"
    schema = StructType([StructField("id", LongType())])
    writer = AtioWriter(atio.Table(path), "append", {}, schema)
    batch = pa.record_batch({"id": [1, 2]})
    messages = [writer.write(iter([batch])) for _ in range(2)]
    writer.commit(messages)
    writer.abort(messages)
    assert lying(path) == named(path)
    assert ids(path) == [1, 1, 2, 2]
    writer.abort([writer.write(iter([batch])), None])
    assert lying(path) == named(path)


def test_a_job_that_is_refused_keeps_what_may_be_committed(spark: Any, tmp_path: Path) -> None:
    """A commit that is refused changes nothing; what it was to bring goes with an expiry."""
    path = tmp_path / "t"
    rows(spark).write.format("atio").mode("append").save(str(path))
    before = named(path)
    with pytest.raises(PySparkException, match="CommitConflictError"):
        rows(spark).write.format("atio").mode("append").option("expected_version", "0").save(str(path))
    assert named(path) == before
    atio.Table(path).expire(keep_last=1, grace=timedelta(0))
    assert lying(path) == before


def test_a_driver_that_runs_twice_commits_once(spark: Any, tmp_path: Path) -> None:
    """A key makes the second run of a job change nothing."""
    path = str(tmp_path / "t")
    for _ in range(2):
        rows(spark).write.format("atio").mode("append").option("idempotency_key", "today").save(path)
    assert ids(tmp_path / "t") == list(range(100))


def test_what_makes_no_sense_is_refused(spark: Any, tmp_path: Path) -> None:
    """What isn't known is never passed over."""
    path = str(tmp_path / "t")
    rows(spark).write.format("atio").mode("append").save(path)
    with pytest.raises(PySparkException, match="there is no option colums"):
        spark.read.format("atio").option("colums", "id").load(path)
    with pytest.raises(PySparkException, match="there is no column 'x'"):
        spark.read.format("atio").option("columns", "x").load(path)
    with pytest.raises(PySparkException, match="leave schema"):
        spark.read.format("atio").schema("id int").load(path).count()
    with pytest.raises(PySparkException, match="partitioning"):
        rows(spark).write.format("atio").mode("append").partitionBy("part").save(path)
    with pytest.raises(PySparkException, match="SchemaMismatchError"):
        rows(spark).drop("s").write.format("atio").mode("append").save(path)
    assert atio.Table(path).snapshot().version == 1


def test_rows_without_columns_are_refused(spark: Any, tmp_path: Path) -> None:
    """Spark hands them over without their number; they never become a version without rows."""
    frame = rows(spark).select()
    assert frame.count() == 100
    with pytest.raises(PySparkException, match="has no columns, so that Spark tells nothing of its rows"):
        frame.write.format("atio").mode("append").save(str(tmp_path / "t"))
    with pytest.raises(NotPreservableError, match="has no columns"):
        stage_spark(frame, tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_a_type_that_would_come_back_as_another_is_refused(spark: Any, tmp_path: Path) -> None:
    """Spark hands a variant over as its two parts, and nothing would tell them from a struct."""
    frame = spark.sql("select parse_json('[1]') as a")
    with pytest.raises(PySparkException, match="variant, which would come back as struct"):
        frame.write.format("atio").mode("append").save(str(tmp_path / "t"))
    assert not (tmp_path / "t").exists()
