"""`atio tag`: names of versions."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

from cyclopts import App, Parameter

from atio_core.cli.options import AsJson, DryRun, TablePath, VersionName, Yes, time_of, version_of
from atio_core.cli.output import print_json, print_table, print_text
from atio_core.cli.places import open_table
from atio_core.cli.plain import told_microsecond
from atio_core.cli.question import confirm
from atio_core.log.lookup import no_tag
from atio_core.table import Table
from atio_core.table.versions import TaggedVersion

app = App(
    name="tag", version_flags=(), help="Name versions: as long as a version has a tag, it doesn't expire."
)

Name = Annotated[str, Parameter(help="The tag.")]


@app.command(name="set")
def set_tag(
    table: TablePath,
    name: Name,
    version: Annotated[
        VersionName, Parameter(help="A number, counted back (-2), another tag, or latest.")
    ] = "latest",
    /,
    *,
    until: Annotated[
        str | None, Parameter(help="When the tag ends, such as 2026-12-31T00:00Z; never if not given.")
    ] = None,
    force: Annotated[
        bool, Parameter(negative="", help="Take the name from the version that has it.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Name a version."""
    end = None if until is None else time_of("--until", until).astimezone(UTC)
    place = open_table(table)
    place.tag(name, version_of(version), until=end, force=force)
    tagged = place.tags()[name]
    if json:
        print_json(_json(name, tagged))
    else:
        print_text(f"Version {int(tagged)} of {place.path} has the tag {name}{_until(tagged)}")


@app.command(name="list")
def list_tags(table: TablePath, /, *, json: AsJson = False) -> None:
    """List the tags of a table, leases and those of releases among them."""
    tags = open_table(table).tags()
    if json:
        print_json([_json(name, version) for name, version in tags.items()])
        return
    rows = [
        (name, str(int(version)), told_microsecond(version.until) if version.until else "")
        for name, version in tags.items()
    ]
    print_table(("tag", "version", "until"), rows, right=("version",), wraps="tag")


@app.command
def remove(
    table: TablePath, name: Name, /, *, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False
) -> None:
    """Take a tag away: its version goes when the retention says so."""
    place = open_table(table)
    tagged = _tagged(place, name)
    if not dry_run:
        confirm(f"Take the tag {name} from version {int(tagged)} of {place.path}?", yes=yes)
        place.untag(name)
    if json:
        print_json({**_json(name, tagged), "removed": not dry_run})
    else:
        done = "would lose" if dry_run else "has lost"
        print_text(f"Version {int(tagged)} of {place.path} {done} the tag {name}")


def _tagged(table: Table, name: str) -> TaggedVersion:
    tags = table.tags()
    if name not in tags:
        raise no_tag(tags, name, table.path)
    return tags[name]


def _until(tagged: TaggedVersion) -> str:
    return "" if tagged.until is None else f" until {told_microsecond(tagged.until)}"


def _json(name: str, tagged: TaggedVersion) -> dict[str, Any]:
    return {
        "tag": name,
        "version": int(tagged),
        "until": None if tagged.until is None else tagged.until.isoformat(),
    }
