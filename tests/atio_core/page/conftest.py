from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from atio_core.store import Store
from atio_core.table import Table

HOSTILE = (
    "</script><script>document.title='owned'</script>"
    "<!--<img src=x onerror=\"document.title='owned'\">&amp;'\u2028."
)


@pytest.fixture
def flights(tmp_path: Path) -> Table:
    """A table with a history: rows that came, changed and went, a renamed column, tags, a gap, a policy."""
    table = Store(tmp_path / "warehouse").table("flights")
    rows = pa.table({"id": [1, 2, 3], "delay": [10.0, 20.0, None]})
    table.append(rows, message="first")
    table.append(rows, message="goes")
    table.overwrite(rows, message="third")
    table.expire(keep_last=1)
    table.append(pa.table({"id": [4, 5], "delay": [40.0, 50.0]}), message="more")
    table.tag("q1")
    table.upsert(pa.table({"id": [5, 6], "delay": [55.0, 60.0]}), key=["id"], message="late")
    table.rename_column("delay", "minutes")
    table.set_key(["id"])
    return table


@pytest.fixture
def hostile(tmp_path: Path) -> Table:
    """A table all of whose names and texts are markup."""
    table = Table(tmp_path / "<b>" / "a&b <i> table")
    rows = pa.table({HOSTILE: [HOSTILE, None], "\u202eb": ["\x00\x1b[2J", "\u202e"]})
    table.append(rows, message=HOSTILE, properties={HOSTILE: HOSTILE})
    table.append(rows)
    table.tag(HOSTILE)
    return table
