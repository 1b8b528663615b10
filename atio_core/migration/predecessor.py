"""Tables of `atio` 2 and 3, as these packages read them. Nothing is unpickled, and no name may lead out of the folder.

- `_current_version.json`: the number of the current version; `metadata/v<N>.metadata.json`: what names its snapshot.
- A snapshot of 2 names manifests, each of which names a Parquet file of rows, the newest first.
- A snapshot of 3 names columns, each of which is a Parquet file; or the files of a model, cut into chunks.
- `tags.json` of 3: tag to number.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, cast

from atio_core.errors import DamagedError
from atio_core.migration.old_place import OldPlace
from atio_core.migration.predecessor_rows import (
    read_columns,
    read_row_files,
    require_columns,
    require_row_files,
)
from atio_core.migration.source import OldVersion, Source

_VERSION = re.compile(r"v([1-9][0-9]*)\.metadata\.json")


class UnreadableError(Exception):
    """A version isn't what the old package writes."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A version's snapshot.

    Attributes:
        number: The version's.
        name: The snapshot's file name, which has a random part.
        told: What the file says.
    """

    number: int
    name: str
    told: dict[str, Any]

    @property
    def seconds(self) -> float:
        """When it was written, in seconds since 1970; 0 if it doesn't say."""
        given = self.told.get("timestamp")
        return float(given) if isinstance(given, int | float) else 0.0


def read_source(place: OldPlace) -> Source:
    """Return what a table holds. Versions are ordered by time, since numbers are used again after a rollback.

    Raises:
        DamagedError: The pointer file or the tags can't be read.
    """
    import pyarrow as pa

    root = Path(place.location)
    pointer, tags = _pointer(root), _tags(root)
    unreadable: dict[int, str] = {}
    found: list[tuple[_Snapshot, OldVersion]] = []
    for number in _numbers(root):
        try:
            snapshot = _snapshot(root, number)
            opened = _opener(root, snapshot)
            found.append((snapshot, _old_version(snapshot, tags.get(number, ()), opened)))
        except (UnreadableError, OSError, OverflowError, ValueError, pa.ArrowException) as error:
            unreadable[number] = str(error)
    if pointer not in [snapshot.number for snapshot, _ in found]:
        unreadable.setdefault(pointer, "it is the current version, and its metadata isn't there")
    found.sort(key=lambda one: (one[0].seconds, one[0].number))
    current = next((old.id for snapshot, old in found[:-1] if snapshot.number == pointer), None)
    return Source("atio", place.location, tuple(old for _, old in found), current, unreadable)


def _pointer(root: Path) -> int:
    path = root / "_current_version.json"
    try:
        number = _object(path).get("version_id")
    except (UnreadableError, OSError, ValueError) as error:
        raise DamagedError(f"{path} can't be read: {error}", path=str(path)) from error
    if type(number) is not int:
        raise DamagedError(f"{path} names no version: its version_id is {number!r}", path=str(path))
    return number


def _tags(root: Path) -> dict[int, tuple[str, ...]]:
    path = root / "tags.json"
    try:
        told = _object(path)
    except FileNotFoundError:
        return {}
    except (UnreadableError, OSError, ValueError) as error:
        raise DamagedError(f"{path} can't be read: {error}", path=str(path)) from error
    tags: dict[int, tuple[str, ...]] = {}
    for name, number in sorted(told.items()):
        if type(number) is int:
            tags[number] = (*tags.get(number, ()), name)
    return tags


