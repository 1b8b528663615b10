import datetime as dt
import json
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.schema.labels import (
    UnknownValueError,
    canonical_json,
    from_json,
    label_key,
    to_json,
    zone_from_json,
    zone_to_json,
)
from atio_core.testing.exact import exact
from tests.support.nasty_pandas import BERLIN, ODD_NAN, OFFSET

leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.dates(), st.uuids()),
    *(st.timedeltas(), st.decimals(), st.times(timezones=st.sampled_from([None, dt.UTC, OFFSET]))),
    st.datetimes(timezones=st.sampled_from([None, dt.UTC, OFFSET, BERLIN])),
    st.sampled_from([np.int8(-1), np.uint64(2**64 - 1), np.float32(0.1), np.float64("nan"), np.bool_(1)]),
    st.sampled_from(
        [
            pd.NA,
            pd.NaT,
            pd.Timestamp(5, unit="s"),
            pd.Timestamp("2020-10-25 01:30Z").tz_convert("Europe/Berlin"),
        ]
    ),
    st.sampled_from(
        [pd.Timedelta(-1, unit="s"), pd.Period("2020", "W-TUE"), pd.Interval(0, 0.5, closed="both")]
    ),
    st.sampled_from(
        [pd.Interval(pd.Timestamp("2020"), pd.Timestamp("2021")), *map(float, ODD_NAN), "\ud800"]
    ),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(), st.integers(), st.tuples(st.text())), inner, max_size=3),
    ),
    max_leaves=5,
)


@given(values)
def test_values_come_back_from_json(value: Any) -> None:
    """Type and bits of every known value, and of what is inside it, come back from JSON text."""
    assert exact([from_json(json.loads(canonical_json(to_json(value))))]) == exact([value])


@pytest.mark.parametrize(
    "value", [object(), 1j, {1}, range(3), np.datetime64("2020"), [object()], {"k": 1j}, int]
)
def test_unknown_values_are_refused(value: object) -> None:
    """What has no JSON form is refused by the name of its type."""
    with pytest.raises(UnknownValueError, match=r"\."):
        to_json(value)


class Text(str):
    """A subclass."""

    __slots__ = ()


def test_subclasses_are_refused() -> None:
    """A value that is more than its type would come back as less."""
    with pytest.raises(UnknownValueError, match="Text"):
        to_json(Text("a"))


def test_labels_are_told_apart_by_type() -> None:
    """1, 1.0, True and "1" are four labels; a NumPy number is the Python one."""
    assert len({label_key(label) for label in (1, 1.0, True, "1", None, (1,), np.nan)}) == 7
    assert label_key(np.int64(1)) == label_key(1)
    assert label_key(np.nan) == label_key(float("nan"))
    assert label_key(object()) != label_key(object())


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "+00:00", "-03:30", "+14:00", None])
def test_zones_come_back_by_name(name: str | None) -> None:
    """A zone's name leads back to the zone."""
    assert zone_to_json(zone_from_json(name)) == name


@pytest.mark.parametrize(
    "zone", [dt.timezone(dt.timedelta(seconds=1)), dt.timezone(dt.timedelta(hours=1), "CET")]
)
def test_zones_without_a_name_are_refused(zone: dt.tzinfo) -> None:
    """An offset with seconds or with a name of its own has no name that leads back."""
    with pytest.raises(UnknownValueError, match="time zone"):
        zone_to_json(zone)


def test_json_has_one_spelling() -> None:
    """Equal values give equal bytes, whatever order their keys were written in."""
    assert (
        canonical_json({"b": 1, "a": "ä"}) == canonical_json({"a": "ä", "b": 1}) == b'{"a":"\\u00e4","b":1}'
    )


def test_types_of_the_examples() -> None:
    """The forms that the documentation shows are those that are written."""
    assert to_json((Decimal("1.10"), uuid.UUID(int=0))) == {
        "tuple": [{"decimal": "1.10"}, {"uuid": "00000000-0000-0000-0000-000000000000"}]
    }
    assert to_json(dt.datetime(2020, 1, 31, tzinfo=BERLIN)) == {
        "datetime": ["2020-01-31T00:00:00", "Europe/Berlin", 0]
    }
    assert to_json(float("nan")) == {"nan": "7ff8000000000000"}
