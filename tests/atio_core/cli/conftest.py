from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from atio_core.cli.main import main
from atio_core.table import Table


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as values."""
        return json.loads(self.out)


Atio = Callable[..., Outcome]


@pytest.fixture
def atio(capsys: pytest.CaptureFixture[str]) -> Atio:
    """Run a command in this process, where nobody can be asked."""

    def run(*tokens: object) -> Outcome:
        code = main([str(token) for token in tokens])
        told = capsys.readouterr()
        return Outcome(code, told.out, told.err)

    return run


@pytest.fixture
def flights(tmp_path: Path) -> Path:
    """A table of three versions, in a store."""
    table = Table(tmp_path / "warehouse" / "raw" / "flights")
    for day in (1, 2, 3):
        rows = pa.table(
            {
                "flight": [f"UA{day}", f"AA{day}"],
                "delay": pa.array([30.5 * day, None], pa.float64()),
                "day": pa.array([dt.date(2026, 1, day)] * 2),
                "at": pa.array([dt.datetime(2026, 1, day, 12, tzinfo=dt.UTC)] * 2, pa.timestamp("us")),
                "fare": pa.array([Decimal("10.50"), Decimal(day)], pa.decimal128(9, 2)),
                "on time": [day == 1, False],
            }
        )
        table.append(rows, message=f"day {day}")
    return Path(table.path)
