"""Assets in databases: one transaction each, whatever fails, is retried or runs beside it."""

import datetime as dt
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.databases.read import read_rows
from atio_core.errors import InvalidInputError
from atio_dagster import AtioDatabaseIOManager
from tests.support.dagster_runs import materialized
from tests.support.database_fixtures import Make
from tests.support.servers import Database

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-05")
LETTERS = dg.StaticPartitionsDefinition(["a", "A", "a/b", "c|d", "ü"])


class Runs:
    """Runs of assets in a database."""

    def __init__(self, db: Database, instance: dg.DagsterInstance) -> None:
        self.db = db
        self.instance = instance
        self.manager = AtioDatabaseIOManager(url=db.url)

    def __call__(
        self,
        *assets: Any,
        partition: str | None = None,
        between: tuple[str, str] | None = None,
        **options: Any,
    ) -> dg.ExecuteInProcessResult:
        """Materialise assets."""
        return dg.materialize(
            list(assets),
            resources={"io_manager": self.manager},
            instance=self.instance,
            partition_key=partition,
            tags=dict(zip(RANGE, between, strict=True)) if between else None,
            **options,
        )

    def rows(self, table: str, columns: list[str] | None = None) -> list[tuple[Any, ...]]:
        """What a table holds, sorted."""
        held = read_rows(self.db.url, table, columns=columns)
        return sorted((tuple(row.values()) for row in held.to_pylist()), key=repr)


def returning(name: str, value: Any, **options: Any) -> dg.AssetsDefinition:
    """An asset that returns a value."""

    @dg.asset(name=name, **options)
    def made() -> Any:
        return value

    return made  # pyright: ignore[reportReturnType] - what the decorator makes depends on its arguments


@pytest.fixture
def runs(db: Database, instance: dg.DagsterInstance) -> Runs:
    """Runs of assets in each database."""
    return Runs(db, instance)


@pytest.mark.parametrize(
    "annotation",
    [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.Table, Any],
    ids=["pandas", "polars", "lazy", "arrow", "any"],
)
def test_a_frame_of_each_library_comes_back_as_any(runs: Runs, annotation: Any) -> None:
    """An input gets the frame that it is annotated with, a pandas frame if it says nothing."""
    seen: list[Any] = []

    @dg.asset
    def up() -> Any:
        return pl.DataFrame({"n": [1, None, 3], "t": ["a", "b", None]})

    def down(up: Any) -> None:
        seen.append(up.collect() if isinstance(up, pl.LazyFrame) else up)

    down.__annotations__["up"] = annotation
    assert runs(up, dg.asset(down)).success
    [frame] = seen
    assert isinstance(frame, pl.DataFrame if annotation is pl.LazyFrame else pd.DataFrame) or (
        annotation is not Any and isinstance(frame, annotation)
    )
    table = pa.table(frame)
    assert sorted(table.column("n").to_pylist(), key=repr) == [1, 3, None]


def test_an_overwrite_replaces_the_table(runs: Runs) -> None:
    """Each materialisation replaces the rows, and the columns too if they are others."""
    for frame in (pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [3]}), pd.DataFrame({"n": [4], "m": [5]})):
        assert runs(returning("one", frame)).success
        assert runs.rows("one") == sorted(frame.itertuples(index=False, name=None))


def test_a_failed_insert_leaves_what_was_there(runs: Runs) -> None:
    """A row that the table refuses leaves the old rows; Dagster's own DuckDB manager left none."""
    frames = iter([pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [3, 3]})])

    @dg.asset
    def one() -> pd.DataFrame:
        return next(frames)

    assert runs(one).success
    runs.db.run("CREATE UNIQUE INDEX only_once ON one (n)")
    assert not runs(one, raise_on_error=False).success
    assert runs.rows("one") == [(1,), (2,)]


def days(rows: Any, **metadata: Any) -> dg.AssetsDefinition:
    """An asset by day, whose step returns these rows, or what a function makes of its partition keys."""

    @dg.asset(name="daily", partitions_def=DAYS, metadata={"partition_expr": "day", **metadata})
    def made(context: dg.AssetExecutionContext) -> Any:
        return rows(context.partition_keys) if callable(rows) else rows

    return made  # pyright: ignore[reportReturnType] - what the decorator makes depends on its arguments


def of_days(factor: int) -> Any:
    """Make two rows of each day."""

    def make(keys: Any) -> pd.DataFrame:
        numbers = [factor * int(key[-2:]) for key in keys for _ in range(2)]
        at = [dt.datetime.fromisoformat(key) + dt.timedelta(hours=h) for key in keys for h in (0, 23)]
        return pd.DataFrame({"day": pd.Series(at, dtype="datetime64[us]"), "n": numbers})

    return make


