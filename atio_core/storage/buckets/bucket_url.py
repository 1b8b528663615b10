"""The URL of a place in a bucket: which service, which bucket, which prefix in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from atio_core.errors import InvalidInputError
from atio_core.storage.base import check_name

S3, GCS, AZURE = "s3", "gs", "az"
_SERVICES = {
    "s3": S3,
    "s3a": S3,  # as Hadoop calls it
    "r2": S3,  # Cloudflare's service of its kind
    "gs": GCS,
    "gcs": GCS,
    "az": AZURE,
    "abfs": AZURE,
    "abfss": AZURE,
}
SCHEMES = frozenset(_SERVICES)
"""Those of URLs that lead into a bucket."""

_SHOWN = {"s3a": "s3", "gcs": "gs", "abfs": "abfss"}
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._$-]*")
_AZURE_HOST = re.compile(r"([a-z0-9]+)(?:\.(?:dfs|blob)\.([a-z0-9.-]+))?")
_AZURES_PUBLIC = "core.windows.net"


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """A place in a bucket.

    Attributes:
        service: `S3`, `GCS` or `AZURE`.
        bucket: Its name (Azure: of the container).
        prefix: What all names begin with: "", or ending with `/`.
        location: The place as a person would name it; it holds no secrets.
        account: That of Azure's storage, if the URL names it.
        endpoint: Where that account is reached, if the URL names another of Azure's clouds than the public one.
    """

    service: str
    bucket: str
    prefix: str
    location: str
    account: str = ""
    endpoint: str = ""

    @property
    def is_r2(self) -> bool:
        """Whether it is of Cloudflare's service, whose endpoint an account's id tells."""
        return self.location.startswith("r2://")

    @classmethod
    def parse(cls, scheme: str, rest: str) -> BucketUrl:
        """Take a URL apart.

        Args:
            scheme: One of `SCHEMES`.
            rest: What follows its `://`.

        Raises:
            InvalidInputError: It names no bucket, or holds what may be a secret, which the message leaves out.

        Example:
            >>> BucketUrl.parse("s3", "bucket/raw/flights/").location
            's3://bucket/raw/flights'
        """
        host, _, path = rest.partition("/")
        service, shown = _SERVICES[scheme], _SHOWN.get(scheme, scheme)
        bucket, at, account_host = host.partition("@") if service == AZURE else (host, "", "")
        found = _AZURE_HOST.fullmatch(account_host)
        if not _BUCKET.fullmatch(bucket) or (at and found is None):
            raise InvalidInputError(
                f"a URL of {shown}://… names a bucket, as {_example(shown)} does. Credentials don't belong into it:"
                " they come from the environment, or by storage_options"
            )
        if "?" in path:
            raise InvalidInputError(
                f"{shown}://{host}/{path.partition('?')[0]} goes on with '?': options and signatures don't belong into"
                " a URL; give them by storage_options"
            )
        folders = path.strip("/")
        if folders:
            check_name(folders)
            require_printable(folders)
        place = f"{shown}://{host}/{folders}" if folders else f"{shown}://{host}"
        account, cloud = (found[1], found[2] or _AZURES_PUBLIC) if found else ("", _AZURES_PUBLIC)
        endpoint = "" if cloud == _AZURES_PUBLIC else f"https://{account}.blob.{cloud}"
        return cls(service, bucket, f"{folders}/" if folders else "", place, account, endpoint)


def require_printable(name: str) -> None:
    """Refuse a name that the listings of buckets can't carry.

    Raises:
        InvalidInputError: It holds a control character, or bytes that are no text.
    """
    if name.isascii() and name.isprintable():
        return
    if any(
        ord(character) < ord(" ") or character == "\x7f" or "\ud800" <= character <= "\udfff"
        for character in name
    ):
        message = f"{name!r} can't be in a bucket: it holds control characters, or bytes that are no text."
        raise InvalidInputError(message, path=name)


def _example(shown: str) -> str:
    host = "container@account.dfs.core.windows.net" if shown == "abfss" else "bucket"
    return f"'{shown}://{host}/tables/orders'"
