"""The files of Iceberg tables in buckets, read for `pyiceberg` as atio reads its own: with the same options.

These are its `FileIO` and `InputFile`, of which nothing needs to be inherited.
"""

from __future__ import annotations

from atio_core.errors import NotFoundError
from atio_core.format.names import TEMPORARY
from atio_core.storage.base import ObjectStore
from atio_core.storage.buckets.bucket import BucketStore
from atio_core.storage.locate import beside
from atio_core.storage.object_file import ObjectFile


class IcebergIO:
    """Opens files by their URLs. It has no way to write or to delete one.

    Args:
        bucket: A place in the table's bucket: other buckets that hold files of it are opened with the same options.
    """

    def __init__(self, bucket: BucketStore) -> None:
        self.properties: dict[str, str] = {}  # pyiceberg's own options, of which none is needed
        self._bucket = bucket
        self._roots: dict[str, ObjectStore] = {}

    def new_input(self, location: str) -> IcebergFile:
        """Return a file by its URL."""
        scheme, _, path = location.partition("://")
        host, _, name = path.partition("/")
        root = f"{scheme}://{host}"
        if root not in self._roots:
            self._roots[root] = beside(self._bucket, root, temporary=TEMPORARY)
        return IcebergFile(location, self._roots[root], name)


class IcebergFile:
    """A file that may be there."""

    def __init__(self, location: str, store: ObjectStore, name: str) -> None:
        self.location = location
        self._store, self._name = store, name

    def __len__(self) -> int:
        """Return its size in bytes."""
        return self._store.size(self._name)

    def exists(self) -> bool:
        """Say whether it is there."""
        try:
            self._store.size(self._name)
        except NotFoundError:
            return False
        return True

    def open(self, seekable: bool = True) -> ObjectFile:  # noqa: ARG002, FBT001, FBT002 - as pyiceberg calls it
        """Return what its bytes are read from."""
        return ObjectFile(self._store, self._name)
