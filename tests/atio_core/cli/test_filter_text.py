import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atio_core.cli.filter_text import Condition, Value, parse_filter
from atio_core.errors import InvalidInputError

BARE = "abcd"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("a>60", Condition("a", ">", (Value("60", quoted=False),))),
        ("a = -1.5", Condition("a", "==", (Value("-1.5", quoted=False),))),
        ("a <> 'it''s'", Condition("a", "!=", (Value("it's", quoted=True),))),
        ('"two words" <= 2026-01-31', Condition("two words", "<=", (Value("2026-01-31", quoted=False),))),
        ("`a``b` == TRUE", Condition("a`b", "==", (Value("TRUE", quoted=False),))),
        ("'and' >= 12:30:00", Condition("and", ">=", (Value("12:30:00", quoted=False),))),
        ("a IN (1,2)", Condition("a", "in", (Value("1", quoted=False), Value("2", quoted=False)))),
        ("a not in ('x')", Condition("a", "not in", (Value("x", quoted=True),))),
        ("a is null", Condition("a", "is null")),
        ("a is not null", Condition("a", "is not null")),
        ("a is not nan", Condition("a", "is not nan")),
        ("a = 'x) or (b > 1'", Condition("a", "==", (Value("x) or (b > 1", quoted=True),))),
    ],
)
def test_a_condition_is_read(text: str, condition: Condition) -> None:
    """A condition is a column, an operator and values; quotes make anything a name or a value."""
    assert parse_filter(text) == [[condition]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs a column at its beginning, and has the end"),
        ("a", "needs a comparison such as >, in, or is null behind 'a', and has the end"),
        ("a > ", "needs a value behind 'a >', and has the end"),
        ("a > 1 b < 2", "needs and, or, or the end behind 'a > 1', and has 'b'"),
        ("(a > 1", "needs a closing bracket"),
        ("a > 1)", "has ')'"),
        ("a in 1", "needs an opening bracket behind 'a in'"),
        ("a in ()", "needs a value behind 'a in ('"),
        ("a in (1", "needs a comma or a closing bracket"),
        ("a is 3", "needs null or nan behind 'a is'"),
        ("a not 3", "needs in behind 'a not'"),
        ("not a = 3", "needs a column at its beginning, and has 'not'"),
        ("a = null", "a missing value is found by: column is null"),
        ("a = 'x", "is a quote not closed?"),
        ("1 ! 2", "can't be read from here on: '! 2'"),
        ("(" * 60 + "a = 1" + ")" * 60, "more than 50 brackets within each other"),
        (" and ".join(["(a = 1 or b = 2)"] * 20), "more than 1,000 combinations"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, message: str) -> None:
    """A filter that can't be read is refused, and the message shows where and what is wanted."""
    with pytest.raises(InvalidInputError) as refused:
        parse_filter(text)
    assert message in str(refused.value)


def trees() -> st.SearchStrategy[object]:
    """Conditions joined by and, or and brackets."""
    return st.recursive(
        st.sampled_from(BARE),
        lambda inner: st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
        max_leaves=8,
    )


def written(tree: object) -> str:
    """A tree as a person types it."""
    if isinstance(tree, tuple):
        word, parts = tree
        return f" {word} ".join(
            f"({written(part)})" if isinstance(part, tuple) else written(part) for part in parts
        )
    return f"{tree} = 1"


def holds(tree: object, true: set[str]) -> bool:
    """What a tree is if these conditions are true."""
    if isinstance(tree, tuple):
        word, parts = tree
        return (all if word == "and" else any)(holds(part, true) for part in parts)
    return tree in true


@given(trees())
def test_and_or_and_brackets_mean_what_they_say(tree: object) -> None:
    """The lists that a filter becomes hold just when the filter does; `and` binds closer than `or`."""
    lists = parse_filter(written(tree))
    for size in range(len(BARE) + 1):
        for chosen in itertools.combinations(BARE, size):
            found = any(all(one.column in chosen for one in all_of) for all_of in lists)
            assert found == holds(tree, set(chosen))


def test_and_binds_closer_than_or() -> None:
    """Without brackets, `a or b and c` is `a or (b and c)`, as in SQL."""
    lists = parse_filter("a = 1 or b = 1 and c = 1")
    assert [[one.column for one in all_of] for all_of in lists] == [["a"], ["b", "c"]]
