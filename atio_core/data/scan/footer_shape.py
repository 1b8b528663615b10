"""The shape of a Parquet footer: what those of files that are alike have in common.

A footer is a struct of Thrift's compact protocol: field headers, numbers that are as long as need be, texts behind
their length. Numbers in it tell where the columns lie in the file. To find these, a footer is walked through, value by
value. That is done once, and gives regular expressions for what lies between texts of any length. To match them with
another footer takes a few microseconds, and what matches was read value by value as well: an expression can match in
one way only, and a text is passed over by the length that stands before it.

What says which columns there are, and of which types, has to be the same to the byte. Bounds of values, counts, sizes
and the digests of blocks may differ. A footer that has several row groups, or tells the place of anything but columns,
has no shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from atio_core.data.digests.blocks import FOOTER_KEY

_NUMBER = rb"[\x80-\xff]*+[\x00-\x7f]"
_PLACE_BYTES = 5  # of a place as it is written here: longer than need be, which Thrift allows
_MORE = 0x80  # in each byte of a number but the last
_BYTE, _NUMBERS, _BINARY, _LIST, _STRUCT = 3, (4, 5, 6), 8, 9, 12  # types; those below are true and false
_MANY = 15  # items of a list: their number follows
_FIXED_BYTES = {0: 1, 1: 4, 2: 8, 4: 4, 5: 8}  # of a bound of values, by the Parquet type of a column
_ONE_GROUP = b"\x19\x1c"  # what stands before the row group of a footer: the headers of a field and of a list
_GROUPS = b"\x19\xfc"  # the same before several, behind which their number stands

# Which of the footers of no known shape are walked through: it takes as long as reading ten small files does.
_WALKED = frozenset(1 << power for power in range(2, 10))

# Fields, by their ids and those of the fields that they lie in; an item of a list has 0.
_ROWS, _GROUP, _GROUP_ROWS = (3,), (4, 0), (4, 0, 3)
_COLUMN = (*_GROUP, 1, 0)
_TYPE, _STATISTICS = (*_COLUMN, 3, 1), (*_COLUMN, 3, 12)
_PLACES = ((*_COLUMN, 3, 9), (*_COLUMN, 3, 11))  # of a column's pages, and of its dictionary
_ELSEWHERE = (
    *[(*_COLUMN, field) for field in (1, 4, 6, 8, 9)],  # another file; page indexes; encryption
    *[(*_COLUMN, 3, field) for field in (10, 14)],  # an index page; a Bloom filter
)
_KEY, _VALUE = (5, 0, 1), (5, 0, 2)


@dataclass(frozen=True, slots=True)
class Kind:
    """What is the same in all footers whose row groups can be in one file.

    Attributes:
        before: What stands before the number of rows: above all the schema.
        behind: What stands behind the row group, but for the digests of blocks.
    """

    before: bytes
    behind: bytes


@dataclass(frozen=True, slots=True)
class Group:
    """The row group of a footer.

    Attributes:
        kind: What is the same in all footers whose row groups can be in one file.
        footer: The footer.
        first: Where in it the group begins.
        last: Where in it the group ends.
        rows: How many rows it has.
        places: Where in the footer the places of columns stand.
    """

    kind: Kind
    footer: bytes
    first: int
    last: int
    rows: int
    places: Sequence[tuple[int, int]]

    def moved(self, by: int) -> bytes:
        """Return its bytes for columns that lie so many bytes further behind."""
        parts: list[bytes] = []
        done = self.first
        for start, stop in self.places:
            parts += (self.footer[done:start], _place(_number(self.footer, start, stop) + 2 * by))
            done = stop
        parts.append(self.footer[done : self.last])
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a footer.

    Attributes:
        kind: What is the same in others of another shape.
        parts: What lies between texts of any length. Each but the last ends with such a length, as a group.
    """

    kind: Kind
    parts: tuple[re.Pattern[bytes], ...]

    @classmethod
    def of(cls, footer: bytes) -> Shape | None:
        """Return the shape of a footer; None if it has none."""
        walk = _Walk(footer)
        try:
            walk.struct(())
        except (_NoShapeError, IndexError):
            return None
        return walk.shape()

    def match(self, footer: bytes) -> Group | None:
        """Return the row group of a footer of this shape; None if it has another."""
        found: list[tuple[int, int]] = []
        at = 0
        for part in self.parts:
            if at:  # behind a text, whose length was found last
                at += _number(footer, *found.pop())
            match = part.match(footer, at)
            if match is None:
                return None
            found += match.regs[1:]
            at = match.end()
        rows, (first, _), *places, group_rows, (last, _) = found
        count = _number(footer, *rows)
        far = any(stop - start >= _PLACE_BYTES for start, stop in places)
        if at != len(footer) or count != _number(footer, *group_rows) or far:
            return None
        return Group(self.kind, footer, first, last, count // 2, places)


def footer_of(groups: Sequence[Group], starts: Sequence[int]) -> bytes:
    """Return the footer of a file that holds several of one kind, one behind the other.

    Args:
        groups: The row group of each.
        starts: Where each begins in the whole.
    """
    moved = [group.moved(start) for group, start in zip(groups, starts, strict=True)]
    rows = 2 * sum(group.rows for group in groups)
    one = groups[0]
    head = (one.kind.before, _short(rows), _GROUPS, _short(len(groups)))
    return b"".join([*head, *moved, one.footer[one.last :]])


class Shapes:
    """The shapes of footers that were seen. Several threads may use it."""

    __slots__ = ("_known", "_missed")

    def __init__(self) -> None:
        self._known: tuple[Shape, ...] = ()
        self._missed = 0

    def find(self, footer: bytes) -> Group | None:
        """Return the row group of a footer of a known shape; None if there is none, as for the first few footers."""
        for shape in self._known:
            if (group := shape.match(footer)) is not None:
                return group
        self._missed += 1
        if self._missed in _WALKED and (shape := Shape.of(footer)) is not None:
            self._known += (shape,)
        return None


class _NoShapeError(Exception):
    """A footer is one of those that have none."""


class _Walk:
    """Goes through a footer, value by value, and makes expressions of what it finds."""

    __slots__ = (
        "_at",
        "_behind",
        "_data",
        "_expression",
        "_groups",
        "_kept",
        "_key",
        "_literals",
        "_parts",
        "_type",
    )

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._kept = 0  # from where on the bytes have to be the same
        self._literals: list[bytes] = []
        self._expression: list[bytes] = []
        self._parts: list[re.Pattern[bytes]] = []
        self._groups: list[tuple[int, ...]] = []  # which field each of the expressions' groups is
        self._type = -1
        self._key = b""
        self._behind = 0  # the first literal behind the row group

    def shape(self) -> Shape | None:
        if self._at != len(self._data):
            return None
        self._until(self._at)
        self._end_part()
        places = [field for field in self._groups if field in _PLACES]
        if self._groups != [_ROWS, _GROUP, *places, _GROUP_ROWS, _GROUP] or self._literals[1] != _ONE_GROUP:
            return None
        kind = Kind(self._literals[0], b"".join(self._literals[self._behind :]))
        return Shape(kind, tuple(self._parts))

    def struct(self, ids: tuple[int, ...]) -> None:
        if ids == _GROUP:
            self._free(self._at, b"()", _GROUP)
        field = 0
        while header := self._byte():
            field = field + (header >> 4) if header >> 4 else self._varint() // 2
            if (*ids, field) in _ELSEWHERE:
                raise _NoShapeError
            self._value((*ids, field), header & 15)
        if ids == _GROUP:
            self._free(self._at, b"()", _GROUP)
            self._behind = len(self._literals)

    def _value(self, ids: tuple[int, ...], kind: int) -> None:
        if kind in _NUMBERS:
            self._number(ids)
        elif kind == _BINARY:
            self._text(ids)
        elif kind == _LIST:
            self._list(ids)
        elif kind == _STRUCT:
            self.struct(ids)
        elif kind == _BYTE:
            self._pass(1)
        elif kind > _BYTE:
            raise _NoShapeError

    def _list(self, ids: tuple[int, ...]) -> None:
        header = self._byte()
        count = self._varint() if header >> 4 == _MANY else header >> 4
        if header & 15 < _BYTE:  # a byte each
            self._pass(count)
            return
        for _ in range(count):
            self._value((*ids, 0), header & 15)

    def _number(self, ids: tuple[int, ...]) -> None:
        start = self._at
        value = self._varint()
        if ids == _TYPE:
            self._type = value // 2
        elif ids in _PLACES or ids in (_ROWS, _GROUP_ROWS):
            self._free(start, b"(" + _NUMBER + b")", ids)
        elif ids[:2] == _GROUP:
            self._free(start, _NUMBER)

    def _text(self, ids: tuple[int, ...]) -> None:
        start = self._at
        length = self._varint()
        first = self._at
        self._pass(length)
        text = self._data[first : self._at]
        is_bound = ids[:-1] == _STATISTICS
        if ids == _KEY:
            self._key = text
        elif is_bound and _FIXED_BYTES.get(self._type) == length:
            self._free(first, b".{%d}" % length)
        elif is_bound or (ids == _VALUE and self._key == FOOTER_KEY):
            self._free(start, b"(" + _NUMBER + b")")
            self._end_part()

    def _free(self, start: int, expression: bytes, field: tuple[int, ...] | None = None) -> None:
        """Let differ what was gone through from `start` on."""
        self._until(start)
        self._expression.append(expression)
        self._kept = self._at
        if field is not None:
            self._groups.append(field)

    def _until(self, stop: int) -> None:
        """End what has to be the same."""
        self._literals.append(self._data[self._kept : stop])
        self._expression.append(re.escape(self._literals[-1]))

    def _end_part(self) -> None:
        self._parts.append(re.compile(b"".join(self._expression), re.DOTALL))
        self._expression.clear()

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        start = self._at
        while self._byte() & _MORE:
            pass
        return _number(self._data, start, self._at)

    def _pass(self, length: int) -> None:
        self._at += length
        if self._at > len(self._data):
            raise _NoShapeError


def _number(data: bytes, start: int, stop: int) -> int:
    """What a number's bytes stand for; of one with a sign, twice as much."""
    if stop - start == 1:
        return data[start]
    value = 0
    for byte in reversed(data[start:stop]):
        value = value << 7 | byte & 127
    return value


def _short(value: int) -> bytes:
    """A number, as short as can be."""
    parts = bytearray()
    while value >= _MORE:
        parts.append(value & 127 | _MORE)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _place(value: int) -> bytes:
    """A number of always the same length."""
    return bytes([*(value >> shift & 127 | _MORE for shift in (0, 7, 14, 21)), value >> 28])