def test_exactly_the_runs_partitions_are_replaced(runs: Runs) -> None:
    """A run for a day, or a range of them, replaces their rows and no others; once more gives the same."""
    assert runs(days(of_days(1)), between=("2024-01-01", "2024-01-04")).success
    for _ in range(2):
        assert runs(days(of_days(10)), partition="2024-01-02").success
    assert [n for (n,) in runs.rows("daily", ["n"])] == [1, 1, 20, 20, 3, 3, 4, 4]
    assert runs(days(of_days(100)), between=("2024-01-02", "2024-01-03")).success
    assert sorted(n for (n,) in runs.rows("daily", ["n"])) == [1, 1, 4, 4, 200, 200, 300, 300]


def test_rows_of_other_partitions_are_refused(runs: Runs) -> None:
    """Rows that belong to none of the run's partitions are refused by name, and the old ones stand."""
    assert runs(days(of_days(1)), partition="2024-01-02").success
    strange = of_days(9)(["2024-01-02", "2024-01-03"])
    result = runs(days(strange), partition="2024-01-02", raise_on_error=False)
    assert not result.success
    assert "belong to no partition of the run" in str(result.failure_data_for_node("daily"))
    assert runs.rows("daily", ["n"]) == [(2,), (2,)]


def test_keys_of_any_kind(runs: Runs) -> None:
    """Keys that differ in case alone, with slashes, bars and any letters, are different partitions."""

    @dg.asset(partitions_def=LETTERS, metadata={"partition_expr": "key"})
    def letters(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return pl.DataFrame({"key": [context.partition_key], "run": [context.run.run_id]})

    for key in LETTERS.get_partition_keys():
        assert runs(letters, partition=key).success
    before = dict(runs.rows("letters"))
    assert sorted(before) == sorted(LETTERS.get_partition_keys())
    assert runs(letters, partition="a").success
    after = dict(runs.rows("letters"))
    assert {key for key in after if after[key] != before[key]} == {"a"}
    assert len(after) == 5


def test_an_input_gets_its_partitions(runs: Runs) -> None:
    """A partitioned input reads just its partition; a dict gets each by its key; all of them come as one frame."""
    seen: dict[str, Any] = {}
    up = days(of_days(1))
    either = {"atio/filter": [[["n", "<", 2]], [["n", ">=", 3], ["n", "in", [3, 4]]]]}

    @dg.asset(partitions_def=DAYS)
    def same(daily: pl.DataFrame) -> None:
        seen["same"] = daily["n"].to_list()

    @dg.asset
    def by_key(daily: dict[str, pd.DataFrame]) -> None:
        seen["by_key"] = {key: frame["n"].tolist() for key, frame in daily.items()}

    @dg.asset(ins={"daily": dg.AssetIn(metadata={"atio/columns": ["n"]})})
    def whole(daily: pd.DataFrame) -> None:
        seen["whole"] = (list(daily.columns), sorted(daily["n"]))

    @dg.asset(partitions_def=DAYS, ins={"daily": dg.AssetIn(metadata={"atio/filter": ["n", "!=", 2]})})
    def same_without(daily: pl.DataFrame) -> None:
        seen["same_without"] = daily["n"].to_list()

    @dg.asset(ins={"daily": dg.AssetIn(metadata=either)})
    def some(daily: pd.DataFrame) -> None:
        seen["some"] = sorted(daily["n"])

    assert runs(up, between=("2024-01-01", "2024-01-03")).success
    assert runs(up, same, same_without, selection=[same, same_without], partition="2024-01-02").success
    assert runs(up, by_key, whole, some, selection=[by_key, whole, some]).success
    assert seen == {
        "same": [2, 2],
        "same_without": [],
        "some": [1, 1, 3, 3],
        "by_key": {"2024-01-01": [1, 1], "2024-01-02": [2, 2], "2024-01-03": [3, 3], "2024-01-04": []},
        "whole": (["n"], [1, 1, 2, 2, 3, 3]),
    }


def test_several_dimensions(runs: Runs) -> None:
    """A partition of several dimensions is told by a column for each."""
    both = dg.MultiPartitionsDefinition({"day": DAYS, "letter": dg.StaticPartitionsDefinition(["x", "y"])})
    number = iter(range(10))

    @dg.asset(partitions_def=both, metadata={"partition_expr": {"day": "at", "letter": "kind"}})
    def multi(context: dg.AssetExecutionContext) -> pa.Table:
        keys: Any = context.partition_key
        at, kind = (keys.keys_by_dimension[name] for name in ("day", "letter"))
        return pa.table({"at": [dt.date.fromisoformat(at)], "kind": [kind], "n": [next(number)]})

    for day, letter in (("2024-01-01", "x"), ("2024-01-01", "y"), ("2024-01-02", "x"), ("2024-01-01", "x")):
        assert runs(multi, partition=dg.MultiPartitionKey({"day": day, "letter": letter})).success
    assert sorted(n for (n,) in runs.rows("multi", ["n"])) == [1, 2, 3]


def test_a_dict_by_key_is_one_transaction(runs: Runs) -> None:
    """A run over several partitions may return a frame for each: all are written, or none."""
    make = of_days(1)
    keys = ["2024-01-01", "2024-01-02"]
    assert runs(days(lambda _: {key: make([key]) for key in keys}), between=(keys[0], keys[1])).success
    assert [n for (n,) in runs.rows("daily", ["n"])] == [1, 1, 2, 2]
    result = runs(
        days(lambda _: {keys[0]: make([keys[0]])}), between=(keys[0], keys[1]), raise_on_error=False
    )
    assert "are missing" in str(result.failure_data_for_node("daily"))


def test_a_retried_append_adds_once(runs: Runs) -> None:
    """A step that fails after its append was committed is retried, and adds nothing twice; the run page says so."""
    fail = [True]

    class Failing(AtioDatabaseIOManager):
        def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
            super().handle_output(context, obj)
            if fail.pop() if fail else False:
                raise ConnectionResetError("after the commit")

    @dg.asset(metadata={"atio/mode": "append"}, retry_policy=dg.RetryPolicy(max_retries=1))
    def log() -> pd.DataFrame:
        return pd.DataFrame({"n": [1, 2]})

    runs.manager = Failing(url=runs.db.url)
    result = runs(log)
    assert result.success
    assert runs.rows("log") == [(1,), (2,)]
    assert "atio/done_before" in materialized(result, "log")[0]
    assert runs(log).success
    assert runs.rows("log") == [(1,), (1,), (2,), (2,)]


def test_an_upsert_changes_rows_by_key(runs: Runs) -> None:
    """Rows are changed or added by the key that the asset's metadata names."""
    frames = iter([pd.DataFrame({"id": [1, 2], "n": [1, 2]}), pd.DataFrame({"id": [2, 3], "n": [20, 30]})])

    @dg.asset(metadata={"atio/mode": "upsert", "atio/key": "id"})
    def kept() -> pd.DataFrame:
        return next(frames)

    for _ in range(2):
        assert runs(kept).success
    assert runs.rows("kept") == [(1, 1), (2, 20), (3, 30)]


def test_metadata(runs: Runs) -> None:
    """The page tells rows and the table, and never where the database is, or its password."""
    result = runs(days(of_days(1)), partition="2024-01-02")
    metadata, _ = materialized(result, "daily")
    assert metadata["dagster/table_name"] == "daily"
    assert metadata["dagster/storage_kind"] == runs.db.kind
    assert metadata["dagster/partition_row_count"] == metadata["atio/rows_written"] == 2
    assert "://" not in str(metadata)
    columns = [(column.name, column.type) for column in metadata["dagster/column_schema"].columns]
    assert [name for name, _ in columns] == ["day", "n"]
    assert columns[1][1] == "int64"
    assert "dagster/row_count" not in metadata
    whole, _ = materialized(runs(dg.asset(name="whole")(lambda: pd.DataFrame({"n": [1, 2, 3]}))), "whole")
    assert whole["dagster/row_count"] == 3


def test_none_stores_nothing(runs: Runs) -> None:
    """An output None leaves the table as it is."""
    frames = iter([pd.DataFrame({"n": [1]}), None])

    @dg.asset
    def one() -> Any:
        return next(frames)

    for _ in range(2):
        assert runs(one).success
    assert runs.rows("one") == [(1,)]


@pytest.fixture
def lite(tmp_path: Any, instance: dg.DagsterInstance) -> Runs:
    """Runs of assets in SQLite."""
    return Runs(Database("sqlite", f"sqlite:///{tmp_path}/d.db"), instance)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_schema_of_a_server(kind: str, database_of: Make, instance: dg.DagsterInstance) -> None:
    """Assets lie in the schema that the manager or they name, partitions and filters of any type included."""
    runs = Runs(database_of(kind), instance)
    schemas = [f"atio {kind} {number}" for number in range(2)]
    quote = '"' if kind == "postgresql" else "`"
    runs.db.run(*(f"CREATE SCHEMA {quote}{schema}{quote}" for schema in schemas))
    runs.manager = AtioDatabaseIOManager(url=runs.db.url, database_schema=schemas[0])
    noon = dt.datetime(2024, 1, 2, 12)  # noqa: DTZ001 - a column without a zone
    frame = pd.DataFrame(
        {
            "day": [dt.date(2024, 1, 2)] * 3,
            "at": [noon, noon + dt.timedelta(hours=1), pd.NaT],
            "text": ["a'b", "%", None],
            "share": [0.5, 1.5, 2.5],
        }
    )
    options: dict[str, Any] = {"partitions_def": DAYS, "metadata": {"partition_expr": "day"}}
    up = returning("up", frame, **options)
    seen: dict[str, Any] = {}

    @dg.asset(
        metadata={"schema": schemas[1]},
        ins={"up": dg.AssetIn(metadata={"atio/filter": [["share", ">=", 1.5], ["text", "==", "%"]]})},
    )
    def later(up: pl.DataFrame) -> pl.DataFrame:
        seen["later"] = up["share"].to_list()
        return up

    @dg.asset(
        ins={"up": dg.AssetIn(metadata={"atio/filter": [["text", "in", ["a'b", "x"]], ["share", "<", 1]]})}
    )
    def quoted(up: pl.DataFrame) -> None:
        seen["quoted"] = up["share"].to_list()

    assert runs(up, partition="2024-01-02").success
    assert runs(up, later, quoted, selection=[later, quoted]).success
    assert seen == {"later": [1.5], "quoted": [0.5]}
    assert read_rows(runs.db.url, "up", schema=schemas[0]).num_rows == 3
    result = read_rows(runs.db.url, "later", schema=schemas[1])
    assert result["text"].to_pylist() == ["%"]
    assert runs(returning("up", frame[:1], **options), partition="2024-01-02").success
    assert read_rows(runs.db.url, "up", schema=schemas[0]).num_rows == 1


def test_names(lite: Runs) -> None:
    """The table has the name of the asset, its parts joined, or the one that the metadata gives."""

    @dg.asset(key=["raw", "orders"])
    def one() -> pd.DataFrame:
        return pd.DataFrame({"n": [1]})

    two = dg.asset(
        name="two",
        ins={"one": dg.AssetIn(["raw", "orders"])},
        metadata={"atio/table": "other", "schema": "main"},
    )(lambda one: one)
    assert lite(one, two).success
    assert lite.rows("raw__orders") == lite.rows("other") == [(1,)]


def test_a_named_index_is_kept(lite: Runs) -> None:
    """A pandas index that has a name is written as a column; one without is none of the data."""
    frame = pd.DataFrame({"n": [5]}, index=pd.Index([7], name="id"))
    assert lite(returning("one", frame)).success
    assert lite(returning("two", pd.DataFrame({"n": [5]}, index=[7]))).success
    assert (lite.rows("one"), lite.rows("two")) == ([(7, 5)], [(5,)])


@pytest.mark.parametrize(
    ("metadata", "match"),
    [
        ({"atio/mode": "add"}, "one of overwrite, append, upsert"),
        ({"atio/sort_by": ["n"]}, "is for tables of atio"),
        ({"atio/mode": "upsert"}, "names the columns"),
        ({"atio/key": "n"}, "names the columns"),
    ],
    ids=["mode", "foreign", "no key", "key"],
)
def test_metadata_that_makes_no_sense(lite: Runs, metadata: dict[str, Any], match: str) -> None:
    """It is refused, and nothing is written."""
    made = returning("one", pd.DataFrame({"n": [1]}), metadata=metadata)
    result = lite(made, raise_on_error=False)
    assert match in str(result.failure_data_for_node("one"))


def test_partitions_without_a_column(lite: Runs) -> None:
    """Rows of a database are told apart by a column alone: one has to be named."""
    made = returning("one", pd.DataFrame({"n": [1]}), partitions_def=LETTERS)
    result = lite(made, partition="a", raise_on_error=False)
    assert "must name the column" in str(result.failure_data_for_node("one"))


def test_the_password_is_nowhere(instance: dg.DagsterInstance) -> None:
    """A password in the URL or beside it is in no log, error or text of the manager."""
    made = returning("one", pd.DataFrame({"n": [1]}))
    for options in (
        {"url": "postgresql://user:sesame@127.0.0.1:1/x"},
        {"url": "postgresql://user@127.0.0.1:1/x", "password": "sesame"},
    ):
        manager = AtioDatabaseIOManager(**options)
        assert "sesame" not in repr(manager)
        result = dg.materialize(
            [made], resources={"io_manager": manager}, instance=instance, raise_on_error=False
        )
        assert not result.success
        assert "sesame" not in "\n".join(str(event) for event in instance.all_logs(result.run_id))
        assert "be reached: connection failed" in str(result.failure_data_for_node("one"))


def test_a_url_that_is_none(instance: dg.DagsterInstance) -> None:
    """It is refused without being shown."""
    manager = AtioDatabaseIOManager(url="sesame")
    with pytest.raises(InvalidInputError, match="no URL of a database") as failed:
        dg.materialize(
            [returning("one", pd.DataFrame({"n": [1]}))],
            resources={"io_manager": manager},
            instance=instance,
        )
    assert "sesame" not in str(failed.value)
