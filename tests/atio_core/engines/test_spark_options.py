"""The options of Spark's data source: texts, as the arguments that they stand for."""

from datetime import UTC, datetime

import pytest

from atio_core.engines.spark_options import path_of, read_options, storage_options_of, write_options
from atio_core.errors import InvalidInputError


def test_options_of_a_read() -> None:
    """Each text becomes what `Table.read` takes, whatever the case of its name."""
    given = {
        "path": "trips",
        "VERSION": "3",
        "tag": "x",
        "As_Of": "2024-01-01T00:00:00+00:00",
        "columns": "a, b",
        "filter": '[["a", ">", 1], ["b", "is null"]]',
        "push_filters": "True",
    }
    assert read_options(given) == {
        "version": 3,
        "tag": "x",
        "as_of": datetime(2024, 1, 1, tzinfo=UTC),
        "columns": ["a", "b"],
        "filter": [("a", ">", 1), ("b", "is null")],
        "push_filters": True,
    }
    assert read_options({"columns": '["a, b", "c"]'}) == {"columns": ["a, b", "c"]}


@pytest.mark.parametrize(
    ("overwrite", "dynamic", "mode"),
    [
        (False, None, "append"),
        (True, None, "overwrite"),
        (True, "STATIC", "overwrite"),
        (True, "Dynamic", "overwrite_partitions"),
    ],
    ids=str,
)
def test_modes_of_a_write(*, overwrite: bool, dynamic: str | None, mode: str) -> None:
    """Spark's modes are changes of a table; its own option says that just partitions are replaced."""
    options = {} if dynamic is None else {"partitionOverwriteMode": dynamic}
    assert write_options(options, overwrite=overwrite) == (mode, {})


def test_options_of_a_write() -> None:
    """What is said of the change and of its commit goes along."""
    given = {"partition_by": "day", "message": "m", "idempotency_key": "k", "expected_version": "0"}
    expected = {"partition_by": ["day"], "message": "m", "idempotency_key": "k", "expected_version": 0}
    assert write_options(given, overwrite=False) == ("append", expected)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"verson": "3"}, "there is no option verson; there are path, storage_options.…, version, tag"),
        ({"version": "three"}, "the option version='three' can't be read"),
        ({"as_of": "noon"}, "the option as_of='noon' can't be read"),
        ({"columns": "[1]"}, "not all of them are texts"),
        ({"filter": '{"a": 1}'}, "it is a JSON list such as"),
        ({"filter": "a > 1"}, "the option filter='a > 1' can't be read"),
        ({"push_filters": "yes"}, "it is true or false"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(given: dict[str, str], told: str) -> None:
    """An option that isn't there, or can't be read, is never passed over."""
    with pytest.raises(InvalidInputError, match=told):
        read_options(given)


def test_other_refusals() -> None:
    """A path is needed, and a mode of overwriting is one that Spark has."""
    with pytest.raises(InvalidInputError, match="no table was named"):
        path_of({})
    with pytest.raises(InvalidInputError, match="it is static or dynamic"):
        write_options({"partitionOverwriteMode": "some"}, overwrite=True)


def test_options_of_a_bucket() -> None:
    """Each has a name of its own, so that Spark hides those that its settings call secret."""
    given = {"path": "s3://bucket/trips", "Storage_Options.secret_access_key": "s", "version": "3"}
    assert storage_options_of(given) == {"secret_access_key": "s"}
    assert storage_options_of({"path": "trips"}) is None
    assert read_options(given) == {"version": 3}
    assert write_options({"storage_options.region": "eu"}, overwrite=False) == ("append", {})
