"""Keep a version for as long as a program reads it: a tag with an end, which a thread moves on.

1. The lease begins with the tag's entry. The log orders it against expiries: a version that was let go is refused. Its
   time counts from the table's horizon, if this clock is behind that: an expiry by a clock that was far ahead must not
   stop later leases. Such an end is later than was asked for, which protects the version for longer, never for less.
2. When half of the time is left the tag gets a new end. A renewal that fails is tried again, often enough to succeed
   before the end; so it is when a machine that slept wakes up. A tag that ran out, and was cleaned away, is set anew if
   the version is still retained: what it reaches never left.
3. It ends with the tag's removal, which finds out whether the version was there all the time.

Who dies leaves the tag: it runs out, protects nothing, and the next expiry takes it away.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from atio_core.arguments import refusal, require_duration
from atio_core.changes.tag import EndLease, SetTag
from atio_core.errors import AtioError, InvalidInputError, VersionExpiredError
from atio_core.log.commit import commit
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import make_intent
from atio_core.model.ids import Clock, system_clock
from atio_core.model.tag_name import LEASE
from atio_core.times import LAST_US, MICROSECOND, time_of

_logger = logging.getLogger("atio")
_LAST = datetime.max.replace(tzinfo=UTC)
_SHORTEST = timedelta(seconds=1)
_RENEWED_AFTER = 1 / 2  # of its time
_TRIED_AGAIN_AFTER = 1 / 20
_HOST_SHOWN = 60


class Lease:
    """A version that stays while a `with` block reads it, whatever expires. Made by `Snapshot.lease`.

    Args:
        log: The table's log.
        version: The version's number.
        ttl: How long it stays if nobody renews the lease any more.
        clock: Where the time comes from.
        ended: Set when the block ends; the thread waits for it.

    Raises:
        InvalidInputError: The time is shorter than a second, or ends after the year 9999.
    """

    def __init__(
        self,
        log: CommitLog,
        version: int,
        ttl: timedelta,
        *,
        clock: Clock = system_clock,
        ended: threading.Event | None = None,
    ) -> None:
        if require_duration("ttl", ttl) < _SHORTEST:
            raise refusal("ttl", "a second or longer", ttl)
        if ttl > _LAST - time_of(clock()) - timedelta(days=1):
            raise refusal("ttl", "a time that ends before the year 10000", ttl)
        self.version: int = version
        """The number of the version."""
        self.name: str = f"{LEASE}{socket.gethostname()[:_HOST_SHOWN]}/{os.getpid()}/{uuid.uuid4().hex[:12]}"
        """The tag's name, which tells machine and process."""
        self._log = log
        self._ttl = ttl
        self._clock = clock
        self._ended = ended or threading.Event()
        self._until_us = 0
        self._failure: BaseException | None = None
        self._one = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def until(self) -> datetime:
        """When it runs out if it isn't renewed (UTC)."""
        return time_of(self._until_us)

    def renew(self) -> None:
        """Renew it now. The thread does so by itself.

        Raises:
            VersionExpiredError: It had run out, and the version was expired.
            InvalidInputError: An expiry at this very moment moved the table's horizon behind the end.
            As for `Table.tag` else: it stays until its former end, and will be tried again.
        """
        with self._one:
            base = self._log.latest()
            until_us = min(max(self._clock(), base.horizon_us) + self._ttl // MICROSECOND, LAST_US)
            change = SetTag(self._log, self.name, self.version, force=True, until_us=until_us)
            commit(self._log, change, make_intent(self._clock), base=base, clock=self._clock)
            self._until_us, self._failure = until_us, None

    def check(self) -> None:
        """Make sure that the version is still kept; if the lease ran out or wasn't renewed in time, renew it now.

        Raises:
            VersionExpiredError: The version was expired: what was read before is right, but no more can be read.
            As for `renew` else: the version is not known to be kept.
        """
        if self._failure is not None or self._clock() >= self._until_us:
            self.renew()

    def __enter__(self) -> Self:
        """Begin: from here on the version stays.

        Raises:
            VersionExpiredError: It has expired.
            InvalidInputError: The lease is in use.
            As for `Table.tag` else.
        """
        if self._thread is not None:
            raise InvalidInputError(f"the lease {self.name} is in use: make another one with Snapshot.lease")
        self.renew()
        self._thread = threading.Thread(target=self._keep, name=f"atio {self.name}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End: the version goes when the retention says so.

        Raises:
            VersionExpiredError: The lease ran out meanwhile, and the version was expired.
            As for `Table.untag` else.
        """
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self._end()
        except AtioError as failure:
            if error is None:
                raise
            error.add_note(f"the lease {self.name} couldn't be ended: {failure}")

    def _end(self) -> None:
        change = EndLease(self._log, self.name, self.version)
        try:
            commit(self._log, change, make_intent(self._clock), clock=self._clock)
        except VersionExpiredError as error:
            raise self._lost() from (self._failure or error)

    def _keep(self) -> None:
        """Renew until the end, or until there is nothing to be kept."""
        pause = self._ttl * _RENEWED_AFTER
        while not self._ended.wait(pause.total_seconds()):
            pause = self._ttl * _RENEWED_AFTER
            try:
                self.renew()
            except Exception as failure:  # noqa: BLE001 - in a thread: the holder is told by `check`, and at the end
                self._failure = failure
                _logger.warning(
                    "the lease %s of %s wasn't renewed: %s", self.name, self._log.location, failure
                )
                if isinstance(failure, VersionExpiredError):
                    return
                pause = self._ttl * _TRIED_AGAIN_AFTER

    def _lost(self) -> VersionExpiredError:
        return VersionExpiredError(
            f"version {self.version} of the table {self._log.location} has expired while it was leased: the lease ran"
            f" out at {self.until:%Y-%m-%d %H:%M:%S} UTC, since it wasn't renewed; read again, with a longer ttl",
            table=self._log.location,
            version=self.version,
        )
