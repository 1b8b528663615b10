"""A change that shows how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from atio_core.arguments import require_flag
from atio_core.progress import Teller, Unit, Watched

if TYPE_CHECKING:
    from atio_core.changes.writing import Writing
    from atio_core.log.change import Change


def with_progress(
    write: Callable[[Writing], Change], show_progress: object, total: int | None = None, unit: Unit = "rows"
) -> Callable[[Writing], Change]:
    """Return what writes a change, and shows on stderr how far it is, or in the log if somebody reads that.

    Args:
        write: Writes it.
        show_progress: What the caller gave.
        total: How many rows or bytes there will be; None if nobody knows.
        unit: What is counted.

    Raises:
        InvalidInputError: `show_progress` is neither True nor False.
    """
    shows = require_flag("show_progress", show_progress)
    teller = Teller(verbose=False, show_progress=shows)

    def shown(writing: Writing) -> Change:
        meter, start = writing.meter, time.perf_counter()
        before = meter.done
        watched = Watched(writing.store.location, unit, lambda: meter.done - before, total)
        with teller.watch(watched):
            change = write(writing)
        if shows:
            count, seconds = meter.done - before, time.perf_counter() - start
            rate = count / max(1e-9, seconds)
            teller.result(f"{count:,} {unit} into {watched.name} in {seconds:.3f} s ({rate:,.0f} {unit}/s)")
        return change

    return shown
