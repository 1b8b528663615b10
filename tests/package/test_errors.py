import pickle
import re
from pathlib import Path

import pytest

from atio_core import errors
from atio_core.errors import AtioError

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"
CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AtioError)
]
NAMES = [kind.__name__ for kind in CLASSES]


def drawn() -> dict[str, str]:
    """Return the classes in the docstring's tree, each with the class it hangs on."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in str(errors.__doc__).splitlines():
        if found := re.match(r"([│├└─ ]*)([A-Z]\w+Error)\b", line):
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1] if depth else "Exception"
    return parents


def sections() -> dict[str, str]:
    """Return the sections of docs/errors.md by their headings."""
    parts = re.split(r"^#+ (.+)$", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_drawing_shows_the_tree() -> None:
    """The tree drawn at the top of the module is the tree of the classes."""
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


def test_codes_are_stable_and_differ() -> None:
    """Each class has a code of its own, made of its name, that programs may compare."""
    for kind in CLASSES:
        words = re.findall("[A-Z][a-z]+", kind.__name__.removesuffix("Error"))
        assert vars(kind)["code"] == "-".join(words).lower()


@pytest.mark.parametrize("kind", CLASSES, ids=NAMES)
def test_an_error_crosses_processes_whole(kind: type[AtioError]) -> None:
    """An error that comes out of a pool or an executor has its class, message and facts."""
    error = kind("what, where, what to do", table="t", version=3, path="data/x.parquet")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), copy.table, copy.version, copy.facts) == (
        "what, where, what to do",
        "t",
        3,
        {"path": "data/x.parquet"},
    )
    assert vars(copy)["path"] == "data/x.parquet"


@pytest.mark.parametrize("kind", CLASSES, ids=NAMES)
def test_every_error_is_explained(kind: type[AtioError]) -> None:
    """docs/errors.md says of each class when it is raised and what to do, and gives its code."""
    text = sections()[kind.__name__]
    assert f"`{kind.code}`" in text
    assert "**Do**" in text


def test_no_error_is_explained_that_does_not_exist() -> None:
    """docs/errors.md has no section for a class that was renamed or removed."""
    assert {name for name in sections() if name.endswith("Error")} == set(NAMES)
