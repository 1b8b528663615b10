import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FILES = [ROOT / "constraints.txt", ROOT / "constraints-lowest.txt"]
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def pins(file: Path) -> list[Requirement]:
    """Return the releases that a file pins."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def wanted() -> list[Requirement]:
    """Return what we ask for in any extra, and what building us asks for."""
    lines = list(PROJECT["project"]["dependencies"]) + list(PROJECT["build-system"]["requires"])
    for group in [
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]:
        lines += group
    return [wish for wish in map(Requirement, lines) if wish.name != "atio"]


@each_file
def test_every_requirement_is_pinned_to_a_version_that_it_allows(file: Path) -> None:
    """An installation today and one next year get the same releases."""
    pinned = {canonicalize_name(pin.name): pin for pin in pins(file)}
    for wish in wanted():
        version = str(pinned[canonicalize_name(wish.name)].specifier).removeprefix("==")
        assert wish.specifier.contains(version), wish


@each_file
def test_pins_are_exact_and_name_no_host(file: Path) -> None:
    """The pins work with whatever package index a machine uses."""
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)
    assert all(re.fullmatch(r"==[^,*]+", str(pin.specifier)) and pin.url is None for pin in pins(file))


def test_the_lowest_releases_are_those_of_the_bounds() -> None:
    """What `make test-lowest` tries is the oldest release that a user may have."""
    pinned = {canonicalize_name(pin.name): Version(str(pin.specifier)[2:]) for pin in pins(FILES[1])}
    for wish in wanted():
        bounds = [Version(one.version) for one in wish.specifier if one.operator == ">="]
        found = pinned[canonicalize_name(wish.name)]
        assert [found.release[:2]] == [(*bound.release, 0)[:2] for bound in bounds], wish


def test_the_core_needs_three_packages() -> None:
    """Installing atio alone brings in three packages."""
    names = [Requirement(line).name for line in PROJECT["project"]["dependencies"]]
    assert names == ["pyarrow", "tqdm", "xxhash"]
