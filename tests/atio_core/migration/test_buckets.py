"""Tables of others that lie in buckets are taken over as those on a disk are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

import atio_core as atio
from atio_core.errors import AlreadyExistsError, DamagedError, InvalidInputError, NotFoundError, StorageError
from atio_core.format.names import TEMPORARY
from atio_core.storage.buckets.bucket import BucketStore
from atio_core.storage.locate import locate
from atio_core.storage.memory import MemoryStore
from tests.support.bucket_servers import SECRET, BucketServer


@pytest.fixture
def table() -> atio.Table:
    """A new table."""
    return atio.Table(store=MemoryStore("new"))


@pytest.fixture(params=["moto", "azurite", "google"])
def server(request: pytest.FixtureRequest) -> BucketServer:
    """A service of each kind."""
    return request.getfixturevalue(request.param)


def opened(server: BucketServer, place: str) -> BucketStore:
    """Where the old table is put."""
    store = locate(place, temporary=TEMPORARY, storage_options=server.storage_options)
    assert isinstance(store, BucketStore)
    return store


def put_parquet(store: BucketStore, name: str, **columns: list[Any]) -> None:
    """Write a file."""
    out = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), out)
    store.put(name, out.getvalue().to_pybytes())


def put_folder(store: BucketStore, folder: Path) -> None:
    """Copy a folder's files."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            store.put(path.relative_to(folder).as_posix(), path.read_bytes())


def test_files_become_a_version(server: BucketServer, table: atio.Table) -> None:
    """Hidden files don't count, folders' names are partitions, and what changed since isn't taken for the same."""
    place = server.place()
    store = opened(server, place)
    put_parquet(store, "day=2024-01-02/b.parquet", n=[3])
    put_parquet(store, "day=2024-01-01/a b.parquet", n=[1, 2])
    put_parquet(store, "_temporary/c.parquet", n=[4])
    put_parquet(store, "day=2024-01-01/.d.parquet", n=[5])
    made = atio.from_parquet(place, table, storage_options=server.storage_options)
    assert (made.kind, made.versions, made.written) == ("parquet", {0: 1}, 1)
    assert atio.migrate(place, table, storage_options=server.storage_options).written == 0
    assert table.read(output_as="arrow").to_pydict() == {
        "n": [1, 2, 3],
        "day": ["2024-01-01", "2024-01-01", "2024-01-02"],
    }
    assert table.snapshot().partition_fields == ("day",)
    store.delete(["day=2024-01-02/b.parquet"])
    put_parquet(store, "day=2024-01-02/b.parquet", n=[4])
    with pytest.raises(AlreadyExistsError, match="doesn't come from"):
        atio.migrate(place, table, storage_options=server.storage_options)


@pytest.mark.parametrize(
    "server", ["moto", "azurite"], indirect=True
)  # the library hangs on the stand-in for Google
def test_a_delta_table_becomes_a_version(server: BucketServer, table: atio.Table, tmp_path: Path) -> None:
    """Rows that were deleted stay so, partitions come along, and the library gets the same options."""
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(tmp_path / "old", pa.table({"n": [0]}))
    rows = pa.table({"n": [1, 2], "d": ["x y", None]})
    deltalake.write_deltalake(
        tmp_path / "old", rows, mode="overwrite", schema_mode="overwrite", partition_by=["d"]
    )
    place = f"{server.root}/{tmp_path.name}/delta"
    put_folder(opened(server, place), tmp_path / "old")
    made = atio.from_delta(place, table, storage_options=server.storage_options)
    assert (made.kind, made.versions) == ("delta", {1: 1})
    assert sorted(table.read(output_as="arrow").to_pylist(), key=lambda row: row["n"]) == rows.to_pylist()
    assert table.snapshot().partition_fields == ("d",)
    store = opened(server, place)
    store.delete([name for name in store.list() if name.endswith(".parquet")])
    with pytest.raises(DamagedError, match="delta can't be read") as told:
        atio.from_delta(place, atio.Table(store=MemoryStore("other")), storage_options=server.storage_options)
    assert told.value.__cause__ is None


