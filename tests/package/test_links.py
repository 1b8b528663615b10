import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "example_project" / "README.md"])
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)")
# A file of ours between backticks, perhaps with a test's or a heading's name behind it.
MENTION = re.compile(
    r"`((?:atio_core|atio_dagster|benchmarks|docs|example_project|tests)/[\w./-]+)(?:::(\w+))?`"
)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return re.sub(r"^(```|~~~).*?^\1", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings make."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+?)\s*#*$", prose(page), flags=re.MULTILINE):
        plain = LINK.sub(lambda link: link[0][1 : link[0].index("]")], heading)
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        copies = sum(1 for other in found if re.fullmatch(re.escape(anchor) + r"(-\d+)?", other))
        found.add(f"{anchor}-{copies}" if copies else anchor)
    return found


def leads_somewhere(page: Path, link: str) -> bool:
    """Tell whether a link within the repository has a target, and its anchor a heading."""
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors(target)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    """A reader who follows a link within the repository arrives."""
    links = [link for link in LINK.findall(prose(page)) if not re.match(r"(https?|mailto):", link)]
    assert [link for link in links if not leads_somewhere(page, link)] == []


@each_page
def test_files_and_tests_that_a_page_names_exist(page: Path) -> None:
    """A page that names a module or a test, as the proof of a promise, names one that is there."""
    for name, member in MENTION.findall(prose(page)):
        target = ROOT / name
        assert target.exists(), name
        if member:
            assert re.search(rf"\b(def|class) {member}\b", target.read_text(encoding="utf-8")), (
                f"{name}::{member}"
            )
