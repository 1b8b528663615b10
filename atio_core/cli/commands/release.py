"""`atio release`: one version of each of several tables, named together."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from atio_core.amounts import counted
from atio_core.cli.options import AsJson, DryRun, StorePath, Yes, version_of
from atio_core.cli.output import print_json, print_table, print_text
from atio_core.cli.places import open_store
from atio_core.cli.plain import told_minute
from atio_core.cli.question import confirm
from atio_core.cli.row_options import RowOptions
from atio_core.cli.row_output import put_rows
from atio_core.log.lookup import AnyVersion
from atio_core.store import Release

app = App(
    name="release",
    version_flags=(),
    help="Name one version of each of several tables; what is named doesn't expire.",
)

Name = Annotated[str, Parameter(help="The release's name, or its number.")]


@app.command
def create(
    store: StorePath,
    name: Annotated[str, Parameter(help="The release's name.")],
    /,
    *tables: Annotated[
        str, Parameter(help="A table, for its latest version; or TABLE=VERSION, or TABLE=TAG.")
    ],
    message: Annotated[str | None, Parameter(help="A sentence for people.")] = None,
    json: AsJson = False,
) -> None:
    """Name a version of each of several tables: readers of the release see them all change at one moment."""
    made = open_store(store).create_release(name, dict(map(_named, tables)), message=message)
    if json:
        print_json(_json(made))
    else:
        print_text(f"Release {made.number}, {made.name}: {_tables(made)}")


@app.command(name="list")
def list_releases(store: StorePath, /, *, json: AsJson = False) -> None:
    """List the releases that stand, the newest first."""
    releases = open_store(store).releases()
    if json:
        print_json([_json(one) for one in releases])
        return
    rows = [
        (str(one.number), one.name, told_minute(one.time), one.message or "", _tables(one))
        for one in releases
    ]
    print_table(("number", "name", "time (UTC)", "message", "tables"), rows, right=("number",))


@app.command
def read(store: StorePath, release: Name, table: str, /, *, rows: RowOptions | None = None) -> None:
    """Print rows of a table as of a release, or write them into a file: as `atio read` does."""
    put_rows(open_store(store).at(_release(release)).snapshot(table), rows or RowOptions())


@app.command
def drop(
    store: StorePath, release: Name, /, *, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False
) -> None:
    """End a release: its versions go when the retention says so."""
    place = open_store(store)
    found = place.at(_release(release)).release
    if not dry_run:
        confirm(f"Drop the release {found.name}, {counted(len(found.tables), 'table')}?", yes=yes)
        place.drop_release(found.number)
    if json:
        print_json({**_json(found), "dropped": not dry_run})
    else:
        print_text(
            f"{'Would drop' if dry_run else 'Dropped'} release {found.number}, {found.name}: {_tables(found)}"
        )


def _release(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _named(text: str) -> tuple[str, AnyVersion | None]:
    table, sign, version = text.rpartition("=")
    return (table, version_of(version)) if sign else (text, None)


def _tables(release: Release) -> str:
    return ", ".join(f"{table} {version}" for table, version in release.tables.items())


def _json(release: Release) -> dict[str, Any]:
    return {
        "number": release.number,
        "name": release.name,
        "time": release.time.isoformat(timespec="microseconds"),
        "message": release.message,
        "tables": dict(release.tables),
    }
