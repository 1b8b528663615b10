from __future__ import annotations

import itertools
import json

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from atio_core.data.digests.blocks import FOOTER_KEY, BlockDigester, Blocks, blocks_of_footer


def digested(data: bytes, block_bytes: int, cuts: list[int] | None = None) -> Blocks:
    """The digests of bytes that come in pieces."""
    digester = BlockDigester(block_bytes)
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts or []), len(data)]
    for start, stop in itertools.pairwise(bounds):
        digester.update(memoryview(data)[start:stop])
    return digester.finish()


@given(st.binary(max_size=200), st.integers(1, 50), st.lists(st.integers(0, 200), max_size=6))
def test_digests_depend_on_the_bytes_alone(data: bytes, block_bytes: int, cuts: list[int]) -> None:
    """Each block has the digest of its bytes, however they arrived."""
    starts = range(0, len(data), block_bytes)
    expected = b"".join(xxhash.xxh3_64_digest(data[start : start + block_bytes]) for start in starts)
    assert digested(data, block_bytes, cuts) == Blocks(block_bytes, len(data), expected)


@given(st.binary(min_size=1, max_size=200), st.integers(1, 50), st.data())
def test_wrong_names_the_blocks_that_changed(data: bytes, block_bytes: int, draw: st.DataObject) -> None:
    """A changed byte makes its own block wrong, and no other."""
    blocks = digested(data, block_bytes)
    at = draw.draw(st.integers(0, len(data) - 1))
    changed = bytearray(data)
    changed[at] ^= draw.draw(st.integers(1, 255))
    start, stop = blocks.widened(
        *sorted(draw.draw(st.tuples(st.integers(0, at), st.integers(at + 1, len(data)))))
    )
    wrong = list(blocks.wrong(start, memoryview(changed)[start:stop]))
    assert [position for position, _, _ in wrong] == [at // block_bytes * block_bytes]
    assert list(blocks.wrong(start, memoryview(data)[start:stop])) == []


@given(st.integers(0, 99), st.integers(1, 100), st.integers(1, 30))
def test_widened_bounds_are_those_of_whole_blocks(start: int, length: int, block_bytes: int) -> None:
    """A range grows to the blocks that it touches, and never past what is covered."""
    blocks = digested(bytes(200), block_bytes)
    first, last = blocks.widened(start, start + length)
    assert first <= start
    assert last >= start + length
    assert first % block_bytes == 0
    assert last % block_bytes == 0 or last == blocks.end
    assert start - first < block_bytes
    assert last - (start + length) < block_bytes


@given(st.binary(max_size=100), st.integers(1, 50))
def test_a_footer_gives_the_digests_back(data: bytes, block_bytes: int) -> None:
    """What goes into a footer comes out of it."""
    blocks = digested(data, block_bytes)
    assert blocks_of_footer({b"other": b"x", **blocks.to_footer()}) == blocks


FOOTER = json.loads(digested(bytes(10), 4).to_footer()[FOOTER_KEY])


@pytest.mark.parametrize(
    "footer",
    [
        None,
        {},
        {FOOTER_KEY: b"no JSON"},
        {FOOTER_KEY: b"[]"},
        {FOOTER_KEY: json.dumps({**FOOTER, "algorithm": "crc32"}).encode()},
        {FOOTER_KEY: json.dumps({**FOOTER, "end": 100}).encode()},
        {FOOTER_KEY: json.dumps({**FOOTER, "end": None}).encode()},
        {FOOTER_KEY: json.dumps({**FOOTER, "block_bytes": 0}).encode()},
        {FOOTER_KEY: json.dumps({**FOOTER, "digests": "?"}).encode()},
        {FOOTER_KEY: json.dumps({"algorithm": "xxh3-64"}).encode()},
    ],
)
def test_digests_that_make_no_sense_are_refused(footer: dict[bytes, bytes] | None) -> None:
    """A footer without usable digests raises `ValueError`, so that nothing is read unchecked."""
    with pytest.raises(ValueError, match=r".+"):
        blocks_of_footer(footer)
