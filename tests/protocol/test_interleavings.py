"""All orders of the storage calls of a few actors: what is promised holds at every state that any order leads to.

Buckets of 4 versions and 4 recent ids make borders, freed names and lists common. `support/schedule.py` says how orders
are searched, `support/races.py` what is checked at every state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from atio_core.errors import StagedFilesExpiredError, VersionExpiredError, VersionNotFoundError
from atio_core.format.names import SCHEMAS
from atio_core.log.lookup import VersionSelector
from tests.support.commits import SMALL, WIDE, Writer, needed
from tests.support.races import (
    HOUR_US,
    LATER_US,
    appends,
    checks,
    expires,
    leases,
    old,
    others,
    overwrites,
    overwrites_and_expires,
    partitions,
    reads,
    reads_version,
    reads_wanted,
    renews,
    replaces,
    restores,
    restores_and_expires,
    shares,
    table,
    tags,
)
from tests.support.schedule import Direct, Moment, Search

# Versions that a table has at first: none, within a bucket, at its end (3 is the last of the first), with lists of keys
# about to be written (7 recent ids) and merged (15).
SIZES = [0, 2, 3, 6, 7, 15]


def serial(*orders: list[str]) -> Callable[[Moment, dict[int, list[str]]], None]:
    """Return a check: at the end the rows are those that one of the serial orders gives."""

    def check(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            assert rows[max(rows)] in orders

    return check


def tidy(moment: Moment) -> None:
    """Check that nothing lies there in the end but what versions need."""
    if moment.over:
        assert moment.objects.keys() == needed(Direct(moment.objects))


@pytest.mark.parametrize("is_flat", [False, True], ids=["folders", "flat"])
@pytest.mark.parametrize("size", SIZES)
def test_two_appends(size: int, *, is_flat: bool) -> None:
    """Two appends are both there in the end, in one of both orders, whoever comes first at which step; each once."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        serial([*old(size), "a", "b"], [*old(size), "b", "a"])(moment, rows)
        tidy(moment)

    actors = {"ann": appends("a"), "bob": appends("b")}
    check = checks({"ann": "a", "bob": "b"}, expected=expected)
    Search(actors, start=table(size), check=check, is_flat=is_flat).run()


@pytest.mark.parametrize("size", [0, 2, 3, 6])
def test_three_appends(size: int) -> None:
    """Three appends are all there in the end."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            assert sorted([*old(size), "a", "b", "c"]) == sorted(rows[max(rows)])
            assert old(size) == rows[max(rows)][: len(old(size))]

    actors = {"ann": appends("a"), "bob": appends("b"), "cid": appends("c")}
    words = {"ann": "a", "bob": "b", "cid": "c"}
    Search(actors, start=table(size), check=checks(words, expected=expected)).run()


@pytest.mark.parametrize("size", SIZES)
def test_an_overwrite_and_an_append(size: int) -> None:
    """An overwrite and an append come out as if one had followed the other."""
    actors = {"ann": overwrites("a"), "bob": appends("b")}
    Search(actors, start=table(size), check=checks({"ann": "a"}, expected=serial(["a", "b"], ["a"]))).run()


@pytest.mark.parametrize("size", SIZES)
def test_two_overwrites(size: int) -> None:
    """Of two overwrites one comes last, whole."""
    actors = {"ann": overwrites("a"), "bob": overwrites("b")}
    Search(actors, start=table(size), check=checks({}, expected=serial(["a"], ["b"]))).run()


@pytest.mark.parametrize("size", SIZES)
def test_one_key_twice(size: int) -> None:
    """Two commits with one key at the same time are one: both come to the same version, one of them by repetition."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            (one, again), (other, repeated) = (outcome.value for outcome in moment.outcomes.values())
            assert one == other == size + 1
            assert {again, repeated} == {False, True}
            assert rows[max(rows)] in ([*old(size), "a"], [*old(size), "b"])
            tidy(moment)

    actors = {"ann": appends("a", idempotency_key="k"), "bob": appends("b", idempotency_key="k")}
    Search(actors, start=table(size), check=checks({}, expected=expected)).run()


