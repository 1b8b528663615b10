"""From what a user calls a table's place to the store that keeps it."""

from __future__ import annotations

import os
import re
import stat
import urllib.parse
from collections.abc import Mapping
from typing import Any

from atio_core.arguments import refusal, shown
from atio_core.errors import InvalidInputError
from atio_core.storage.base import ObjectStore
from atio_core.storage.buckets.bucket import BucketStore
from atio_core.storage.buckets.bucket_url import SCHEMES, BucketUrl
from atio_core.storage.buckets.fsspec_paths import Place, place_and_options
from atio_core.storage.local import LocalStore
from atio_core.storage.memory import MemoryStore

# Two letters at least: "c:/data" is a drive. One slash is enough: pathlib makes "s3:/b" of "s3://b".
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(/?)(.*)", re.DOTALL)
_WINDOWS_DRIVE = re.compile(r"/[A-Za-z]:")
_SUPPORTED = (
    "Use a folder's path, a 'file:///…' URL, a bucket's ('s3://…', 'gs://…', 'az://…', 'abfss://…'), or 'memory://<name>'"
    " for this process alone."
)
_CHAINED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::.*:/", re.DOTALL)  # fsspec's way to put a cache in front
_USER = re.compile(r"(:/{1,2})[^/@]*@")
AnyPlace = Place | bytes | os.PathLike[bytes]

_memories: dict[str, MemoryStore] = {}


def locate(
    path: AnyPlace, *, temporary: str, storage_options: Mapping[str, Any] | None = None
) -> ObjectStore:
    """Return the store at a path or URL. Touches no disk but to see that the path is no file, and no network.

    Args:
        path: A folder (`~` is the home), a `file://` URL, that of a bucket (`s3://`, `gs://`, `az://`, `abfss://`), a
            path of fsspec's (`UPath`), or `memory://<name>`, a store per name.
        temporary: The name of the folder for temporary files, below it.
        storage_options: How the bucket is opened; see `bucket_options.py`. Other places have no use for them.

    Raises:
        InvalidInputError: It is none of these, or a file.

    Example:
        >>> locate("memory://example", temporary="tmp").location
        'memory://example'
        >>> locate("ftp://host/table", temporary="tmp")
        Traceback (most recent call last):
        atio_core.errors.InvalidInputError: 'ftp://host/table' can't hold a table: no store is known for ...
    """
    plain, options = place_and_options(path, storage_options)
    text = _text(plain)
    if _CHAINED.match(text):
        raise _refuse(
            text, "nothing can lie between atio and its files. Give the last URL of this chain alone."
        )
    url = _URL.fullmatch(text)
    if url is None:
        return _local(text, text, temporary)
    scheme, double, rest = url[1].lower(), url[2], url[3]
    if scheme in SCHEMES:
        return BucketStore(BucketUrl.parse(scheme, rest), temporary=temporary, storage_options=options)
    if scheme == "memory" and double:
        return _memory(text, rest)
    if scheme in ("file", "local"):
        return _local(text, _path_of_file_url(text, double, rest), temporary)
    raise _refuse(text, f"no store is known for '{scheme}://'. (If it is a folder, write './' before it.)")


def beside(store: ObjectStore, location: str, *, temporary: str) -> ObjectStore:
    """Return the store at another place, opened as this one was: with its `storage_options`, if it has any.

    Raises:
        InvalidInputError: The place is none.
    """
    return locate(location, temporary=temporary, storage_options=options_of(store))


def options_of(store: ObjectStore) -> Mapping[str, Any] | None:
    """Return how a store was opened, to open its neighbours. They may hold secrets."""
    return getattr(store, "storage_options", None)


