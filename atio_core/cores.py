"""How many processors there are for this process."""

from __future__ import annotations

import os

CORES: int = getattr(os, "process_cpu_count", os.cpu_count)() or 1
"""What work that keeps a processor busy is spread over."""
