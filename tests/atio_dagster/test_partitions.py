from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, cast

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_dagster import AtioIOManager, AtioResource
from tests.support.dagster_runs import Materialize, Refusal

DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-06")
ODD = ["z", "a/..", "a b", "ä|ö", "data", "%41", "."]
LETTERS = dg.StaticPartitionsDefinition(ODD)
GRID = dg.MultiPartitionsDefinition({"zone": dg.StaticPartitionsDefinition(["e/u", "us"]), "day": DAYS})


def parted(
    definition: dg.PartitionsDefinition, give: Callable[[Any], Any], **options: Any
) -> dg.AssetsDefinition:
    """An asset whose rows come from a function of its context."""

    @dg.asset(partitions_def=definition, name="parted", **options)
    def asset(context: dg.AssetExecutionContext) -> Any:
        return give(context)

    return cast("dg.AssetsDefinition", asset)


def by_partition(store: AtioResource) -> dict[Any, list[Any]]:
    """The values of the column n in each partition of the latest version."""
    snapshot = store.table("parted").snapshot()
    return {
        values[0] if len(values) == 1 else values: snapshot.read("arrow", partitions=[values])[
            "n"
        ].to_pylist()
        for values in snapshot.partitions()
    }


FRAMES: dict[str, Any] = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "lazy": pl.LazyFrame,
    "arrow": pa.table,
    "reader": lambda data: pa.table(data).to_reader(),
}


@pytest.mark.parametrize("made_as", FRAMES.values(), ids=FRAMES.keys())
def test_a_run_replaces_its_partition(made_as: Any, materialize: Materialize, store: AtioResource) -> None:
    """A run for one partition replaces its rows and leaves all others as they are, in one version."""
    numbers = iter([1, 2, 3])
    asset = parted(DAYS, lambda _: made_as({"n": [next(numbers)]}))
    for day in ("2024-01-01", "2024-01-02", "2024-01-01"):
        materialize(asset, partition=day)
    assert by_partition(store) == {"2024-01-02": [2], "2024-01-01": [3]}
    assert store.table("parted").snapshot().version == 3
    assert sorted(store.table("parted").read(version=2)["n"]) == [1, 2]


@pytest.mark.parametrize("key", ODD)
def test_keys_with_any_characters(key: str, materialize: Materialize, store: AtioResource) -> None:
    """A partition key may hold slashes, dots, spaces, percent signs or any letter."""
    seen: list[pd.DataFrame] = []
    up = parted(LETTERS, lambda _: pd.DataFrame({"n": [1]}))

    @dg.asset(partitions_def=LETTERS)
    def down(parted: pd.DataFrame) -> None:
        seen.append(parted)

    materialize(up, down, partition=key)
    assert by_partition(store) == {key: [1]}
    assert seen[0]["n"].tolist() == [1]


def test_several_dimensions(materialize: Materialize, store: AtioResource) -> None:
    """Each dimension of a multi-partition is a field of the table."""
    asset = parted(GRID, lambda context: pd.DataFrame({"n": [context.partition_key]}))
    for key in ({"zone": "e/u", "day": "2024-01-01"}, {"zone": "us", "day": "2024-01-01"}):
        materialize(asset, partition=dg.MultiPartitionKey(key))
    assert store.table("parted").snapshot().partition_fields == ("day", "zone")
    assert by_partition(store) == {
        ("2024-01-01", "e/u"): ["2024-01-01|e/u"],
        ("2024-01-01", "us"): ["2024-01-01|us"],
    }


@pytest.mark.parametrize(
    ("definition", "between", "keys"),
    [
        (DAYS, ("2024-01-02", "2024-01-04"), ["2024-01-02", "2024-01-03", "2024-01-04"]),
        (LETTERS, ("a/..", "ä|ö"), ["a/..", "a b", "ä|ö"]),
        (GRID, ("2024-01-01|us", "2024-01-02|us"), [("2024-01-01", "us"), ("2024-01-02", "us")]),
    ],
    ids=["time", "static", "multi"],
)
def test_a_dict_for_a_range(
    definition: Any, between: Any, keys: Any, materialize: Materialize, store: AtioResource
) -> None:
    """One run for a range of partitions commits all of them as one version, in the order of their definition."""
    asset = parted(
        definition, lambda context: {k: pd.DataFrame({"n": [str(k)]}) for k in context.partition_keys}
    )
    materialize(asset, between=between)
    assert store.table("parted").snapshot().version == 1
    assert by_partition(store) == {key: ["|".join(key) if isinstance(key, tuple) else key] for key in keys}
    assert list(by_partition(store)) == keys


