from __future__ import annotations

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from atio_core.amounts import readable_age, readable_bytes
from atio_core.maintenance.expiry_report import ExpiryReport
from atio_core.maintenance.expiry_report_lines import FileLine, VersionLine

WHEN = datetime(2013, 1, 1, 5, 15, tzinfo=UTC)
REPORT = ExpiryReport(
    table="/data/flights",
    dry_run=False,
    version=13,
    kept=(VersionLine(12, WHEN, "append", 336_776, 5_000_000, ("latest", "last 2")),),
    removed=(VersionLine(9, WHEN - timedelta(days=8), "overwrite", 800, 1_500),),
    files_removed=1_234,
    bytes_removed=5_001_500,
    leftovers=(FileLine("data/x.parquet", 500, timedelta(hours=2)),),
    waiting=(FileLine("data/y.parquet", 70, timedelta(minutes=2)),),
    entries_removed=3,
)


def test_a_report_is_made_to_be_printed() -> None:
    """Printed, it is a sentence, then a table of the versions in order, then the files that belong to none."""
    assert str(REPORT).splitlines() == [
        "Expired /data/flights: removed 1 version and 1,234 files, 5,001,500 bytes freed; 1 version kept",
        "version  time (UTC)        operation     rows    size  kept because",
        "      9  2012-12-24 05:15  overwrite      800  1.5 kB  removed",
        "     12  2013-01-01 05:15  append     336,776  5.0 MB  latest, last 2",
        "",
        "Leftovers of writers that died, removed (1 file, 500 B):",
        "    age   size  file",
        "2 hours  500 B  data/x.parquet",
        "",
        "In no version, and waiting for the grace period or the time of their stage to",
        "pass: somebody may be about to commit them (1 file, 70 B):",
        "      age  size  file",
        "2 minutes  70 B  data/y.parquet",
    ]


def test_long_reasons_stay_in_their_column() -> None:
    """Eighty columns are enough: reasons go on below, in pieces that stay whole; of many files the oldest show."""
    tag = "tag " + "long " * 8 + "name\x1b[31m\n"
    reasons = ("latest", "last 10", "kept for 7 days", "day 2026-11-24", "tag before the move", tag)
    line = VersionLine(1_000, WHEN, "delete", 10**9, 10**12, reasons)
    files = tuple(FileLine(f"data/{n}.parquet", 1, timedelta(hours=n)) for n in range(30))
    told = str(replace(REPORT, kept=(line,), removed=(), leftovers=(), waiting=files)).splitlines()
    gap = told.index("")
    assert told[2].startswith("   1000  2013-01-01 05:15  delete     1,000,000,000  1.0 TB  latest, last 10,")
    assert [each.strip() for each in told[3:gap]] == [
        "kept for 7 days,",
        "day 2026-11-24,",
        "tag before the move,",
        "tag long long long",
        "long long long long",
        "long name [31m",
    ]
    assert {each.index(each.strip()) for each in told[3:gap]} == {told[2].index("latest")}
    shown = [f"{n} hours   1 B  data/{n}.parquet".rjust(28 - (n < 10)) for n in range(29, 9, -1)]
    assert told[gap + 3 :] == ["     age  size  file", *shown, "… and 10 more"]
    assert max(map(len, told[1:])) <= 81


def test_a_report_is_a_frame_too() -> None:
    """A row for each version, oldest first, with its verdict: to be filtered, joined and plotted."""
    frame = REPORT.to_frame()
    assert frame.to_dict("records") == [
        {
            "version": 9,
            "time": WHEN - timedelta(days=8),
            "operation": "overwrite",
            "rows": 800,
            "bytes": 1_500,
            "kept": False,
            "reasons": "",
        },
        {
            "version": 12,
            "time": WHEN,
            "operation": "append",
            "rows": 336_776,
            "bytes": 5_000_000,
            "kept": True,
            "reasons": "latest, last 2",
        },
    ]
    nothing = replace(REPORT, kept=(), removed=()).to_frame()
    assert (len(nothing), nothing.dtypes.to_dict()) == (0, frame.dtypes.to_dict())


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (2_340_000_000, "2.3 GB"),
        (10**19, "10000.0 PB"),
    ],
)
def test_readable_bytes(size: int, text: str) -> None:
    """Sizes are told in the unit that suits them."""
    assert readable_bytes(size) == text


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119.9), "119 seconds"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(days=400), "400 days"),
    ],
    ids=str,
)
def test_readable_age(age: timedelta, text: str) -> None:
    """Ages are told in the largest unit of which there are two; a clock that was set back makes none negative."""
    assert readable_age(age) == text


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
            "reasons": ["latest", "last 2"],
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
