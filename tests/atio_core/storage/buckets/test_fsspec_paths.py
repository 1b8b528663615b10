from __future__ import annotations

from pathlib import Path
from typing import Any

import fsspec
import pytest
from upath import UPath

from atio_core.errors import InvalidInputError
from atio_core.storage.buckets.fsspec_paths import is_fsspec_path, place_and_options, place_as_text
from atio_core.storage.locate import locate


def test_a_path_of_files_is_a_folder(tmp_path: Path) -> None:
    """By whatever name fsspec has it; names that look like a URL's stay what they are."""
    for path in (
        UPath(tmp_path / "a b%20"),
        UPath(f"file://{tmp_path}/a b%20"),
        UPath(f"local://{tmp_path}/a b%20"),
    ):
        assert place_and_options(path) == (f"{tmp_path}/a b%20", None)
        found: Any = path
        assert locate(found, temporary="tmp").location == f"{tmp_path}/a b%20"


def test_a_path_in_a_bucket_is_its_url_and_its_options() -> None:
    """What the caller gives beside it goes before what the path has; the account of Azure's comes along."""
    path = UPath("s3://bucket/a b%20/é", key="AK", profile="p")
    assert place_and_options(path) == ("s3://bucket/a b%20/é", {"key": "AK", "profile": "p"})
    assert place_and_options(path / "x", {"key": "B"}) == (
        "s3://bucket/a b%20/é/x",
        {"profile": "p", "key": "B"},
    )
    assert place_and_options(UPath("gcs://bucket")) == ("gcs://bucket/", {})
    azure = UPath("abfss://container@account.dfs.core.windows.net/x")
    assert place_and_options(azure) == ("abfss://container/x", {"account_name": "account"})


def test_options_come_as_text_by_their_own_names() -> None:
    """So that Dagster can keep them; a folder has none."""
    path = UPath("s3://bucket/x", key="AK", anon=False, client_kwargs={"region_name": "r"})
    options = {"access_key_id": "AK", "skip_signature": "false", "region": "r"}
    assert place_as_text(path) == ("s3://bucket/x", options)
    assert place_as_text(UPath("file:///data")) == ("/data", {})


@pytest.mark.parametrize(
    "url", ["memory://m/x", "simplecache::s3://bucket/x", "http://host/x", "sftp://host/x"]
)
def test_other_places_of_fsspecs_are_refused(url: str) -> None:
    """By the name of what leads there: its memory isn't ours, nothing may lie between, and the options aren't told."""
    path: Any = UPath(url)
    with pytest.raises(InvalidInputError, match=f"by '{url.partition(':')[0]}'"):
        locate(path, temporary="tmp")
    hidden: Any = UPath("simplecache::s3://bucket/x", s3={"key": "hidden"})
    with pytest.raises(InvalidInputError) as caught:
        locate(hidden, temporary="tmp")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("other", [5, None, b"/a", Path("/a")], ids=repr)
def test_what_is_no_path_of_fsspecs_stays_as_it_is(other: Any) -> None:
    """It goes through untouched, and so do the options."""
    assert place_and_options(other, {"a": "b"}) == (other, {"a": "b"})


def test_a_file_system_is_no_path() -> None:
    """Though it has a protocol and options."""
    system: Any = fsspec.filesystem("file")
    assert not is_fsspec_path(system)
    with pytest.raises(InvalidInputError, match="not a path"):
        locate(system, temporary="tmp")
