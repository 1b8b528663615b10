from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from atio_core.data.object_files import array
from atio_core.errors import NotPreservableError


def stored(value: Any) -> bytes:
    """The bytes of an array that was let through."""
    array.check(value)
    out = io.BytesIO()
    array.dump(value, out)
    return out.getvalue()


def returned(value: Any) -> Any:
    """What comes back of an array."""
    return array.load(memoryview(bytearray(stored(value))))


def assert_same(found: Any, value: Any) -> None:
    """Demand the same dtype, shape, order and bits."""
    assert type(found) is np.ndarray
    assert (found.dtype, found.shape) == (value.dtype, value.shape)
    assert found.tobytes("A") == np.asarray(value).tobytes("A")
    if value.flags.c_contiguous or value.flags.f_contiguous:
        assert found.flags.c_contiguous == value.flags.c_contiguous
        assert found.flags.f_contiguous == value.flags.f_contiguous
    assert found.flags.writeable
    assert found.flags.aligned


DTYPES = st.one_of(
    npst.scalar_dtypes(),
    npst.unicode_string_dtypes(max_len=5),
    npst.byte_string_dtypes(max_len=5),
    npst.array_dtypes(npst.scalar_dtypes(), max_size=3, allow_subarrays=True),
    npst.nested_dtypes(),
)


@given(data=st.data(), dtype=DTYPES)
def test_any_array_comes_back(data: st.DataObject, dtype: Any) -> None:
    """Dtype, shape, order and every bit are those that were written."""
    value = data.draw(npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
    if data.draw(st.booleans()):
        value = np.asfortranarray(value) if value.ndim else value
    assert_same(returned(value), value)


NAMED: dict[str, Any] = {
    "no dimension": np.array(3.5),
    "no values": np.zeros((0, 3), "<i2"),
    "big-endian": np.arange(6, dtype=">i4").reshape(2, 3),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "reversed": np.arange(5)[::-1],
    "every other": np.arange(10)[::2],
    "transposed": np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "read-only": np.frombuffer(b"12345678", "<i4"),
    "NaN with a payload": np.array([0x7FF8000000000123, 0x8000000000000000], "<u8").view("<f8"),
    "times": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "times without a unit": np.frombuffer(b"\0" * 7 + b"\x80", "M8"),
    "texts": np.array(["ä", "", "a\0b"]),
    "texts of no length": np.zeros(3, "U0"),
    "bytes of no length": np.zeros((2, 0), "S0"),
    "fields": np.array([(1, 2.5)], [("ä", "<i4"), ("b", ">f8", (2,))]),
    "fields with gaps": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "no fields": np.zeros(2, np.dtype([])),
    "very many fields": np.zeros(2, [(f"field {number}", "i1") for number in range(3000)]),
    "long doubles": np.array([1], "g"),
    "many dimensions": np.zeros((1,) * 32),
    "more than a chunk": np.arange(3_000_000),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_array_comes_back(name: str) -> None:
    """The same for what is easily lost."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(returned(NAMED[name]), NAMED[name])


@pytest.mark.parametrize("name", NAMED)
def test_an_array_is_a_plain_npy_file(name: str) -> None:
    """Whoever finds the file reads it by NumPy alone."""
    found = np.load(io.BytesIO(stored(NAMED[name])), max_header_size=10**6)
    assert found.tobytes() == NAMED[name].tobytes()


def test_equal_arrays_have_equal_bytes() -> None:
    """A copy and a view are kept as the array itself."""
    value = np.arange(20).reshape(4, 5)
    assert stored(value) == stored(value.copy()) == stored(np.concatenate([value, value])[:4])


def test_nothing_between_fields_is_kept() -> None:
    """What lay in memory between the fields isn't written: equal arrays have equal bytes, and nothing leaks."""
    inner = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    outer = np.dtype([("x", "i1"), ("y", inner, (2,)), ("z", "i1")], align=True)
    one, other = np.zeros(3, outer), np.frombuffer(bytearray(b"\xff" * 3 * outer.itemsize), outer).copy()
    assert one.dtype.itemsize > 36
    other["x"] = other["z"] = 0
    other["y"]["a"] = other["y"]["b"] = 0
    assert stored(one) == stored(other)
    assert stored(one).endswith(bytes(one.nbytes))


def test_a_large_view_is_copied_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """An array that doesn't lie in one piece is never copied whole."""
    monkeypatch.setattr(array, "_STEP_BYTES", 64)
    for value in (
        np.arange(4000).reshape(10, 20, 20)[:, ::2],
        np.arange(500)[::-1],
        np.zeros((2, 300)).T[::2],
    ):
        assert_same(returned(value), value)


class Own(np.ndarray[Any, Any]):
    """An array of somebody's own."""


REFUSED: dict[str, tuple[Any, str]] = {
    "masked": (np.ma.array([1, 2], mask=[True, False]), "lose its mask"),
    "a subclass": (np.ones(2).view(Own), "would come back as a plain array"),
    "a record array": (np.rec.array([(1,)], dtype=[("a", "i4")]), "would come back as a plain array"),
    "records": (np.zeros(1, np.dtype((np.record, [("a", "i4")]))), "would come back as"),
    "objects": (np.array([{}], object), "no form but a pickle"),
    "objects in fields": (np.zeros(1, [("a", object)]), "no form but a pickle"),
    "new texts": (np.array(["a"], np.dtypes.StringDType()), "StringDType"),
    "metadata": (np.zeros(1, np.dtype("i4", metadata={"a": 1})), "metadata"),
    "metadata inside": (np.zeros(1, [("a", np.dtype("i4", metadata={"a": 1}))]), "metadata"),
    "fields that overlap": (
        np.zeros(1, {"names": ["a", "b"], "formats": ["i4", "i4"], "offsets": [0, 2]}),
        "no place for the dtype",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_lost_is_refused(name: str) -> None:
    """An array that wouldn't come back equal isn't written, and the message says why."""
    value, why = REFUSED[name]
    with pytest.raises(NotPreservableError, match=why):
        array.check(value)
