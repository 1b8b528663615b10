from __future__ import annotations

import pytest

from atio_core.changes.set_grace import SetGrace
from atio_core.errors import TableNotFoundError
from atio_core.model.entry import HOUR_US
from atio_core.storage.memory import MemoryStore
from tests.support.commits import Writer


def test_a_grace_period_keeps_the_rows() -> None:
    """It comes by an entry of its own, which carries the data version on; what was said last counts."""
    writer = Writer(MemoryStore())
    writer.overwrite("a")
    assert writer.log.latest().grace_us == HOUR_US
    writer.commit(SetGrace(writer.log, 2 * HOUR_US))
    said = writer.log.latest()
    assert (said.version, said.operation, said.data.version) == (2, "set_grace", 1)
    writer.commit(SetGrace(writer.log, 0))
    assert writer.log.latest().grace_us == 0
    assert writer.words() == ["a"]


def test_what_was_said_already_makes_no_entry() -> None:
    """A job may say it every night."""
    writer = Writer(MemoryStore())
    writer.overwrite("a")
    done = writer.commit(SetGrace(writer.log, HOUR_US))
    assert (done.nothing, writer.log.latest().version) == (True, 1)


def test_it_stays_whatever_comes() -> None:
    """Overwrites, restores, tags and expiries leave it as it is: it belongs to the table."""
    writer = Writer(MemoryStore())
    writer.overwrite("a")
    writer.commit(SetGrace(writer.log, 7))
    writer.overwrite("b")
    writer.restore(1)
    writer.tag("t", 1)
    writer.expire(1)
    assert writer.log.latest().grace_us == 7


def test_without_a_table_there_is_no_grace_period() -> None:
    """A table begins with rows."""
    writer = Writer(MemoryStore())
    with pytest.raises(TableNotFoundError):
        writer.commit(SetGrace(writer.log, 7))
