"""`docs/promises.md` tells of each promise what shows it."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/promises.md").read_text(encoding="utf-8")
SECTIONS = {section.split(maxsplit=1)[0]: section for section in PAGE.split("\n## ")[1:]}
PROMISES = [f"P{number}" for number in range(1, 9)]


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_has_an_argument_and_tests(promise: str) -> None:
    """A promise comes with its reason, and with tests by their names (`tests/package` sees to it that they exist)."""
    assert "**Why.**" in SECTIONS[promise]
    assert re.search(r"^- `tests/[\w/]+\.py::test_\w+`", SECTIONS[promise], flags=re.MULTILINE)


def test_what_is_not_promised_is_told() -> None:
    """The page ends with its limits."""
    assert PAGE.split("\n## ")[-1].startswith("What is not promised")
