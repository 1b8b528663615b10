"""A proxy between a client and a service of S3's kind: it counts the requests, and lets some go wrong.

It forwards what comes as it came, so that signatures stay right. Each request is told what becomes of it by a `Fate`.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.bucket_servers import BucketServer

_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")
_LINGER_NOT = struct.pack("ii", 1, 0)  # to close is to reset


@dataclass(frozen=True, slots=True)
class Request:
    """A request on the wire.

    Attributes:
        kind: What it asks for: `get`, `list`, `head`, `put`, `create` (a conditional put), `delete`, `delete_many`, or
            a step of an upload in parts: `begin`, `part`, `complete`, `cancel`.
        key: The object's name in the bucket, or the prefix that is listed.
        sent: Bytes of its body.
        answered: Bytes of the answer's body.
    """

    kind: str
    key: str
    sent: int = 0
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a request.

    Attributes:
        deliver: How often it reaches the service now.
        later: It reaches the service (again) once the next requests have been answered.
        status: The client is told this status instead of the answer.
        code: Of the error that goes with the status.
        silent: The connection is closed, without an answer; "reset" resets it.
        cut: So many bytes of the answer's body are missing.
        answer: Which of several deliveries' answers is told: the first (0) or the last (-1).
    """

    deliver: int = 1
    later: bool = False
    status: int = 0
    code: str = "InternalError"
    silent: str = ""
    cut: int = 0
    answer: int = 0


FINE = Fate()


@dataclass(slots=True)
class Answer:
    """What the service said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(slots=True)
class Wire:
    """The proxy while it runs.

    Attributes:
        server: The service, as clients reach it through the proxy.
        decide: Says what becomes of a request.
        requests: Those that came, in the order of their answers.
    """

    server: BucketServer
    decide: Callable[[Request], Fate] = lambda _: FINE
    requests: list[Request] = field(default_factory=list[Request])
    late: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def counts(self) -> Counter[str]:
        """How many requests of each kind came."""
        return Counter(request.kind for request in self.requests)

    def reset(self) -> None:
        """Count anew."""
        self.requests.clear()

    def note(self, request: Request) -> None:
        """Count a request."""
        with self._lock:
            self.requests.append(request)

    def arrive(self) -> None:
        """Let the requests that are on their way reach the service."""
        with self._lock:
            late, self.late = self.late, []
        for deliver in late:
            deliver()


@contextlib.contextmanager
def wire(server: BucketServer) -> Generator[Wire]:
    """Run a proxy before a service."""
    upstream = urllib.parse.urlsplit(server.endpoint).netloc
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    proxy.daemon_threads = True
    endpoint = f"http://127.0.0.1:{proxy.server_address[1]}"
    options = {**server.storage_options, "endpoint": endpoint}
    found = Wire(replace(server, endpoint=endpoint, storage_options=options))
    _Handler.of[proxy] = found, upstream
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
        del _Handler.of[proxy]


class _Handler(BaseHTTPRequestHandler):
    """Handles the requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    of: dict[Any, tuple[Wire, str]] = {}  # noqa: RUF012 - what a proxy's handlers share

    def setup(self) -> None:
        super().setup()
        self.wire, self.upstream = self.of[self.server]
        self._connection: http.client.HTTPConnection | None = None

    def finish(self) -> None:
        if self._connection is not None:
            self._connection.close()
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def pass_on(self) -> None:
        """Do with a request what its fate is."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = request_of(self.command, self.path, self.headers, len(body))
        fate = self.wire.decide(request)
        headers = [(name, value) for name, value in self.headers.items() if name.lower() not in _HOP]
        method, path = self.command, self.path

        def deliver() -> Answer:
            return self._deliver(method, path, headers, body)

        answers = [deliver() for _ in range(fate.deliver)]
        self.wire.note(replace(request, answered=len(answers[0].body) if answers else 0))
        if fate.later:
            self.wire.late.append(lambda: _delivered(self.upstream, method, path, headers, body))
        else:
            self.wire.arrive()
        if fate.silent:
            self._hang_up(fate.silent)
        elif fate.status:
            self._tell(_error(fate))
        else:
            self._tell(answers[fate.answer], cut=fate.cut)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = pass_on  # noqa: N815 - their names

    def _deliver(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.upstream)
        try:
            return _sent(self._connection, method, path, headers, body)
        except (http.client.HTTPException, OSError):  # the service has closed a connection that rested
            self._connection.close()
            return _sent(self._connection, method, path, headers, body)

    def _tell(self, answer: Answer, cut: int = 0) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if cut and answer.body:
            self.wfile.write(answer.body[: max(0, len(answer.body) - cut)])
            self._hang_up("cut")
        else:
            self.wfile.write(answer.body)

    def _hang_up(self, how: str) -> None:
        self.close_connection = True
        self.wfile.flush()
        if how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self.connection.close()
        else:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)


def _delivered(upstream: str, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
    connection = http.client.HTTPConnection(upstream)
    try:
        return _sent(connection, method, path, headers, body)
    finally:
        connection.close()


def _sent(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> Answer:
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    found = [
        (name, value)
        for name, value in response.getheaders()
        if name.lower() not in _HOP or (method == "HEAD" and name.lower() == "content-length")
    ]
    return Answer(response.status, found, response.read())


def _error(fate: Fate) -> Answer:
    body = f"<Error><Code>{fate.code}</Code><Message>as the test has it</Message></Error>".encode()
    return Answer(fate.status, [("Content-Type", "application/xml")], body)


def request_of(method: str, path: str, headers: Any, size: int) -> Request:
    """Return what a request asks for."""
    parts = urllib.parse.urlsplit(path)
    query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    key = urllib.parse.unquote(parts.path).removeprefix("/").partition("/")[2]
    match method:
        case "GET":
            kind = "list" if "list-type" in query else "get"
        case "PUT":
            kind = "part" if "partNumber" in query else "create" if "If-None-Match" in headers else "put"
        case "POST":
            kind = "delete_many" if "delete" in query else "begin" if "uploads" in query else "complete"
        case "DELETE":
            kind = "cancel" if "uploadId" in query else "delete"
        case _:
            kind = "head"
    return Request(kind, query.get("prefix", [key])[0] if kind == "list" else key, size)
