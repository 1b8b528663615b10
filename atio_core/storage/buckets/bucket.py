"""A table in a bucket: one object per object, by way of obstore.

How the rules of `base.py` are kept:

- `put_if_absent` is one conditional PUT that nothing sends again. Where its answer is lost, that is told as it is:
  `readback.py` finds out. Whether a service refuses taken names at all is tried out once, before the first object that
  comes after none: a probe is stored, and must not be created a second time.
- All else may be sent again, and is, by the client library, within its budget of tries.
- What a service has acknowledged is durable; there is nothing to sync.
- `list` comes in the service's order where that is by rule that of whole names (S3, Google); else folder by folder.
  SeaweedFS breaks that rule: of folders whose names begin alike it lists `a/` before `a-b/`. Nothing counts on these.
- `listed` comes in pages of a thousand, each by one request; marks are ETags, and `read_listed` asks for that one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from atio_core.errors import AlreadyExistsError, NotFoundError, StorageError, UnsupportedStoreError
from atio_core.model.ids import system_clock, uuid7
from atio_core.storage.base import Listed, check_name, check_prefix, is_nameable, walk
from atio_core.storage.buckets.bucket_client import open_client
from atio_core.storage.buckets.bucket_options import own_options, r2_options
from atio_core.storage.buckets.bucket_refusals import Asking, Failure, asked
from atio_core.storage.buckets.bucket_url import GCS, S3, BucketUrl, require_printable
from atio_core.storage.buckets.bucket_writer import AT_ONCE, PART_BYTES, BucketWriter, requests_for
from atio_core.storage.io_stats import IoCounter

_DELETED_AT_ONCE = 1000  # the most that S3 takes in a request
_DELETERS = 8
_RANGE_BYTES = 8 << 20
_LISTED_AT_ONCE = 1000
_SHOWN_AT_ONCE = (
    20  # of these: who asks for the latest takes two or three, and each costs some time to be shown
)
_CHANGED = "PreconditionError"
_UNORDERED_SUFFIX = "--x-s3"  # S3's directory buckets list in no order


class BucketStore:
    """An `ObjectStore` in a bucket of S3, of a service like it, of Google's or of Azure's.

    It pickles, credentials included: another process opens the same place by it.

    Args:
        url: The place.
        temporary: The name of the folder below it in which a probe is stored.
        storage_options: See `bucket_options.py`.

    Raises:
        InvalidInputError: obstore isn't installed, or can't make anything of the options.
    """

    __slots__ = ("_asking", "_client", "_temporary", "_url", "io", "storage_options")

    def __init__(
        self, url: BucketUrl, *, temporary: str, storage_options: Mapping[str, Any] | None = None
    ) -> None:
        check_name(temporary)
        self._url = url
        self._temporary = temporary
        options = own_options(url.service, storage_options, url.endpoint)
        self.storage_options = dict(r2_options(url.bucket, options) if url.is_r2 else options)
        self._client = open_client(url, tuple(self.storage_options.items()))
        self._asking = Asking(url.location, self._client.secrets)
        self.io = IoCounter()

    def __reduce__(self) -> tuple[Callable[..., BucketStore], tuple[Any, ...]]:
        """Another process opens it anew."""
        return _reopened, (self._url, self._temporary, self.storage_options)

    @property
    def location(self) -> str:
        """The URL."""
        return self._url.location

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        return self._client.secrets

    @property
    def flat(self) -> BucketStore | None:
        """Itself; not where listings come in no order."""
        return None if self._url.bucket.endswith(_UNORDERED_SUFFIX) else self

    @property
    def turns(self) -> None:
        """None: nothing in a bucket is let go of when its holder is gone."""
        return None

    def read(self, name: str) -> bytes:
        """Return the whole object. Raises `NotFoundError` if there is none."""
        key = self._key(name)
        data = self._asking.ask("read", name, lambda: self._client.retrying.get(key).bytes().to_bytes())
        self.io.add("reads", read=len(data))
        return data

    def read_into(self, name: str, start: int, into: memoryview) -> int:
        """Fill `into` from `start` on, by several requests at once if it is large; returns how many bytes came."""
        key, view = self._key(name), into.cast("B")
        if not view.nbytes:
            self.size(name)
            return 0
        count = -(-view.nbytes // _RANGE_BYTES)
        cuts = [view.nbytes * at // count for at in range(count + 1)]

        def fetch(at: int) -> int:
            return self._fetch(name, key, start + cuts[at], view[cuts[at] : cuts[at + 1]])

        if count == 1:
            return fetch(0)
        with ThreadPoolExecutor(min(count, AT_ONCE), thread_name_prefix="atio-fetch") as pool:
            return sum(pool.map(fetch, range(count)))

    def _fetch(self, name: str, key: str, start: int, into: memoryview) -> int:
        import obstore

        def call() -> Any:
            return obstore.get_range(self._client.retrying, key, start=start, length=into.nbytes)

        try:
            found = memoryview(asked(call, self._client.secrets))
        except Failure as failure:
            if failure.past_end:
                return 0
            error = self._asking.refused(failure, "read", name, writes=False)
        else:
            into[: len(found)] = found
            self.io.add("reads", read=len(found))
            return len(found)
        raise error

    def size(self, name: str) -> int:
        """Return the object's size in bytes. Raises `NotFoundError` if there is none."""
        key = self._key(name)
        self.io.add("looks")
        return self._asking.ask("look at", name, lambda: self._client.retrying.head(key)["size"])

    def put(self, name: str, data: bytes) -> None:
        """Store a new object under a name that nobody else uses."""
        key = self._key(name)
        self.io.add("writes", requests_for(len(data)), written=len(data))
        self._asking.ask(
            "write",
            name,
            lambda: self._client.retrying.put(key, data, chunk_size=PART_BYTES, max_concurrency=AT_ONCE),
            writes=True,
        )

    def put_if_absent(self, name: str, data: bytes, *, after: str | None = None) -> None:
        """Create the object if its name is free; what comes before it by `after` is durable already."""
        key = self._key(name)
        if after is None:
            self._require_refusal()
        else:
            self._key(after)
        self.io.add("creates", written=len(data))
        self._asking.ask("create", name, lambda: self._client.once.put(key, data, mode="create"), writes=True)

    def make_durable(self, name: str) -> None:
        """Nothing to do: what the service shows is durable."""
        self._key(name)

    def open_write(self, name: str) -> BucketWriter:
        """Start a new object under a name that nobody else uses."""
        import obstore

        key, client = self._key(name), self._client.retrying
        out = self._asking.ask(
            "write",
            name,
            lambda: obstore.open_writer(client, key, buffer_size=PART_BYTES, max_concurrency=AT_ONCE),
        )
        return BucketWriter(out, name, self._asking, lambda: self.delete([name]), self.io)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix`, sorted; they are fetched a thousand at a time."""
        check_prefix(prefix)
        return self._pages(prefix) if self._is_ordered else walk(self.look, prefix)

    @property
    def _is_ordered(self) -> bool:
        return self._url.service in (S3, GCS) and not self._url.bucket.endswith(_UNORDERED_SUFFIX)

    def _pages(self, prefix: str) -> Iterator[str]:
        for page in self._answers(prefix, _LISTED_AT_ONCE):
            yield from sorted(self._names(prefix, (found["path"] for found in page)))

    def _answers(self, prefix: str, shown: int) -> Iterator[Any]:
        """Yield what is below a folder, so many at a time, which are parts of the service's answers."""

        def begin() -> tuple[Any, Any]:
            stream = self._client.retrying.list(self._folder(prefix), chunk_size=shown)
            self.io.add("lists")
            return stream, next(stream, None)

        stream, page = self._asking.ask("list", prefix, begin, again=True)
        seen = 0
        while page is not None:
            yield page
            seen += len(page)
            if seen % _LISTED_AT_ONCE == 0:
                self.io.add("lists")
            # A stream that has failed may end as if all had come: it isn't asked again.
            page = self._asking.ask("list", prefix, lambda: next(stream, None))

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Yield what begins with `prefix`, sorted by name, a thousand at a time."""
        check_prefix(prefix)
        folder, start = f"{self._url.prefix}{prefix}", len(self._url.prefix)
        for page in self._answers(prefix, _SHOWN_AT_ONCE):
            found = [one for one in page if one["path"].startswith(folder)]
            shown = (Listed(one["path"][start:], one["e_tag"] or "") for one in found)
            yield from sorted((one for one in shown if is_nameable(one.name)), key=lambda one: one.name)

    def read_listed(self, one: Listed) -> bytes:
        """Return an object as it was listed. Raises `NotFoundError` if it is gone, or another has its name by now."""
        import obstore

        key = self._key(one.name)

        def call() -> Any:
            return obstore.get(self._client.retrying, key, options={"if_match": _quoted(one.mark)}).bytes()

        try:
            data = asked(call, self._client.secrets).to_bytes()
        except Failure as failure:
            error = self._asking.refused(failure, "read", one.name, writes=False)
            if failure.kind == _CHANGED:
                error = NotFoundError(
                    f"{one.name!r} in {self.location!r} isn't any more what was listed.", path=one.name
                )
        else:
            self.io.add("reads", read=len(data))
            return data
        raise error

    def look(self, folder: str) -> list[str]:
        """Return the sorted names of what lies directly in a folder; those of folders end with `/`."""
        check_prefix(folder)
        self.io.add("lists")
        found = self._asking.ask(
            "list",
            folder,
            lambda: self._client.retrying.list_with_delimiter(self._folder(folder)),
            again=True,
        )
        objects = (one["path"] for one in found["objects"])
        folders = (f"{one}/" for one in found["common_prefixes"])
        return sorted(self._names(folder, (*objects, *folders)))

    def prune(self, folder: str) -> None:
        """Do nothing: in a bucket folders are nothing of their own."""
        check_prefix(folder)

    def delete(self, names: Iterable[str]) -> list[str]:
        """Delete objects, a thousand by a request where the service can; those that are missing already are fine."""
        keys = {self._key(name): name for name in names}
        every = [*keys]
        for start in range(0, len(every), _DELETED_AT_ONCE):
            some = every[start : start + _DELETED_AT_ONCE]
            self.io.add("deletes")
            try:
                self._asking.ask(
                    "delete", keys[some[0]], partial(self._client.retrying.delete, some), again=True
                )
            except NotFoundError:  # one is missing, and nobody knows what became of the others
                with ThreadPoolExecutor(_DELETERS, thread_name_prefix="atio-delete") as pool:
                    for _ in pool.map(self._delete, (keys[key] for key in some)):
                        pass
        return []

    def _delete(self, name: str) -> None:
        self.io.add("deletes")
        with contextlib.suppress(NotFoundError):
            self._asking.ask("delete", name, partial(self._client.retrying.delete, self._key(name)))

    def _require_refusal(self) -> None:
        """Try out, once in a process, whether the service refuses a taken name."""
        if self._client.refuses_taken:
            return
        probe = f"{self._temporary}/{uuid7(system_clock)}.tmp"
        self.put(probe, b"probe")
        try:
            key = self._key(probe)
            self._asking.ask(
                "create", probe, lambda: self._client.once.put(key, b"again", mode="create"), writes=False
            )
        except AlreadyExistsError:
            self._client.refuses_taken = True
            return
        finally:
            with contextlib.suppress(StorageError):  # cleaning takes it
                self.delete([probe])
        raise UnsupportedStoreError(
            f"the service of {self.location} stores an object under a name that is taken, though it was asked not to"
            " (conditional put, If-None-Match): writers would overwrite each other's versions. Nothing was committed:"
            " use a service that has conditional puts, or a release of it that does",
            path=self.location,
        )

    def _key(self, name: str) -> str:
        check_name(name)
        require_printable(name)
        return self._url.prefix + name

    def _folder(self, prefix: str) -> str | None:
        return f"{self._url.prefix}{prefix}".rstrip("/") or None

    def _names(self, folder: str, keys: Iterable[str]) -> Iterator[str]:
        """Take the root off the names in the bucket. A mark that stands for the folder itself is left out."""
        start = len(self._url.prefix)
        below = (key[start:] for key in keys if key.startswith(f"{self._url.prefix}{folder}"))
        return filter(is_nameable, below)


def _quoted(mark: str) -> str:
    """An ETag as requests have it: Azure's listings leave its quotes out."""
    return mark if mark.endswith('"') else f'"{mark}"'


def _reopened(url: BucketUrl, temporary: str, storage_options: Mapping[str, Any]) -> BucketStore:
    return BucketStore(url, temporary=temporary, storage_options=storage_options)
