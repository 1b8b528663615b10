"""What a party may come to: each answer and each error must be explained by what was so while it was at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from atio_core.errors import (
    AlreadyExistsError,
    AtioError,
    CommitConflictError,
    CommitUnknownError,
    InvalidInputError,
    NotFoundError,
    StorageError,
    TableNotFoundError,
    TagNotFoundError,
    VersionExpiredError,
    VersionNotFoundError,
)
from atio_core.handle import Handle
from atio_core.log.commit_log import CommitLog
from atio_core.log.intent import make_intent
from atio_core.log.lookup import VersionSelector
from atio_core.snapshot import Snapshot
from tests.support.chain import REWRITES, Chain, Deed, Link
from tests.support.races import Read
from tests.support.world import Party, promised

ANY = VersionSelector()
_Result = TypeVar("_Result")


class Judge:
    """Lets one party do things, through one handle, and sees what they come to.

    - A commit that is acknowledged is in the chain, and is the one that was made, or has its key (P4).
    - One that is refused isn't, and never will be; and there was a reason.
    - One may be unknown, and the store may fail, only if a call of the party has failed.
    - What is read is a version that could be meant at some moment from begin to end, whole (P3). It has expired only if
      it isn't retained at the end.

    Args:
        party: Its turn, its clock, its view of the store.
        chain: The true history.
    """

    def __init__(self, party: Party, chain: Chain) -> None:
        self.party, self.chain = party, chain
        self.log = CommitLog(party, chain.limits)
        self.handle = Handle(self.log, party.clock)
        self._start = 0

    def commit(
        self,
        kind: str,
        change: Callable[[Any], Any],
        *,
        word: str = "",
        version: int = 0,
        tag: str = "",
        until_us: int | None = None,
        instead: str = "",
        **options: Any,
    ) -> bool:
        """Commit, and see that it comes to what it may; return whether it is known to be done."""
        intent = make_intent(self.party.clock, **options)
        key, expected = options.get("idempotency_key"), intent.expected_version
        deed = self.chain.expect(
            Deed(
                intent.commit_id.hex(),
                kind,
                word,
                version,
                tag,
                key,
                expected,
                instead=instead,
                until_us=until_us,
            )
        )
        self._begin()
        try:
            done = self.handle.commit(change, intent)
        except CommitUnknownError:
            self._require_trouble()
            return False
        except StorageError:
            self._require_trouble()
            self._refuse(deed)
            return False
        except (CommitConflictError, NotFoundError, AlreadyExistsError, InvalidInputError) as error:
            self._refuse(deed)
            self._check_refusal(error, deed)
            return False
        self._check_done(done, deed)
        return True

    def _begin(self) -> None:
        self._start, self.party.troubled = self.chain.tip, False

    def seen(self) -> list[Link | None]:
        """Return the versions that were the latest since the act began; None is a table that wasn't there yet."""
        return [self.chain.link(tip) if tip else None for tip in range(self._start, self.chain.tip + 1)]

    def _refuse(self, deed: Deed) -> None:
        deed.refused = True
        there = any(link.deed is deed for link in self.chain.links)
        promised(not there, f"{deed.kind} {deed.word} was refused, and yet it is there")

    def _require_trouble(self) -> None:
        if not self.party.troubled:
            raise  # noqa: PLE0704 - the error that is being handled: nothing had gone wrong that could explain it

    def _check_done(self, done: Snapshot, deed: Deed) -> None:
        told = f"{deed.kind} {deed.word}"
        if done.repeated:
            self._refuse(deed)
            found = self.chain.link(done.version).deed
            promised(found and found.key == deed.key, f"version {done.version} hasn't the key of {told}")
        elif deed.kind in REWRITES and done.unchanged:
            self._refuse(deed)
            lacked = any(link is None or deed.word not in link.words for link in self.seen())
            promised(
                deed.kind == "compact" or lacked,
                f"{told} was said to leave nothing to do, and {deed.word} was there all along",
            )
        elif deed.kind == "tag" and done.entry.commit_id != deed.commit_id:
            was_there = any(link is not None and self._tagged(link, deed) for link in self.seen())
            promised(was_there, f"tag {deed.tag} was not there yet")
        else:
            version = done.entry.version if deed.kind in ("tag", "untag", "compact") else done.version
            promised(version <= self.chain.tip, f"{told} was acknowledged, and isn't there")
            own = [link.entry.version for link in self.chain.links if link.deed is deed]
            # Of a change that leaves the rows as they are, a later entry stands for the version once its own has gone.
            gone = bool(own) and own[0] < version and own[0] not in self.chain.link(version).entry.retained
            promised(own == [version] or gone, f"version {version} isn't {told}, which was acknowledged")

    def _check_refusal(self, error: AtioError, deed: Deed) -> None:
        seen = self.seen()
        match error:
            case CommitConflictError():
                known = [link.entry.data.version if link else 0 for link in seen]
                right = deed.expected is not None and known != [deed.expected] * len(known)
                right = right or (deed.kind in REWRITES and len(seen) > 10)  # it was overtaken each time
            case AlreadyExistsError():
                right = any(link and deed.tag in link.tags and not self._tagged(link, deed) for link in seen)
            case InvalidInputError():
                until_us = deed.until_us
                right = until_us is not None and any(
                    link and until_us < link.entry.horizon_us for link in seen
                )
            case _:
                right = self._explains(error, deed.version, deed.tag)
        if not right:
            raise error

    def look(
        self, act: Callable[[], _Result], *, wanted: VersionSelector = ANY, may_write: bool = False
    ) -> _Result | None:
        """Do what changes no rows, and see that an error has a reason; return what it comes to, if anything."""
        self._begin()
        self.party.may_write = may_write
        try:
            return act()
        except (StorageError, CommitUnknownError):
            self._require_trouble()
        except NotFoundError as error:
            if not self._explains(error, wanted.number or 0, wanted.tag or ""):
                raise
        finally:
            self.party.may_write = True
        return None

    def _explains(self, error: AtioError, version: int, tag: str) -> bool:
        """Say whether something that was so since the act began gives rise to an error."""
        seen = self.seen()
        match error:
            case TableNotFoundError():
                return None in seen
            case TagNotFoundError():
                return any(link is not None and tag not in link.tags for link in seen)
            case VersionExpiredError():
                return version > 0 and self.chain.holding(self.data_version(version)) is None
            case VersionNotFoundError():
                return version < 0 and any(len(self.versions(link)) < -version for link in seen)
            case _:
                return False

    def check_read(self, read: Read, wanted: VersionSelector) -> None:
        """See that what was read is a version, whole, and that it could be the one that was wanted."""
        link = self.chain.link(read.version)
        promised(
            (read.commit_id, read.words) == (link.entry.commit_id, link.words),
            f"{read} was read, and version {read.version} holds {link.words}",
        )
        found = self._meant(wanted)
        promised(link.entry.data.version in found, f"{read} was read, and {wanted} means one of {found}")

    def _meant(self, wanted: VersionSelector) -> list[int]:
        """The data versions that could be meant since the act began."""
        if wanted.is_fixed:
            return [self.data_version(wanted.number or 0)]
        if wanted.tag:
            tags = [latest.tags.get(wanted.tag) for latest in self.seen() if latest]
            return [tag.version for tag in tags if tag]
        place = wanted.number or -1
        listed = [self.versions(latest) for latest in self.seen()]
        return [versions[place] for versions in listed if len(versions) >= -place]

    def data_version(self, version: int) -> int:
        """Return the data version that a version holds."""
        return self.chain.link(version).entry.data.version if version <= self.chain.tip else version

    def versions(self, latest: Link | None) -> list[int]:
        """Return the data versions that can be read."""
        retained = latest.entry.retained if latest else ()
        return sorted({self.chain.link(one).entry.data.version for one in retained})

    def _tagged(self, link: Link, deed: Deed) -> bool:
        tag = link.tags.get(deed.tag)
        return tag is not None and (tag.version, tag.until_us) == (deed.version, deed.until_us)
