from __future__ import annotations

import pickle
import traceback
from pathlib import Path

import pyarrow as pa
import pytest

import atio_core as atio
from atio_core.errors import StorageError, UnsupportedStoreError
from atio_core.storage.base import Listed, ObjectStore
from atio_core.storage.buckets.bucket import BucketStore
from atio_core.storage.buckets.bucket_writer import PART_BYTES
from atio_core.storage.locate import locate
from tests.atio_core.storage.contract import FlatListings, StoreContract
from tests.support.bucket_servers import BUCKET, KEY_ID, SECRET, BucketServer
from tests.support.bucket_stub import Bucket, stub


def opened(server: BucketServer, place: str | None = None) -> BucketStore:
    """A store at a place, a new one if none is given."""
    store = locate(place or server.place(), temporary="tmp", storage_options=server.storage_options)
    assert isinstance(store, BucketStore)
    return store


class TestSeaweedFS(StoreContract, FlatListings):
    """A store in a SeaweedFS keeps the contract."""

    empties_folders_later = True
    races = 2  # losers wait for seconds

    @pytest.fixture
    def store(self, seaweedfs: BucketServer) -> ObjectStore:
        """An empty store."""
        return opened(seaweedfs)


class TestMoto(StoreContract, FlatListings):
    """A store in moto's S3 keeps the contract."""

    @pytest.fixture
    def store(self, moto: BucketServer) -> ObjectStore:
        """An empty store."""
        return opened(moto)


class TestAzurite(StoreContract, FlatListings):
    """A store in Azurite keeps the contract."""

    @pytest.fixture
    def store(self, azurite: BucketServer) -> ObjectStore:
        """An empty store."""
        return opened(azurite)


class TestGoogle(StoreContract, FlatListings):
    """A store in a stand-in for Google's buckets keeps the contract."""

    @pytest.fixture
    def store(self, google: BucketServer) -> ObjectStore:
        """An empty store."""
        return opened(google)


def test_a_service_that_takes_a_taken_name_is_refused() -> None:
    """Where two creates of a name both succeed, nothing is committed, and the error says what to do."""
    bucket = Bucket(conditional=False)
    with stub(bucket) as endpoint:
        options = {
            "endpoint": endpoint,
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
            "disable_bulk_delete": True,
        }
        with pytest.raises(UnsupportedStoreError, match="use a service that has conditional puts"):
            atio.write_snapshot(pa.table({"n": [1]}), "s3://tests/odd", storage_options=options)
        assert bucket.objects == {}
        bucket.conditional = True
        assert (
            atio.write_snapshot(pa.table({"n": [1]}), "s3://tests/odd", storage_options=options).version == 1
        )


def test_what_others_put_under_no_name_is_not_listed(moto: BucketServer) -> None:
    """A key that no object can have is passed over, so that all that is listed can be asked for."""
    import boto3

    store = opened(moto)
    store.put("a/1", b"1")
    bucket = boto3.client(
        "s3",
        endpoint_url=moto.endpoint,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    below = store.location.removeprefix(f"{moto.root}/")
    for key in ("a/back\\slash", "windows\\path/2"):
        bucket.put_object(Bucket=BUCKET, Key=f"{below}/{key}", Body=b"2")
    assert list(store.list()) == ["a/1"]
    assert [one.name for one in store.listed("a/")] == ["a/1"]
    assert store.look("") == ["a/"]


def test_it_pickles_with_what_opened_it(moto: BucketServer) -> None:
    """Another process goes on with the same place, credentials included."""
    store = opened(moto)
    store.put("a", b"1")
    again = pickle.loads(pickle.dumps(store))
    assert again.location == store.location
    assert again.read("a") == b"1"


def test_its_location_is_the_url(moto: BucketServer) -> None:
    """Messages name the place as a person would."""
    assert opened(moto, "s3://tests/a/b/").location == "s3://tests/a/b"
    assert opened(moto, "s3a://tests").location == "s3://tests"
    assert opened(moto, str(Path("s3://tests/a"))).location == "s3://tests/a"


def test_a_large_object_is_written_in_parts(moto: BucketServer) -> None:
    """Parts are sent while the object is written; it appears as a whole when it is closed."""
    store = opened(moto)
    writer = store.open_write("large")
    for number in range(5):
        writer.write(bytes([number]) * PART_BYTES)
    assert list(store.list()) == []
    assert len(uploads(moto)) == 1
    writer.close()
    assert store.size("large") == 5 * PART_BYTES
    part = bytearray(2)
    assert store.read_into("large", 3 * PART_BYTES - 1, memoryview(part)) == 2
    assert part == bytes([2, 3])
    assert uploads(moto) == []


def test_an_aborted_writer_takes_its_parts_back(moto: BucketServer) -> None:
    """Nothing of it is left in the bucket, hidden or not."""
    store = opened(moto)
    writer = store.open_write("large")
    writer.write(bytes(3 * PART_BYTES))
    assert len(uploads(moto)) == 1
    writer.abort()
    assert uploads(moto) == []
    assert list(store.list()) == []


def uploads(server: BucketServer) -> list[str]:
    """The names of objects that are being written in parts."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    )
    return [one["Key"] for one in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]


def test_a_bucket_that_is_missing_is_told(moto: BucketServer) -> None:
    """A missing bucket isn't taken for a table that isn't there."""
    store = opened(moto, "s3://no-such-bucket/table")
    for call in (lambda: store.read("a"), lambda: list(store.list()), lambda: store.put("a", b"")):
        with pytest.raises(StorageError, match="no such bucket: make it"):
            call()


def test_wrong_credentials_are_told_and_nothing_secret(moto: BucketServer) -> None:
    """Neither the message nor the traceback nor the pickle of an error holds a key."""
    options = {**moto.storage_options, "endpoint": "http://127.0.0.1:1", "max_retries": 0}
    store = locate("s3://tests/place", temporary="tmp", storage_options=options)
    with pytest.raises(StorageError) as caught:
        store.read("a")
    told = "".join(traceback.format_exception(caught.value)) + repr(store)
    for secret in (SECRET, KEY_ID):
        assert secret not in told
        assert secret.encode() not in pickle.dumps(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_an_object_that_was_not_sent_is_not_there(moto: BucketServer) -> None:
    """Where no connection could be made, nothing was created, and the error says so."""
    options = {**moto.storage_options, "endpoint": "http://127.0.0.1:1", "max_retries": 0}
    store = locate("s3://tests/place", temporary="tmp", storage_options=options)
    with pytest.raises(StorageError) as caught:
        store.put_if_absent("a", b"1", after="b")
    assert not caught.value.unknown


def test_an_answer_is_shown_bit_by_bit(google: BucketServer) -> None:
    """Names are made of an answer as they are taken, for who wants the first alone; it is one answer all the same."""
    store = opened(google)
    names = [f"{number:02}" for number in range(45)]
    for name in names:
        store.put(name, b"")
    before = store.io.stats()
    listing = store.listed("")
    assert next(listing).name == "00"
    store.delete(names)
    assert [one.name for one in listing] == names[1:]
    assert (store.io.stats() - before).lists == 1


def test_marks_without_quotes_are_given_some(google: BucketServer) -> None:
    """Azure lists ETags without their quotes, which a condition must have."""
    store = opened(google)
    store.put("a", b"1")
    (listed,) = store.listed("")
    assert store.read_listed(Listed("a", listed.mark.strip('"'))) == b"1"
