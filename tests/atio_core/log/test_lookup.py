from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from atio_core.errors import (
    InvalidInputError,
    TableNotFoundError,
    TagNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.log.commit_log import CommitLog
from atio_core.log.lookup import VersionSelector, find, history, require_selector
from atio_core.storage.memory import MemoryStore
from atio_core.testing import StoreWrapper
from tests.support.commits import SMALL, START_US, Writer
from tests.support.stores import CountingStore

HOUR_US = 3_600_000_000
START = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=START_US)


def table(*words: str) -> Writer:
    """Return a writer of a table that was overwritten by each of these words, an hour after the other."""
    writer = Writer(MemoryStore("table"))
    for word in words:
        writer.overwrite(word)
        writer.now_us += HOUR_US
    return writer


def hours(number: float) -> datetime:
    """So many hours after the first version."""
    return START + timedelta(hours=number)


def number_of(log: CommitLog, version: Any = None, **others: Any) -> int:
    """Return the number of the data version that is found."""
    return find(log, require_selector(version, **others)).entry.data.version


# What is wanted


def test_a_version_can_be_named_in_many_ways() -> None:
    """A number, NumPy's too, a tag, "latest" or a time; nothing is the latest."""
    assert require_selector() == require_selector("latest") == VersionSelector()
    assert require_selector(np.int64(3)) == VersionSelector(number=3)
    assert require_selector("v1") == require_selector(tag="v1") == VersionSelector(tag="v1")
    assert require_selector(tag="latest") == VersionSelector(tag="latest")
    east = timezone(timedelta(hours=5))
    for same in (START, START.astimezone(east), pd.Timestamp(START)):
        assert require_selector(same) == require_selector(as_of=same) == VersionSelector(time_us=START_US)


WRONG: dict[str, dict[str, Any]] = {
    "version in digits": {"version": "1"},
    "version counted back in digits": {"version": "-2"},
    "version of a truth value": {"version": True},
    "version of a fraction": {"version": 1.0},
    "version of half a character": {"version": "a\ud800"},
    "version without a zone": {"version": datetime(2024, 1, 1)},  # noqa: DTZ001 - what is refused
    "as_of without a zone": {"as_of": datetime(2024, 1, 1)},  # noqa: DTZ001 - what is refused
    "as_of of no time": {"as_of": pd.NaT},
    "as_of of text": {"as_of": "2024-01-01"},
    "as_of a day": {"as_of": START.date()},
    "as_of a number": {"as_of": 1},
    "tag a number": {"tag": 1},
    "version and as_of": {"version": 1, "as_of": START},
    "version and tag": {"version": "t", "tag": "t"},
    "as_of and tag": {"as_of": START, "tag": "t"},
}


@pytest.mark.parametrize("name", WRONG)
def test_what_names_no_version_is_refused(name: str) -> None:
    """An argument that can't be meant is refused by its name, and so are two at once."""
    with pytest.raises(InvalidInputError, match=f"^{name.partition(' ')[0]} "):
        require_selector(**WRONG[name])


# Counted back


def test_negative_numbers_count_back_data_versions() -> None:
    """-1 is the latest, -2 the data version before; tags and expiries don't count, and what expired isn't there."""
    writer = table(*"abcdef")
    writer.tag("t", 2)
    log = writer.log
    assert [number_of(log, -back) for back in range(1, 7)] == [6, 5, 4, 3, 2, 1]
    writer.expire(2)
    writer.tag("u", 6)
    assert [number_of(log, -back) for back in range(1, 4)] == [6, 5, 2]
    assert [one.entry.data.version for one in history(log)] == [6, 5, 2]
    for limit in range(1, 5):
        assert [one.entry.data.version for one in history(log, limit)] == [6, 5, 2][:limit]
    with pytest.raises(VersionNotFoundError, match="no version -4: its latest is 6, and the history lists 3"):
        number_of(log, -4)


# By tag


def test_a_tag_names_a_version() -> None:
    """A tag gives the version that has it now, also when another entry stands for that; no other tag does."""
    writer = table(*"abc")
    writer.tag("old", 1)
    writer.tag("new", 3)
    writer.expire(1)
    writer.overwrite("d")
    assert [number_of(writer.log, tag=name) for name in ("old", "new")] == [1, 3]
    assert writer.words(find(writer.log, VersionSelector(tag="old")).entry) == ["a"]
    writer.tag("old", 7, force=True)
    assert number_of(writer.log, "old") == 7
    with pytest.raises(TagNotFoundError, match="table has no tag 'none'; its tags: 'new', 'old'"):
        number_of(writer.log, "none")
    with pytest.raises(TagNotFoundError):
        number_of(writer.log, tag="latest")


# As of a time


