"""Whole tables in a bucket of a real service."""

from __future__ import annotations

import pickle
import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from upath import UPath

import atio_core as atio
from atio_core.testing import assert_frames_equal
from tests.support.bucket_appends import append_rows
from tests.support.bucket_servers import SECRET, BucketServer
from tests.support.crowd import run_together

NOW = timedelta(0)


def rows(*values: int) -> pd.DataFrame:
    """A frame of a few rows."""
    return pd.DataFrame({"n": list(values)})


def table(server: BucketServer) -> atio.Table:
    """A table that isn't there yet."""
    return atio.Table(server.place(), storage_options=server.storage_options)


def test_a_table_lives_in_a_bucket(seaweedfs: BucketServer) -> None:
    """Every kind of change, time travel, tags, expiry and verification work as on a disk."""
    orders = table(seaweedfs)
    assert not orders.exists()
    orders.overwrite(rows(1, 2))
    orders.append(rows(3))
    orders.tag("three", version=2)
    orders.delete([("n", "<", 2)])
    orders.restore(1)
    assert orders.read()["n"].tolist() == [1, 2]
    assert orders.read(tag="three")["n"].tolist() == [1, 2, 3]
    assert [one.operation for one in orders.history()] == ["restore", "delete", "append", "overwrite"]
    orders.untag("three")
    orders.expire(keep_last=1, dry_run=False, grace=NOW)
    with pytest.raises(atio.VersionExpiredError):
        orders.read(version=2)
    assert orders.verify().ok
    assert_frames_equal(orders.read(), rows(1, 2))


def test_a_store_lives_in_a_bucket(moto: BucketServer) -> None:
    """Tables are found, released, pinned and expired together; the dead tags of a release that was dropped go."""
    store = atio.Store(moto.place(), storage_options=moto.storage_options)
    for name in ("raw/orders", "report"):
        store.table(name).overwrite(rows(1))
    assert store.tables() == ["raw/orders", "report"]
    store.create_release("january", ["raw/orders", "report"])
    assert store.pin("run 7", store.table("report")).version == 1
    for name in ("raw/orders", "report"):
        store.table(name).overwrite(rows(2))
    assert store.at("january").read("report")["n"].tolist() == [1]
    assert store.pin("run 7", store.table("report")).version == 1
    store.drop_release("january")
    store.expire_all(keep_last=1, grace=NOW, dry_run=False)
    assert [one.version for one in store.table("report").history()] == [3]


def test_rows_are_erased_for_good(moto: BucketServer) -> None:
    """After an erasing no object in the bucket holds the rows."""
    people = table(moto)
    people.append(rows(1, 2))
    people.append(rows(3))
    people.erase([("n", "=", 2)], dry_run=False)
    assert people.read()["n"].tolist() == [1, 3]
    assert [one.rows for one in people.history()] == [2]


def test_the_functions_take_options(moto: BucketServer) -> None:
    """Wherever a path is taken, `storage_options` say how its bucket is opened."""
    place, options = moto.place(), moto.storage_options
    atio.write_snapshot(rows(1), place, storage_options=options)
    atio.write_snapshot(rows(2), place, mode="append", storage_options=options)
    assert atio.read_table(place, storage_options=options)["n"].tolist() == [1, 2]
    assert atio.expire_snapshots(place, keep_last=1, storage_options=options).dry_run
    copy = moto.place()
    assert atio.Table(place, storage_options=options).copy_to(copy, storage_options=options).files == 2
    other = atio.Table(f"memory://{uuid.uuid4()}")
    assert other.import_(copy, storage_options=options).files == 2
    with pytest.raises(atio.InvalidInputError, match="belong to a path"):
        atio.Table(store=other._log.store, storage_options=options)  # noqa: SLF001 - any store does