def test_an_iceberg_table_becomes_versions(
    moto: BucketServer, tmp_path: Path, copied_iceberg: Callable[[str], str]
) -> None:
    """Each snapshot does, by the folder or by the metadata file; its files are read by atio's own options."""
    place = f"{moto.root}/{tmp_path.name}/iceberg"
    file = copied_iceberg(place)
    for number, given in enumerate((place, file)):
        new = atio.Table(store=MemoryStore(f"new {number}"))
        made = atio.from_iceberg(given, new, storage_options=moto.storage_options)
        assert (made.kind, made.written, [*made.versions.values()]) == ("iceberg", 2, [1, 2])
        assert new.read(1, output_as="arrow").to_pydict() == {"n": [1]}
        assert new.read(output_as="arrow").to_pydict() == {
            "n": [2, 1]
        }  # pyiceberg gives the newest file first


@pytest.fixture
def copied_iceberg(moto: BucketServer) -> Callable[[str], str]:
    """Makes an Iceberg table of two snapshots at a place of the bucket; returns its metadata file."""

    def make(place: str) -> str:
        catalogues = pytest.importorskip("pyiceberg.catalog.memory")
        options = moto.storage_options
        properties = {
            "s3.endpoint": options["endpoint"],
            "s3.region": options["region"],
            "s3.access-key-id": options["access_key_id"],
            "s3.secret-access-key": options["secret_access_key"],
        }
        with catalogues.InMemoryCatalog("c", warehouse=place, **properties) as catalogue:
            catalogue.create_namespace("n")
            old = catalogue.create_table("n.t", schema=pa.schema([("n", pa.int64())]), location=place)
            old.append(pa.table({"n": [1]}))
            old.append(pa.table({"n": [2]}))
            return old.metadata_location

    return make


def test_a_path_of_fsspecs_is_taken(moto: BucketServer, table: atio.Table) -> None:
    """Its own options open the bucket."""
    place = moto.place()
    put_parquet(opened(moto, place), "a.parquet", n=[1])
    options = moto.storage_options
    folder = UPath(
        place,
        key=options["access_key_id"],
        secret=SECRET,
        client_kwargs={"endpoint_url": options["endpoint"]},
    )
    assert atio.from_parquet(folder, table).written == 1


def test_what_is_not_there_or_cannot_be_taken_is_told(moto: BucketServer, table: atio.Table) -> None:
    """Nothing is written: no folder, no table, one of atio's, one around the new one, options of a folder."""
    options, place = moto.storage_options, moto.place()
    with pytest.raises(NotFoundError, match="no folder"):
        atio.from_parquet(place, table, storage_options=options)
    with pytest.raises(NotFoundError, match="no file"):
        atio.from_iceberg(f"{place}/metadata/v1.metadata.json", table, storage_options=options)
    store = opened(moto, place)
    store.put("a.txt", b"no")
    with pytest.raises(InvalidInputError, match="no table that is known"):
        atio.migrate(place, table, storage_options=options)
    store.put("b.parquet", b"no")
    with pytest.raises(DamagedError, match=r"b\.parquet is no Parquet file"):
        atio.migrate(place, table, storage_options=options)
    store.put("_current_version.json", b"{}")
    with pytest.raises(InvalidInputError, match="copy its folder"):
        atio.migrate(place, table, storage_options=options)
    with pytest.raises(InvalidInputError, match="a folder of its own"):
        atio.migrate(place, atio.Table(f"{place}/new", storage_options=options), storage_options=options)
    with pytest.raises(InvalidInputError, match="storage_options belong to a bucket"):
        atio.migrate(".", table, storage_options=options)
    with pytest.raises(InvalidInputError, match="nothing can be taken over"):
        atio.migrate("memory://old", table)
    assert not table.exists()


@pytest.mark.parametrize("names", [["_delta_log/00000000000000000000.json"], ["metadata/v1.metadata.json"]])
def test_a_bucket_that_fails_is_not_taken_for_another_kind(
    names: list[str], moto: BucketServer, table: atio.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be read stops the taking over: files of an Iceberg table alone would bring deleted rows back."""
    place = moto.place()
    store = opened(moto, place)
    put_parquet(store, "data/a.parquet", n=[1])
    for name in names:
        store.put(name, b"{}")

    def fail(*_args: object, **_options: object) -> object:
        raise RuntimeError(f"reset, {SECRET}")

    for name in ("get", "get_range"):
        monkeypatch.setattr(obstore, name, fail)
        monkeypatch.setattr(obstore.store.S3Store, name, fail)
    with pytest.raises((StorageError, DamagedError)) as told:
        atio.migrate(place, table, storage_options=moto.storage_options)
    assert SECRET not in str(told.value)
    assert not table.exists()
