"""Many writers of one table in a bucket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from atio_core.table import Table
from tests.support.bucket_servers import BucketServer
from tests.support.soaking import rounds

FEW = 3
MOST_TRIES = 30
MOST_REQUESTS = 40
"""Of a commit, on average. In balance it loses one or two races, of five requests each; more before that."""


@pytest.mark.parametrize(("writers", "appends"), [(FEW, 2), pytest.param(64, 10, marks=pytest.mark.soak)])
def test_many_writers_all_come_to_an_end(moto: BucketServer, writers: int, appends: int) -> None:
    """However many append to one table at once, none is told an error, none starves, and each row is there once."""
    for _ in rounds(minutes=0) if writers > FEW else (0,):
        append_at_once(moto, writers, appends)


def append_at_once(moto: BucketServer, writers: int, appends: int) -> None:
    """Let so many write a table of theirs."""
    place, options = moto.place(), moto.storage_options

    def work(writer: int) -> tuple[int, int]:
        table = Table(place, storage_options=options)
        tries: list[int] = []
        for number in range(appends):
            before = table.io_stats()
            table.append(pa.table({"writer": [writer], "number": [number]}))
            tries.append((table.io_stats() - before).creates)
        return max(tries), table.io_stats().requests

    with ThreadPoolExecutor(writers) as pool:
        most, requests = zip(*pool.map(work, range(writers)), strict=True)
    assert max(most) <= MOST_TRIES
    assert sum(requests) <= MOST_REQUESTS * writers * appends
    rows = Table(place, storage_options=options).read(output_as="arrow").to_pylist()
    found = sorted((row["writer"], row["number"]) for row in rows)
    assert found == [(writer, number) for writer in range(writers) for number in range(appends)]
