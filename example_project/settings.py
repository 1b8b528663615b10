"""Where the example keeps its things: in `.dagster_home` beside this package, or where ATIO_EXAMPLE_HOME says."""

import os
from pathlib import Path

PROJECT = Path(__file__).parent.parent
HOME = Path(os.environ.get("ATIO_EXAMPLE_HOME") or PROJECT / ".dagster_home").absolute()
TABLES = HOME / "tables"
"""Each asset's table is a folder below this one."""