def test_as_of_a_time_is_the_highest_version_that_is_not_later() -> None:
    """At its own microsecond a version is there, a microsecond before it is not."""
    log = table(*"abcdefghi").log
    for number in range(1, 10):
        assert number_of(log, hours(number - 1)) == number
        assert number_of(log, as_of=hours(number) - timedelta(microseconds=1)) == number
    assert number_of(log, hours(1000)) == number_of(log, datetime.max.replace(tzinfo=UTC)) == 9


def test_of_versions_of_one_time_the_last_counts() -> None:
    """A clock may stand still; the versions have their order."""
    writer = Writer(MemoryStore())
    for word in "abc":
        writer.overwrite(word)
    writer.now_us += 1
    writer.overwrite("d")
    assert number_of(writer.log, START) == 3


def test_before_the_first_version_there_was_none() -> None:
    """A time before the table began is told as such."""
    log = table("a", "b").log
    for when in (hours(-1), datetime.min.replace(tzinfo=UTC)):
        with pytest.raises(
            VersionNotFoundError, match="had no version then: its first came at 2023-11-14 22:13:20"
        ):
            number_of(log, when)


def test_as_of_a_time_that_expired_says_so() -> None:
    """If versions after the one that is left were let go, one of them may have been the answer: none is guessed."""
    writer = table(*"abcdef")
    writer.tag("kept", 2)
    writer.expire(2)  # 2, 5 and 6 are left
    log = writer.log
    assert [number_of(log, hours(when)) for when in (4, 4.5, 5, 9)] == [5, 5, 6, 6]
    for when, missing in ((0.5, 1), (1, 3), (1.5, 3), (2, 3), (3.5, 3)):
        with pytest.raises(VersionExpiredError, match="may have expired") as caught:
            number_of(log, hours(when))
        assert caught.value.version == missing


def test_entries_that_keep_the_rows_are_no_gap() -> None:
    """Between a version and the next, tags and expiries may lie, and be let go: the version is found all the same."""
    writer = table("a", "b")
    for name in "tuv":
        writer.tag(name, 1)
    writer.overwrite("c")
    writer.expire(3)
    writer.overwrite("d")
    writer.expire(4)
    assert [one.entry.data.version for one in history(writer.log)] == [8, 6, 2, 1]
    assert number_of(writer.log, hours(1)) == 2
    assert number_of(writer.log, hours(0.5)) == 1


def test_a_time_is_found_by_halving() -> None:
    """Of hundreds of versions a few are read."""
    store = MemoryStore()
    writer = Writer(store)
    for number in range(300):
        writer.append(str(number))
        writer.now_us += HOUR_US
    counting = CountingStore(store)
    assert number_of(CommitLog(counting, SMALL), hours(140.5)) == 141
    assert counting.counts["read"] < 30


# Races


class _Meddling(StoreWrapper):
    """A store where something happens once, after so many reads."""

    def __init__(self, writer: Writer, reads: int, meddle: Any) -> None:
        super().__init__(writer.store)
        self.left = reads
        self.meddle = meddle

    def read(self, name: str) -> bytes:
        self.left -= 1
        if self.left == -1:
            self.meddle()
        return self.store.read(name)


WAYS: dict[str, Any] = {"-2": -2, "a tag": "t", "a time": hours(4.5)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reads", range(1, 4))
def test_a_choice_by_an_outdated_latest_is_made_again(way: str, reads: int) -> None:
    """If versions are let go while one is looked for, the answer is that of the table as it is then."""
    writer = table(*"abcdef")
    writer.tag("t", 2)

    def others_go_on() -> None:
        writer.tag("t", 6, force=True)
        writer.expire(2, grace_us=0)

    log = CommitLog(_Meddling(writer, reads, others_go_on), SMALL)
    assert number_of(log, WAYS[way]) in {"-2": (5,), "a tag": (2, 6), "a time": (5,)}[way]


def test_versions_that_expire_faster_than_they_are_found() -> None:
    """A search that is overtaken again and again ends with an error."""
    writer = table(*"ab")
    log = writer.log

    def always(latest: object, versions: object) -> Any:
        writer.overwrite("x")
        writer.expire(2)
        raise VersionExpiredError("gone")

    log.read_retained = always
    for look in (lambda: find(log, VersionSelector(number=-2)), lambda: history(log)):
        writer.overwrite("y")
        with pytest.raises(VersionExpiredError, match="expired faster than they could be"):
            look()


@pytest.mark.parametrize(
    "wanted",
    [VersionSelector(), VersionSelector(number=-1), VersionSelector(tag="t"), VersionSelector(time_us=0)],
    ids=str,
)
def test_no_table_is_no_version(wanted: VersionSelector) -> None:
    """Whatever is looked for, where there is no table the error says so."""
    log = CommitLog(MemoryStore("nothing"))
    for look in (lambda: find(log, wanted), lambda: history(log)):
        with pytest.raises(TableNotFoundError):
            look()
