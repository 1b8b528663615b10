from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.errors import InvalidInputError
from atio_dagster import AtioResource
from atio_dagster.keys import (
    Partitions,
    asset_folders,
    asset_key_from_text,
    asset_key_from_user_text,
    asset_key_to_text,
    asset_key_to_user_text,
    op_output_folders,
)
from tests.support.dagster_runs import Materialize

PRINTABLE = st.characters(exclude_categories=["C", "Z"]) | st.just(" ")
PART = st.text(PRINTABLE, min_size=1, max_size=12)


@given(st.lists(PART, min_size=1, max_size=3), st.lists(PART, min_size=1, max_size=3))
def test_two_assets_have_two_folders(one: list[str], other: list[str]) -> None:
    """Whatever characters asset keys are made of, different keys lie in different folders."""
    assert (asset_folders(dg.AssetKey(one)) == asset_folders(dg.AssetKey(other))) == (one == other)


@given(st.lists(PART, min_size=1, max_size=3))
def test_folders_are_safe(parts: list[str]) -> None:
    """No part of an asset key can leave the store, or lie in a folder that is the table's or the store's own."""
    for folder in asset_folders(dg.AssetKey(parts)):
        assert set(folder) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-%")
        assert folder.lower() != "data"
        assert not folder.lower().startswith("_atio")


@pytest.mark.parametrize(
    ("part", "folder"),
    [
        ("raw", "raw"),
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        ("data", "%64ata"),
        ("Data", "%44ata"),
        ("_atio", "%5Fatio"),
        ("_ATIO_ops", "%5FATIO_ops"),
        ("ä b", "%C3%A4%20b"),
    ],
)
def test_folder_of_a_part(part: str, folder: str) -> None:
    """Plain parts stay as they are; others are percent-encoded, and `data` and `_atio…` are escaped in any case."""
    assert asset_folders(dg.AssetKey([part])) == (folder,)


@given(st.lists(PART, min_size=1, max_size=3))
def test_asset_keys_come_back_from_properties(parts: list[str]) -> None:
    """An asset key survives being kept as text."""
    assert asset_key_from_text(asset_key_to_text(dg.AssetKey(parts))) == dg.AssetKey(parts)


@given(st.lists(PART.filter(lambda part: "\\" not in part), min_size=1, max_size=3))
def test_asset_keys_can_be_written_by_people(parts: list[str]) -> None:
    """Any asset key can be named in a config or a tag, one with `/` within a part, too."""
    assert asset_key_from_user_text(asset_key_to_user_text(dg.AssetKey(parts))) == dg.AssetKey(parts)


def test_ops_and_assets_never_share_a_folder() -> None:
    """An asset whose key spells an op's output lies elsewhere."""
    assert op_output_folders("j", "s", "result", None) == ("_atio_ops", "j", "s", "result")
    assert asset_folders(dg.AssetKey(["_atio_ops", "j", "s", "result"]))[0] == "%5Fatio_ops"


def test_a_table_in_a_table(materialize: Materialize, store: AtioResource, tmp_path: Path) -> None:
    """Assets whose keys lie within each other, or are called like a table's own folders, don't touch each other."""
    keys = [["a"], ["a", "data"], ["a", "_atio"], ["a", "_atio", "log"], ["a", "data", "x"]]

    def made(number: int, key: list[str]) -> dg.AssetsDefinition:
        @dg.asset(key=key)
        def table() -> Any:
            return pd.DataFrame({"n": [number]})

        return table

    assets = [made(number, key) for number, key in enumerate(keys)]
    materialize(*assets)
    materialize(*assets)
    for table in store.tables():
        table.expire(keep_last=1)
    assert [store.table(key).read()["n"].tolist() for key in keys] == [[0], [1], [2], [3], [4]]
    assert len(list(store.tables())) == len(keys)


def test_keys_of_a_dict_must_be_those_of_the_run() -> None:
    """A dict with a strange or a missing partition key is refused, and both are named."""
    partitions = Partitions(("partition",), {"a": ("a",), "b": ("b",)})
    partitions.check_keys(["b", "a"], "the asset x")
    with pytest.raises(InvalidInputError, match=r"'c' are not among.*'b' are missing"):
        partitions.check_keys(["a", "c"], "the asset x")
