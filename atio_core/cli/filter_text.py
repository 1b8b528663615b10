"""Row filters as people type them: `dep_delay > 60 and carrier in ('UA', 'AA')`.

Nothing is evaluated: a text is taken apart into conditions, and becomes the lists that `Table.read` takes as `filter`.

    any       = all ("or" all)*
    all       = one ("and" one)*
    one       = "(" any ")" | condition
    condition = column operator value | column ["not"] "in" "(" value ("," value)* ")"
              | column "is" ["not"] ("null" | "nan")
    operator  = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="

A column is a bare word, or quoted: "two words". A value is a quoted text, a number, true, false, or a bare date or
time; the column's type decides what it is (`cli/filter_values.py`). A quote within quotes is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from atio_core.errors import InvalidInputError

MOST_LISTS = 1_000
"""`(a or b) and (c or d)` becomes four lists: so many at most."""
_DEEPEST = 50
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    |(?P<sign><=|>=|<>|!=|==|=|<|>|\(|\)|,)
    |(?P<word>[^\s'"`<>=!(),]+)
    )""",
    re.VERBOSE,
)
_OPERATORS = {"=": "==", "==": "==", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_RESERVED = ("and", "or", "not", "in", "is", "null", "nan", "true", "false")


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was typed.

    Attributes:
        text: Without its quotes.
        quoted: Whether it had some.
    """

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a column.

    Attributes:
        column: As it was typed.
        operator: As `filter` takes it.
        values: None of `is null` and its like; several of `in`.
    """

    column: str
    operator: str
    values: tuple[Value, ...] = ()


Lists = list[list[Condition]]
"""One of the lists must hold, all of it."""


def parse_filter(text: str) -> Lists:
    """Return the conditions that a text says.

    Raises:
        InvalidInputError: It can't be read; the message shows where.

    Example:
        >>> [
        ...     [(one.column, one.operator) for one in all_of]
        ...     for all_of in parse_filter("a > 1 and (b = 2 or c is null)")
        ... ]
        [[('a', '>'), ('b', '==')], [('a', '>'), ('c', 'is null')]]
    """
    reader = _Reader(text)
    lists = _any(reader, 0)
    if reader.token is not None:
        reader.refuse("and, or, or the end")
    return lists


def _any(reader: _Reader, depth: int) -> Lists:
    lists = _all(reader, depth)
    while reader.takes_word("or"):
        lists = [*lists, *_all(reader, depth)]
    return _bounded(lists)


def _all(reader: _Reader, depth: int) -> Lists:
    lists = _one(reader, depth)
    while reader.takes_word("and"):
        others = _one(reader, depth)
        _require_few(len(lists) * len(others))
        lists = [[*left, *right] for left in lists for right in others]
    return lists


def _one(reader: _Reader, depth: int) -> Lists:
    if not reader.takes_sign("("):
        return [[_condition(reader)]]
    if depth == _DEEPEST:
        raise InvalidInputError(f"--filter has more than {_DEEPEST} brackets within each other")
    lists = _any(reader, depth + 1)
    if not reader.takes_sign(")"):
        reader.refuse("a closing bracket")
    return lists


def _condition(reader: _Reader) -> Condition:
    column = reader.take_column()
    if reader.takes_word("is"):
        negated = "not " if reader.takes_word("not") else ""
        for test in ("null", "nan"):
            if reader.takes_word(test):
                return Condition(column, f"is {negated}{test}")
        reader.refuse("null or nan")
    negated = "not " if reader.takes_word("not") else ""
    if reader.takes_word("in"):
        return Condition(column, f"{negated}in", _values(reader))
    operator = None if negated or reader.token is None else _OPERATORS.get(reader.token)
    if operator is None or not reader.takes_sign(str(reader.token)):
        reader.refuse("in" if negated else "a comparison such as >, in, or is null")
    return Condition(column, operator, (reader.take_value(),))


def _values(reader: _Reader) -> tuple[Value, ...]:
    if not reader.takes_sign("("):
        reader.refuse("an opening bracket")
    values = [reader.take_value()]
    while reader.takes_sign(","):
        values.append(reader.take_value())
    if not reader.takes_sign(")"):
        reader.refuse("a comma or a closing bracket")
    return tuple(values)


def _bounded(lists: Lists) -> Lists:
    _require_few(len(lists))
    return lists


def _require_few(count: int) -> None:
    if count > MOST_LISTS:
        raise InvalidInputError(
            f"--filter says more than {MOST_LISTS:,} combinations of conditions; say in (…) for several values"
        )


class _Reader:
    """Goes through a text token by token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = self._end = 0
        self._kind: str | None = None
        self.token: str | None = None
        """The one at hand; None at the end."""
        self._go_on()

    def takes_word(self, word: str) -> bool:
        """Go past a word of the language, in any case, if it is at hand."""
        return self._takes(self._kind == "word" and str(self.token).lower() == word)

    def takes_sign(self, sign: str) -> bool:
        """Go past a sign, if it is at hand."""
        return self._takes(self._kind == "sign" and self.token == sign)

    def take_column(self) -> str:
        """Go past the name of a column."""
        return self._take("a column", lambda word: word.lower() not in _RESERVED).text

    def take_value(self) -> Value:
        """Go past a value."""
        return self._take(
            "a value", lambda word: word.lower() in ("true", "false") or word.lower() not in _RESERVED
        )

    def refuse(self, wanted: str) -> NoReturn:
        """Say what should stand at hand."""
        found = "the end" if self.token is None else repr(self._text[self._start : self._end].strip())
        before = self._text[: self._start].strip()
        where = f"behind {before!r}" if before else "at its beginning"
        advice = (
            "; a missing value is found by: column is null"
            if wanted == "a value" and self.takes_word("null")
            else ""
        )
        raise InvalidInputError(f"--filter needs {wanted} {where}, and has {found}{advice}")

    def _take(self, wanted: str, fits: Callable[[str], bool]) -> Value:
        token = self.token
        if token is not None and self._kind == "quoted":
            self._go_on()
            return Value(token[1:-1].replace(token[0] * 2, token[0]), quoted=True)
        if token is None or self._kind != "word" or not fits(token):
            self.refuse(wanted)
        self._go_on()
        return Value(token, quoted=False)

    def _takes(self, there: bool) -> bool:  # noqa: FBT001 - the one thing it is about
        if there:
            self._go_on()
        return there

    def _go_on(self) -> None:
        self._start = self._end
        found = _TOKEN.match(self._text, self._end)
        if found is None:
            rest = self._text[self._end :].strip()
            if rest:
                raise InvalidInputError(
                    f"--filter can't be read from here on: {rest!r}; is a quote not closed?"
                )
            self._kind = self.token = None
            return
        self._end, self._kind = found.end(), found.lastgroup
        self.token = found[str(self._kind)]
