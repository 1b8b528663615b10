"""The app: which commands there are. A command's module is loaded when it is run, or its help is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter

import atio_core
from atio_core.cli.ending import guarded

COMMANDS = {
    "ls": "ls:ls",
    "log": "log:log",
    "show": "show:show",
    "read": "read:read",
    "head": "head:head",
    "schema": "schema:schema",
    "diff": "diff:diff",
    "tag": "tag:app",
    "restore": "restore:restore",
    "expire": "expire:expire",
    "retention": "retention:app",
    "du": "du:du",
    "verify": "verify:verify",
    "repair": "repair:repair",
    "compact": "compact:compact",
    "export": "export:export",
    "import": "import_:import_",
    "to-delta": "to_delta:to_delta",
    "to-iceberg": "to_iceberg:to_iceberg",
    "migrate": "migrate:migrate",
    "release": "release:app",
    "drop": "drop:drop",
    "erase": "erase:erase",
    "ui": "ui:ui",
}
"""The commands, each with its module in `commands` and its name there."""
_HELP = ("--help", "-h")


def _version() -> str:
    return atio_core.__version__


app = App(
    name="atio",
    help="Look at versioned tables, and look after them.",
    help_epilogue="`atio COMMAND --help` tells more.",
    version=_version,
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)
# A group of commands is an app, and says so itself; of the others, `--version` names a version of the table.
for _name, _place in COMMANDS.items():
    _options = {} if _place.endswith(":app") else {"version_flags": ()}
    app.command(f"atio_core.cli.commands.{_place}", name=_name, **_options)
_untyped: Any = app  # the library leaves a part of the type of this method open
_untyped.register_install_completion_command(help="Make the shell complete commands and options.")


def run(tokens: Sequence[str]) -> int:
    """Run a command, and return its exit code."""
    if not tokens or tokens[0] in _HELP:  # which shows a sentence of each command
        app.resolved_commands()
    return guarded(lambda: app.meta(tokens), debug=False)


@app.meta.default
def _start(
    *arguments: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    debug: Annotated[bool, Parameter(negative="", help="Show the traceback of an error.")] = False,
) -> int:
    return guarded(lambda: app(arguments), debug=debug)
