import subprocess
import sys

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from atio_core.data.kinds import kind_of


class Frame(pd.DataFrame):
    """A subclass."""


class Capsule:
    """An object that exports a stream."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("obj", "kind"),
    [
        (pd.DataFrame(), "pandas"),
        (Frame(), "pandas"),
        (pl.DataFrame(), "polars"),
        (pl.LazyFrame(), "polars-lazy"),
        (pa.table({}), "arrow"),
        (pa.record_batch({}), "arrow"),
        (pa.table({"a": [1]}).to_reader(), "arrow-reader"),
        (Capsule(), "capsule"),
        (pd.Series([1]), "other"),
        (pd.Index([1]), "other"),
        (pl.Series([1]), "other"),
        (pa.array([1]), "other"),
        (pa.chunked_array([[1]]), "other"),
        (Capsule, "other"),
        ([1], "other"),
        (None, "other"),
    ],
    ids=lambda value: None if isinstance(value, str) else f"{type(value).__module__}.{type(value).__name__}",
)
def test_the_library_of_an_object(obj: object, kind: str) -> None:
    """Frames are told by their library; single columns and classes are no frames."""
    assert kind_of(obj) == kind


def test_no_library_is_loaded_to_find_out() -> None:
    """Asking whose frame something is imports neither pandas nor polars nor Arrow."""
    code = (
        "import sys; from atio_core.data.kinds import kind_of; kind_of([1]);"
        "print([name for name in ('pandas', 'polars', 'pyarrow', 'numpy') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        == "[]\n"
    )