def test_dynamic_partitions(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """Partitions that are made while Dagster runs work like others, ranges included."""
    definition = dg.DynamicPartitionsDefinition(name="files")
    instance.add_dynamic_partitions("files", ["z.csv", "a.csv", "m.csv"])
    asset = parted(
        definition, lambda context: {key: pd.DataFrame({"n": [key]}) for key in context.partition_keys}
    )
    resources = {"io_manager": AtioIOManager(base_path=store.base_path)}
    tags = {"dagster/asset_partition_range_start": "z.csv", "dagster/asset_partition_range_end": "a.csv"}
    assert dg.materialize([asset], resources=resources, instance=instance, tags=tags).success
    assert by_partition(store) == {"z.csv": ["z.csv"], "a.csv": ["a.csv"]}


COLUMNS: dict[str, list[Any]] = {
    "text": ["2024-01-03", "2024-01-02", "2024-01-03"],
    "date": [date(2024, 1, 3), date(2024, 1, 2), date(2024, 1, 3)],
    "naive": [datetime(2024, 1, 3, 23, 59, 59), datetime(2024, 1, 2), datetime(2024, 1, 3)],  # noqa: DTZ001
    "zoned": [
        datetime(2024, 1, 3, 23, 59, 59, tzinfo=UTC),
        datetime(2024, 1, 2, tzinfo=UTC),
        datetime(2024, 1, 3, tzinfo=UTC),
    ],
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("made_as", FRAMES.values(), ids=FRAMES.keys())
def test_a_column_tells_the_partition(
    made_as: Any, kind: str, materialize: Materialize, store: AtioResource
) -> None:
    """One frame for several partitions is told apart by the column that the asset names, whatever frame it is."""
    frame = {"n": [1, 2, 3], "when": COLUMNS[kind]}
    asset = parted(DAYS, lambda _: made_as(frame), metadata={"partition_expr": "when"})
    materialize(asset, between=("2024-01-02", "2024-01-04"))
    assert by_partition(store) == {"2024-01-02": [2], "2024-01-03": [1, 3], "2024-01-04": []}


def test_rows_keep_their_order(materialize: Materialize, store: AtioResource) -> None:
    """The rows of each partition stay in the order they had, however many there are."""
    rows = range(2000)
    frame = pl.DataFrame({"n": rows, "p": [ODD[row % 2] for row in rows]})
    asset = parted(LETTERS, lambda _: frame, metadata={"partition_expr": "p"})
    materialize(asset, between=(ODD[0], ODD[1]))
    assert by_partition(store) == {ODD[0]: list(rows[::2]), ODD[1]: list(rows[1::2])}


def test_no_time_is_no_partition(refusal: Refusal) -> None:
    """A row without a time belongs to no window, not even to that of the first day of all."""
    days = dg.DailyPartitionsDefinition("1970-01-01", end_date="1970-01-03")
    frame = pl.DataFrame({"n": [1, 2], "when": [date(1970, 1, 1), None]})
    asset = parted(days, lambda _: frame, metadata={"partition_expr": "when"})
    assert "no partition of the run (1 of them)" in refusal(asset, partition="1970-01-01").message


def test_columns_for_each_dimension(materialize: Materialize, store: AtioResource) -> None:
    """For several dimensions the metadata names a column for each."""
    frame = pl.DataFrame({"n": [1, 2], "z": ["us", "e/u"], "when": [date(2024, 1, 1), date(2024, 1, 1)]})
    asset = parted(GRID, lambda _: frame, metadata={"partition_expr": {"zone": "z", "day": "when"}})
    materialize(asset, between=("2024-01-01|e/u", "2024-01-01|us"))
    assert by_partition(store) == {("2024-01-01", "e/u"): [2], ("2024-01-01", "us"): [1]}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", None])
def test_windows_in_another_zone(zone: str | None, materialize: Materialize, store: AtioResource) -> None:
    """Instants fall into the windows of the definition's own zone; naive times are what its clocks showed."""
    days = dg.DailyPartitionsDefinition("2024-03-30", end_date="2024-04-02", timezone="Europe/Berlin")
    when = pd.to_datetime(["2024-03-30T22:59Z", "2024-03-30T23:00Z", "2024-03-31T22:00Z"])
    when = when.tz_convert("Europe/Berlin").tz_localize(None) if zone is None else when.tz_convert(zone)
    frame = pd.DataFrame({"n": [1, 2, 3], "when": when})
    asset = parted(days, lambda _: frame, metadata={"partition_expr": "when"})
    materialize(asset, between=("2024-03-30", "2024-04-01"))
    assert by_partition(store) == {"2024-03-30": [1], "2024-03-31": [2], "2024-04-01": [3]}


@pytest.mark.parametrize("between", [("2024-01-02", "2024-01-02"), ("2024-01-01", "2024-01-03")])
def test_rows_outside_are_refused(between: tuple[str, str], refusal: Refusal, store: AtioResource) -> None:
    """Rows of no partition of the run are refused, with their values, even where the run has one partition."""
    frame = pd.DataFrame(
        {"n": [1, 2, 3], "when": pd.Series(["2024-01-02", "2024-01-05", None], dtype="datetime64[us]")}
    )
    asset = parted(DAYS, lambda _: frame, metadata={"partition_expr": "when"})
    error = refusal(asset, between=between)
    assert error.cls_name == "InvalidInputError"
    assert "rows that belong to no partition of the run (2 of them)" in error.message
    assert "2024-01-05" in error.message
    assert "None" in error.message
    assert not store.table("parted").exists()


@pytest.mark.parametrize("by", ["dict", "column"])
def test_a_backfill_leaves_other_partitions(by: str, materialize: Materialize, store: AtioResource) -> None:
    """A single run for some partitions replaces those, all in one version, and deletes no other."""
    letters = dg.StaticPartitionsDefinition(["a", "b", "c"])
    given: list[Any] = [
        {key: pd.DataFrame({"n": [0], "p": [key]}) for key in "abc"},
        {key: pd.DataFrame({"n": [1], "p": [key]}) for key in "ab"},
    ]
    if by == "column":
        given = [pd.concat(frames.values()) for frames in given]
    asset = parted(letters, lambda _: given.pop(0), metadata={"partition_expr": "p"})
    materialize(asset, between=("a", "c"))
    materialize(asset, between=("a", "b"))
    assert by_partition(store) == {"a": [1], "b": [1], "c": [0]}
    assert store.table("parted").snapshot().version == 2


def test_a_range_of_one_partition_returned_bare(materialize: Materialize, store: AtioResource) -> None:
    """A backfill that comes down to one partition takes its frame as it is, or in a dict."""
    given: list[Any] = [pd.DataFrame({"n": [1]}), {"a/..": pd.DataFrame({"n": [2]})}]
    asset = parted(LETTERS, lambda _: given.pop(0))
    for expected in ([1], [2]):
        materialize(asset, between=("a/..", "a/.."))
        assert by_partition(store) == {"a/..": expected}


def test_none_for_a_partition(materialize: Materialize, store: AtioResource) -> None:
    """A run that returns None leaves its partition, and all others, as they are."""
    given: list[Any] = [pd.DataFrame({"n": [1]}), None]
    asset = parted(LETTERS, lambda _: given.pop(0))
    for _ in range(2):
        materialize(asset, partition="z")
    assert by_partition(store) == {"z": [1]}


def test_rows_of_a_dict_are_held_against_the_column(
    materialize: Materialize, refusal: Refusal, store: AtioResource
) -> None:
    """Where a column tells the partition, rows that a dict gives to another one are refused, naming both."""
    day = "2024-01-0{}".format
    right = {day(n): pd.DataFrame({"n": [n], "when": pd.to_datetime([day(n)])}) for n in (1, 2)}
    materialize(parted(DAYS, lambda _: right, metadata={"partition_expr": "when"}), between=(day(1), day(2)))
    assert by_partition(store) == {day(1): [1], day(2): [2]}
    swapped = {day(1): right[day(2)], day(2): right[day(1)]}
    asset = parted(DAYS, lambda _: swapped, metadata={"partition_expr": "when"})
    error = refusal(asset, between=(day(1), day(2)))
    assert "for the partition '2024-01-01', returned rows that belong to no partition" in error.message
    assert store.table("parted").snapshot().version == 1


def test_dynamic_partitions_in_several_dimensions(store: AtioResource, instance: dg.DagsterInstance) -> None:
    """One of several dimensions may be made while Dagster runs; ranges of it come in the order of its keys."""
    files = dg.DynamicPartitionsDefinition(name="files")
    instance.add_dynamic_partitions("files", ["z /.csv", "ä"])
    both = dg.MultiPartitionsDefinition({"day": DAYS, "file": files})
    asset = parted(both, lambda context: {key: pd.DataFrame({"n": [key]}) for key in context.partition_keys})
    resources = {"io_manager": AtioIOManager(base_path=store.base_path)}
    tags = {
        "dagster/asset_partition_range_start": "2024-01-01|z /.csv",
        "dagster/asset_partition_range_end": "2024-01-02|z /.csv",
    }
    assert dg.materialize([asset], resources=resources, instance=instance, tags=tags).success
    keys = [("2024-01-01", "z /.csv"), ("2024-01-02", "z /.csv")]
    assert by_partition(store) == {key: ["|".join(key)] for key in keys}


@pytest.mark.parametrize(
    ("definition", "keys", "rows"),
    [
        (
            dg.HourlyPartitionsDefinition("2024-03-31-00:00", timezone="Europe/Berlin"),
            ("2024-03-31-01:00", "2024-03-31-03:00"),
            ["2024-03-31T00:30Z", "2024-03-31T01:30Z"],
        ),
        (
            dg.MonthlyPartitionsDefinition("2024-01-01"),
            ("2024-01-01", "2024-02-01"),
            ["2024-01-31T23:59Z", "2024-02-29T00:00Z"],
        ),
        (
            dg.WeeklyPartitionsDefinition("2024-01-01", day_offset=1),
            ("2024-01-01", "2024-01-08"),
            ["2024-01-07T23:59Z", "2024-01-08T00:00Z"],
        ),
        (
            dg.TimeWindowPartitionsDefinition(start="2024", fmt="%Y", cron_schedule="0 0 1 1 *"),
            ("2024", "2025"),
            ["2024-12-31T23:59Z", "2025-01-01T00:00Z"],
        ),
    ],
    ids=["hours", "months", "weeks", "years"],
)
def test_time_windows_of_any_length(
    definition: Any, keys: tuple[str, str], rows: list[str], materialize: Materialize, store: AtioResource
) -> None:
    """Rows fall into hours, weeks, months or years, also where clocks are put forward."""
    frame = pd.DataFrame({"n": [1, 2], "when": pd.to_datetime(rows)})
    asset = parted(definition, lambda _: frame, metadata={"partition_expr": "when"})
    materialize(asset, between=keys)
    assert by_partition(store) == {keys[0]: [1], keys[1]: [2]}


@pytest.mark.parametrize(
    ("index", "expected"), [(None, [0, 0, 1]), (pd.Index([7, 8, 9], name="i"), [8, 7, 9])]
)
def test_a_pandas_index_survives_the_split(
    index: Any, expected: Any, materialize: Materialize, store: AtioResource
) -> None:
    """Each partition's rows keep their index; a default one starts at 0 again, as if written by itself."""
    frame = pd.DataFrame({"n": [1, 2, 3], "p": ["a/..", "z", "a/.."]}, index=index)
    asset = parted(LETTERS, lambda _: frame, metadata={"partition_expr": "p"})
    materialize(asset, between=("z", "a/.."))
    parts = [store.table("parted").read(partitions=[key]) for key in ("z", "a/..")]
    assert [label for part in parts for label in part.index] == expected


@pytest.mark.parametrize(
    ("give", "message"),
    [
        (lambda _: pd.DataFrame({"n": [1]}), "nothing says which row belongs to which"),
        (lambda _: {"2024-01-01": pd.DataFrame({"n": [1]})}, "'2024-01-02' are missing"),
        (
            lambda _: {"2024-01-01": None, "2024-01-02": pd.DataFrame({"n": [1]})},
            "returned None for '2024-01-01': give an empty frame",
        ),
        (
            lambda _: dict.fromkeys(["2024-01-01", "2024-01-02", "x"], pd.DataFrame({"n": [1]})),
            "'x' are not among",
        ),
    ],
    ids=["bare", "missing", "none", "strange"],
)
def test_what_fits_no_partition_is_refused(
    give: Any, message: str, refusal: Refusal, store: AtioResource
) -> None:
    """A run for several partitions needs to be told the rows of each; a guess would lose some."""
    error = refusal(parted(DAYS, give), between=("2024-01-01", "2024-01-02"))
    assert error.cls_name == "InvalidInputError"
    assert message in error.message
    assert not store.table("parted").exists()


@pytest.mark.parametrize("mode", ["overwrite", "append", "upsert"])
@pytest.mark.parametrize("library", ["pandas", "polars", "arrow"])
def test_a_frame_without_columns_is_a_partition_without_rows(
    library: str, mode: str, materialize: Materialize, store: AtioResource
) -> None:
    """Whoever has no rows need not know the columns: they are the other partitions', or the table's."""
    made_as, options = FRAMES[library], {"metadata": {"atio/mode": mode, "atio/key": ["n"]}}
    given = [{"z": made_as({}), "a/..": made_as({"n": [1]})}, made_as({}), {"z": made_as({})}]
    asset = parted(LETTERS, lambda _: given.pop(0), **options)
    materialize(asset, between=("z", "a/.."))
    assert by_partition(store) == {"z": [], "a/..": [1]}
    materialize(asset, partition="a/..")
    materialize(asset, partition="z")
    assert by_partition(store) == {"z": [], "a/..": [] if mode == "overwrite" else [1]}
    assert store.table("parted").snapshot().schema.names[:1] == ["n"]


def test_no_rows_before_there_are_any(materialize: Materialize, store: AtioResource) -> None:
    """Where the first partition of all is a frame without columns, the next one brings them, of whatever types."""
    given = [pd.DataFrame(), pd.DataFrame({"n": [1]})]
    asset = parted(LETTERS, lambda _: given.pop(0))
    materialize(asset, partition="z")
    materialize(asset, partition="a/..")
    assert by_partition(store) == {"z": [], "a/..": [1]}


def test_no_rows_where_a_column_tells_the_partition(materialize: Materialize, store: AtioResource) -> None:
    """A frame without columns empties the run's partitions also where a column would tell them."""
    given = [pd.DataFrame({"n": [1, 2], "p": ["z", "a/.."]}), pd.DataFrame()]
    asset = parted(LETTERS, lambda _: given.pop(0), metadata={"partition_expr": "p"})
    materialize(asset, between=("z", "a/.."))
    materialize(asset, between=("z", "a/.."))
    assert by_partition(store) == {"z": [], "a/..": []}


def test_columns_that_arrow_only_slices(materialize: Materialize, store: AtioResource) -> None:
    """Rows go to their partitions whatever types their columns have: Arrow takes no rows of views by number."""
    frame = pa.table({"n": pa.array(["1", "2", "3", "4"], pa.string_view()), "p": ["z", "a/..", "z", "z"]})
    asset = parted(LETTERS, lambda _: frame, metadata={"partition_expr": "p"})
    materialize(asset, between=("z", "a b"))
    assert by_partition(store) == {"z": ["1", "3", "4"], "a/..": ["2"], "a b": []}


def test_a_column_of_several_types_is_refused(refusal: Refusal) -> None:
    """A column that has no one type can't tell partitions: the error names it."""
    frame = pd.DataFrame({"p": pd.Series([1, "z"], dtype=object)})
    error = refusal(parted(LETTERS, lambda _: frame, metadata={"partition_expr": "p"}), partition="z")
    assert "the values of the column 'p' can't tell partitions" in error.message


@pytest.mark.parametrize("declared", ["nothing", {"day": "n"}, 3])
def test_a_wrong_column_is_refused(declared: Any, refusal: Refusal) -> None:
    """A `partition_expr` that names no column, or isn't a name, is refused."""
    asset = parted(DAYS, lambda _: pd.DataFrame({"n": ["2024-01-01"]}), metadata={"partition_expr": declared})
    error = refusal(asset, partition="2024-01-01")
    assert error.cls_name == "InvalidInputError"
    assert "partition_expr" in error.message


def test_a_run_without_a_partition_is_refused(
    materialize: Materialize, refusal: Refusal, store: AtioResource
) -> None:
    """A partitioned asset in a run that names no partition is refused: it would replace the whole table."""
    asset = parted(DAYS, lambda _: pd.DataFrame({"n": [1]}))
    materialize(asset, partition="2024-01-01")
    error = refusal(asset)
    assert "this run names no partition" in error.message
    assert by_partition(store) == {"2024-01-01": [1]}


class TestLoading:
    """How partitions are loaded."""

    @pytest.fixture
    def three_days(self, materialize: Materialize) -> dg.AssetsDefinition:
        """An asset of which three days are there."""
        asset = parted(
            DAYS, lambda context: {key: pd.DataFrame({"n": [key]}) for key in context.partition_keys}
        )
        materialize(asset, between=("2024-01-01", "2024-01-03"))
        return asset

    def test_the_same_partition(self, three_days: Any, materialize: Materialize) -> None:
        """A partition's downstream gets just its rows."""
        seen: list[Any] = []

        @dg.asset(partitions_def=DAYS)
        def down(parted: pl.DataFrame) -> None:
            seen.append(parted["n"].to_list())

        materialize(three_days, down, only=[down], partition="2024-01-02")
        assert seen == [["2024-01-02"]]

    def test_a_range_as_one_frame_or_a_dict(self, three_days: Any, materialize: Materialize) -> None:
        """Several partitions come as one frame, or by key where the annotation says dict."""
        seen: list[Any] = []

        @dg.asset(partitions_def=DAYS)
        def frame(parted: pd.DataFrame) -> None:
            seen.append(parted["n"].tolist())

        @dg.asset(partitions_def=DAYS)
        def by_key(parted: dict[str, pl.DataFrame]) -> None:
            seen.append({key: part["n"].to_list() for key, part in parted.items()})

        between = ("2024-01-02", "2024-01-03")
        materialize(three_days, frame, by_key, only=[frame, by_key], between=between)
        days = ["2024-01-02", "2024-01-03"]
        assert days in seen
        assert {day: [day] for day in days} in seen

    def test_a_mapping_to_the_day_before(self, three_days: Any, materialize: Materialize) -> None:
        """A partition mapping says which partitions are read; none at all gives None, or an empty dict."""
        frames: list[Any] = []
        dicts: list[Any] = []
        before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

        @dg.asset(partitions_def=DAYS, ins={"parted": dg.AssetIn(partition_mapping=before)})
        def down(parted: pd.DataFrame | None) -> None:
            frames.append(None if parted is None else parted["n"].tolist())

        @dg.asset(partitions_def=DAYS, ins={"parted": dg.AssetIn(partition_mapping=before)})
        def as_dict(parted: dict[str, pd.DataFrame]) -> None:
            dicts.append(list(parted))

        for day in ("2024-01-03", "2024-01-01"):
            materialize(three_days, down, as_dict, only=[down, as_dict], partition=day)
        assert frames == [["2024-01-02"], None]
        assert dicts == [["2024-01-02"], []]

    def test_an_asset_that_reads_its_own_past(self, materialize: Materialize, store: AtioResource) -> None:
        """An asset can build on its partition of the day before; the first day gets None, as there is no table yet."""
        before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

        @dg.asset(partitions_def=DAYS, name="parted", ins={"parted": dg.AssetIn(partition_mapping=before)})
        def growing(parted: pd.DataFrame | None) -> pd.DataFrame:
            return pd.DataFrame({"n": [1 if parted is None else parted["n"].item() + 1]})

        for day in ("2024-01-01", "2024-01-02"):
            materialize(growing, partition=day)
        assert by_partition(store) == {"2024-01-01": [1], "2024-01-02": [2]}

    def test_missing_partitions(self, three_days: Any, materialize: Materialize, refusal: Refusal) -> None:
        """A partition that isn't there is an error that names it, unless the input allows it."""
        seen: list[Any] = []

        @dg.asset
        def strict(parted: pd.DataFrame) -> None: ...

        @dg.asset(ins={"parted": dg.AssetIn(metadata={"allow_missing_partitions": True})})
        def lenient(parted: pd.DataFrame) -> None:
            seen.append(parted["n"].tolist())

        error = refusal(three_days, strict, only=[strict])
        assert error.cls_name == "NotFoundError"
        assert "'2024-01-04', '2024-01-05'" in error.message
        assert "allow_missing_partitions" in error.message
        materialize(three_days, lenient, only=[lenient])
        assert seen == [["2024-01-01", "2024-01-02", "2024-01-03"]]

    def test_partitions_that_no_longer_count(self, three_days: Any, materialize: Materialize) -> None:
        """Partitions that the definition has lost are not read."""
        shorter = parted(dg.DailyPartitionsDefinition("2024-01-02", end_date="2024-01-04"), lambda _: None)
        seen: list[Any] = []

        @dg.asset
        def down(parted: pd.DataFrame) -> None:
            seen.append(parted["n"].tolist())

        materialize(shorter, down, only=[down])
        assert seen == [["2024-01-02", "2024-01-03"]]

    def test_a_dict_of_what_has_no_partitions(self, materialize: Materialize, refusal: Refusal) -> None:
        """A dict is refused for an input without partitions."""

        @dg.asset
        def up() -> Any:
            return pd.DataFrame({"n": [1]})

        @dg.asset
        def down(up: dict[str, pd.DataFrame]) -> None: ...

        assert "a frame without partitions" in refusal(up, down).message


def test_an_asset_that_gets_partitions_is_told_how(
    materialize: Materialize, refusal: Refusal, store: AtioResource
) -> None:
    """Its table has none: writing and loading are refused in Dagster's words; once that table has ended, both go."""
    seen: list[Any] = []

    @dg.asset(partitions_def=DAYS)
    def down(parted: pd.DataFrame) -> None:
        seen.append(parted["n"].tolist())

    materialize(_whole({"n": [7]}))
    asset = parted(DAYS, lambda _: pd.DataFrame({"n": [8]}))
    for error in (
        refusal(asset, partition="2024-01-01"),
        refusal(asset, down, only=[down], partition="2024-01-01"),
    ):
        assert error.cls_name == "InvalidInputError"
        assert "partitions by partition, and" in error.message
        assert "has none" in error.message
        assert "drop()" in error.message
    assert store.table("parted").snapshot().version == 1
    store.table("parted").drop()
    materialize(asset, down, partition="2024-01-01")
    assert (by_partition(store), seen) == ({"2024-01-01": [8]}, [[8]])


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_an_asset_that_loses_its_partitions_is_told_how(
    mode: str, materialize: Materialize, refusal: Refusal, store: AtioResource
) -> None:
    """Rows of no partition have no place in its table, until a run has replaced them all."""
    materialize(parted(DAYS, lambda _: pd.DataFrame({"n": [7]})), partition="2024-01-01")
    added = _whole(
        {"n": [8]}, **{"atio/mode": mode, "atio/key": "n"} if mode == "upsert" else {"atio/mode": mode}
    )
    message = refusal(added).message
    assert "has no partitions, and its table" in message
    assert f"{{'atio/mode': 'overwrite'}}, which ends the partitions, before the next {mode}" in message
    materialize(_whole({"n": [7]}))
    materialize(added)
    assert store.table("parted").read()["n"].tolist() == [7, 8]


def _whole(rows: dict[str, list[int]], **metadata: Any) -> dg.AssetsDefinition:
    """The same asset without partitions."""

    @dg.asset(name="parted", metadata=metadata)
    def asset() -> pd.DataFrame:
        return pd.DataFrame(rows)

    return cast("dg.AssetsDefinition", asset)
