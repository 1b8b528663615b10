"""Where an old table lies: a folder of this machine, or of a bucket. It is only read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atio_core.arguments import refusal
from atio_core.errors import AtioError, DamagedError, InvalidInputError, NotFoundError
from atio_core.format.names import TEMPORARY
from atio_core.storage.base import ObjectStore
from atio_core.storage.buckets.bucket import BucketStore
from atio_core.storage.buckets.bucket_refusals import Failure
from atio_core.storage.buckets.fsspec_paths import Place, place_and_options
from atio_core.storage.local_refusals import refusals
from atio_core.storage.locate import locate

METADATA_FILE = ".metadata.json"


@dataclass(frozen=True, slots=True)
class OldPlace:
    """A folder, or the metadata file of an Iceberg table.

    Attributes:
        location: Its path, or the URL of the bucket.
        bucket: By what it is read; None on this machine.
    """

    location: str
    bucket: BucketStore | None = None

    def names(self, folder: str = "") -> set[str]:
        """Return the names of what lies in it, or in a folder of it; none if there is no such folder."""
        if self.bucket is not None:
            start = f"{folder}/" if folder else ""
            return {name[len(start) :].rstrip("/") for name in self.bucket.look(start)}
        path = Path(self.location, folder)
        with refusals("read", str(path)):
            return {one.name for one in path.iterdir()} if path.is_dir() else set()

    def read(self, name: str) -> bytes:
        """Return the content of a file in it."""
        if self.bucket is not None:
            return self.bucket.read(name)
        path = Path(self.location, name)
        with refusals("read", str(path)):
            return path.read_bytes()

    def at(self, name: str) -> OldPlace:
        """Return the place of what lies in it."""
        return OldPlace(f"{self.location}/{name}", self.bucket)

    def damaged(self, error: Exception) -> DamagedError:
        """Return what is raised when a library can't read it; of a bucket without what is secret."""
        told = str(error) if self.bucket is None else Failure(error, self.bucket.secrets).reason
        return DamagedError(f"{self.location} can't be read: {' '.join(told.split())}", table=self.location)

    def rows(self, reader: Any) -> AbstractContextManager[Any]:
        """Return rows of it, given as a reader of Arrow, for a `with` block; whatever breaks them is `DamagedError`."""
        import pyarrow as pa

        def batches() -> Iterator[Any]:
            try:
                yield from reader
            except AtioError:
                raise
            except Exception as error:  # noqa: BLE001 - what libraries raise of damaged files isn't said anywhere
                raise self.damaged(error) from (error if self.bucket is None else None)

        return nullcontext(pa.RecordBatchReader.from_batches(reader.schema, batches()))


def old_place(argument: str, given: Place, storage_options: Mapping[str, Any] | None) -> OldPlace:
    """Return the place that a caller named.

    Args:
        argument: What it is called there, for messages.
        given: A folder's path or URL; or those of the metadata file of an Iceberg table.
        storage_options: How its bucket is opened.

    Raises:
        InvalidInputError: It is none.
        NotFoundError: Nothing is there.
        StorageError: Its bucket can't be read.
    """
    plain, options = place_and_options(given, storage_options)
    try:
        text = os.fsdecode(plain)  # pyright: ignore[reportArgumentType] - what is no path is refused below
        is_file = text.endswith(METADATA_FILE)
        # Catalogues name the file by a URI, in which nothing is escaped.
        place = Path(text.removeprefix("file://")).expanduser().absolute()
        there = place.is_file() if is_file else place.is_dir()
    # A name too long, no home, no path, a NUL.
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise refusal(argument, "the path of a folder", given) from error
    if "://" in text and not text.startswith("file://"):
        return _in_bucket(text, options, is_file=is_file)
    if options is not None:
        raise InvalidInputError(
            "storage_options belong to a bucket: files of this machine have no use for them"
        )
    if not there:
        raise _missing(str(place), is_file=is_file)
    return OldPlace(str(place))


def _in_bucket(url: str, options: Mapping[str, Any] | None, *, is_file: bool) -> OldPlace:
    folder, _, name = url.rpartition("/") if is_file else (url, "", "")
    store: ObjectStore = locate(folder, temporary=TEMPORARY, storage_options=options)
    if not isinstance(store, BucketStore):
        raise InvalidInputError(
            f"{url} is no folder of a bucket, nor of this machine: nothing can be taken over from it"
        )
    location = f"{store.location}/{name}" if is_file else store.location
    inside = store.look("")
    if not inside or (is_file and name not in inside):
        raise _missing(location, is_file=is_file)
    return OldPlace(location, store)


def _missing(place: str, *, is_file: bool) -> NotFoundError:
    what = "file" if is_file else "folder"
    return NotFoundError(f"there is no {what} {place}: give the old table's", path=place)
