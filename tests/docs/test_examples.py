"""What the pages and the docstrings show is run, as written.

A page's blocks that are marked `python` run one after another, in one namespace and one empty folder. What isn't meant
to run (a command, a layout) is marked otherwise.
"""

import doctest
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Dagster calls what it has deprecated itself, where a resource is given to a resource.
pytestmark = pytest.mark.filterwarnings("ignore:InitResourceContext.dagster_run:DeprecationWarning")

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def blocks_of(page: Path) -> list[str]:
    """Return a page's examples, each behind as many empty lines as to keep its line numbers."""
    text = page.read_text(encoding="utf-8")
    return ["\n" * text.count("\n", 0, block.start(1)) + block[1] for block in BLOCK.finditer(text)]


def has_examples(module: Path) -> bool:
    """Tell whether a module's docstrings show something."""
    return ">>> " in module.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    """Return a path as people call it."""
    return path.relative_to(ROOT).as_posix()


MODULES = [
    module
    for package in ("atio_core", "atio_dagster")
    for module in sorted((ROOT / package).rglob("*.py"))
    if has_examples(module)
]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=name_of)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who copies a page's examples, from the top, gets what the page says."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(page):
        exec(compile(block, name_of(page), "exec"), names)  # noqa: S102 - our own pages


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_the_examples_of_a_module_run(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a docstring shows is what happens."""
    monkeypatch.chdir(tmp_path)
    name = name_of(module).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    failed, tried = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0, capsys.readouterr().out


def test_the_readme_has_examples() -> None:
    """The page that everybody reads first shows code that runs."""
    assert blocks_of(ROOT / "README.md")
