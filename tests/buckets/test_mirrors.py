"""Tables in a bucket are read by other engines there, without atio."""

from __future__ import annotations

import deltalake
import polars as pl
import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable

import atio_core as atio
from atio_core.errors import InvalidInputError, StorageError
from tests.atio_core.mirrors.engines import CARRIED, rows
from tests.support.bucket_servers import BucketServer

pytestmark = pytest.mark.filterwarnings("ignore:Iceberg scan planning with the polars_iceberg plugin")


def by_delta(server: BucketServer) -> dict[str, str]:
    """How deltalake and polars are told of a bucket."""
    return {f"aws_{name}": value for name, value in server.storage_options.items()} | {
        "aws_allow_http": "true"
    }


def by_iceberg(server: BucketServer) -> dict[str, str]:
    """How pyiceberg is."""
    own = server.storage_options
    return {
        "s3.endpoint": own["endpoint"],
        "s3.region": own["region"],
        "s3.access-key-id": own["access_key_id"],
        "s3.secret-access-key": own["secret_access_key"],
    }


def test_every_value_is_what_other_engines_read_there(seaweedfs: BucketServer) -> None:
    """deltalake, pyiceberg and polars read just the values that are there, before and after an erasing."""
    table = atio.Table(f"{seaweedfs.root}/mirrors/flights", storage_options=seaweedfs.storage_options)
    table.append(
        CARRIED.drop_columns(["uint32"]).append_column("day", pa.array(["a b", "c/é", None])),
        partition_by=["day"],
    )
    for _ in range(2):
        expected = rows(table.read(output_as="arrow"))
        delta, iceberg = table.to_delta(), table.to_iceberg()
        options, properties = by_delta(seaweedfs), by_iceberg(seaweedfs)
        found = deltalake.DeltaTable(delta.location, storage_options=options)
        assert rows(pa.table(found.to_pyarrow_table())) == expected
        assert rows(pl.scan_delta(delta.location, storage_options=options).collect().to_arrow()) == expected
        static = StaticTable.from_metadata(iceberg.location, properties=properties)
        assert rows(static.scan().to_arrow()) == expected
        assert (
            rows(pl.scan_iceberg(iceberg.location, storage_options=properties).collect().to_arrow())
            == expected
        )
        assert (table.to_delta().unchanged, table.to_iceberg().unchanged) == (True, True)
        table.erase([("id", "==", 2)], tags="all")


def test_a_name_that_no_listing_carries_is_told(moto: BucketServer) -> None:
    """What something else has put there stops what has to list its folder, and nothing else, and is named."""
    boto3 = pytest.importorskip("boto3")
    own = moto.storage_options
    bucket = moto.root.removeprefix("s3://")
    table = atio.Table(f"{moto.root}/odd", storage_options=own)
    table.append(pa.table({"id": [1]}))
    client = boto3.client(
        "s3",
        endpoint_url=own["endpoint"],
        region_name=own["region"],
        aws_access_key_id=own["access_key_id"],
        aws_secret_access_key=own["secret_access_key"],
    )
    client.put_object(Bucket=bucket, Key="odd/data//x", Body=b"")
    table.append(pa.table({"id": [2]}))
    with pytest.raises(StorageError, match=r"odd/data//x.*Delete that object by another tool"):
        table.expire(keep_last=1)
    client.delete_object(Bucket=bucket, Key="odd/data//x")
    table.expire(keep_last=1)
    assert table.read(output_as="arrow")["id"].to_pylist() == [1, 2]


def test_a_place_that_readers_do_not_know_is_refused() -> None:
    """Iceberg's readers don't know Azure's short URLs; it is said which they know."""
    options = {"account_name": "a", "account_key": "a2V5"}
    with pytest.raises(InvalidInputError, match="abfss://container@account"):
        atio.Table("az://box/flights", storage_options=options).to_iceberg()
