"""A stand-in for Google's buckets, whose emulators don't speak what clients do, and for odd services of S3's kind.

It keeps objects in memory, and answers what obstore asks: put (also on condition), get (also a part, or on condition),
head, delete, list, and uploads in parts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

_PAGE = 1000
_DATE = "Wed, 01 Jan 2025 00:00:00 GMT"
Query = dict[str, str]


@dataclass
class Bucket:
    """What the service keeps.

    Attributes:
        conditional: Whether it heeds the condition that a name be free.
        objects: Content and generation by name.
        uploads: Parts by their number, by the upload's id.
    """

    conditional: bool = True
    objects: dict[str, tuple[bytes, int]] = field(default_factory=dict[str, tuple[bytes, int]])
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict[str, dict[int, bytes]])
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, key: str, data: bytes, *, if_free: bool) -> int | None:
        """Store an object; return its generation, or None if its name is taken."""
        with self.lock:
            if if_free and self.conditional and key in self.objects:
                return None
            self.objects[key] = (data, next(self.numbers))
            return self.objects[key][1]

    def page(self, query: Query) -> str:
        """Return a page of a listing."""
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token", query.get("start-after", ""))
        contents: list[str] = []
        folders: dict[str, None] = {}
        last = ""
        with self.lock:
            keys = sorted(self.objects)
        for key in keys:
            if not key.startswith(prefix) or key <= after:
                continue
            if len(contents) + len(folders) == _PAGE:
                return _listing(contents, folders, last)
            rest, last = key[len(prefix) :], key
            if delimiter and delimiter in rest:
                folders[prefix + rest.partition(delimiter)[0] + delimiter] = None
            else:
                contents.append(self._entry(key))
        return _listing(contents, folders, "")

    def _entry(self, key: str) -> str:
        data, _ = self.objects[key]
        return (
            f"<Contents><Key>{escape(key)}</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>{_etag(data)}</ETag><Size>{len(data)}</Size></Contents>"
        )


def _listing(contents: list[str], folders: dict[str, None], more: str) -> str:
    told = "".join(f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>" for one in folders)
    token = f"<NextContinuationToken>{escape(more)}</NextContinuationToken>" if more else ""
    return f"<ListBucketResult>{''.join(contents)}{told}{token}</ListBucketResult>"


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data).hexdigest()}"'  # noqa: S324 - what such services give as ETag


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer goes out at once, or the other side would wait to acknowledge its head
    bucket: Bucket

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def _asked(self) -> tuple[str, Query, bytes]:
        url = urllib.parse.urlsplit(self.path)
        key = urllib.parse.unquote(url.path).split("/", 2)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return (key[2] if len(key) > 2 else ""), query, body

    def _answer(self, status: int, body: bytes | str = b"", **headers: str) -> None:
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.get("length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        key, query, body = self._asked()
        if "partNumber" in query:
            self.bucket.uploads[query["uploadId"]][int(query["partNumber"])] = body
            self._answer(200, ETag=_etag(body))
            return
        if_free = (
            self.headers.get("x-goog-if-generation-match") == "0" or self.headers.get("If-None-Match") == "*"
        )
        generation = self.bucket.put(key, body, if_free=if_free)
        if generation is None:
            self._answer(412)
        else:
            self._answer(200, ETag=_etag(body), x_goog_generation=str(generation))

    def do_GET(self) -> None:
        key, query, _ = self._asked()
        if not key:
            self._answer(200, self.bucket.page(query))
            return
        data, generation = self.bucket.objects.get(key, (None, 0))
        told = {"Last_Modified": _DATE, "x_goog_generation": str(generation)}
        if data is None:
            self._answer(404)
        elif self.headers.get("If-Match", _etag(data)) != _etag(data):
            self._answer(412)
        elif (asked := self.headers.get("Range")) is None:
            self._answer(200, data, ETag=_etag(data), **told)
        else:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(data)), len(data) - 1)
            if start >= len(data):
                self._answer(416)
            else:
                told["Content_Range"] = f"bytes {start}-{end}/{len(data)}"
                self._answer(206, data[start : end + 1], ETag=_etag(data), **told)

    do_HEAD = do_GET  # noqa: N815 - likewise

    def do_DELETE(self) -> None:
        key, query, _ = self._asked()
        with self.bucket.lock:
            found = (
                self.bucket.uploads.pop(query["uploadId"], None)
                if "uploadId" in query
                else self.bucket.objects.pop(key, None)
            )
        self._answer(404 if found is None else 204)

    def do_POST(self) -> None:
        key, query, _ = self._asked()
        if "uploads" in query:
            upload = str(next(self.bucket.numbers))
            self.bucket.uploads[upload] = {}
            named = f"<Bucket>b</Bucket><Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
            self._answer(200, f"<InitiateMultipartUploadResult>{named}</InitiateMultipartUploadResult>")
            return
        parts = self.bucket.uploads.pop(query["uploadId"])
        data = b"".join(parts[number] for number in sorted(parts))
        self.bucket.put(key, data, if_free=False)
        told = f"<ETag>{escape(_etag(data))}</ETag>"
        self._answer(
            200,
            f"<CompleteMultipartUploadResult>{told}</CompleteMultipartUploadResult>",
            x_goog_generation="1",
        )


@contextmanager
def stub(bucket: Bucket) -> Iterator[str]:
    """Run the service; yields where it listens."""
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def google_options(endpoint: str) -> dict[str, str]:
    """Return what opens the stand-in as Google's buckets, without asking anybody for a token."""
    key = {
        "gcs_base_url": endpoint,
        "disable_oauth": True,
        "client_email": "",
        "private_key": "",
        "private_key_id": "",
    }
    return {"service_account_key": json.dumps(key), "allow_http": "true"}
