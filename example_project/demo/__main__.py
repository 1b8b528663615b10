"""The tour: `python -m example_project.demo`, or `make demo`."""

import time

import dagster as dg
import pandas as pd

from atio_core import Table
from atio_core.maintenance.expiry_report_lines import readable_bytes
from example_project.cleaned import FLIGHT
from example_project.demo import runs
from example_project.demo.console import heading, say, table
from example_project.demo.state import HEAD, all_tables, name_of, nameless_files, ranges, size_on_disk
from example_project.settings import HOME, TABLES

CLEANED = "cleaned/flights"
FEATURES = "features/departures"
REPORT = "reports/airlines"


def main() -> None:
    """Run all steps."""
    began = time.monotonic()
    heading("atio: atomic, versioned Dagster assets, on the flights that left New York City in 2013")
    instance = runs.open_instance()
    first = first_quarter(instance)
    late_rows(instance)
    failing_day(instance)
    killed(instance)
    time_travel(first)
    restored()
    expiry(instance)
    say(f"Done in {time.monotonic() - began:.0f} seconds. Running it again goes on from here.")
    table(
        ("to see", "go to"),
        [
            ("the assets, these runs, checks, jobs and schedules", "make ui, then http://localhost:3000"),
            ("how the past is read in code", "example_project/time_travel.py"),
            ("the tables' files", str(TABLES)),
            ("Dagster's own records", str(HOME)),
        ],
        left=2,
    )


def first_quarter(instance: dg.DagsterInstance) -> int:
    """Materialise all assets for three months; returns the version of the report."""
    heading("1. Three months in one run: 90 daily partitions, from raw to report")
    result = runs.run_history(instance, "2013-01-01", "2013-03-31")
    show("Each materialisation became one version of its asset's table, whatever the number of partitions:")
    say_checks(result)
    return runs.store().table(REPORT).snapshot().version


def late_rows(instance: dg.DagsterInstance) -> None:
    """A day arrives in two deliveries."""
    heading("2. The first of April comes in the evening, and its late rows in the morning")
    rows: list[tuple[object, ...]] = []
    for delivery in ("evening", "late"):
        runs.run_day(instance, "2013-04-01", delivery)
        for name in (runs.FLIGHTS, CLEANED, FEATURES):
            latest = runs.store().table(name).snapshot()
            change = f"+{latest.added.rows:,} -{latest.removed.rows:,}"
            rows.append((delivery, name, str(latest.operation), latest.version, latest.rows, change))
    table(("delivery", "table", "change", "version", "rows", "in rows"), rows, left=3)
    cleaned = runs.store().table(CLEANED)
    late, evening, *_ = cleaned.history()
    changed = cleaned.diff(evening.version, late.version, FLIGHT).rows_changed
    say(
        f"""{runs.FLIGHTS} appends what comes. {CLEANED} takes rows in place of those with the same key: its
        versions {evening.version} and {late.version} differ in {changed} rows, the flights that had been in the air at
        midnight. The other days' files are shared."""
    )


def failing_day(instance: dg.DagsterInstance) -> None:
    """A delivery is wrong: the gate keeps it from readers."""
    heading("3. The second of April comes with its delays in seconds: the checks don't let it pass")
    cleaned = runs.store().table(CLEANED)
    before = cleaned.snapshot()
    for left in cleaned.staged():  # by a demo that was ended before it had looked at it
        cleaned.drop_staged(left.id)
    result = runs.run_day(instance, "2013-04-02", delays_in_seconds=True)
    say_checks(result)
    [refused] = cleaned.staged()
    staged = refused.read(columns=["date", "arr_delay"])
    april = staged[staged["date"] == "2013-04-02"]
    rows = [
        ("what readers see", cleaned.snapshot().version, cleaned.snapshot().rows, "no"),
        (
            "what was refused",
            "staged",
            refused.rows,
            f"yes, late by {april['arr_delay'].mean():,.0f} in the mean",
        ),
    ]
    table((CLEANED, "version", "rows", "the second of April"), rows)
    same = "still" if cleaned.snapshot().version == before.version else "NOT"
    say(
        f"""{CLEANED} is {same} at version {before.version}, features and reports didn't run, and no release was made.
        Once looked at, the refused rows are dropped; the feed delivers the day anew:"""
    )
    cleaned.drop_staged(refused.id)
    say_checks(runs.run_day(instance, "2013-04-02"))
    releases = [(each.number, each.name[:8], len(each.tables)) for each in runs.store().releases()]
    table(("release", "of run", "tables"), releases, left=2)


