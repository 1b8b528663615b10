"""What it means that a frame came back equal: see `atio_core.testing`."""

from __future__ import annotations

from atio_core.testing import assert_frames_equal as assert_same

__all__ = ["assert_same"]