@pytest.mark.parametrize("deaths", [1, 2])
@pytest.mark.parametrize("size", [0, 3, 7])
def test_writers_die(size: int, deaths: int) -> None:
    """A writer that dies at any call leaves a whole table, in nobody's way: the next commit succeeds at once."""
    actors = {"ann": appends("a"), "bob": appends("b")}
    Search(actors, start=table(size), check=checks({"ann": "a", "bob": "b"}), deaths=deaths).run()


@pytest.mark.parametrize("grace_us", [None, 0])
@pytest.mark.parametrize("size", [2, 3, 6, 7, pytest.param(15, marks=pytest.mark.soak)])
def test_an_append_and_an_expiry(size: int, grace_us: int | None) -> None:
    """An expiry beside an append takes nothing that a version needs, also with no grace period."""
    actors = {"ann": appends("a"), "eve": expires(grace_us=grace_us)}
    expected = serial([*old(size), "a"])
    Search(actors, start=table(size), check=checks({"ann": "a"}, expected=expected)).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_an_append_slower_than_the_grace_period(size: int) -> None:
    """An expiry may take the files of an append that isn't committed yet: then it writes them again."""
    actors = {"ann": appends("a"), "eve": expires(HOUR_US, grace_us=0)}
    Search(actors, start=table(size), check=checks({"ann": "a"})).run()


@pytest.mark.parametrize("size", [3, 7])
def test_an_expiry_dies(size: int) -> None:
    """An expiry that dies at any call leaves all that is retained, and nothing in the way of an append beside it."""
    actors = {"ann": appends("a"), "eve": expires(grace_us=0)}
    Search(actors, start=table(size), check=checks({"ann": "a"}), deaths=1).run()


@pytest.mark.parametrize("size", [2, 3])
def test_two_expiries(size: int) -> None:
    """Two expiries with different rules come out as if one followed the other, and take nothing that is retained."""
    actors = {"eve": expires(keep_last=2, grace_us=0), "fay": expires(keep_last=1)}
    Search(actors, start=table(size), check=checks({}, expected=serial(old(size)))).run()


@pytest.mark.parametrize("size", [3, 7, 15])
def test_work_on_a_base_that_others_let_go(size: int) -> None:
    """A commit and an expiry whose base has lost its files meanwhile go on from the latest: that is no damage."""
    for actor in (appends("a"), overwrites("a"), expires(keep_last=2, grace_us=0)):
        Search({"ann": actor, "others": others((5, 1))}, start=table(size), check=checks({})).run()


def read_beside_others(size: int, *rounds: tuple[int, int]) -> None:
    """Search all orders of a read, an overwrite and others."""
    actors = {"ron": reads, "ann": overwrites("a"), "others": others(*rounds)}
    made = {f"other {r}.{n}" for r in (1, 2) for n in range(4)}

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        if (read := moment.outcomes.get("ron")) is not None:
            assert set(read.value.words) <= {*old(size), "a", *made}

    Search(actors, start=table(size), check=checks({}, expected=expected)).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_reader_beside_a_writer_and_an_expiry(size: int) -> None:
    """A read of the latest gives one version, whole, whatever a writer and an expiry do meanwhile."""
    read_beside_others(size, (4, 1))


@pytest.mark.soak
@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_reader_beside_a_writer_and_two_expiries(size: int) -> None:
    """The same with one expiry more, whose versions come in between."""
    read_beside_others(size, (1, 1), (4, 1))


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_reader_and_an_expiry(size: int) -> None:
    """A read of the latest beside an expiry gives it, at whichever step the expiry is."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        if (read := moment.outcomes.get("ron")) is not None:
            assert list(read.value.words) == old(size)

    actors = {"ron": reads, "eve": expires(grace_us=0)}
    Search(actors, start=table(size), check=checks({}, expected=expected)).run()


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_reader_of_a_version_and_an_expiry(version: int) -> None:
    """A read of a version that an expiry lets go gives that version, whole, or says that it has expired."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        read = moment.outcomes.get("ron")
        if read is not None and read.ok:
            assert list(read.value.words) == old(version)

    actors: dict[str, Any] = {
        "ron": reads_version(version),
        "eve": expires(grace_us=0),
        "others": others((4, 1)),
    }
    check = checks({}, expected=expected, errors=(VersionExpiredError,))
    Search(actors, start=table(3), check=check).run()


