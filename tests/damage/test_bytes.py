"""Whatever happens to the bytes of a file: what needs it says so, or is right all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atio_core.data.scan import scan
from tests.damage.tables import MAKERS, Sample, holding, right_or_damaged, users

BITS = (0x01, 0x80, 0xFF, 0x10)
each_maker = pytest.mark.parametrize("maker", MAKERS)
each_route = pytest.mark.parametrize("small_file_bytes", [scan.SMALL_FILE_BYTES, 0], ids=["whole", "blocks"])
"""Data files that are small are read as a whole, others block by block."""


def damaged_everywhere(sample: Sample, damages: Callable[[bytes], Iterator[bytes]]) -> int:
    """Damage each file that is needed in every way; returns how often."""
    count = 0
    needed = users(sample)
    data = [name for name in needed if name.startswith("data/")]
    for name, act in needed.items():
        path = sample.path / name
        if name in data[2:]:
            continue  # all data files are alike
        for damaged in damages(path.read_bytes()):
            with holding(path, damaged):
                assert not right_or_damaged(act, expected=True, suspects={name}), name
            count += 1
        assert act()
    return count


def flips(data: bytes) -> Iterator[bytes]:
    """One byte changed, each in turn."""
    for at, byte in enumerate(data):
        yield data[:at] + bytes([byte ^ BITS[at % len(BITS)]]) + data[at + 1 :]


def all_flips(data: bytes) -> Iterator[bytes]:
    """One bit changed, each in turn."""
    for at, byte in enumerate(data):
        for bit in range(8):
            yield data[:at] + bytes([byte ^ 1 << bit]) + data[at + 1 :]


def cuts(data: bytes) -> Iterator[bytes]:
    """Every beginning."""
    for length in range(len(data)):
        yield data[:length]


def changed_lengths(data: bytes) -> Iterator[bytes]:
    """Longer, shifted, or as long as before but zero from somewhere on."""
    for more in (b"\0", b"\n", b" ", b"}", data[-4:], data):
        yield data + more
        yield more + data
    yield b"\0" * len(data)
    yield data[: len(data) // 2] + b"\0" * (len(data) - len(data) // 2)
    yield data[:4096] + data[4097:] if len(data) > 5000 else data[1:]


@each_maker
def test_no_changed_byte_goes_unseen(maker: str, disk: Path) -> None:
    """Whichever byte of whichever file is changed, a read that needs the file names it."""
    assert damaged_everywhere(MAKERS[maker](disk / "table", 0), flips) > 5000


@each_maker
def test_no_cut_goes_unseen(maker: str, disk: Path) -> None:
    """Whichever file is cut at whichever length, a read that needs the file names it."""
    assert damaged_everywhere(MAKERS[maker](disk / "table", 0), cuts) > 5000


@each_maker
@each_route
def test_no_other_length_goes_unseen(
    maker: str, small_file_bytes: int, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with bytes more, or zeros for bytes, is named by a read that needs it."""
    monkeypatch.setattr(scan, "SMALL_FILE_BYTES", small_file_bytes)
    assert damaged_everywhere(MAKERS[maker](disk / "table", 0), changed_lengths) > 50


@pytest.mark.soak
@each_maker
@each_route
def test_no_changed_bit_goes_unseen(
    maker: str, small_file_bytes: int, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for every bit."""
    monkeypatch.setattr(scan, "SMALL_FILE_BYTES", small_file_bytes)
    damaged_everywhere(MAKERS[maker](disk / "table", 0), all_flips)