def _numbers(root: Path) -> list[int]:
    try:
        names = [path.name for path in (root / "metadata").iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DamagedError(f"{root / 'metadata'} can't be read: {error}", path=str(root)) from error
    return sorted(int(match[1]) for match in map(_VERSION.fullmatch, names) if match)


def _snapshot(root: Path, number: int) -> _Snapshot:
    told = _object(root / "metadata" / f"v{number}.metadata.json")
    path = _inside(root, told.get("snapshot_filename"))
    return _Snapshot(number, path.name, _object(path))


def _old_version(
    snapshot: _Snapshot, tags: tuple[str, ...], opened: partial[AbstractContextManager[Any]]
) -> OldVersion:
    message = snapshot.told.get("message")
    return OldVersion(
        id=f"atio {snapshot.number} {snapshot.name}",
        number=snapshot.number,
        time=datetime.fromtimestamp(snapshot.seconds, UTC) if snapshot.seconds else None,
        message=message if isinstance(message, str) else None,
        opened=opened,
        tags=tags,
    )


def _opener(root: Path, snapshot: _Snapshot) -> partial[AbstractContextManager[Any]]:
    """Return what opens a version's data, which is there as far as a look at the files' ends can tell."""
    told = snapshot.told
    if "manifests" in told:
        files = _row_files(root, told["manifests"])
        require_row_files(files)
        return partial(_rows, read_row_files, files)
    if "columns" in told:
        columns = _columns(root, told["columns"])
        require_columns(columns)
        return partial(_rows, read_columns, columns)
    if "files" in told:
        return partial(_model, _model_files(root, told["files"]))
    raise UnreadableError(f"the snapshot {snapshot.name} names neither rows nor columns nor files")


def _rows(read: Any, files: Any) -> AbstractContextManager[Any]:
    return nullcontext(read(files))


def _row_files(root: Path, manifests: object) -> list[Path]:
    files: list[Path] = []
    for name in _list(manifests):
        for one in _list(_object(_inside(root, name)).get("files")):
            told = _dict(one)
            if told.get("format") != "parquet":
                raise UnreadableError(
                    f"{told.get('path')!r} isn't Parquet, which alone the old package reads"
                )
            files.append(_inside(root, told.get("path")))
    if not files:
        raise UnreadableError("it names no file")
    return files


def _columns(root: Path, columns: object) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for one in _list(columns):
        told = _dict(one)
        name, digest, kind = told.get("name"), told.get("hash"), told.get("format")
        if not isinstance(name, str) or not isinstance(digest, str) or kind != "parquet":
            raise UnreadableError(f"a column is told as {told!r}")
        found.append((name, _inside(root, f"data/{digest}.parquet")))
    return found


def _model_files(root: Path, files: object) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for one in _list(files):
        told = _dict(one)
        path = _relative(told.get("path"))
        chunks = [_inside(root, f"data/{chunk}") for chunk in _list(told.get("chunks"))]
        missing = next((chunk for chunk in chunks if not chunk.is_file()), None)
        if missing is not None:
            raise UnreadableError(f"{missing} isn't there")
        found[str(path)] = chunks
    if not found:
        raise UnreadableError("it names no file")
    return found


@contextmanager
def _model(files: dict[str, list[Path]]) -> Generator[Path]:
    """Put a model's files together in a temporary folder: one file alone, or the folder."""
    with tempfile.TemporaryDirectory(prefix="atio-migrate-") as folder:
        for name, chunks in files.items():
            path = Path(folder, "model", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                for chunk in chunks:
                    out.write(chunk.read_bytes())
        only = next(iter(files))
        yield Path(folder, "model", only) if len(files) == 1 and "/" not in only else Path(folder, "model")


def _object(path: Path) -> dict[str, Any]:
    return _dict(json.loads(path.read_text(encoding="utf-8")))


def _dict(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnreadableError(f"an object was expected, and {value!r} is there")
    return cast("dict[str, Any]", value)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise UnreadableError(f"a list was expected, and {value!r} is there")
    return cast("list[Any]", value)


def _inside(root: Path, name: object) -> Path:
    return root / _relative(name)


def _relative(name: object) -> PurePosixPath:
    """Return a path that leads nowhere else; Windows wrote them with its own slashes.

    Raises:
        UnreadableError: It does, or is no path.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise UnreadableError(f"{name!r} is no file's name")
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.parts or ":" in path.parts[0]:
        raise UnreadableError(f"{name!r} leads out of the table")
    return path