def found_beside_others(
    wanted: VersionSelector, allowed: list[list[str]], start: dict[str, bytes], **more: Any
) -> None:
    """Search all orders of a read and others, who append and let go: it gives one of the rows allowed, or an error."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        read = moment.outcomes.get("ron")
        if read is not None and read.ok:
            assert list(read.value.words) in allowed

    actors: dict[str, Any] = {"ron": reads_wanted(wanted), "others": others((4, 1)), **more}
    errors = () if wanted.tag else (VersionExpiredError, VersionNotFoundError)
    Search(actors, start=start, check=checks({}, expected=expected, errors=errors)).run()


def tagged() -> dict[str, bytes]:
    """Return the objects of a table of three versions, the first of which has a tag."""
    store = Direct(table(3))
    Writer(store).tag("kept", 1)
    return store.objects


LOOKED_UP: dict[str, tuple[VersionSelector, list[list[str]]]] = {
    "tag": (VersionSelector(tag="kept"), [old(1)]),
    "time": (VersionSelector(time_us=LATER_US - 1), [old(3)]),
    "back": (
        VersionSelector(number=-2),
        [
            old(1),
            old(2),
            old(3),
            *([*old(3), *(f"other 1.{one}" for one in range(last))] for last in range(1, 4)),
        ],
    ),
}


@pytest.mark.parametrize("name", LOOKED_UP)
def test_a_reader_that_looks_a_version_up(name: str) -> None:
    """A tag always gives its version, whatever expires; a time that of then, -2 one that came before the latest."""
    found_beside_others(*LOOKED_UP[name], tagged())


@pytest.mark.soak
@pytest.mark.parametrize("name", LOOKED_UP)
def test_a_reader_that_looks_a_version_up_at_length(name: str) -> None:
    """The same beside an expiry at any of its steps."""
    found_beside_others(*LOOKED_UP[name], tagged(), eve=expires(grace_us=0))


@pytest.mark.parametrize("size", [4, 7])
def test_two_partition_overwrites(size: int) -> None:
    """Two overwrites of different partitions are both there in the end, and what they replaced is not."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            words = rows[max(rows)]
            assert sorted(words[-2:]) == ["a", "b"]
            assert words[:-2] == [f"old {one}" for one in range(size - 4, size) if one % 4 > 1]

    actors = {"ann": replaces("w", "a"), "bob": replaces("x", "b")}
    check = checks({"ann": "a", "bob": "b"}, expected=expected)
    Search(actors, start=partitions(size), check=check).run()


@pytest.mark.parametrize("size", [4, 7])
def test_a_partition_overwrite_and_an_expiry(size: int) -> None:
    """A partition overwrite, which writes manifests anew, beside an expiry that lets the old ones go."""
    actors = {"ann": replaces("w", "a"), "eve": expires(grace_us=0)}
    check = checks({"ann": "a"}, errors=(StagedFilesExpiredError,))
    Search(actors, start=partitions(size), check=check).run()


def test_a_clock_behind_the_horizon() -> None:
    """What a writer with a slow clock makes isn't taken for leftovers: files, manifests and lists of keys."""
    store = Direct(table(6))
    Writer(store, LATER_US + HOUR_US).expire(1, grace_us=0)
    assert Writer(store).log.latest().horizon_us > LATER_US
    actors = {"ann": appends("a"), "eve": expires()}
    Search(actors, start=store.objects, check=checks({"ann": "a"})).run()
    appends("a")(store)
    latest = Writer(store).log.latest()
    assert latest.manifests
    assert latest.key_lists


