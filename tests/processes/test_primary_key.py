"""Many processes that bring the same keys to one table: each key is there once, by just one of them."""

from __future__ import annotations

import collections
import random
from functools import partial
from pathlib import Path

import pyarrow as pa

from atio_core.errors import DuplicateKeyError
from atio_core.log.limits import Limits
from atio_core.table import Table
from tests.support.crowd import run_together

WRITERS = 4
IDS = 24
TINY = Limits(per_bucket=4, recent=2, inline_files=2, fanout=2)


def bring(path: Path, writer: int) -> list[int]:
    """Bring all ids, in an order of one's own, some of them two at a time; returns those that were taken."""
    table = Table(path, limits=TINY)
    order = list(range(IDS))
    random.Random(writer).shuffle(order)  # noqa: S311 - repeatable, not secret
    taken: list[int] = []
    for place, number in enumerate(order):
        ids = [number] if place % 3 else [number, IDS + writer * IDS + place]
        try:
            table.append(pa.table({"id": ids, "writer": [writer] * len(ids)}), key=["id"])
        except DuplicateKeyError:
            continue
        taken += ids
    return taken


def replace(path: Path, writer: int) -> int:
    """Upsert all ids, one after the other, once there is a table; returns the writer."""
    table = Table(path, limits=TINY)
    for number in range(IDS):
        table.upsert(pa.table({"id": [number], "writer": [writer]}), key=["id"])
    return writer


def test_of_all_that_bring_a_key_one_is_let_in(tmp_path: Path) -> None:
    """Each key that several processes bring is there once, from the one that was told so; the others were refused."""
    path = tmp_path / "table"
    taken = run_together([partial(bring, path, writer) for writer in range(WRITERS)])
    table = Table(path, limits=TINY)
    found = collections.Counter(
        (row["writer"], row["id"]) for row in table.read(output_as="arrow").to_pylist()
    )
    assert found == collections.Counter(
        (writer, number) for writer, ids in enumerate(taken) for number in ids
    )
    assert set(range(IDS)) <= {number for _, number in found}
    assert len({number for _, number in found}) == len(found)
    for snapshot in table.history():
        ids = snapshot.read("arrow")["id"].to_pylist()
        assert len(ids) == len(set(ids))


def test_upserts_and_appends_of_the_same_keys(tmp_path: Path) -> None:
    """Appends beside upserts of the same keys: each key is there once at the end, and nobody fails otherwise."""
    path = tmp_path / "table"
    Table(path, limits=TINY).append(pa.table({"id": [-1], "writer": [-1]}), key=["id"])
    run_together([partial(bring, path, 0), partial(bring, path, 1), partial(replace, path, 2)])
    ids = Table(path, limits=TINY).read(output_as="arrow")["id"].to_pylist()
    assert set(range(IDS)) <= set(ids)
    assert len(ids) == len(set(ids))
