"""Real servers of buckets for the tests: SeaweedFS, moto's S3, Azurite, and a stand-in of our own for Google's.

Each process of the tests has servers of its own, started when the first test needs them. A test gets a prefix of its
own in their one bucket.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import hmac
import itertools
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.bucket_stub import Bucket, google_options, stub

BUCKET = "tests"
KEY_ID, SECRET = "AKIAOFTHETESTS", "a-secret-that-nobody-may-see"
_AZURE_ACCOUNT = "devstoreaccount1"  # Azurite's, with a key that everybody knows
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_numbers = itertools.count()


@dataclass(frozen=True)
class BucketServer:
    """A service that runs.

    Attributes:
        kind: Its name.
        root: The URL of its bucket.
        endpoint: Where it listens.
        storage_options: How the bucket is opened.
    """

    kind: str
    root: str
    endpoint: str
    storage_options: Mapping[str, str]

    def place(self) -> str:
        """Return the URL of a place that is empty."""
        return f"{self.root}/place {next(_numbers)}/é"


@contextlib.contextmanager
def seaweedfs_server() -> Iterator[BucketServer]:
    """Run a SeaweedFS."""
    with _folder("weed") as folder, _ports(8) as ports:
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        names = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")
        flags = [
            f"-{name.partition('.')[0]}.port{'.grpc' if '.grpc' in name else ''}={port}"
            for name, port in zip(names, ports, strict=True)
        ]
        command = [
            str(Path(sys.executable).with_name("weed")),
            "server",
            f"-dir={folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3",
            f"-s3.config={folder}/s3.json",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
            f"-s3.localSocket={folder}/s3.sock",
            f"-filer.localSocket={folder}/filer.sock",
            "-master.volumeSizeLimitMB=64",
            "-volume.max=100",
            *flags,
        ]
        endpoint = f"http://127.0.0.1:{ports[6]}"
        try:
            with _running(command, folder, f"{endpoint}/status"):
                yield _s3("seaweedfs", endpoint)
        finally:
            _remove_sockets(ports)


def _remove_sockets(ports: list[int]) -> None:
    """Remove what a SeaweedFS leaves behind outside of its folder when it is killed."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - where it puts them
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def moto_server() -> Iterator[BucketServer]:
    """Run moto's S3."""
    with _folder("moto") as folder, _ports(1) as ports:
        endpoint = f"http://127.0.0.1:{ports[0]}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports[0])]
        with _running(command, folder, f"{endpoint}/moto-api/"):
            yield _s3("moto", endpoint)


def _s3(kind: str, endpoint: str) -> BucketServer:
    import boto3

    boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
    ).create_bucket(Bucket=BUCKET)
    options = {
        "endpoint": endpoint,
        "region": "us-east-1",
        "access_key_id": KEY_ID,
        "secret_access_key": SECRET,
    }
    return BucketServer(kind, f"s3://{BUCKET}", endpoint, options)


@contextlib.contextmanager
def azurite_server() -> Iterator[BucketServer]:
    """Run an Azurite, where it is installed."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("Azurite isn't installed (npm install -g azurite)")
    with _folder("azurite") as folder, _ports(1) as ports:
        command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(ports[0]), "-l", str(folder)]
        command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        endpoint = f"http://127.0.0.1:{ports[0]}/{_AZURE_ACCOUNT}"
        with _running(command, folder, endpoint):
            _make_container(endpoint)
            options = {"endpoint": endpoint, "account_name": _AZURE_ACCOUNT, "account_key": _AZURE_KEY}
            yield BucketServer("azurite", f"az://{BUCKET}", endpoint, options)


@contextlib.contextmanager
def google_stub() -> Iterator[BucketServer]:
    """Run a stand-in for Google's buckets."""
    with stub(Bucket()) as endpoint:
        yield BucketServer("google", f"gs://{BUCKET}", endpoint, google_options(endpoint))


def _make_container(endpoint: str) -> None:
    headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    told = "".join(f"{name}:{value}\n" for name, value in headers.items())
    resource = f"/{_AZURE_ACCOUNT}/{_AZURE_ACCOUNT}/{BUCKET}\nrestype:container"
    signed = f"PUT{chr(10) * 12}{told}{resource}".encode()
    digest = hmac.new(base64.b64decode(_AZURE_KEY), signed, hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {_AZURE_ACCOUNT}:{base64.b64encode(digest).decode()}"
    request = urllib.request.Request(  # noqa: S310 - of the server that was just started
        f"{endpoint}/{BUCKET}?restype=container", method="PUT", headers=headers
    )
    urllib.request.urlopen(request).close()  # noqa: S310 - likewise


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"atio-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a server that was killed may have been about to write


@contextlib.contextmanager
def _ports(count: int) -> Iterator[list[int]]:
    """Find ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports = [probe.getsockname()[1] for probe in probes]
    yield ports


@contextlib.contextmanager
def _running(command: list[str], folder: Path, url: str) -> Iterator[None]:
    """Run a server, and wait until it answers."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _await(process, url, (folder / "log").read_text)
        yield
    finally:
        process.kill()
        process.wait()


def _await(process: subprocess.Popen[bytes], url: str, log: Callable[[], str]) -> None:
    while process.poll() is None:
        with contextlib.suppress(OSError):
            try:
                urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - of the server that was just started
            except urllib.error.HTTPError as error:
                if error.code >= 500:
                    raise
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise AssertionError(f"{process.args} ended: {log()}")
