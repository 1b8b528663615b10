"""The tour: `python -m example_project.demo`, or `make demo`."""

import time

import dagster as dg

from atio_core.maintenance.report_lines import readable_bytes
from example_project.demo import runs
from example_project.demo.console import heading, say, table
from example_project.demo.state import HEAD, all_tables, name_of, nameless_files, ranges, size_on_disk
from example_project.settings import HOME, TABLES

FLIGHTS = "raw/flights"
WEATHER = "raw/weather"
REPORT = "airline_punctuality"


def main() -> None:
    """Run all steps."""
    began = time.monotonic()
    heading("atio: atomic commits, time travel and expiry of Dagster assets, on 336,776 flights")
    instance = runs.open_instance()
    half = half_a_year(instance)
    whole_year(instance)
    killed(instance)
    next_run(instance)
    time_travel(half)
    expiry(instance)
    say(f"Done in {time.monotonic() - began:.0f} seconds. Running it again goes on from here.")
    table(
        ("to see", "go to"),
        [
            ("the assets, these runs, the job and its schedule", "make ui, then http://localhost:3000"),
            ("the tables' files", str(TABLES)),
            ("Dagster's own records", str(HOME)),
        ],
        left=2,
    )


def half_a_year(instance: dg.DagsterInstance) -> int:
    """Materialise all assets a first time; returns the version of the report."""
    heading("1. The feed has come up to June: materialise all assets")
    result = runs.run_pipeline(instance, "2013-06-30", ("2013-01", "2013-12"))
    show(result, "Each materialisation became one version of its asset's table:")
    return runs.store().table(REPORT).snapshot().version


def whole_year(instance: dg.DagsterInstance) -> None:
    """Materialise them again, with more data."""
    heading("2. The feed has come up to December: materialise them again, with the months from June on")
    result = runs.run_pipeline(instance, "2013-12-31", ("2013-06", "2013-12"))
    show(
        result,
        """flights_by_month is partitioned: June to December were replaced, in one commit, and January to May were not
        touched. The old versions are still there:""",
    )


def killed(instance: dg.DagsterInstance) -> None:
    """Kill two runs in the middle of a commit."""
    heading("3. Two runs are killed with SIGKILL in the middle of a commit")
    before = {name: runs.store().table(name).snapshot().version for name in (FLIGHTS, WEATHER)}
    signals = runs.kill_runs(instance, {FLIGHTS: "before", WEATHER: "after"})
    say(
        """A commit is one small file, the log entry, that appears under its name all at once. The run of raw/flights
        died a moment before, with all rows written; that of raw/weather a moment after, before it could tell anyone.
        This is what a reader finds now:"""
    )
    rows: list[tuple[object, ...]] = []
    for (name, version), number, moment in zip(before.items(), signals, ("before", "after"), strict=True):
        latest = runs.store().table(name).snapshot()
        read = len(latest.read("arrow"))
        whole = "yes" if read == latest.rows else "NO"
        leftovers = nameless_files(runs.store().table(name))
        rows.append(
            (name, f"just {moment} it", number, f"{version} -> {latest.version}", read, whole, leftovers)
        )
    head = ("table", "killed", "by signal", "latest version", "rows read", "whole", "files of no version")
    table(head, rows, left=2)
    say("Every row was read back against its digests. Nothing is locked, and nothing needs a repair.")


def next_run(instance: dg.DagsterInstance) -> None:
    """Show that nothing stands in the way of the next run."""
    heading("4. The next run simply works")
    result = runs.run_pipeline(instance, "2013-12-31", ("2013-06", "2013-12"))
    show(result, "The same data again, so the digests of the contents are the same, and Dagster knows:")
    flights = runs.store().table(FLIGHTS).history()[:2]
    same = "equal" if len({snapshot.content for snapshot in flights}) == 1 else "different"
    say(
        f"{FLIGHTS}: versions {flights[1].version} and {flights[0].version} have {same} content ({flights[0].content})"
    )


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


def expiry(instance: dg.DagsterInstance) -> None:
    """Run the expiration job."""
    heading("6. The expiration job: keep two versions of each table, and ten of airline_punctuality")
    tables = list(runs.store().tables())
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
    say("This is what there is now:")
    table(HEAD, all_tables(tables), left=2)


def show(result: dg.ExecuteInProcessResult, text: str) -> None:
    """Print how a run went and what there is now."""
    say(text)
    table(HEAD, all_tables(list(runs.store().tables())), left=2)
    checks = [f"{name}: {'passed' if passed else 'FAILED'}" for name, passed in runs.checks_of(result)]
    say(f"Asset checks: {', '.join(checks)}.")


if __name__ == "__main__":
    main()
