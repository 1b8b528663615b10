"""What every store does: one suite of tests. A store's own test file subclasses it and gives the fixture `store`."""

from __future__ import annotations

import array
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from atio_core.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from atio_core.storage.base import FlatListing, ObjectStore

BAD_NAMES = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/.",
    "a/..",
    "../a",
    "a/../b",
    "a\0b",
    "a\\b",
    "\ud800",
]
ODD_NAMES = [
    "a b",
    "a%41b",
    "a=b",
    "a+b",
    "a#1",
    "a?b",
    "a&b",
    "a'\"b",
    "a:b",
    "a*b",
    "é",
    "e\u0301",
    "日本",
    "😀",
    "-a",
    "~a",
    "..a",
    "a..",
]
PARTS = st.text(alphabet="ab.-0é", min_size=1, max_size=3).filter(lambda part: part not in (".", ".."))
NAMES = st.sets(st.lists(PARTS, min_size=1, max_size=3).map("/".join), max_size=12)
_numbers = itertools.count()


def write(store: ObjectStore, name: str, *pieces: bytes | memoryview) -> None:
    """Write an object piece by piece."""
    writer = store.open_write(name)
    for piece in pieces:
        writer.write(piece)
    writer.close()


class StoreContract:
    """Promises of `ObjectStore`."""

    empties_folders_later = False
    """Folders from which all was deleted are shown for a while, whatever `prune` does."""

    races = 10
    """How often eight threads race for a name."""

    def test_is_an_object_store(self, store: ObjectStore) -> None:
        """It has all the verbs, and a location for messages."""
        assert isinstance(store, ObjectStore)
        assert store.location

    @pytest.mark.parametrize("size", [0, 1, 4096, 20_000_003])
    @pytest.mark.parametrize("way", ["put", "put_if_absent", "open_write"])
    def test_what_is_written_is_read(self, store: ObjectStore, way: str, size: int) -> None:
        """An object reads back as it was written, whatever its size and the way it came."""
        data = bytes(range(251)) * (size // 251) + bytes(range(size % 251))
        if way == "open_write":
            write(store, "a/b", data[: size // 3], memoryview(data)[size // 3 :])
        else:
            getattr(store, way)("a/b", data)
        assert data == store.read("a/b")
        assert size == store.size("a/b")

    @pytest.mark.parametrize(
        ("start", "length", "expected"),
        [(0, 4, b"0123"), (3, 4, b"3456"), (8, 4, b"89"), (10, 4, b""), (99, 4, b""), (5, 0, b"")],
    )
    def test_reads_a_part(self, store: ObjectStore, start: int, length: int, expected: bytes) -> None:
        """`read_into` gives the bytes that there are from a place on, and leaves the rest of the buffer alone."""
        store.put("a", b"0123456789")
        buffer = bytearray(b"." * length)
        assert len(expected) == store.read_into("a", start, memoryview(buffer))
        assert expected + b"." * (length - len(expected)) == buffer

    def test_what_is_asked_is_counted(self, store: ObjectStore) -> None:
        """Requests count by kind, and so do the bytes that come and go; the rest stays as it was."""
        before = store.io.stats()
        store.put("a/1", b"123")
        write(store, "a/2", b"12", b"3")
        store.put_if_absent("a/3", b"1234")
        assert store.read("a/3") == b"1234"
        assert store.read_into("a/1", 1, memoryview(bytearray(9))) == 2
        assert store.size("a/1") == 3
        assert store.look("a/") == ["a/1", "a/2", "a/3"]
        spent = store.io.stats() - before
        probe = spent.writes - 2  # a bucket that wasn't tried out yet is, with its first object
        assert (spent.reads, spent.looks, spent.lists, spent.deletes) == (2, 1, 1, probe)
        assert spent.bytes_read == 6
        assert (spent.creates, spent.bytes_written) == (1, 10 + 5 * probe)
        store.delete(["a/1"])
        assert (store.io.stats() - before).deletes == probe + 1

    def test_what_is_missing_is_not_found(self, store: ObjectStore) -> None:
        """Reading what isn't there says so, with the name; a folder is no object."""
        store.put("folder/a", b"1")
        for name in ("missing", "folder/missing", "none/missing", "folder", "folder/a/b"):
            for read in (
                store.read,
                store.size,
                lambda name: store.read_into(name, 0, memoryview(bytearray(1))),
            ):
                with pytest.raises(NotFoundError, match=name) as caught:
                    read(name)
                assert name == caught.value.facts["path"]

    def test_a_taken_name_is_refused(self, store: ObjectStore) -> None:
        """`put_if_absent` leaves an object that is there as it is, and says that the name is taken."""
        store.put_if_absent("log/1", b"first")
        with pytest.raises(AlreadyExistsError, match="log/1"):
            store.put_if_absent("log/1", b"second")
        assert store.read("log/1") == b"first"
        assert list(store.list()) == ["log/1"]

    def test_its_own_bytes_are_no_excuse(self, store: ObjectStore) -> None:
        """A name is taken even for whoever comes with the very bytes that are there."""
        data = b"the same"
        store.put_if_absent("log/1", data)
        with pytest.raises(AlreadyExistsError):
            store.put_if_absent("log/1", data)

    def test_one_of_many_wins(self, store: ObjectStore) -> None:
        """Of eight threads that create an object at once, one succeeds, and the content is its."""
        start = threading.Barrier(8)

        def create(number: int, name: str) -> bool:
            start.wait()
            try:
                store.put_if_absent(name, b"%d" % number * 1000)
            except AlreadyExistsError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            for turn in range(self.races):
                name = f"log/{turn}"
                won = list(pool.map(create, range(8), [name] * 8))
                assert won.count(True) == 1
                assert b"%d" % won.index(True) * 1000 == store.read(name)

    def test_after_another(self, store: ObjectStore) -> None:
        """An object can be created after another one, in its folder or not, or gone with its folder since."""
        store.put_if_absent("log/1", b"1")
        store.put_if_absent("log/2", b"2", after="log/1")
        store.put_if_absent("log2/3", b"3", after="log/2")
        store.delete(["log/1", "log/2"])
        store.put_if_absent("log2/4", b"4", after="log/2")
        store.put_if_absent("log2/5", b"5", after="never/was")
        assert list(store.list()) == ["log2/3", "log2/4", "log2/5"]

    def test_a_name_is_made_durable(self, store: ObjectStore) -> None:
        """Any name can be made durable, there or gone, folder and all; that makes nothing."""
        store.put("log/1", b"1")
        for name in ("log/1", "log/2", "never/was"):
            store.make_durable(name)
        assert list(store.list()) == ["log/1"]

    def test_takes_any_buffer(self, store: ObjectStore) -> None:
        """A writer counts bytes, whatever the items of the buffer that it gets."""
        writer = store.open_write("a")
        numbers = array.array("d", [1.0, 2.0, 3.0])
        assert writer.write(memoryview(numbers)) == 24
        assert writer.write(b"") == 0
        writer.close()
        assert numbers.tobytes() == store.read("a")

    def test_an_aborted_object_never_was(self, store: ObjectStore) -> None:
        """After `abort`, however often, there is nothing under the name, and it is free."""
        writer = store.open_write("data/a")
        writer.write(b"1" * 10_000_000)
        writer.abort()
        writer.abort()
        assert list(store.list()) == []
        store.put("data/a", b"2")
        assert store.read("data/a") == b"2"

    def test_a_closed_object_stays(self, store: ObjectStore) -> None:
        """After `close`, further calls of `close` and `abort` change nothing."""
        writer = store.open_write("data/a")
        writer.write(b"1")
        writer.close()
        writer.close()
        writer.abort()
        assert store.read("data/a") == b"1"

    def test_lists_what_begins_so(self, store: ObjectStore) -> None:
        """A prefix selects a folder, not names that merely begin alike; a missing folder is empty."""
        for name in ("a/1", "a/b/2", "ab/3", "a.b/4", "b"):
            store.put(name, b"")
        assert list(store.list()) == ["a.b/4", "a/1", "a/b/2", "ab/3", "b"]
        assert list(store.list("a/")) == ["a/1", "a/b/2"]
        assert list(store.list("a/b/")) == ["a/b/2"]
        assert list(store.list("missing/")) == []
        assert list(store.list("a/1/")) == []

    def test_the_first_name_comes_first(self, store: ObjectStore) -> None:
        """The first name of a listing can be taken without the rest."""
        for name in ("log/2/b", "log/1/c", "log/1/a"):
            store.put(name, b"")
        assert next(iter(store.list("log/"))) == "log/1/a"

    @given(names=NAMES)
    @example(names={"a/b", "a.b", "a-b", "a0", "a0/c", "aé/x"})
    @settings(  # the class of each store runs it
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
        max_examples=60,
    )
    def test_lists_in_the_order_of_whole_names(self, store: ObjectStore, names: set[str]) -> None:
        """Listings are sorted by code point as whole names are, though folders are walked."""
        folder = f"{next(_numbers)}/"  # of its own, as the folders of another example stay
        names = {folder + name for name in names if not any(other.startswith(f"{name}/") for other in names)}
        for name in names:
            store.put_if_absent(name, b"")
        assert sorted(names) == list(store.list(folder))
        store.delete(names)
        assert list(store.list()) == []

    def test_looks_into_one_folder(self, store: ObjectStore) -> None:
        """A look shows what lies directly in a folder, sorted, folders with a slash; nothing is no error."""
        for name in ("a/b/1", "a/b/2", "a/1", "a/c/d/1", "b"):
            store.put(name, b"")
        assert store.look("") == ["a/", "b"]
        assert store.look("a/") == ["a/1", "a/b/", "a/c/"]
        assert store.look("a/b/") == ["a/b/1", "a/b/2"]
        assert store.look("a/b/1/") == store.look("none/") == []

    @pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
    def test_names_are_kept(self, store: ObjectStore, name: str) -> None:
        """Any character that a name may have comes back from a listing, and finds the object."""
        store.put_if_absent(f"{name}/{name}", b"1")
        assert [f"{name}/{name}"] == list(store.list(f"{name}/"))
        assert store.read(f"{name}/{name}") == b"1"
        assert store.delete([f"{name}/{name}"]) == []
        assert list(store.list()) == []

    def test_deletes(self, store: ObjectStore) -> None:
        """Deleting takes names from any iterable; those that are missing, folder and all, are fine."""
        for name in ("a/1", "a/2", "a/3"):
            store.put(name, b"")
        assert store.delete(name for name in ("a/1", "missing", "none/missing", "a/2/below", "a/3")) == []
        assert list(store.list()) == ["a/2"]

    def test_prunes_folders_that_hold_nothing(self, store: ObjectStore) -> None:
        """Folders from which all objects were deleted may go, others stay; what is put there later is there."""
        for name in ("data/a/b/1", "data/a/2", "data/c/3", "other/d/4"):
            store.put(name, b"x")
        store.delete(["data/a/b/1", "data/c/3", "other/d/4"])
        store.prune("data/")
        assert list(store.list()) == ["data/a/2"]
        if not self.empties_folders_later:
            assert store.look("data/") == ["data/a/"]
            assert store.look("data/a/") == ["data/a/2"]
        store.put("data/a/b/5", b"y")
        store.put_if_absent("data/c/6", b"z")
        assert (store.read("data/a/b/5"), store.read("data/c/6")) == (b"y", b"z")
        store.prune("none/")

    @pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
    def test_bad_names_are_refused(self, store: ObjectStore, name: str) -> None:
        """No call takes a name that isn't one, be it to leave the root; nothing changes."""
        calls = [
            lambda: store.read(name),
            lambda: store.read_into(name, 0, memoryview(bytearray(1))),
            lambda: store.size(name),
            lambda: store.put(name, b""),
            lambda: store.put_if_absent(name, b""),
            lambda: store.put_if_absent("fine", b"", after=name),
            lambda: store.open_write(name),
            lambda: store.make_durable(name),
            lambda: store.delete([name]),
        ]
        for call in calls:
            with pytest.raises(InvalidInputError, match="no name"):
                call()
        assert list(store.list()) == []

    @pytest.mark.parametrize("prefix", ["a", "/", "/a/", "a//", "../", "a\0/"], ids=ascii)
    def test_bad_prefixes_are_refused(self, store: ObjectStore, prefix: str) -> None:
        """A prefix is empty or a name with a slash; anything else is refused at once."""
        for call in (store.list, store.look):
            with pytest.raises(InvalidInputError):
                call(prefix)


class FolderwiseListing:
    """How stores list that look into one folder after the other: what tests of the layers above count on."""

    def test_a_folder_is_looked_into_when_its_turn_comes(self, store: ObjectStore) -> None:
        """What changes in a later folder while a listing runs is seen; what changes in the present one is not."""
        for name in ("a/1", "a/2", "b/1", "c/1", "c/d/1"):
            store.put(name, b"")
        listing = store.list()
        assert next(listing) == "a/1"
        store.put("a/3", b"")
        store.put("b/2", b"")
        store.delete(["a/2", "b/1"])
        assert [next(listing) for _ in range(3)] == ["a/2", "b/2", "c/1"]
        store.put("c/d/2", b"")
        store.delete(["c/d/1"])
        assert list(listing) == ["c/d/2"]

    def test_nothing_is_looked_at_before_the_first_name_is_asked_for(self, store: ObjectStore) -> None:
        """A listing begins with its first step."""
        listing = store.list("a/")
        store.put("a/1", b"")
        assert list(listing) == ["a/1"]


class FlatListings:
    """What stores whose names lie side by side list: their latest version is looked for by it."""

    def test_flat_listings_show_all_names_in_order(self, store: ObjectStore) -> None:
        """A flat listing shows what begins with its prefix, over all folders, sorted by name."""
        for name in ("log/9/1", "log/8/2", "log/8/1", "log/10", "logs/1", "a"):
            store.put(name, b"")
        flat = _flat(store)
        assert [one.name for one in flat.listed("log/")] == ["log/10", "log/8/1", "log/8/2", "log/9/1"]
        assert [one.name for one in flat.listed("")] == sorted(store.list())
        assert list(flat.listed("none/")) == []

    def test_what_was_listed_is_read(self, store: ObjectStore) -> None:
        """An object that is still what was listed is read; its mark stays while others come and go."""
        store.put("a/1", b"1")
        flat = _flat(store)
        (one,) = flat.listed("a/")
        store.put("a/2", b"2")
        store.delete(["a/2"])
        assert flat.read_listed(one) == b"1"
        assert list(flat.listed("a/")) == [one]

    @pytest.mark.parametrize("anew", [None, b"2"])
    def test_what_is_another_by_then_is_not_read(self, store: ObjectStore, anew: bytes | None) -> None:
        """A listed object that is gone isn't found, also if another has its name by then, as long as the first was."""
        store.put("a/1", b"1")
        flat = _flat(store)
        (one,) = flat.listed("a/")
        store.delete(["a/1"])
        if anew is not None:
            store.put_if_absent("a/1", anew)
        with pytest.raises(NotFoundError):
            flat.read_listed(one)

    def test_a_page_shows_one_moment(self, store: ObjectStore) -> None:
        """What comes or goes once the first name was shown, is shown as it was, within a page."""
        for name in ("a/1", "b/1", "b/2"):
            store.put(name, b"")
        listing = _flat(store).listed("")
        assert next(listing).name == "a/1"
        store.put("a/2", b"")
        store.delete(["b/1"])
        assert next(listing).name == "b/1"


def _flat(store: ObjectStore) -> FlatListing:
    assert store.flat is not None
    return store.flat
