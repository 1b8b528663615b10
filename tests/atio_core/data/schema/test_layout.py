"""What a schema says of the frame that it comes from."""

from __future__ import annotations

import pandas as pd

from atio_core.data.frames.frames import to_piece
from atio_core.data.schema.layout import layout_of


def test_a_layout_is_worked_out_once() -> None:
    """Schemas that say the same share one description; others have their own."""
    first, again, other = (
        layout_of(to_piece(pd.DataFrame({name: [1]})).table.schema) for name in ("a", "a", "b")
    )
    assert first is again
    assert [column.value for column in other.columns] == ["b"]