def killed(instance: dg.DagsterInstance) -> None:
    """Kill a run in the middle of a commit, and what executes it again, too."""
    heading("4. The run for the third of April is killed with SIGKILL in the middle of a commit, twice")
    say(
        f"""A commit is one small file, the log entry, that appears under its name all at once. The first attempt dies a
        moment before, with all rows written; the second, a re-execution, a moment after, before it could tell anyone.
        This is what a reader of {runs.FLIGHTS} finds each time:"""
    )
    flights = runs.store().table(runs.FLIGHTS)
    rows, again = [_found(flights, "before all", "-")], None
    for attempt, moment in enumerate(("before", "after"), start=1):
        number, again = runs.kill_run(instance, moment, "2013-04-03", again)
        rows.append(_found(flights, f"{attempt}: killed just {moment} it", number))
    result = runs.run_day(instance, "2013-04-03", again=again)
    rows.append(_found(flights, "3: not killed", "-"))
    head = ("attempt", "by signal", "latest version", "rows read", "whole", "files of no version")
    table(head, rows)
    say(
        """Every row was read back against its digests. Nothing was locked, nothing needed a repair, and the third
        attempt knew that its rows were there: an append happens once."""
    )
    say_checks(result)


def _found(flights: Table, attempt: str, number: object) -> tuple[object, ...]:
    latest = flights.snapshot()
    read = len(latest.read("arrow"))
    whole = "yes" if read == latest.rows else "NO"
    return (attempt, number, latest.version, read, whole, nameless_files(flights))


def time_travel(version: int) -> None:
    """Read an old version back."""
    heading(f"5. What did the report say after the first run? Read version {version} of {REPORT}")
    report = runs.store().table(REPORT)
    then, now = report.read(version=version), report.read()
    then, now = then.set_index("name"), now.set_index("name")
    rows = [
        (
            name,
            int(then.loc[name, "flights"]),
            int(now.loc[name, "flights"]),
            f"{then.loc[name, 'on_time']:.1%}",
            f"{now.loc[name, 'on_time']:.1%}",
        )
        for name in now.index[:5]
    ]
    table(("airline", f"flights in {version}", "flights now", f"on time in {version}", "on time now"), rows)
    say(f'In code: atio.read_table("{report.path}", version={version})')


def restored() -> None:
    """Make a mistake, and take it back."""
    heading(f"6. Someone deletes half of {FEATURES}: restore the version before")
    features = runs.store().table(FEATURES)
    good = features.snapshot()
    rows: list[tuple[object, ...]] = [
        ("before", good.version, good.rows, readable_bytes(size_on_disk(features)))
    ]
    features.delete([("date", "<", pd.Timestamp("2013-02-16"))])
    for what in ("deleted", "restored"):
        latest = features.snapshot() if what == "deleted" else features.restore(good.version)
        rows.append((what, latest.version, latest.rows, readable_bytes(size_on_disk(features))))
    table(("", "version", "rows", "on disk"), rows)
    say("Restoring copies no data: the new version names the files of the old one.")


def expiry(instance: dg.DagsterInstance) -> None:
    """Run the expiration job."""
    heading(f"7. The expiration job keeps two versions of a table, ten of {REPORT}, and three releases")
    tables = list(map(runs.store().table, runs.store().tables()))
    before = {each.path: size_on_disk(each) for each in tables}
    reports = runs.expire(instance)
    rows: list[tuple[object, ...]] = []
    for each in tables:
        report = reports.get(
            name_of(each), {"removed": [], "files_removed": 0, "leftovers": [], "bytes_removed": 0}
        )
        versions = ranges([line["version"] for line in report["removed"]]) or "none"
        sizes = (report["bytes_removed"], before[each.path], size_on_disk(each))
        counts = (report["files_removed"], len(report["leftovers"]))
        rows.append((name_of(each), versions, *counts, *map(readable_bytes, sizes)))
    head = ("table", "versions gone", "files gone", "of killed runs", "freed", "disk before", "now")
    table(head, rows, left=2)
    show("This is what there is now:")


def show(text: str) -> None:
    """Print what there is now."""
    say(text)
    table(HEAD, all_tables(list(map(runs.store().table, runs.store().tables()))), left=2)


def say_checks(result: dg.ExecuteInProcessResult | dg.JobExecutionResult) -> None:
    """Print the outcomes of a run's checks."""
    outcomes = [f"{name} {'passed' if passed else 'FAILED'}" for name, passed in runs.checks_of(result)]
    say(f"The checks: {', '.join(outcomes)}.")


if __name__ == "__main__":
    main()
