from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import atio_core as atio
from atio_core import testing
from atio_core.testing import temporary_folder, temporary_store

__all__ = ["temporary_store"]


def test_a_store_for_a_test(temporary_store: Path) -> None:
    """The fixture gives an empty folder, in which tables can lie."""
    assert list(temporary_store.iterdir()) == []
    assert atio.write_snapshot(pd.DataFrame({"a": [1]}), temporary_store / "prices").version == 1


def test_a_folder_is_gone_at_the_end() -> None:
    """Nothing is left behind."""
    with temporary_folder() as folder:
        atio.write_snapshot(pd.DataFrame({"a": [1]}), folder / "prices")
    assert not folder.exists()


def test_pytest_is_loaded_by_the_fixture_alone() -> None:
    """Who has no pytest can use all the rest; and frames of libraries are compared without loading others."""
    code = """
import sys
from atio_core.testing import assert_frames_equal, FaultyStore, temporary_folder
print(*{"pytest", "pandas", "polars", "pyarrow"} & {*sys.modules})
from atio_core.testing import temporary_store
print("pytest" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told.splitlines()[-1] == "True"
    assert set(told.splitlines()[0].split()) <= {"pyarrow"}


@pytest.mark.parametrize("name", testing.__all__)
def test_each_public_name_can_be_used(name: str) -> None:
    """What the module says that it has is there, and documented."""
    assert name == "VERBS" or getattr(testing, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelled name fails as on any module."""
    with pytest.raises(AttributeError, match="has no attribute 'temporary_stor'"):
        _ = testing.temporary_stor  # pyright: ignore[reportAttributeAccessIssue] - that is the point
