"""`atio retention`: how long versions are kept by an expiry that isn't told."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from atio_core.cli.options import AsJson, DryRun, Yes, duration_of
from atio_core.cli.output import print_json, print_text
from atio_core.cli.places import open_store, open_table
from atio_core.cli.question import confirm
from atio_core.cli.retention_rules import RetentionRules
from atio_core.errors import InvalidInputError
from atio_core.retention import told_duration, told_policy
from atio_core.store import Store
from atio_core.table import Table
from atio_core.times import MICROSECOND

app = App(
    name="retention", version_flags=(), help="Say how long versions are kept by an expiry that isn't told."
)

Place = Annotated[str, Parameter(help="The table's folder, or the store's with --all.")]
All = Annotated[
    bool, Parameter(name="--all", negative="", help="Of the store: for tables that have no own policy.")
]


@app.command
def show(place: Place, /, *, of_store: All = False, json: AsJson = False) -> None:
    """Show the policy of a table and its grace period, or the policy of a store."""
    _tell(_opened(place, of_store=of_store), json=json)


@app.command(name="set")
def set_policy(
    place: Place,
    /,
    *,
    of_store: All = False,
    rules: RetentionRules | None = None,
    grace: Annotated[
        str | None, Parameter(help="How old files of no version must be to go: 30min, 1d. Of a table alone.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Give a table, or a store, a policy in place of the one that it has, or a table a grace period.

    Nothing is removed by it.
    """
    opened, policy = _opened(place, of_store=of_store), (rules or RetentionRules()).policy()
    patience = None if grace is None else duration_of("--grace", grace)
    if policy is None and patience is None:
        raise InvalidInputError(
            "a policy needs a rule, such as --keep-last 10; atio retention remove takes it away"
        )
    if patience is not None:
        if isinstance(opened, Store):
            raise InvalidInputError(
                "a store has no grace period: give --grace to each table, or to atio expire"
            )
        opened.set_grace(patience)
    if policy is not None:
        opened.set_retention(policy)
    _tell(opened, json=json)


@app.command
def remove(
    place: Place, /, *, of_store: All = False, dry_run: DryRun = False, yes: Yes = False, json: AsJson = False
) -> None:
    """Take the policy of a table, or of a store, away. Nothing is removed by it."""
    opened = _opened(place, of_store=of_store)
    if not dry_run:
        confirm(f"Take the policy of {opened.path} away ({told_policy(opened.retention())})?", yes=yes)
        opened.set_retention(None)
    _tell(opened, json=json)


def _opened(place: str, *, of_store: bool) -> Table | Store:
    return open_store(place) if of_store else open_table(place)


def _tell(opened: Table | Store, *, json: bool) -> None:
    policy, grace = opened.retention(), opened.grace() if isinstance(opened, Table) else None
    if json:
        told: dict[str, Any] = {
            "path": opened.path,
            "retention": None if policy is None else policy.to_dict(),
        }
        print_json(told if grace is None else told | {"grace_us": grace // MICROSECOND})
    else:
        waits = "" if grace is None else f"; grace {told_duration(grace)}"
        print_text(f"{opened.path}: {told_policy(policy)}{waits}")