def test_a_schema_comes_back() -> None:
    """An overwrite with the schema of a version that an expiry lets go writes it anew, so that none takes it away."""
    store = Direct({})
    Writer(store, schema=WIDE).overwrite("wide")
    Writer(store).overwrite("narrow")
    assert any(name.startswith(SCHEMAS) for name in store.objects)
    actors = {"ann": overwrites("a", schema=WIDE), "eve": expires(grace_us=0)}
    Search(actors, start=store.objects, check=checks({"ann": "a"})).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_restore_and_an_expiry(size: int) -> None:
    """A version that an expiry lets go meanwhile is restored whole, or the restore says that it has expired."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        restored = moment.outcomes.get("ann")
        if restored is not None:
            assert rows[max(rows)] == (old(1) if restored.ok else old(size))

    actors = {"ann": restores(1), "eve": expires(grace_us=0)}
    check = checks({}, expected=expected, errors=(VersionExpiredError,))
    Search(actors, start=table(size), check=check).run()


@pytest.mark.parametrize("size", [2, 3])
def test_a_restore_and_an_append(size: int) -> None:
    """A restore and an append come out as if one had followed the other."""
    actors = {"ann": restores(1), "bob": appends("b")}
    Search(actors, start=table(size), check=checks({}, expected=serial([*old(1), "b"], old(1)))).run()


def test_a_version_comes_back_beside_an_expiry() -> None:
    """An expiry that retained a version, and pauses while it is restored and let go, takes nothing of the new one."""
    store = Direct({})
    for word in "abc":
        Writer(store).overwrite(word)
    Writer(store, LATER_US).expire(2, grace_us=0)
    assert list(Writer(store).log.latest().retained) == [2, 4]
    actors: dict[str, Any] = {"eve": expires(keep_last=2), "others": restores_and_expires(2)}
    Search(actors, start=store.objects, check=checks({}, expected=serial(["b"]))).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_an_object_that_shares_files(size: int) -> None:
    """An object names files of its base again, whoever replaces and expires these meanwhile: all of them are there."""
    actors: dict[str, Any] = {"ann": shares("a"), "others": overwrites_and_expires("b")}
    check = checks({}, expected=serial(["b"], ["b", "a"]))
    Search(actors, start=table(size), check=check).run()


@pytest.mark.parametrize("size", [2, 3])
def test_an_object_that_shares_files_and_an_expiry(size: int) -> None:
    """The same beside an expiry that takes its time, and with an overwrite in between."""
    actors = {"ann": shares("a"), "eve": expires(grace_us=0)}
    Search(actors, start=table(size), check=checks({}, expected=serial([*old(size), "a"]))).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_tag_and_an_expiry(size: int) -> None:
    """A version that was tagged stays, whatever expires meanwhile; one that has expired can't be tagged any more."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        tagged = moment.outcomes.get("ann")
        if tagged is not None:
            assert (old(1) in rows.values()) == tagged.ok

    actors = {"ann": tags(1), "eve": expires(grace_us=0)}
    check = checks({}, expected=expected, errors=(VersionExpiredError,))
    Search(actors, start=table(size), check=check).run()


def tagged_table(size: int) -> dict[str, bytes]:
    """What is stored of a table with tags in a list and beside it."""
    start = Direct(table(size))
    for name in "tu":
        Writer(start, LATER_US).tag(name, size)
    return start.objects


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_list_of_tags_and_an_expiry(size: int) -> None:
    """A tag with which others move into a list, beside an expiry that takes the list before: no tag gets lost."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        held = Writer(Direct(moment.objects)).log.tags()
        assert set(held) >= {"t", "u"}
        tagged = moment.outcomes.get("ann")
        if tagged is not None:
            assert ("kept" in held) == (old(1) in rows.values()) == tagged.ok

    actors = {"ann": tags(1), "eve": expires(grace_us=0)}
    check = checks({}, expected=expected, errors=(VersionExpiredError,))
    Search(actors, start=tagged_table(size), check=check).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_tags_are_told_whatever_expires(size: int) -> None:
    """Who asks for tags while lists come and go gets those of one moment."""

    def others(store: Any) -> None:
        def go_on(direct: Direct) -> None:
            writer = Writer(direct, LATER_US)
            for name in "vw":
                writer.tag(name, size)
            writer.expire(1, grace_us=0)

        store.at_once(go_on)

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        told = moment.outcomes.get("ann")
        if told is not None:
            assert told.ok
            assert "".join(sorted(told.value)) in ("tu", "tuvw")

    actors = {"ann": lambda store: Writer(store).log.tags(), "eve": others}
    Search(actors, start=tagged_table(size), check=checks({}, expected=expected)).run()


@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_lease_and_an_expiry(size: int) -> None:
    """From its begin to its end a leased version is there, whatever expires; one that has expired can't be leased."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        log = Writer(Direct(moment.objects)).log
        if "lease" in log.tags():
            assert old(1) in rows.values()
        leased = moment.outcomes.get("ann")
        if leased is not None and not leased.ok:
            assert isinstance(leased.error, VersionExpiredError)
            assert old(1) not in rows.values()
            assert "lease" not in log.tags()

    actors = {"ann": leases(1, LATER_US + HOUR_US), "eve": expires(grace_us=0)}
    check = checks({}, expected=expected, errors=(VersionExpiredError,))
    Search(actors, start=table(size), check=check).run()


