"""The pictures in README.md: what Dagster's web UI shows after `make demo`.

    python -m example_project.screenshots

It starts the web server on the example's home, and has Chromium take the pictures.
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import dagster as dg

from example_project.settings import HOME, PROJECT

PICTURES = PROJECT / "example_project" / "docs"
PORT = 3111
SIZE = "1360,850"
_START_SECONDS = 120
_PAGE_SECONDS = 25
"""Until a page has asked the server for everything, and drawn it."""


def pages(instance: dg.DagsterInstance) -> Mapping[str, str]:
    """Return the pages that are shown, by the names of their pictures."""
    expired = _newest_run(instance, "expire_tables")
    return {
        "lineage": "asset-groups",
        "checks": "assets/cleaned/flights?view=checks",
        "expiry": f"runs/{expired}?logs=step%3Aexpire",
        "expired": "assets/reports/visibility?view=events",
    }


def main() -> None:
    """Take all pictures."""
    os.environ["DAGSTER_HOME"] = str(HOME)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium was found on the PATH: it takes the pictures")
    PICTURES.mkdir(exist_ok=True)
    with dg.DagsterInstance.get() as instance, _web_server() as address:
        for name, page in pages(instance).items():
            _take(chromium, f"{address}/{page}", PICTURES / f"{name}.png")
            print(PICTURES / f"{name}.png", flush=True)


def _newest_run(instance: dg.DagsterInstance, job: str) -> str:
    """Return the id of the newest run of a job that went well."""
    wanted = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS])
    records = instance.get_run_records(wanted, limit=1)
    if not records:
        sys.exit(f"there is no run of {job}: run `make demo` first")
    return records[0].dagster_run.run_id


@contextmanager
def _web_server() -> Iterator[str]:
    """Run the web server; yields its address."""
    command = [sys.executable, "-m", "dagster_webserver", "-w", "workspace.yaml", "-p", str(PORT)]
    server = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{PORT}"
    try:
        _wait_for(f"{address}/server_info", server)
        yield address
    finally:
        server.terminate()
        server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"the web server has ended with {server.returncode}; is port {PORT} taken?")
        try:
            with urllib.request.urlopen(address):  # noqa: S310 - it is ours, http on this machine
                return
        except URLError:
            time.sleep(0.5)
    sys.exit(f"the web server didn't answer within {_START_SECONDS} seconds")


def _take(chromium: str, page: str, picture: Path) -> None:
    """Have a page drawn, once it has stopped asking the server."""
    options = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *(f"--window-size={SIZE}", f"--virtual-time-budget={_PAGE_SECONDS * 1000}"),
    ]
    command = [chromium, *options, f"--screenshot={picture}", page]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
