"""Frames of the types that files without types keep, with texts and labels that readers misunderstand."""

# ruff: noqa: E501, RUF001 - a table of odd texts
# pyright: reportCallIssue=false, reportArgumentType=false
# ^ pandas' stubs know its usual arguments only

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

from atio_core.data.kinds import Kind

ODD_TEXTS = [
    "", " ", "NA", "nan", "NULL", "None", "null", "N/A", "007", "1", "-1.5", "1e5", "+1", "1_000", "1,000", "0x1F", "inf",
    "-Infinity", "True", "false", "yes", "2020-01-01", "12:30", "01/02/2020", "=1+1", "{=1}", "+a", "@a", "'a", "a\rb",
    "a\nb", "\r", "\n", "a\tb", "\t", '"', 'a"b', "a,b", ";", "\x00", "\x01", "\x1f", "\ufeff", "\ufffe", "\u2028",
    "_x0041_", "http://a.b/c", "mailto:a", "internal:a", "né", "日本", "😀", " a ", "1 ", "#N/A", "#DIV/0!", "١٢", "１", "1.",
    ".5", "1e", "5d", "1L", "1j", "Inf", "NaT", "NaN", "-", "--", "1-", "2020", "20200101", "P1D", "a" * 300,
]  # fmt: skip
LABELS = ["a", "b", "", "1", "a.1", "date", "x_at", "timestamp", "modified", " ", "Unnamed: 0", "NA", "2020-01-01", "é", "a,b", '"', "\n", "index", "None"]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=4), st.sampled_from(["pen", "ink"]))
FLOATS = st.one_of(
    st.floats(),
    st.integers(-99, 99).map(float),
    st.decimals(-9999, 9999, places=3).map(float),
    st.decimals(-(10**9), 10**9, places=7).map(float),
    st.just(0.5),
)
INTEGERS = st.one_of(st.integers(-9, 9), st.integers(-(2**63), 2**63 - 1), st.just(2**53 + 1))
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "integer": INTEGERS,
    "float": FLOATS,
    "boolean": st.booleans(),
    "text": TEXTS,
}


@st.composite
def _columns(draw: st.DrawFn) -> dict[str, tuple[str, list[Any]]]:
    n = draw(st.integers(0, 4))
    labels = draw(st.lists(st.one_of(st.sampled_from(LABELS), st.text(max_size=3)), max_size=3, unique=True))
    made: dict[str, tuple[str, list[Any]]] = {}
    for label in labels:
        kind = draw(st.sampled_from(list(COLUMNS)))
        values = COLUMNS[kind]
        if draw(st.booleans()):
            values = st.one_of(st.none(), values)
        made[label] = kind, draw(st.lists(values, min_size=n, max_size=n))
    return made


def _pandas(columns: dict[str, tuple[str, list[Any]]]) -> pd.DataFrame:
    made: dict[str, Any] = {}
    for label, (kind, values) in columns.items():
        gaps = None in values
        dtype = {"integer": "Int64" if gaps else "int64", "float": "float64", "text": "str"}.get(
            kind, "boolean" if gaps else "bool"
        )
        made[label] = pd.array(values, dtype=dtype) if kind != "float" else np.array(values, dtype="float64")
    frame = pd.DataFrame(made)
    frame.columns = frame.columns.astype("str")
    return frame


def _polars(columns: dict[str, tuple[str, list[Any]]]) -> pl.DataFrame:
    types: dict[str, Any] = {
        "integer": pl.Int64,
        "float": pl.Float64,
        "boolean": pl.Boolean,
        "text": pl.String,
    }
    return pl.DataFrame(
        {label: pl.Series(values, dtype=types[kind]) for label, (kind, values) in columns.items()}
    )


def _arrow(columns: dict[str, tuple[str, list[Any]]]) -> pa.Table:
    types = {"integer": pa.int64(), "float": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}
    return pa.table({label: pa.array(values, types[kind]) for label, (kind, values) in columns.items()})


_MAKERS: dict[Kind, Callable[[Any], Any]] = {"pandas": _pandas, "polars": _polars, "arrow": _arrow}


def plain_frames(kind: Kind) -> st.SearchStrategy[Any]:
    """Frames of a library, without an index of their own."""
    return _columns().map(_MAKERS[kind])
