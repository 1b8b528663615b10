"""Base paths that are path objects."""

from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from upath import UPath

from atio_core.errors import InvalidInputError
from atio_dagster import AtioIOManager, AtioResource, AtioTable, open_asset
from tests.support.bucket_servers import KEY_ID, SECRET, BucketServer


@dg.asset
def numbers() -> pd.DataFrame:
    """Rows."""
    return pd.DataFrame({"n": [1, 2]})


def stored(base_path: Any) -> list[int]:
    """Store the asset by a manager with that path, and read it again by the same path."""
    with dg.DagsterInstance.ephemeral() as instance:
        manager = AtioIOManager(base_path=base_path)
        assert dg.materialize([numbers], resources={"io_manager": manager}, instance=instance).success
    return open_asset("numbers", base_path).read()["n"].tolist()


def test_a_path_object_is_a_base_path(tmp_path: Path) -> None:
    """Python's own, or one of fsspec's: a run stores below it."""
    for path in (tmp_path / "a", UPath(tmp_path / "b"), UPath(f"file://{tmp_path}/c")):
        assert stored(path) == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_a_path_of_fsspecs_opens_its_bucket(moto: BucketServer) -> None:
    """Its options become `storage_options`, which aren't shown."""
    path: Any = UPath(
        moto.place(),
        key=KEY_ID,
        secret=SECRET,
        client_kwargs={"endpoint_url": moto.endpoint, "region_name": "us-east-1"},
    )
    assert stored(path) == [1, 2]
    assert SECRET not in repr(AtioResource(base_path=path))


def test_options_in_two_places_are_refused() -> None:
    """Nobody could say which count; a table outside of Dagster has those of its resource."""
    path: Any = UPath("s3://bucket/x", key="AK")
    with pytest.raises(InvalidInputError, match="of its own"):
        AtioResource(base_path=path, storage_options={"region": "r"})
    with pytest.raises(InvalidInputError, match="of its own"):
        AtioTable("raw", path)
    assert AtioTable("raw", UPath("s3://bucket/x")).path == "s3://bucket/x"


def test_what_is_no_place_is_refused() -> None:
    """By its name, before anything is stored."""
    memory: Any = UPath("memory://x")
    for make in (AtioResource, AtioIOManager):
        with pytest.raises(InvalidInputError, match="by 'memory'"):
            make(base_path=memory)
