"""What the pages and the docstrings show is run, as written.

A page's blocks that are marked `python` run one after another, in one namespace and one empty folder; those that are
marked `console` run there too, each `$ atio …` in them. What isn't meant to run (other commands, a layout) is marked
otherwise.
"""

import ast
import doctest
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from atio_core.cli.main import main

ROOT = Path(__file__).parents[2]
# Dagster calls what it has deprecated itself, where a resource is given to a resource.
# polars says of its own plugin for Iceberg that it would be faster.
pytestmark = [
    pytest.mark.filterwarnings("ignore:InitResourceContext.dagster_run:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Iceberg scan planning with the polars_iceberg plugin"),
]

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "example_project" / "README.md"])
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
# What differs between two runs: times, and sizes of compressed files. An ellipsis stands for anything.
VARYING = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d|[\d.]+ kB|…")


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Return a page's examples with their kinds, each behind as many empty lines as to keep its line numbers."""
    text = page.read_text(encoding="utf-8")
    return [
        (found[1], "\n" * text.count("\n", 0, found.start(2)) + found[2]) for found in BLOCK.finditer(text)
    ]


def shown_in(block: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with the output that is shown."""
    commands = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(command, shown) for command, _, shown in (one.partition("\n") for one in commands)]


def matches(shown: str, told: str) -> bool:
    """Tell whether a command printed what a page shows, but for what varies."""
    pattern = "".join(
        re.escape(part) if number % 2 == 0 else ".*" if part == "…" else f"(?:{VARYING.pattern})"
        for number, part in enumerate(re.split(f"({VARYING.pattern})", shown))
    )
    return re.fullmatch(pattern, told, flags=re.DOTALL) is not None


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
def test_the_examples_of_a_page_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader who copies a page's examples, from the top, gets what the page says."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for kind, block in blocks_of(page):
        if kind == "python":
            exec(compile(block, name_of(page), "exec"), names)  # noqa: S102 - our own pages
            continue
        for command, shown in shown_in(block):
            program, *tokens = shlex.split(command)
            assert program == "atio"
            capsys.readouterr()
            main(tokens)
            told = capsys.readouterr()
            assert told.err.startswith("atio: ") == shown.startswith("atio: "), told.err
            assert not shown or matches(shown, told.out or told.err), told.out


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


def test_the_korean_readme_shows_the_same() -> None:
    """What the README shows in one language it shows in the other, but for comments."""
    english, korean = (
        [ast.dump(ast.parse(code)) for _, code in blocks_of(ROOT / name)]
        for name in ("README.md", "README.ko.md")
    )
    assert english == korean
