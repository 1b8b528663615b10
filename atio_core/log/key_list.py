"""Which commits and idempotency keys a table has seen: the recent ones inline, older ones in sorted lists.

Both are 16 bytes: a commit's id as it is, a key as BLAKE2b digest. An entry holds between `recent` and twice as many;
then the older half becomes a list, and neighbouring lists of like size become one. A list whose newest member is older
than the table's key retention is dropped, if the clocks of this entry's writer and of the one before both say so. The
times in the log never go back: by them, after one commit by a clock far ahead, every later one would find all lists too
old. A clock that is right never does, for those times are no earlier than it told then.
"""

from __future__ import annotations

import hashlib

from atio_core.errors import DamagedError, NotFoundError
from atio_core.format.digest import digest
from atio_core.format.keys_arrow import decode_keys, encode_keys
from atio_core.format.names import key_list_path
from atio_core.log.limits import Limits
from atio_core.log.scratch import Readable, Scratch
from atio_core.model.entry import NO_KEY, KeyListRef, LogEntry, Recent
from atio_core.storage.base import ObjectStore


def key_digest(key: str | None) -> bytes:
    """Return the 16 bytes that stand for an idempotency key."""
    return NO_KEY if key is None else hashlib.blake2b(key.encode(), digest_size=16).digest()


def find_recent(entry: LogEntry, one: bytes) -> int | None:
    """Return the version among the entry's recent commits that has this commit id or digest of a key, or None."""
    for ids in (entry.recent.commits, entry.recent.keys):
        if one in ids:
            return entry.version - ids.index(one)
    return None


def find_older(
    store: ObjectStore, entry: LogEntry, one: bytes, *, after_version: int = 0, not_before_us: int = 0
) -> int | None:
    """Return the version in the entry's key lists that has this commit id or digest of a key, or None.

    Args:
        store: The table's store.
        entry: An entry on the chain.
        one: 16 bytes.
        after_version: Lists that end at or before this version were looked through already.
        not_before_us: It can't have been used before this time.
    """
    for ref in reversed(entry.key_lists):
        if ref.last_version <= after_version or ref.last_time_us < not_before_us:
            continue
        versions = _read(store, ref, entry.version)
        if one in versions:
            return versions[one]
    return None


def first_known(entry: LogEntry) -> int:
    """Return the version from which on an entry knows all commit ids."""
    if entry.key_lists:
        return entry.key_lists[0].first_version
    return entry.version - len(entry.recent.commits) + 1


def push(
    base: LogEntry,
    commit: bytes,
    key: bytes,
    *,
    time_us: int,
    clock_us: int,
    scratch: Scratch,
    limits: Limits,
) -> tuple[Recent, tuple[KeyListRef, ...]]:
    """Return the recent ids and key lists of the entry that follows `base`.

    Args:
        base: The entry before.
        commit: The commit's id.
        key: The digest of its key.
        time_us: The new entry's time.
        clock_us: What its writer's clock shows.
        scratch: Takes the lists.
        limits: How much an entry holds.
    """
    old = base.recent
    recent = Recent((commit, *old.commits), (key, *old.keys), (time_us, *old.times_us))
    if len(recent.commits) < 2 * limits.recent:
        return recent, base.key_lists
    spilled = _spill(recent, base.version + 1, scratch, limits.recent)
    forgotten_us = min(clock_us, base.clock_us) - base.key_retention_us
    lists = [ref for ref in base.key_lists if ref.last_time_us >= forgotten_us]
    keep = limits.recent
    kept = Recent(recent.commits[:keep], recent.keys[:keep], recent.times_us[:keep])
    return kept, _merged([*lists, spilled], scratch, base.version, limits)


def _spill(recent: Recent, newest: int, scratch: Scratch, keep: int) -> KeyListRef:
    versions: dict[bytes, int] = {}
    for position in range(keep, len(recent.commits)):
        versions[recent.commits[position]] = newest - position
        if recent.keys[position] != NO_KEY:
            versions.setdefault(recent.keys[position], newest - position)
    times = recent.times_us[keep:]
    return _write(versions, (min(times), max(times)), scratch)


def _merged(refs: list[KeyListRef], scratch: Scratch, version: int, limits: Limits) -> tuple[KeyListRef, ...]:
    """Make one of the lists at the end while they are of like size, so that their number grows with a logarithm.

    In a bucket, where each list costs a request, small ones are gathered in one until it is large.
    """
    while tail := _tail(refs, limits):
        versions: dict[bytes, int] = {}
        for ref in tail:
            versions |= _read(scratch, ref, version)
            scratch.forget(ref.path)
        times = (tail[0].first_time_us, tail[-1].last_time_us)
        refs = [*refs[: -len(tail)], _write(versions, times, scratch)]
    return tuple(refs)


def _tail(refs: list[KeyListRef], limits: Limits) -> list[KeyListRef]:
    """The lists at the end that are to become one; none if they are to stay."""
    counts = [ref.count for ref in refs]
    if len(refs) > 1 and sum(counts[-2:]) <= limits.gathered_ids:
        return refs[-2:]
    last = counts[-limits.fanout :]
    alike = len(last) == limits.fanout and max(last) < limits.fanout * min(last)
    return refs[-limits.fanout :] if alike else []


def _write(versions: dict[bytes, int], times: tuple[int, int], scratch: Scratch) -> KeyListRef:
    data = encode_keys(versions)
    path = key_list_path(scratch.new_id())
    scratch.put(path, data)
    first, last = min(versions.values()), max(versions.values())
    return KeyListRef(path, digest(data), len(data), len(versions), first, last, *times)


def _read(store: Readable, ref: KeyListRef, version: int) -> dict[bytes, int]:
    try:
        data = store.read(ref.path)
    except NotFoundError as error:
        raise _damaged(store, ref, version, "nothing") from error
    found = digest(data)
    if found != ref.digest:
        raise _damaged(store, ref, version, found)
    return decode_keys(data)


def _damaged(store: Readable, ref: KeyListRef, version: int, found: str) -> DamagedError:
    message = (
        f"the list of keys {ref.path} of the table {store.location} is damaged; bring it back from a backup"
    )
    return DamagedError(
        message, table=store.location, version=version, path=ref.path, expected=ref.digest, found=found
    )
