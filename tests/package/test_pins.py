import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def wanted() -> list[Requirement]:
    """Return what we ask for in any extra, and what building us asks for."""
    lines = list(PROJECT["project"]["dependencies"]) + list(PROJECT["build-system"]["requires"])
    for group in [
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]:
        lines += group
    return [wish for wish in map(Requirement, lines) if wish.name != "atio"]


def test_every_requirement_is_pinned_to_a_version_that_it_allows() -> None:
    """An installation today and one next year get the same releases."""
    pinned = {canonicalize_name(pin.name): pin for pin in PINS}
    for wish in wanted():
        version = str(pinned[canonicalize_name(wish.name)].specifier).removeprefix("==")
        assert wish.specifier.contains(version), wish


def test_pins_are_exact_and_name_no_host() -> None:
    """The pins work with whatever package index a machine uses."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)
    assert all(re.fullmatch(r"==[^,*]+", str(pin.specifier)) and pin.url is None for pin in PINS)


def test_the_core_needs_three_packages() -> None:
    """Installing atio alone brings in three packages."""
    names = [Requirement(line).name for line in PROJECT["project"]["dependencies"]]
    assert names == ["pyarrow", "tqdm", "xxhash"]