@pytest.mark.parametrize("late_us", [HOUR_US, HOUR_US + 1])
@pytest.mark.parametrize("size", [2, 3, 7])
def test_a_renewal_and_an_expiry(size: int, late_us: int) -> None:
    """A renewal beside an expiry by whose clock the lease has run out keeps the version, or is refused."""
    start = Direct(table(size))
    Writer(start, LATER_US).lease(1, LATER_US + HOUR_US)

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        renewed = moment.outcomes.get("ann")
        if renewed is not None:
            assert (old(1) in rows.values()) == renewed.ok

    actors = {"ann": renews(1, LATER_US + 9 * HOUR_US), "eve": expires(late_us, keep_last=1)}
    check = checks({}, expected=expected, errors=(VersionExpiredError,))
    Search(actors, start=start.objects, check=check).run()


@pytest.mark.parametrize("size", [3, 7])
def test_a_holder_dies(size: int) -> None:
    """A holder that dies at any call blocks nobody: once the lease has run out, an expiry takes version and tag."""

    def expected(moment: Moment, rows: dict[int, list[str]]) -> None:
        if moment.over:
            store = Direct(dict(moment.objects))
            Writer(store, LATER_US + 2 * HOUR_US).expire(1, grace_us=0)
            log = Writer(store).log
            assert (log.tags(), len(log.latest().retained)) == ({}, 1)

    actors = {"ann": leases(1, LATER_US + HOUR_US), "eve": expires(grace_us=0)}
    check = checks({}, expected=expected, errors=(VersionExpiredError,))
    Search(actors, start=table(size), check=check, deaths=1).run()


@pytest.mark.soak
@pytest.mark.parametrize("size", [6, 7, 15])
def test_two_expiries_at_length(size: int) -> None:
    """The same with more to expire."""
    actors: dict[str, Any] = {"eve": expires(keep_last=2, grace_us=0), "fay": expires(keep_last=1)}
    Search(actors, start=table(size), check=checks({}, expected=serial(old(size)))).run()


@pytest.mark.soak
@pytest.mark.parametrize("size", [3, 6, 7])
def test_two_appends_and_an_expiry(size: int) -> None:
    """Two appends beside an expiry."""
    actors = {"ann": appends("a"), "bob": appends("b"), "eve": expires(grace_us=0)}
    Search(actors, start=table(size), check=checks({"ann": "a", "bob": "b"})).run()


def test_the_search_finds_a_lost_update() -> None:
    """A writer that replaces what it read a step before is caught: the search itself can fail."""

    def replaces(store: Any) -> None:
        words = store.read("words")
        store.delete(["words"])
        store.put("words", words + b"x")

    def check(moment: Moment) -> None:
        if moment.over:
            assert moment.objects["words"] == b"xx"

    with pytest.raises(AssertionError) as caught:
        Search({"ann": replaces, "bob": replaces}, start={"words": b""}, check=check).run()
    assert "ann: read words" in caught.value.__notes__[0]


def test_a_table_for_searches_is_as_it_says() -> None:
    """The tables that searches begin with have lists of every kind."""
    for size in SIZES:
        assert old(size) == (Writer(Direct(table(size))).words() if size else [])
    latest = Writer(Direct(table(15))).log.latest()
    assert latest.key_lists
    assert latest.manifests
    assert SMALL.per_bucket == 4
