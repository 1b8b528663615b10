"""`strict=True`: what isn't refused is read back equal, by the library that wrote it."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import atio_core as atio
from atio_core.data.kinds import Kind
from tests.support.file_reading import OPTIONS, READ, assert_read_same
from tests.support.frame_strategies import arrow_tables, pandas_frames, polars_frames
from tests.support.nasty_others import ARROW, POLARS
from tests.support.nasty_pandas import PANDAS
from tests.support.plain_frames import plain_frames
from tests.support.releases import READS_ALL_OF_PANDAS
from tests.support.writers import frame

NASTY: dict[Kind, dict[str, Callable[[], Any]]] = {"pandas": PANDAS, "polars": POLARS, "arrow": ARROW}
ANY: dict[Kind, st.SearchStrategy[Any]] = {
    "pandas": pandas_frames(),
    "polars": polars_frames(),
    "arrow": arrow_tables(),
}
each_pair = pytest.mark.parametrize(("name", "kind"), READ, ids=str)
# What a library says of odd labels and dates is no matter here.
quiet = pytest.mark.filterwarnings("ignore")


def written_strictly(made: Any, path: Path, name: str, kind: Kind) -> bool:
    """Write a frame if it isn't refused, and demand that it comes back."""
    with contextlib.suppress(atio.InvalidInputError):
        result = atio.write(made, path, name, strict=True, **OPTIONS.get((name, kind), {}))
        assert result.losses == ()
        assert_read_same(made, READ[name, kind](path))
        return True
    return False


@each_pair
@quiet
def test_nasty_frames_come_back_or_are_refused(tmp_path: Path, name: str, kind: Kind) -> None:
    """Of all the frames that come back different from most stores, none does so from a strict write."""
    if kind == "pandas" and name in {"parquet", "feather"} and not READS_ALL_OF_PANDAS:
        pytest.skip("older readers give other types")
    for make in NASTY[kind].values():
        written_strictly(make(), tmp_path / "prices", name, kind)


@each_pair
@quiet
@given(data=st.data())
def test_any_frame_comes_back_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, kind: Kind, data: st.DataObject
) -> None:
    """Whatever frame is written strictly, it comes back or is refused."""
    made = data.draw(ANY[kind])
    written_strictly(made, tmp_path_factory.getbasetemp() / f"any-{name}-{kind}", name, kind)


@each_pair
@quiet
@given(data=st.data())
def test_plain_frames_come_back_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, kind: Kind, data: st.DataObject
) -> None:
    """Texts that look like numbers, formulas or nothing come back or are refused; so do odd labels and floats."""
    made = data.draw(plain_frames(kind))
    written_strictly(made, tmp_path_factory.getbasetemp() / f"plain-{name}-{kind}", name, kind)


@each_pair
def test_a_usual_frame_is_not_refused(tmp_path: Path, name: str, kind: Kind) -> None:
    """Strictness lets through what every format keeps."""
    made = frame(
        kind, {"product": ["pen", "ink"], "price": [1.5, 7.25], "left": [3, 2**40], "sold": [True, False]}
    )
    assert written_strictly(made, tmp_path / "prices", name, kind)


@each_pair
def test_a_strict_refusal_touches_nothing(tmp_path: Path, name: str, kind: Kind) -> None:
    """What strictness refuses leaves the old file alone, and says why for each column."""
    if name in {"parquet", "feather"}:
        pytest.skip("the four types are kept there")
    path = tmp_path / "prices"
    path.write_bytes(b"old")
    made = frame(kind, {"code": ["007", "008"], "price": [1.5, 2.5]})
    if (name, kind) in {("json", "polars"), ("jsonl", "polars")}:
        made = frame(kind, {"code": [float("nan"), 1.5]})
    with pytest.raises(atio.NotPreservableError, match="column 'code'"):
        atio.write(made, path, name, strict=True, **OPTIONS.get((name, kind), {}))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
