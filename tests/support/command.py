"""The command line in this process, where nobody can be asked."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

from atio_core.cli.main import main


@dataclass(frozen=True)
class Told:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as values."""
        return json.loads(self.out)


def command(*tokens: object) -> Told:
    """Run a command."""
    with (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) as out,
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) as err,
    ):
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(token) for token in tokens])
        return Told(code, *(_text(stream) for stream in (out, err)))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