def given_store(
    path: object,
    store: object,
    *,
    temporary: str,
    what: str = "a table",
    storage_options: Mapping[str, Any] | None = None,
) -> ObjectStore:
    """Return the store that a caller gave, by a path or as it is.

    Args:
        path: As for `locate`, or None.
        store: Or the store itself.
        temporary: As for `locate`.
        what: What is to lie there, for messages.
        storage_options: As for `locate`.

    Raises:
        InvalidInputError: Neither or both were given, or one of them won't do.
    """
    if (path is None) == (store is None):
        raise InvalidInputError(f"{what} needs a path, or a store, and not both")
    if store is None:
        place: Any = path  # `locate` says so itself if it is none
        return locate(place, temporary=temporary, storage_options=storage_options)
    if not isinstance(store, ObjectStore):
        raise refusal("store", "an ObjectStore", store)
    if storage_options is not None:
        raise InvalidInputError("storage_options belong to a path; a store is open already")
    return store


def above(location: str, levels: int) -> str | None:
    """Return the place so many folders above a store's location; None if a bucket, or a memory, has none.

    Example:
        >>> above("/data/raw/flights", 2), above("s3://bucket/raw/flights", 2), above("s3://bucket", 1)
        ('/data', 's3://bucket', None)
    """
    start, separator, path = location.partition("://")
    if not separator:
        start, path = "", location
    for _ in range(levels):
        path = os.path.dirname(path)
    return f"{start}{separator}{path}" if path or not separator else None


def memories_below(location: str) -> list[str]:
    """Return the names of the stores in memory below another: `["raw/flights"]` for `memory://data/raw/flights`."""
    start = location.removeprefix("memory://") + "/"
    return sorted(name.removeprefix(start) for name in _memories if name.startswith(start))


def _text(path: Any) -> str:
    try:
        text = os.fsdecode(path)
    except TypeError as error:
        raise _refuse(path, f"it is a {type(path).__name__}, not a path.") from error
    if not text.strip():
        raise _refuse(text, "it is empty.")
    if "\0" in text:
        raise _refuse(text, "it holds a NUL character.")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise _refuse(text, "it holds half a character (a lone surrogate).") from error
    return text


def _memory(text: str, name: str) -> MemoryStore:
    name = name.strip("/")
    if not name:
        raise _refuse(text, "it lacks a name.")
    return _memories.setdefault(name, MemoryStore(name))


def _path_of_file_url(text: str, double: str, rest: str) -> str:
    if not double:  # file:/data, by RFC 8089
        return urllib.parse.unquote("/" + rest)
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise _refuse(text, "a file URL has three slashes and an absolute path.")
    path = urllib.parse.unquote("/" + path)
    return path[1:] if os.name == "nt" and _WINDOWS_DRIVE.match(path) else path


def _local(text: str, path: str, temporary: str) -> LocalStore:
    folder = os.path.expanduser(path)
    if folder.startswith("~"):
        raise _refuse(text, f"that home is not known. (If it is a folder, write './{text}'.)")
    try:
        is_file = _is_file(folder)
    except ValueError as error:
        raise _refuse(text, f"{error}.") from error
    if not os.path.abspath(folder).strip(os.sep):
        raise _refuse(text, "it is the root of the file system.")
    if is_file:
        raise _refuse(text, "it is a file, and a table is a folder.")
    return LocalStore(folder, temporary=temporary)


def _is_file(folder: str) -> bool:
    """Whether something else than a folder is there; not what can't be looked at, as the first call will tell."""
    try:
        return not stat.S_ISDIR(os.stat(folder).st_mode)
    except FileNotFoundError:
        return os.path.lexists(folder)  # a link to nothing
    except OSError:
        return False


def _refuse(path: object, reason: str) -> InvalidInputError:
    plain = _without_secrets(path) if isinstance(path, str) else path
    return InvalidInputError(f"{shown(plain)} can't hold a table: {reason} {_SUPPORTED}", path=plain)


def _without_secrets(text: str) -> str:
    """A URL without user, password, options and signatures."""
    return _USER.sub(r"\1…@", text).partition("?")[0] if ":/" in text else text
