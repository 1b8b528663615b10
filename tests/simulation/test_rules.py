"""The simulation bites: without any one rule of the protocol it finds what goes wrong.

A rule is turned off by taking its line out of the code. Who moves such a line, or words it anew, changes it here too.
The seed beside a rule only saves time: another order of calls makes other histories of the same seeds, and then all are
looked through. A test that had to tells the seed that it found (`pytest -rP`), which may take the old one's place.
"""

from __future__ import annotations

import sys

import pytest

from tests.support.histories import play
from tests.support.rules import Rule

SEEDS = 1_500
"""So many histories are tried; each of the rules shows within 300."""

RULES = [
    Rule(
        "An entry that was created counts once it is known to be on the chain",
        "log.confirm:on_chain",
        "if told is not None:",
        "told = True\n        if True:",
        shown_by=8,
    ),
    Rule(
        "An expiry deletes once its entry is known to be on the chain",
        "log.confirm:on_chain",
        "if told is not None:",
        'told = True if mine.operation == "expire" else told\n        if told is not None:',
        shown_by=40,
    ),
    Rule(
        "A later version with other recent ids shows that an entry is a stray",
        "log.confirm:_told_by",
        "return witness.recent.commits[position] == bytes.fromhex(mine.commit_id)",
        "return True",
        shown_by=40,
    ),
    Rule(
        "Key lists show that an entry is a stray",
        "log.confirm:_told_by_all",
        "find_older(log.store, latest, bytes.fromhex(mine.commit_id)) == mine.version",
        "True",
        shown_by=8,
    ),
    Rule(
        "A taken name is another's only after another's entry was read there",
        "storage.readback:create",
        "found = _find(store, name, is_ours)",
        "found = Created(Answer.TAKEN)",
        shown_by=3,
    ),
    Rule(
        "After a lost answer the name is read before anything else is done",
        "storage.readback:create",
        "said, sent, said_taken = error, True, False",
        "return Created(Answer.TAKEN)",
        shown_by=3,
    ),
    Rule(
        "An entry with another commit id under the name is another's",
        "log.commit:_Run._is_ours",
        ".commit_id == entry.commit_id",
        ".table_id == entry.table_id",
        shown_by=3,
    ),
    Rule(
        "A commit looks for its own id before it rebases",
        "log.commit:look_up",
        "own = after_version is not None",
        "own = False",
        shown_by=95,
    ),
    Rule(
        "A commit looks for its key",
        "log.commit:look_up",
        "if version is None:\n        own = False",
        "if False:\n        own = False",
        shown_by=18,
    ),
    Rule(
        "Older ids and keys are looked up in lists",
        "log.commit:version_of",
        "return find_older(log.store, base, one, after_version=after_version or 0, not_before_us=not_before_us)",
        "return None",
        shown_by=244,
    ),
    Rule(
        "A file older than the base's horizon isn't committed",
        "log.commit:is_too_old",
        "uuid7_time_us(file_id) < base.horizon_us",
        "False",
        shown_by=40,
    ),
    Rule(
        "A version that was expected is the base",
        "log.commit:require_expected",
        "expected is not None and expected != found",
        "False",
        shown_by=1,
    ),
    Rule(
        "What replaces files replaces those that it has read",
        "changes.rewrite:Rewrite._require_untouched",
        "if base is self.seen or self._is_untouched(base, scratch):",
        "if True:",
        shown_by=455,
    ),
    Rule(
        "What looks for rows looks at those that came meanwhile",
        "changes.rewrite:Rewrite._is_untouched",
        " and not any(map(self._would_read, came))",
        "",
        shown_by=455,
    ),
    Rule(
        "What an outdated base gives rise to isn't told",
        "log.commit:holds",
        "if not _is_latest(log, base):",
        "if False:",
        shown_by=33,
    ),
    Rule(
        "Files stay once a create was sent without a clear answer",
        "log.commit:_Run.failed",
        "if not self.unclear:",
        "if True:",
        shown_by=50,
    ),
    Rule(
        "What may have landed is called unknown",
        "log.commit:_Run.failed",
        "elif isinstance(error, Exception) and not isinstance(error, CommitUnknownError):",
        "elif False:",
        shown_by=50,
    ),
    Rule(
        "A stray is committed again",
        "log.commit:_Run._create",
        "if not confirmed:",
        "if False:",
        shown_by=8,
    ),
    Rule(
        "Only names below the expire entry are freed, in older buckets",
        "maintenance.cleaning:old_entries",
        "names.bucket(number) < bucket and number not in retained",
        "number < version and number not in retained",
        shown_by=0,
    ),
    Rule(
        "Only names below the expire entry are freed",
        "maintenance.cleaning:old_entries",
        "names.bucket(number) < bucket and number not in retained",
        "number != version and number not in retained",
        shown_by=0,
    ),
    Rule(
        "Entries that are retained stay",
        "maintenance.cleaning:old_entries",
        "names.bucket(number) < bucket and number not in retained",
        "names.bucket(number) < bucket",
        shown_by=0,
    ),
    Rule(
        "What is retained is read before the latest is read again",
        "log.commit_log:CommitLog._read_retained",
        "if not again.retained.holds_all(latest.retained):",
        "if False:",
        shown_by=41,
    ),
    Rule(
        "Files that no version reaches stay until they are older than the horizon",
        "maintenance.expiry_plan:plan_expiry",
        "cleaned=tuple(left for left in listed if left.needed_us < horizon_us)",
        "cleaned=tuple(listed)",
        shown_by=8,
    ),
    Rule(
        "What another let go is finished by the horizon of its entry",
        "maintenance.expiry:_Expiry.finish",
        "if left.needed_us < latest.horizon_us",
        "",
        shown_by=2,
    ),
    Rule(
        "The horizon never goes back",
        "maintenance.expiry_plan:plan_expiry",
        "base.horizon_us, (now_us",
        "0, (now_us",
        shown_by=2,
    ),
    Rule(
        "Times never go back",
        "log.commit:next_entry",
        "time_us = max(clock_us, base.time_us)",
        "time_us = clock_us",
        shown_by=1,
    ),
    Rule(
        "Files that manifests list are reached",
        "maintenance.reach:Reach.keys",
        "if ref.path not in seen:",
        "if False:",
        shown_by=0,
    ),
    Rule(
        "Lists of keys and tags that the expire entry names stay",
        "maintenance.expiry:_Expiry.execute",
        " if file_key_of(ref.path) not in reached",
        "",
        shown_by=2,
    ),
    Rule(
        "Names that were taken out of a list of tags are none",
        "log.tag_list:TagLists.of",
        " if name not in tags.gone",
        "",
        shown_by=866,
    ),
    Rule(
        "A version with a tag stays",
        "retention:_protecting",
        "if until_us is None or until_us > now_us",
        "if False",
        shown_by=6,
    ),
    Rule(
        "A version with a tag stays until the tag's end",
        "retention:_protecting",
        "if until_us is None or until_us > now_us",
        "if until_us is None",
        shown_by=147,
    ),
    Rule(
        "After a lost race an expiry decides again",
        "changes.expire:Expire.rebase",
        "decision = self.decide(base)",
        "decision = vars(self.decide.__self__).setdefault('first', self.decide(base))",
        shown_by=2,
    ),
    Rule(
        "A version is restored if the base retains it",
        "log.commit_log:CommitLog.held_by",
        "stands_for = base.retained.at_or_after(version) if version > 0 else None",
        "stands_for = version",
        shown_by=2,
    ),
    Rule(
        "The latest is looked for again if a newer bucket has come",
        "log.sequence:Sequence.latest",
        "if self.store.flat is None and self.newer_bucket(first and first.number):",
        "if False:",
        shown_by=32,
    ),
    Rule(
        "A missing file is damage only if its version is retained",
        "log.file_list:missing_file",
        "if retained:",
        "if True:",
        shown_by=277,
    ),
    Rule(
        "A read of the latest starts over if it expires",
        "handle:Handle.read",
        "if wanted.is_fixed:",
        "if True:",
        shown_by=277,
    ),
    Rule(
        "Versions are counted and named by what the latest says once more",
        "log.lookup:_find",
        "if log.latest().retained.holds_all(latest.retained):",
        "if True:",
        shown_by=97,
    ),
    Rule(
        "Files of a kept stage stay until its time",
        "maintenance.cleaning:leftovers",
        "needed_us = max(written_us, kept.get(key, written_us))",
        "needed_us = written_us",
        shown_by=9,
    ),
    Rule(
        "Publishing and dropping have one key",
        "table.kept:Stages.drop",
        "commit_id=drop_id(wanted), key=stage_key(wanted)",
        "commit_id=drop_id(wanted)",
        shown_by=17,
    ),
    Rule(
        "What was checked is what is published",
        "table.kept:Stages._intent",
        "intent = replace(intent, expected_version=staged.base_version)",
        "pass",
        shown_by=1,
    ),
    Rule(
        "After some lost races an expiry keeps what came since",
        "maintenance.expiry_plan:carried_on",
        ", *later.values())",
        ",)",
        shown_by=40,
    ),
    Rule(
        "An expiry that goes on from its last decision frees no entry that stays",
        "maintenance.expiry_plan:carried_on",
        "for number in plan.entries if number not in retained",
        "for number in plan.entries",
        shown_by=452,
    ),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_without_a_rule_something_goes_wrong(rule: Rule) -> None:
    """Each rule prevents something that histories show where it isn't kept."""
    with rule.off():
        found = next(filter(None, map(broken_in, (rule.shown_by, *range(SEEDS)))), None)
    assert found is not None, f"{SEEDS} histories show nothing"
    seed, error = found
    assert f"again: python -m tests.support.histories {seed}" in error.__notes__[0]
    if seed != rule.shown_by:
        sys.stdout.write(f"shown_by={seed}")


def broken_in(seed: int) -> tuple[int, Exception] | None:
    """Return the seed, and what its history comes to, if it isn't what it should."""
    try:
        play(seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it shows that something is wrong
        return seed, error
    return None


def test_a_line_that_is_gone_is_told() -> None:
    """A rule whose line isn't there any more tests nothing, and says so."""
    rule = Rule("None", "log.confirm:on_chain", "no such line", "")
    with pytest.raises(AssertionError, match="no such line"), rule.off():
        pass