def test_the_environment_opens_a_bucket(moto: BucketServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without options, the variables that everybody knows say how."""
    options = moto.storage_options
    for name in ("access_key_id", "secret_access_key", "region"):
        monkeypatch.setenv(f"AWS_{name.upper()}", options[name])
    monkeypatch.setenv("AWS_ENDPOINT_URL", options["endpoint"])
    place = moto.place()
    assert atio.write_snapshot(rows(1), place).version == 1
    assert atio.Store(place.rpartition("/")[0]).tables() == ["é"]


def test_a_profile_opens_a_bucket(
    moto: BucketServer, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Profiles in AWS's files are read, by boto3."""
    home, options = tmp_path_factory.mktemp("home"), moto.storage_options
    (home / ".aws").mkdir()
    (home / ".aws/credentials").write_text(
        f"[team]\naws_access_key_id={options['access_key_id']}\naws_secret_access_key={options['secret_access_key']}\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_PROFILE", "team")
    place, endpoint = moto.place(), options["endpoint"]
    assert atio.write_snapshot(rows(1), place, storage_options={"endpoint": endpoint}).version == 1
    with pytest.raises(atio.StorageError, match="nobody"):
        atio.Table(place, storage_options={"endpoint": endpoint, "profile": "nobody"})


def test_paths_of_fsspec_are_paths(moto: BucketServer, tmp_path: Path) -> None:
    """A path of universal_pathlib's leads to its bucket, with its own options by fsspec's names."""
    options = moto.storage_options
    path = UPath(
        moto.place(),
        key=options["access_key_id"],
        secret=options["secret_access_key"],
        client_kwargs={"endpoint_url": options["endpoint"], "region_name": "us-east-1"},
    )
    orders: Any = path / "orders"
    assert atio.write_snapshot(rows(1), orders).version == 1
    assert atio.Store(path).tables() == ["orders"]
    copy: Any = path / "copy"
    taken: Any = path / "taken"
    atio.Table(orders).copy_to(copy)
    rows(2).to_parquet(tmp_path / "a.parquet")
    here: Any = UPath(tmp_path)
    atio.from_parquet(here, taken)
    assert [atio.read_table(one)["n"].tolist() for one in (copy, taken)] == [[1], [2]]
    assert atio.expire_snapshots(copy, dry_run=False).removed == ()
    packed: Any = UPath(f"file://{tmp_path}/orders.tar")
    atio.Table(orders).export(packed)
    assert atio.Table(UPath(tmp_path / "unpacked")).import_(packed).versions == (1,)
    with pytest.raises(atio.InvalidInputError, match="makes it a URL"):
        atio.Table(orders).import_(path / "orders.tar")


def test_nothing_that_is_stored_holds_a_secret(moto: BucketServer) -> None:
    """Neither entries nor data files nor what a table says of itself hold a key."""
    orders = table(moto)
    orders.append(rows(1))
    store = orders._log.store  # noqa: SLF001 - to look at all that it keeps
    told = [repr(orders), str(orders), repr(orders.snapshot()), orders.path, repr(store)]
    assert not any(SECRET in text for text in told)
    assert not any(SECRET.encode() in store.read(name) for name in store.list())


def test_processes_append_at_once(seaweedfs: BucketServer) -> None:
    """Eight processes that append at the same time all succeed, and each row is there once."""
    place, options, count = seaweedfs.place(), dict(seaweedfs.storage_options), 3
    jobs = [partial(append_rows, place, options, writer * count, count) for writer in range(8)]
    versions = [version for done in run_together(jobs) for version in done]
    assert sorted(versions) == list(range(1, 8 * count + 1))
    assert sorted(atio.read_table(place, storage_options=options)["n"]) == list(range(8 * count))


def test_a_table_goes_to_another_process(moto: BucketServer) -> None:
    """A handle pickles, with what opens its bucket."""
    orders = table(moto)
    orders.append(rows(1))
    assert pickle.loads(pickle.dumps(orders)).read()["n"].tolist() == [1]
