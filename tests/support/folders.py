"""Folders as values: made on a disk, looked at, and drawn by Hypothesis."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

Seen = dict[str, tuple[bytes, bool] | None]
"""What is in a folder: content and executable bit of a file, None for a folder that holds nothing."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What is in a folder.

    Attributes:
        files: Content and executable bit by name.
        empty: Names of folders that hold nothing.
    """

    files: dict[str, tuple[bytes, bool]]
    empty: frozenset[str] = frozenset()

    def seen(self) -> Seen:
        """As `seen` gives it."""
        return {**self.files, **dict.fromkeys(self.empty)}

    def contents(self) -> list[bytes]:
        """The content of each file; a folder that holds nothing has an empty one."""
        return [content for content, _ in self.files.values()] + [b"" for _ in self.empty]


def make(path: Path, tree: Tree) -> None:
    """Make a folder, in the place of one that is there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    for name in tree.empty:
        (path / name).mkdir(parents=True)
    for name, (content, executable) in tree.files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
        (path / name).chmod(0o755 if executable else 0o644)


def seen(path: Path) -> Seen:
    """What is in a folder."""
    found: Seen = {}
    for folder, folders, files in os.walk(path):
        here = Path(folder)
        for name in files:
            file = here / name
            found[file.relative_to(path).as_posix()] = file.read_bytes(), os.access(file, os.X_OK)
        if not folders and not files and here != path:
            found[here.relative_to(path).as_posix()] = None
    return found


def change(tree: Tree, other: Tree) -> Tree:
    """A folder after another was laid over it: half of its own files stay."""
    stays = dict(list(tree.files.items())[::2])
    return _without_clashes(stays | other.files, other.empty | tree.empty)


def _without_clashes(files: dict[str, tuple[bytes, bool]], empty: frozenset[str]) -> Tree:
    """Leave out what would be a file and a folder."""
    kept: dict[str, tuple[bytes, bool]] = {}
    for name, file in files.items():
        if not any(_above(name, other) or _above(other, name) for other in kept):
            kept[name] = file
    folders: set[str] = set()
    for name in sorted(empty):
        if not any(
            name == other or _above(name, other) or _above(other, name) for other in (*kept, *folders)
        ):
            folders.add(name)
    return Tree(kept, frozenset(folders))


def _above(name: str, other: str) -> bool:
    return other.startswith(name + "/")


_parts = st.one_of(
    st.sampled_from(
        ["a", "b", "A", "model.bin", ".hidden", "data", "_atio", "con", "a b", "\u00e4", "a\u0308"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=8),
).filter(lambda part: part not in {".", ".."})
_names = st.lists(_parts, min_size=1, max_size=3).map("/".join)
_files = st.tuples(
    st.sampled_from([b"", b"1", b"2", b"weights" * 1000]) | st.binary(max_size=20), st.booleans()
)

trees = st.builds(
    _without_clashes, st.dictionaries(_names, _files, max_size=6), st.frozensets(_names, max_size=2)
)
"""Folders with any names."""
