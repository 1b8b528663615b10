from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from atio_core.maintenance.report import ExpiryReport, FileLine, VersionLine

WHEN = datetime(2013, 1, 1, 5, 15, tzinfo=UTC)
REPORT = ExpiryReport(
    table="/data/flights",
    dry_run=False,
    version=13,
    kept=(VersionLine(12, WHEN, "append", 336_776, 5_000_000, ("latest", "one of the last 2")),),
    removed=(VersionLine(9, WHEN - timedelta(days=8), "overwrite", 800, 1_500),),
    files_removed=1_234,
    bytes_removed=5_001_500,
    leftovers=(FileLine("data/x.parquet", 500, timedelta(hours=2)),),
    waiting=(FileLine("data/y.parquet", 70, timedelta(minutes=2)),),
    entries_removed=3,
)


WAITING = (
    "belong to no version and wait for the grace period, or the time of their stage, to pass: somebody may be about to"
    " commit them"
)


def test_a_report_is_made_to_be_printed() -> None:
    """Printed, it is a sentence, then a table of the versions in order, then what else there is to know."""
    assert str(REPORT).splitlines() == [
        "Expired /data/flights: removed 1 version and 1,234 files, 5,001,500 bytes freed; 1 version kept",
        "version  time (UTC)           operation     rows      bytes",
        "      9  2012-12-24 05:15:00  overwrite      800      1,500  removed",
        "     12  2013-01-01 05:15:00  append     336,776  5,000,000  kept: latest, one of the last 2",
        "of these files, 1 were leftovers of writers that died (500 bytes)",
        f"1 file (70 bytes) {WAITING}",
    ]


def test_a_preview_says_so_in_its_first_line() -> None:
    """Whoever only looks at the first line knows that nothing was removed, and how to do it."""
    first, *rest = str(replace(REPORT, dry_run=True, version=None)).splitlines()
    assert first == (
        "PREVIEW of /data/flights: nothing was removed; a real run (dry_run=False) would remove 1 version and"
        " 1,234 files, 5,001,500 bytes"
    )
    assert rest[1].endswith("would be removed")


def test_a_report_fits_json() -> None:
    """As plain values it can be stored, sent, or shown by another program."""
    told = REPORT.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["kept"] == [
        {
            "version": 12,
            "time": "2013-01-01T05:15:00+00:00",
            "operation": "append",
            "rows": 336_776,
            "bytes": 5_000_000,
            "reasons": ["latest", "one of the last 2"],
        }
    ]
    assert told["leftovers"] == [{"path": "data/x.parquet", "bytes": 500, "age_seconds": 7200.0}]
    assert set(told) == set(ExpiryReport.__dataclass_fields__)


def test_a_report_crosses_processes() -> None:
    """A pool's worker can hand it back."""
    assert pickle.loads(pickle.dumps(REPORT)) == REPORT


def test_a_report_of_nothing_is_short() -> None:
    """Without leftovers there is no word of any."""
    quiet = replace(REPORT, removed=(), files_removed=0, bytes_removed=0, leftovers=(), waiting=())
    assert (
        quiet.headline
        == "Expired /data/flights: removed 0 versions and 0 files, 0 bytes freed; 1 version kept"
    )
    assert len(str(quiet).splitlines()) == 3
