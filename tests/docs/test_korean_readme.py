"""The README in Korean says what the English one says."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_korean_readme_is_in_step() -> None:
    """Both READMEs run the same code, and lead to the same pages."""
    english, korean = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md"))
    assert _code(korean) == _code(english)
    assert _links(korean) - {"README.md"} == _links(english) - {"README.ko.md"}


def _code(page: str) -> list[str]:
    return [ast.unparse(ast.parse(code)) for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL)]


def _links(page: str) -> set[str]:
    return set(re.findall(r"\]\(([^)]+)\)", page))
